//! `spin:postgres`.

use http::StatusCode;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rollcall_testkit::Postgres;
use serde_json::{Value, json};

use crate::support::{Client, guest};

fn query(sql: &str) -> Value {
    json!({ "sql": sql })
}

fn execute(sql: &str) -> Value {
    json!({ "sql": sql, "execute": true })
}

/// Runs statements on one connection and returns what came of each.
async fn run(client: &Client, postgres: &Postgres, statements: Value) -> Value {
    let script = json!({ "address": postgres.url, "statements": statements });
    client.post("/postgres", script).await
}

#[tokio::test]
async fn a_transaction_that_a_trap_leaves_open_swallows_the_writes_of_others() {
    let postgres = Postgres::start();
    postgres.query("CREATE TABLE t (a bigint)");
    let host = guest().start();
    let client = Client::new(&host);
    let script = json!({
        "address": postgres.url,
        "statements": [execute("BEGIN"), execute("INSERT INTO t VALUES (1)")],
        "trap": true,
    });

    let trapped = client.try_post("/postgres", script).await;
    assert_eq!(trapped.status, StatusCode::INTERNAL_SERVER_ERROR);
    for a in 2..=4 {
        let insert = execute(&format!("INSERT INTO t VALUES ({a})"));
        let outcome = run(&client, &postgres, json!([insert])).await;
        assert_eq!(outcome, json!([{ "execute": 1 }]));
    }

    assert_eq!(postgres.query("SELECT count(*) FROM t"), "0");
    let states = "SELECT DISTINCT state FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    assert_eq!(postgres.query(states), "idle in transaction");
    // Whoever commits next commits it all.
    run(&client, &postgres, json!([execute("COMMIT")])).await;
    assert_eq!(postgres.query("SELECT count(*) FROM t"), "4");
}

#[tokio::test]
async fn a_transaction_that_an_early_return_leaves_open_is_inherited_too() {
    let postgres = Postgres::start();
    postgres.query("CREATE TABLE t (a bigint)");
    let host = guest().start();
    let client = Client::new(&host);
    let left = json!([execute("BEGIN"), execute("INSERT INTO t VALUES (1)")]);
    run(&client, &postgres, left).await;

    let outcome = run(&client, &postgres, json!([query("SELECT a FROM t")])).await;

    assert_eq!(outcome[0]["rows"], json!([[1]]));
    assert_eq!(postgres.query("SELECT count(*) FROM t"), "0");
}

#[tokio::test]
async fn a_session_that_is_recycled_forgets_its_settings() {
    let postgres = Postgres::start();
    let host = guest().start();
    let client = Client::new(&host);
    let set =
        json!([execute("SET statement_timeout = '7s'"), query("SELECT pg_backend_pid() AS a")]);
    let first = run(&client, &postgres, set).await;

    let show = json!([query("SHOW statement_timeout"), query("SELECT pg_backend_pid() AS a")]);
    let second = run(&client, &postgres, show).await;

    assert_eq!(first[1]["rows"], second[1]["rows"], "another session");
    assert_eq!(second[0]["rows"], json!([["0"]]));
}

#[tokio::test]
async fn errors_have_the_code_and_the_constraint() {
    let postgres = Postgres::start();
    postgres.query("CREATE TABLE t (a bigint CONSTRAINT one_a UNIQUE)");
    let host = guest().start();
    let client = Client::new(&host);
    let outcomes = run(
        &client,
        &postgres,
        json!([
            execute("INSERT INTO t VALUES (1)"),
            execute("INSERT INTO t VALUES (1)"),
            query("INSERT INTO t VALUES (1) RETURNING a"),
            query("SELEKT"),
            query("SELECT 1; SELECT 2"),
        ]),
    )
    .await;
    let unique = json!({
        "code": "23505",
        "constraint": "one_a",
        "detail": "Key (a)=(1) already exists.",
        "message": "duplicate key value violates unique constraint \"one_a\"",
        "severity": "ERROR",
    });
    assert_eq!(outcomes[0], json!({ "execute": 1 }));
    assert_eq!(outcomes[1], json!({ "execute": unique }));
    // What fails while it runs shows when the rows are collected; what does
    // not even compile, at once.
    assert_eq!(outcomes[2], json!({ "query": "ok", "columns": [], "collect": unique }));
    assert_eq!(outcomes[3]["query"]["code"], "42601");
    assert_eq!(
        outcomes[4]["query"]["message"],
        "cannot insert multiple commands into a prepared statement"
    );
}

