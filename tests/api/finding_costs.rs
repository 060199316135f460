//! What it costs to find users: every query is a walk along an index.

use rollcall::domain::finding::{Filter, Key, Sort, Source, UserQuery, Walk};
use rollcall::store::database::{Database, Dialect, Row, Statement};
use rollcall::store::finding;

use crate::finding::encoded;
use crate::support::TestApp;

const USERS: &str = "/api/v1/users";

/// So many users by SQL, of whom every five-thousandth is called Needle.
async fn haystack(app: &TestApp, users: i64) {
    app.sql(
        "WITH RECURSIVE n (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM n WHERE n < $1) \
         INSERT INTO users (id, email, email_normalized, name, name_normalized, metadata, \
         created_at, updated_at, suspended_at, version) \
         SELECT '019b76da-a801-7000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2), \
         'u' || CAST(n AS TEXT) || '@example.com', 'u' || CAST(n AS TEXT) || '@example.com', \
         CASE WHEN n % 5000 = 0 THEN 'Needle' ELSE 'Straw' END, \
         CASE WHEN n % 5000 = 0 THEN 'needle' ELSE 'straw' END, '{}', n, n, \
         CASE WHEN n % 100 = 0 THEN n END, 1 FROM n",
        vec![users.into()],
    )
    .await;
}

