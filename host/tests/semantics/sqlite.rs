//! `spin:sqlite`.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Client, guest};

/// A script of statements without parameters.
fn statements(sql: &[&str]) -> Value {
    let statements: Vec<_> = sql.iter().map(|sql| json!({ "sql": sql })).collect();
    json!({ "statements": statements })
}

/// Runs statements on one connection and returns what came of each.
async fn run(client: &Client, sql: &[&str]) -> Vec<Value> {
    let outcome = client.post("/sqlite", statements(sql)).await;
    outcome["statements"].as_array().expect("outcomes").clone()
}

fn rows(rows: Value) -> Value {
    json!({ "execute": "ok", "columns": columns(&rows), "rows": rows })
}

/// The columns of a table `t(a, b)` where there are rows.
fn columns(rows: &Value) -> Value {
    match rows.as_array().map(Vec::len) {
        Some(1..) => json!(["a", "b"]),
        _ => json!([]),
    }
}

#[tokio::test]
async fn an_error_shows_only_when_the_rows_are_collected() {
    let host = guest().start();
    let client = Client::new(&host);
    let outcomes = run(
        &client,
        &[
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)",
            "INSERT INTO t (b) VALUES ('x')",
            "INSERT INTO t (b) VALUES ('x')",
            "INSERT INTO t (b) VALUES ('x') RETURNING a, b",
            "SELEKT",
        ],
    )
    .await;
    let failed = |columns: Value, text: &str| json!({ "execute": "ok", "columns": columns, "collect": format!("io: {text}") });
    let unique = "UNIQUE constraint failed: t.b";
    assert_eq!(
        outcomes,
        [
            rows(json!([])),
            rows(json!([])),
            failed(json!([]), unique),
            failed(json!(["a", "b"]), unique),
            failed(json!([]), "near \"SELEKT\": syntax error in SELEKT at offset 0"),
        ]
    );
}

#[tokio::test]
async fn what_nobody_collects_may_fail_unnoticed() {
    let host = guest().start();
    let client = Client::new(&host);
    let script = json!({ "statements": [
        { "sql": "CREATE TABLE t (a, b CHECK (b > 0))" },
        { "sql": "INSERT INTO t VALUES (1, 0)", "drop": true },
        { "sql": "SELECT a, b FROM t" },
    ] });

    let outcome = client.post("/sqlite", script).await;

    let unnoticed = json!({ "execute": "ok", "columns": [] });
    let found = json!({ "execute": "ok", "columns": ["a", "b"], "rows": [] });
    assert_eq!(outcome["statements"], json!([rows(json!([])), unnoticed, found]));
}