#[tokio::test]
async fn the_columns_come_with_the_first_row_if_there_is_one() {
    let postgres = Postgres::start();
    let host = guest().start();
    let client = Client::new(&host);
    let statements = json!([query("SELECT 1 AS a"), query("SELECT 1 AS a WHERE false")]);

    let outcomes = run(&client, &postgres, statements.clone()).await;

    assert_eq!(
        outcomes,
        json!([
            { "query": "ok", "columns": ["a"], "rows": [[1]] },
            { "query": "ok", "columns": [], "rows": [] },
        ])
    );
    let script = json!({ "address": postgres.url, "statements": statements });
    let outcomes = client.post("/postgres/sync", script).await;
    assert_eq!(outcomes, json!([[[1]], []]));
}

#[tokio::test]
async fn a_time_with_a_zone_goes_in_and_does_not_come_out() {
    let postgres = Postgres::start();
    postgres.query("CREATE TABLE t (at timestamptz)");
    let host = guest().start();
    let client = Client::new(&host);
    let outcomes = run(
        &client,
        &postgres,
        json!([
            { "sql": "INSERT INTO t VALUES ($1)", "parameters": [{ "timestamp": "86400" }],
              "execute": true },
            query("SELECT at FROM t"),
            query("SELECT at AT TIME ZONE 'UTC' AS at FROM t"),
        ]),
    )
    .await;
    assert_eq!(outcomes[0], json!({ "execute": 1 }));
    let refused = outcomes[1]["collect"].as_str().expect("an error");
    assert!(refused.contains("the Postgres type `timestamptz`"), "{refused}");
    assert_eq!(outcomes[2]["rows"], json!([["DbValue::Datetime((1970, 1, 2, 0, 0, 0, 0))"]]));
}

#[tokio::test]
async fn values_of_every_type_come_out() {
    let postgres = Postgres::start();
    let host = guest().start();
    let client = Client::new(&host);
    for (sql, value) in [
        ("true", json!(true)),
        ("1::int2", json!("DbValue::Int16(1)")),
        ("1::int4", json!(1)),
        ("1::int8", json!(1)),
        ("1.5::float4", json!("DbValue::Floating32(1.5)")),
        ("1.5::float8", json!("DbValue::Floating64(1.5)")),
        ("'ü'::text", json!("ü")),
        ("'ü'::varchar", json!("ü")),
        ("'\\x00ff'::bytea", json!("DbValue::Binary([0, 255])")),
        ("date '2024-02-29'", json!("DbValue::Date((2024, 2, 29))")),
        ("time '12:34:56.7'", json!("DbValue::Time((12, 34, 56, 700000000))")),
        (
            "timestamp '2024-02-29 12:34:56'",
            json!("DbValue::Datetime((2024, 2, 29, 12, 34, 56, 0))"),
        ),
        (
            "uuid '018f0000-0000-7000-8000-000000000000'",
            json!("DbValue::Uuid(\"018f0000-0000-7000-8000-000000000000\")"),
        ),
        ("jsonb '{\"b\": [1, 2]}'", json!(format!("DbValue::Jsonb({:?})", b"{\"b\":[1,2]}"))),
        ("12.340::numeric", json!("DbValue::Decimal(\"12.340\")")),
        (
            "int4range(1, 5)",
            json!(
                "DbValue::RangeInt32((Some((1, RangeBoundKind::Inclusive)), \
                 Some((5, RangeBoundKind::Exclusive))))"
            ),
        ),
        (
            "int8range(NULL, 5)",
            json!("DbValue::RangeInt64((None, Some((5, RangeBoundKind::Exclusive))))"),
        ),
        (
            "numrange(1.5, NULL)",
            json!("DbValue::RangeDecimal((Some((\"1.5\", RangeBoundKind::Inclusive)), None))"),
        ),
        ("'empty'::int4range", json!("DbValue::RangeInt32((None, None))")),
        ("ARRAY[1, NULL]", json!("DbValue::ArrayInt32([Some(1), None])")),
        ("ARRAY['a', NULL]", json!("DbValue::ArrayStr([Some(\"a\"), None])")),
        (
            "interval '1 month 2 days 3 seconds'",
            json!("DbValue::Interval(Interval { micros: 3000000, days: 2, months: 1 })"),
        ),
        ("NULL::int8", json!(null)),
        ("inet '127.0.0.1'", json!("DbValue::Unsupported([2, 32, 0, 4, 127, 0, 0, 1])")),
    ] {
        let statements = json!([query(&format!("SELECT {sql} AS a"))]);
        let outcome = run(&client, &postgres, statements).await;
        assert_eq!(outcome[0]["rows"], json!([[value]]), "{sql}: {outcome}");
    }
}

