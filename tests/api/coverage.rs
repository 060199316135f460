//! Nothing is forgotten: the router, the document and the table of who may do
//! what name the same operations.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::Value;

use crate::authorization;
use crate::support::TestApp;

/// What the router has and the document does not describe. Should only shrink.
const UNDOCUMENTED: &[&str] = &["/docs"];

#[tokio::test]
async fn every_operation_has_its_place_in_the_table_of_who_may_do_what() {
    let table: BTreeSet<String> =
        authorization::TABLE.iter().map(|(operation, ..)| (*operation).to_owned()).collect();
    let documented: BTreeSet<String> = documented()
        .await
        .into_iter()
        .flat_map(|(path, methods)| methods.into_iter().map(move |m| format!("{m} {path}")))
        .collect();
    let missing: Vec<_> = documented.difference(&table).collect();
    let unknown: Vec<_> = table.difference(&documented).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
}

#[tokio::test]
async fn the_router_has_the_paths_of_the_document_and_no_others() {
    // The router cannot be asked for its paths; its source can.
    let source = include_str!("../../src/transport/http/router.rs");
    let after_quote = |part: &'static str| part.split_once('"').map(|(_, rest)| rest);
    let paths = source.split(".route(").skip(1).filter_map(after_quote);
    let paths: BTreeSet<_> = paths.filter_map(|rest| rest.split('"').next()).collect();
    let documented = documented().await;
    let documented: BTreeSet<_> = documented.keys().map(String::as_str).collect();
    let expected: BTreeSet<_> =
        documented.into_iter().chain(UNDOCUMENTED.iter().copied()).collect();
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn every_path_allows_the_methods_of_the_document_and_no_others() {
    let app = TestApp::new().await;
    for (path, mut expected) in documented().await {
        let concrete = path.replace(['{', '}'], "");
        let answer = app.anon().send(Method::TRACE, concrete, "", "").await;
        let answer = answer.assert_problem(405, "method_not_allowed");
        let allowed = answer.header("allow").unwrap_or_default().to_owned();
        let allowed: BTreeSet<String> = allowed.split(',').map(str::to_owned).collect();
        if expected.contains("GET") {
            expected.insert("HEAD".to_owned());
        }
        assert_eq!(allowed, expected, "{path}");
    }
}

/// The methods of every path of the document.
async fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let app = TestApp::new().await;
    let document = app.anon().get("/openapi.json").await.assert_status(200).body;
    let methods =
        |item: &Value| item.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
    let paths = document["paths"].as_object().unwrap();
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}
