//! The headers of answers, in the description of the API.

use serde_json::{Map, Value, json};

use super::{exports, idempotency};

/// What each says.
const HEADERS: &[(&str, &str)] = &[
    ("X-Request-Id", "Names the request in the log."),
    ("API-Version", "The version of the API: 1."),
    ("RateLimit-Policy", "The limits: quota `q`, window `w`."),
    ("RateLimit", "What is left: `r`, more after `t` seconds."),
    ("Retry-After", "Seconds to wait."),
    ("WWW-Authenticate", "What a credential must be (RFC 6750), and how fresh (RFC 9470)."),
    ("ETag", "The version that this is, for If-Match and If-None-Match."),
    ("Location", "Where it is now."),
    ("Link", "The next page, as rel=\"next\" (RFC 8288); not on the last one."),
    ("Idempotent-Replayed", "`true` if it is the answer to an earlier request with this key."),
    ("Content-Disposition", "The name of a file to save it in."),
    ("Accept", "What a body may be (RFC 9110, 15.5.16)."),
    ("Accept-Encoding", "How a body may be encoded: not at all."),
    ("Accept-Patch", "What a patch may be (RFC 5789, 2.2)."),
];

/// What carries its version wherever it is answered with.
const VERSIONED: &[&str] = &["User", "Role", "ApiKey"];

/// Where what is made has an address of its own.
const LOCATED: &[&str] =
    &["/api/v1/bootstrap", "/api/v1/users", "/api/v1/roles", "/api/v1/api-keys"];

/// All of them, as `components/headers`.
pub fn described() -> Value {
    let headers = HEADERS.iter().map(|(name, description)| {
        let header = json!({"description": description, "schema": {"type": "string"}});
        ((*name).to_owned(), header)
    });
    Value::Object(headers.collect())
}

/// Adds those that a response has by its status.
pub fn add_of_status(status: &str, response: &mut Map<String, Value>, is_limited: bool) {
    add(response, &["X-Request-Id", "API-Version"]);
    if is_limited {
        add(response, &["RateLimit-Policy", "RateLimit"]);
    }
    add(
        response,
        match status {
            "304" => &["ETag", "Link"],
            "401" => &["WWW-Authenticate"],
            // Of the 409, `in_progress` says when to ask again.
            "409" | "429" | "503" => &["Retry-After"],
            "415" => &["Accept", "Accept-Encoding", "Accept-Patch"],
            _ => &[],
        },
    );
    if status.starts_with('4') {
        add(response, &["Idempotent-Replayed"]);
    }
}

/// Adds those that responses have by what an operation does, such as `get /api/v1/users`.
pub fn add_of_operation(name: &str, operation: &mut Map<String, Value>) {
    let (method, path) = name.split_once(' ').unwrap_or_default();
    let takes = |parameter: &str| {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        parameters
            .is_some_and(|own| own.iter().any(|own| own.get("name") == Some(&json!(parameter))))
    };
    let is_read = takes("If-None-Match");
    let (is_paged, takes_key) = (takes("cursor"), method == "post" && idempotency::takes_key(path));
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for (status, response) in responses {
        let Some(response) = response.as_object_mut() else { continue };
        let is_good = status.starts_with('2');
        for (applies, header) in [
            (is_good && (is_read || is_versioned(response)), "ETag"),
            (is_good && is_paged, "Link"),
            (status == "201" && LOCATED.contains(&path), "Location"),
            (is_good && takes_key, "Idempotent-Replayed"),
            (is_good && path == exports::PATH, "Content-Disposition"),
        ] {
            if applies {
                add(response, &[header]);
            }
        }
    }
}

/// Whether it is a resource that has a version.
fn is_versioned(response: &Map<String, Value>) -> bool {
    let content = response.get("content").and_then(|content| content.get("application/json"));
    let schema = content.and_then(|media| media.pointer("/schema/$ref")).and_then(Value::as_str);
    let name = schema.and_then(|schema| schema.rsplit('/').next());
    name.is_some_and(|name| VERSIONED.contains(&name))
}

fn add(response: &mut Map<String, Value>, names: &[&str]) {
    if response.contains_key("$ref") {
        return;
    }
    let headers = response.entry("headers").or_insert_with(|| json!({}));
    for name in names {
        if let Some(headers) = headers.as_object_mut() {
            let reference = json!({"$ref": format!("#/components/headers/{name}")});
            headers.entry(*name).or_insert(reference);
        }
    }
}