#[tokio::test]
async fn parameters_have_to_fit_the_types_of_the_statement() {
    let postgres = Postgres::start();
    let host = guest().start();
    let client = Client::new(&host);
    let with = |sql: &str, value: Value| json!([{ "sql": sql, "parameters": [value] }]);
    for (sql, value, row) in [
        ("SELECT $1::bigint", json!(7), json!(7)),
        ("SELECT $1::text", json!("x"), json!("x")),
        ("SELECT $1::bigint", json!(null), json!(null)),
        (
            "SELECT ($1::uuid)::text",
            json!({ "uuid": "018f0000-0000-7000-8000-000000000000" }),
            json!("018f0000-0000-7000-8000-000000000000"),
        ),
        ("SELECT $1::jsonb->>'a'", json!({ "jsonb": "{\"a\":\"b\"}" }), json!("b")),
        ("SELECT ($1::numeric * 2)::text", json!({ "decimal": "1.25" }), json!("2.50")),
        ("SELECT ($1::date)::text", json!({ "date": "29" }), json!("2024-02-29")),
    ] {
        let outcome = run(&client, &postgres, with(sql, value)).await;
        assert_eq!(outcome[0]["rows"], json!([[row]]), "{sql}: {outcome}");
    }
    let mismatch = run(&client, &postgres, with("SELECT $1::int4", json!(7))).await;
    let text = mismatch[0]["query"].as_str().expect("an error");
    assert!(text.starts_with("query failed: ") && text.contains("ToSql"), "{text}");
    let no_date = run(&client, &postgres, with("SELECT $1::date", json!({ "date": "30" }))).await;
    let text = no_date[0]["query"].as_str().expect("an error");
    assert!(text.starts_with("bad parameter: invalid date"), "{text}");
}

#[tokio::test]
async fn more_rows_than_the_channel_holds_all_arrive() {
    let postgres = Postgres::start();
    let host = guest().start();
    let client = Client::new(&host);
    let statements = json!([query("SELECT generate_series(1, 1000)")]);
    let outcome = run(&client, &postgres, statements).await;
    let expected: Vec<_> = (1..=1000).map(|a| json!([a])).collect();
    assert_eq!(outcome[0]["rows"], json!(expected));
}

#[tokio::test]
async fn addresses_that_the_component_does_not_list_are_refused() {
    let host = guest().start();
    let client = Client::new(&host);
    for (address, reason) in [
        (
            "postgres://postgres@localhost:5432/postgres",
            "address postgres://localhost:5432 is not permitted",
        ),
        ("host=/var/run/postgresql user=postgres", "Unix sockets are not supported on WebAssembly"),
    ] {
        for path in ["/postgres", "/postgres/sync"] {
            let outcome = client.post(path, json!({ "address": address })).await;
            let text = outcome["open"].as_str().expect("an error");
            assert!(text.contains(reason), "{path} {address}: {text}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failed_connection() {
    let mut postgres = Postgres::start();
    let host = guest().start();
    let client = Client::new(&host);
    let one = json!([query("SELECT 1 AS a")]);
    let expected = json!([{ "query": "ok", "columns": ["a"], "rows": [[1]] }]);
    assert_eq!(run(&client, &postgres, one.clone()).await, expected);

    postgres.kill();
    let gone = run(&client, &postgres, one.clone()).await;
    let text = gone["open"].as_str().expect("an error");
    assert!(text.contains("Connection refused"), "{text}");

    postgres.resume();
    assert_eq!(run(&client, &postgres, one).await, expected);
}

#[tokio::test]
async fn tls_is_verified_up_to_the_root_that_the_guest_gives() {
    let authority = authority();
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let postgres = Postgres::start_with_tls(&certificate.pem(), &key.serialize_pem());
    let host = guest().start();
    let client = Client::new(&host);
    let connect = |mode: &str, ca_root: Option<String>| {
        let script = json!({
            "address": format!("{}?sslmode={mode}", postgres.url),
            "ca_root": ca_root,
            "statements": [query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")],
        });
        client.post("/postgres", script)
    };

    let trusted = connect("require", Some(authority.pem())).await;
    assert_eq!(trusted[0]["rows"], json!([[true]]));
    let plain = connect("disable", None).await;
    assert_eq!(plain[0]["rows"], json!([[false]]));
    for root in [None, Some(self::authority().pem())] {
        let untrusted = connect("require", root).await;
        let text = untrusted["open"].as_str().expect("an error");
        assert!(text.contains("invalid peer certificate"), "{text}");
    }
}

#[tokio::test]
async fn tls_is_verified_by_the_name_of_the_host() {
    let authority = authority();
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["db.example".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let postgres = Postgres::start_with_tls(&certificate.pem(), &key.serialize_pem());
    let host = guest().start();
    let script = json!({
        "address": format!("{}?sslmode=require", postgres.url),
        "ca_root": authority.pem(),
    });

    let outcome = Client::new(&host).post("/postgres", script).await;

    let text = outcome["open"].as_str().expect("an error");
    assert!(text.contains("certificate not valid for name"), "{text}");
}

/// A certificate authority of this test's own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a certificate")
}
