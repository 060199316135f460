//! Operations that will be gone, in the description of the API.

use serde_json::{Value, json};

use super::deprecations::Deprecation;

/// Says of operations that they will be gone. A test fails on one that there is not.
pub fn deprecate(document: &mut Value, table: &[Deprecation]) {
    for Deprecation { method, route, since, sunset, link } in table {
        let operation = document.get_mut("paths").and_then(|paths| paths.get_mut(route));
        let operation = operation.and_then(|item| item.get_mut(method.to_ascii_lowercase()));
        let Some(operation) = operation.and_then(Value::as_object_mut) else { continue };
        let docs = json!({"description": "What to do instead.", "url": link});
        for (word, value) in [
            ("deprecated", json!(true)),
            ("x-deprecated-since", json!(since)),
            ("x-sunset", json!(sunset)),
            ("externalDocs", docs),
        ] {
            operation.insert(word.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::http::deprecations;
    use crate::transport::http::openapi_document::document;

    #[test]
    fn an_operation_that_will_be_gone_is_deprecated_in_the_document() {
        let table = [Deprecation {
            method: "DELETE",
            route: "/api/v1/users/{id}",
            since: "2026-01-01T00:00:00Z",
            sunset: "2026-07-01T00:00:00Z",
            link: "https://example.com/instead",
        }];
        let (mut changed, before) = (document(), document());
        deprecate(&mut changed, &table);
        let told = &mut changed["paths"]["/api/v1/users/{id}"]["delete"];
        assert_eq!(
            (&told["deprecated"], &told["x-deprecated-since"], &told["x-sunset"]),
            (&json!(true), &json!("2026-01-01T00:00:00Z"), &json!("2026-07-01T00:00:00Z"))
        );
        assert_eq!(told["externalDocs"]["url"], "https://example.com/instead");
        let words = ["deprecated", "x-deprecated-since", "x-sunset", "externalDocs"];
        for word in words {
            told.as_object_mut().unwrap().remove(word);
        }
        assert_eq!(changed, before);
    }

    #[test]
    fn only_operations_that_there_are_can_be_deprecated() {
        let document = document();
        for Deprecation { method, route, since, sunset, link } in deprecations::TABLE {
            let operation = &document["paths"][route][method.to_ascii_lowercase()];
            assert_eq!(operation["deprecated"], true, "{method} {route}");
            assert!(since <= sunset && link.starts_with("https://"), "{method} {route}");
        }
    }
}