#[tokio::test]
async fn a_page_looks_at_ten_thousand_users_at_most_and_the_next_one_goes_on() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    haystack(&app, 25_000).await;
    for sort in ["id", "-email", "name", "-created_at"] {
        let query = encoded(&[("filter", r#"name co "eedl""#), ("sort", sort)]);
        let (mut sizes, mut cursor) = (Vec::new(), String::new());
        loop {
            let before = app.database.calls();
            let page = admin.get(format!("{USERS}?{query}{cursor}")).await.assert_status(200);
            assert_eq!(app.database.calls() - before, 2);
            sizes.push(page.body["items"].as_array().unwrap().len());
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (3, 5), "{sort}: {sizes:?}");
    }
}

/// Every kind of query that is allowed: a filter, and an order.
const SHAPES: &[(&str, &[&str])] = &[
    ("", &["id", "-id", "created_at", "-created_at", "updated_at", "-updated_at", "email", "name"]),
    (r#"id eq "019b76da-a801-7000-8000-000000000001""#, &["", "name"]),
    (r#"email eq "a@example.com" and name co "b""#, &["", "-name"]),
    (r#"external_id eq "a""#, &["", "email"]),
    (r#"id gt "019b76da-a801-7000-8000-000000000001""#, &["", "-id", "name"]),
    (r#"email sw "u1""#, &["", "-email", "id", "name", "created_at"]),
    (r#"email gt "a" and email le "b""#, &["", "-email", "updated_at"]),
    (r#"name sw "s""#, &["", "-name", "id", "email"]),
    (r#"name eq "straw" and suspended_at pr"#, &["", "suspended_at", "-updated_at"]),
    (r#"external_id sw "a""#, &["", "external_id", "-external_id", "id"]),
    (r#"external_id pr"#, &["", "-external_id", "name"]),
    (r#"suspended_at pr"#, &["", "-suspended_at", "email"]),
    (r#"suspended_at lt "2026-01-01T00:00:00Z""#, &["", "suspended_at", "id"]),
    (
        r#"created_at ge "2026-01-01T00:00:00Z" and created_at lt "2026-02-01T00:00:00Z""#,
        &["", "-created_at", "name"],
    ),
    (r#"updated_at gt "2026-01-01T00:00:00Z""#, &["", "-updated_at", "email"]),
    (r#"email_verified_at pr"#, &["", "email"]),
    (r#"not (email_verified_at pr)"#, &["", "-created_at"]),
    (r#"role eq "admin""#, &["", "-id", "name"]),
    (r#"role eq "admin" and name co "a""#, &["", "email"]),
    (r#"role eq "admin" or email sw "a""#, &["", "name"]),
    (r#"name co "eed" or email ew "m""#, &["", "email", "-updated_at"]),
    (r#"not (name sw "a" and external_id ne "b")"#, &["", "name"]),
];

#[tokio::test]
async fn every_query_that_is_allowed_walks_along_an_index() {
    let app = TestApp::new().await;
    app.admin().await;
    haystack(&app, 2_000).await;
    if app.database.dialect() == Dialect::Postgres {
        // What is asked is whether there is an index, not whether so few rows are worth it.
        for setting in ["enable_seqscan", "enable_sort", "enable_bitmapscan"] {
            let set = "SELECT set_config($1, 'off', false)";
            app.database.query(Statement::new(set, vec![setting.into()])).await.unwrap();
        }
        app.sql("ANALYZE users", Vec::new()).await;
    }
    let mut seen = 0;
    for (filter, sorts) in SHAPES {
        for sort in *sorts {
            let filter = Some(filter).filter(|filter| !filter.is_empty());
            let query = UserQuery {
                conditions: filter.iter().map(|text| Filter::parse(text).unwrap()).collect(),
                sort: Some(sort).filter(|sort| !sort.is_empty()).map(|s| Sort::parse(s).unwrap()),
            };
            let walk = query.walk().unwrap();
            let place = place(&walk);
            for after in [None, Some(&place)] {
                let edge = Some(&place).filter(|_| walk.needs_edge());
                let mut statements = vec![finding::page(&walk, after, edge, 21)];
                if walk.needs_edge() {
                    statements.push(finding::edge(&walk, after));
                }
                for statement in statements {
                    seen += 1;
                    assert_walks(&app, &walk, after.is_some(), statement).await;
                }
            }
        }
    }
    assert!(seen > 150, "{seen}");
}

/// Some place in the order of a walk.
fn place(walk: &Walk) -> Key {
    let id = "019b76da-a801-7000-8000-000000000500";
    let text = match walk.sort.field {
        field if !walk.has_value() => field.name().replace("id", id),
        field if field.is_time() => format!("{id} 500"),
        _ => format!("{id} u500"),
    };
    Key::parse(&text, walk.sort).unwrap()
}

async fn assert_walks(app: &TestApp, walk: &Walk, goes_on: bool, statement: Statement) {
    let is_one = matches!(walk.source, Source::One(_));
    let plan = plan(app, &statement).await;
    let told = format!("{walk:?}\n{}\n{plan:#?}", statement.sql);
    let sorts = |step: &String| step.contains("TEMP B-TREE FOR ORDER") || step.contains("Sort");
    assert!(is_one || !plan.iter().any(sorts), "{told}");
    match app.database.dialect() {
        Dialect::Sqlite => {
            let is_of_users = |step: &&String| step.contains(" u ") || step.contains(" walked ");
            let steps: Vec<_> = plan.iter().filter(is_of_users).collect();
            assert!(!steps.is_empty(), "{told}");
            assert!(steps.iter().all(|step| step.contains(" USING ")), "{told}");
            // Where there is a place to begin at, the walk begins there.
            let begins = goes_on || is_one || !walk.bounds.is_empty();
            assert!(!begins || steps.iter().all(|step| step.starts_with("SEARCH")), "{told}");
        }
        Dialect::Postgres => {
            let is_full = |step: &String| step.contains("Seq Scan on users");
            assert!(!plan.iter().any(is_full), "{told}");
            let is_walk = |step: &String| step.contains("Index") && step.contains("Scan");
            assert!(plan.iter().any(is_walk), "{told}");
        }
    }
}

/// How the database would go about it, as its driver for Spin asks.
async fn plan(app: &TestApp, statement: &Statement) -> Vec<String> {
    let (sql, skipped) = match app.database.dialect() {
        Dialect::Sqlite => (format!("EXPLAIN QUERY PLAN {}", statement.sql.replace('$', "+$")), 3),
        Dialect::Postgres => (format!("EXPLAIN {}", statement.sql), 0),
    };
    let rows = app.database.query(Statement::new(sql, statement.params.clone())).await.unwrap();
    let step = |row: Row| {
        let mut columns = row.read();
        (0..skipped).for_each(|_| assert!(columns.integer().is_ok()));
        columns.text().unwrap()
    };
    rows.into_iter().map(step).collect()
}