#[tokio::test]
async fn waiting_for_the_result_without_reading_hangs_from_the_fifth_row_on() {
    let host = guest().arg("--request-timeout").arg("2s").start();
    let client = Client::new(&host);
    let series = |rows: u32| {
        let sql = format!(
            "WITH RECURSIVE t (a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM t WHERE a < {rows})
             SELECT a FROM t"
        );
        client.try_post("/sqlite/result-without-rows", statements(&[&sql]))
    };

    assert_eq!(series(4).await.json(), json!(["ok"]));
    assert_eq!(series(5).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn only_the_first_statement_of_a_string_runs() {
    let host = guest().start();
    let client = Client::new(&host);
    let outcomes = run(
        &client,
        &[
            "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2)",
            "INSERT INTO t VALUES (3, 4); nonsense",
            "SELECT a, b FROM t; -- and that is it",
        ],
    )
    .await;
    assert_eq!(outcomes, [rows(json!([])), rows(json!([])), rows(json!([[3, 4]]))]);
}

#[tokio::test]
async fn values_go_in_and_come_out_as_they_are() {
    let host = guest().start();
    let client = Client::new(&host);
    let script = json!({ "statements": [{
        "sql": "SELECT $1 AS a, $2, $3, $4, $5, $1",
        "parameters": [-9_007_199_254_740_993_i64, 2.5, "naïve 𝄞", [0, 255], null],
    }] });

    let outcome = client.post("/sqlite", script).await;

    let row = json!([
        -9_007_199_254_740_993_i64,
        2.5,
        "naïve 𝄞",
        { "blob": [0, 255] },
        null,
        -9_007_199_254_740_993_i64
    ]);
    assert_eq!(outcome["statements"][0]["rows"], json!([row]));
}

#[tokio::test]
async fn text_that_is_not_utf8_is_an_error() {
    let host = guest().start();
    let client = Client::new(&host);
    let outcomes = run(&client, &["SELECT CAST(x'ff' AS TEXT)", "SELECT 1 AS a, 2 AS b"]).await;
    assert_eq!(outcomes[0]["collect"], "io: invalid utf-8 sequence of 1 bytes from index 0");
    assert_eq!(outcomes[1], rows(json!([[1, 2]])));
}

#[tokio::test]
async fn the_defaults_are_those_of_sqlite_with_foreign_keys_and_five_seconds() {
    let host = guest().start();
    let client = Client::new(&host);
    for (pragma, value) in [
        ("journal_mode", json!("delete")),
        ("synchronous", json!(2)),
        ("foreign_keys", json!(1)),
        ("busy_timeout", json!(5000)),
    ] {
        let outcomes = run(&client, &[&format!("PRAGMA {pragma}")]).await;
        assert_eq!(outcomes[0]["rows"], json!([[value]]), "{pragma}");
    }
}

#[tokio::test]
async fn a_trap_rolls_back_what_its_connection_has_open() {
    let host = guest().start();
    let client = Client::new(&host);
    run(&client, &["CREATE TABLE t (a, b)"]).await;
    let mut script = statements(&["BEGIN IMMEDIATE", "INSERT INTO t VALUES (1, 2)"]);
    script["trap"] = json!(true);

    let trapped = client.try_post("/sqlite", script).await;

    assert_eq!(trapped.status, StatusCode::INTERNAL_SERVER_ERROR);
    let outcomes = run(&client, &["INSERT INTO t VALUES (3, 4)", "SELECT a, b FROM t"]).await;
    assert_eq!(outcomes[1], rows(json!([[3, 4]])));
}

#[tokio::test]
async fn a_connection_that_is_dropped_rolls_back() {
    let host = guest().start();
    let client = Client::new(&host);
    run(&client, &["CREATE TABLE t (a, b)"]).await;
    run(&client, &["BEGIN IMMEDIATE", "INSERT INTO t VALUES (1, 2)"]).await;

    let outcomes = run(&client, &["INSERT INTO t VALUES (3, 4)", "SELECT a, b FROM t"]).await;

    assert_eq!(outcomes[1], rows(json!([[3, 4]])));
}

#[tokio::test]
async fn connections_see_what_others_committed_and_nothing_else() {
    let host = guest().start();
    let client = Client::new(&host);
    run(&client, &["PRAGMA journal_mode = WAL", "CREATE TABLE t (a, b)"]).await;
    let writer = json!({ "statements": [
        { "sql": "BEGIN IMMEDIATE" },
        { "sql": "INSERT INTO t VALUES (1, 2)", "then_ms": 300 },
        { "sql": "COMMIT" },
    ] });
    let is_seen = async {
        let mut counts = Vec::new();
        while counts.last() != Some(&1) {
            let outcomes = run(&client, &["SELECT count(*) FROM t"]).await;
            counts.extend(outcomes[0]["rows"][0][0].as_u64());
        }
        counts
    };

    let (written, counts) = tokio::join!(client.post("/sqlite", writer), is_seen);

    assert_eq!(written["statements"][2], rows(json!([])));
    assert!(counts.contains(&0), "read before the commit: {counts:?}");
}

#[tokio::test]
async fn a_database_without_a_file_is_empty_for_every_connection() {
    let host = guest().state_dir("").start();
    let client = Client::new(&host);
    let created = run(&client, &["CREATE TABLE t (a, b)", "SELECT a, b FROM t"]).await;
    assert_eq!(created[1]["rows"], json!([]));

    let outcomes = run(&client, &["SELECT a, b FROM t"]).await;

    assert_eq!(outcomes[0]["collect"], "io: no such table: t");
}

#[tokio::test]
async fn files_cannot_be_attached_and_memory_can() {
    let host = guest().start();
    let client = Client::new(&host);
    let outcomes =
        run(&client, &["ATTACH '/tmp/other.db' AS other", "ATTACH ':memory:' AS scratch"]).await;
    assert_eq!(outcomes[0]["collect"], "io: not authorized");
    assert_eq!(outcomes[1], rows(json!([])));
}

#[tokio::test]
async fn a_database_that_the_component_does_not_list_is_refused() {
    let host = guest().start();
    let script = json!({ "label": "other", "statements": [] });
    for path in ["/sqlite", "/sqlite/sync"] {
        let outcome = Client::new(&host).post(path, script.clone()).await;
        assert_eq!(outcome, json!({ "open": "access-denied" }), "{path}");
    }
}

#[tokio::test]
async fn an_instance_holds_256_connections() {
    let host = guest().start();
    let client = Client::new(&host);
    let all = client.get("/sqlite/open?connections=256").await.text();
    let more = client.get("/sqlite/open?connections=257").await.text();
    assert_eq!(all, "256 opened");
    assert_eq!(more, "256 opened, then io: too many connections opened");
}

#[tokio::test]
async fn the_functions_that_are_not_asynchronous_do_the_same() {
    let host = guest().start();
    let client = Client::new(&host);
    let script = statements(&[
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)",
        "INSERT INTO t VALUES (6, 'x')",
        "INSERT INTO t VALUES (8, 'x')",
        "INSERT INTO t VALUES (7, 'y')",
        "SELECT a, b FROM t; nonsense",
    ]);

    let outcome = client.post("/sqlite/sync", script).await;

    let expected = json!([
        rows(json!([])),
        rows(json!([])),
        { "execute": "io: UNIQUE constraint failed: t.b" },
        rows(json!([])),
        rows(json!([[6, "x"], [7, "y"]])),
    ]);
    assert_eq!(outcome, json!({ "statements": expected, "changes": 1, "rowid": 7 }));
}
