//! `GET /api/v1/users` by filter and order: who is found.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::client::Client;

const USERS: &str = "/api/v1/users";

/// Twelve people, each created a second later, besides the admin.
const PEOPLE: &[(&str, &str, Option<&str>)] = &[
    ("ada", "Ada Lovelace", Some("crm-1")),
    ("adam", "Adam Smith", Some("crm-10")),
    ("alan", "Alan Turing", None),
    ("barbara", "Barbara Liskov", Some("CRM-2")),
    ("barb", "barbara liskov", None),
    ("edsger", "Edsger W. Dijkstra", Some("crm-3")),
    ("elodie", "Élodie Ågren", None),
    ("grace", "Grace Hopper", Some("100%")),
    ("grete", "Grete Hermann", Some("a_b")),
    ("john", "John \"Jack\" O'Brien", None),
    ("zoe", "Zoë 李", Some("李")),
    ("zuse", "Konrad Zuse", None),
];

/// An app with these people: Grace and Alan are suspended, Ada is proven.
async fn people() -> (TestApp, Client) {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (address, name, external_id) in PEOPLE {
        app.clock.advance(Duration::from_secs(1));
        let email = format!("{address}@example.com");
        let user = json!({"email": email, "name": name, "external_id": external_id});
        let created = admin.post(USERS, user).await.assert_status(201);
        if ["alan", "grace"].contains(address) {
            let path = format!("{USERS}/{}/suspend", created.text_at("/id"));
            admin.act(path).await.assert_status(200);
        }
    }
    let prove = "UPDATE users SET email_verified_at = 1 WHERE email = 'ada@example.com'";
    app.sql(prove, Vec::new()).await;
    (app, admin)
}

/// A query with its values percent-encoded.
pub(crate) fn encoded(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// The part before the `@` of everybody who is found, over as many pages as it takes.
async fn found(client: &Client, parameters: &[(&str, &str)]) -> Vec<String> {
    let query = encoded(parameters);
    let mut path = format!("{USERS}?{query}&limit=3");
    let mut found = Vec::new();
    loop {
        let page = client.get(&path).await.assert_status(200);
        for user in page.body["items"].as_array().unwrap() {
            let email = user["email"].as_str().unwrap();
            found.push(email.split_once('@').unwrap().0.to_owned());
        }
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("{USERS}?{query}&limit=3&cursor={cursor}"),
            None => return found,
        }
    }
}

async fn filtered(client: &Client, filter: &str) -> String {
    found(client, &[("filter", filter)]).await.join(" ")
}

#[tokio::test]
async fn a_filter_finds_those_of_whom_it_holds() {
    let (_, admin) = people().await;
    for (filter, expected) in [
        (r#"email eq "ADA@example.com""#, "ada"),
        (r#"email eq "nobody@example.com""#, ""),
        (r#"email sw "ADA""#, "ada adam"),
        (r#"email ew "e@example.com""#, "elodie grace grete zoe zuse"),
        (r#"email co "ar""#, "barbara barb"),
        (r#"email ge "zoe" "#, "zoe zuse"),
        (r#"email gt "b" and email lt "f""#, "barb barbara edsger elodie"),
        (r#"name eq "BARBARA LISKOV""#, "barbara barb"),
        (r#"name sw "éLO""#, "elodie"),
        (r#"name co "å""#, "elodie"),
        (r#"name co "\"jack\" o'""#, "john"),
        (r#"name ew "李""#, "zoe"),
        (r#"external_id eq "CRM-2""#, "barbara"),
        (r#"external_id eq "crm-2""#, ""),
        (r#"external_id sw "crm-1""#, "ada adam"),
        (r#"external_id co "%""#, "grace"),
        (r#"external_id co "_""#, "grete"),
        (r#"external_id ew "a really long text that no id ends with""#, ""),
        (r#"external_id pr and email lt "b""#, "ada adam"),
        (r#"not (external_id pr)"#, "admin alan barb elodie john zuse"),
        (r#"external_id ne "crm-1" and email sw "a""#, "adam admin alan"),
        (r#"not (external_id co "crm") and name sw "b""#, "barb barbara"),
        (r#"suspended_at pr"#, "alan grace"),
        (r#"suspended_at gt "2026-01-01T00:00:05Z""#, "grace"),
        (r#"not (suspended_at pr) and email sw "a""#, "ada adam admin"),
        (r#"email_verified_at pr"#, "admin ada"),
        (r#"email_verified_at lt "2000-01-01T00:00:00Z""#, "ada"),
        (
            r#"created_at ge "2026-01-01T00:00:03Z" and created_at lt "2026-01-01T01:00:05+01:00""#,
            "alan barbara",
        ),
        (r#"updated_at gt "2026-01-01T00:00:11Z""#, "zuse"),
        (r#"role eq "admin""#, "admin"),
        (r#"role eq "user" and name sw "z""#, "zoe"),
        (r#"not (role eq "user")"#, "admin"),
        (r#"role eq "nobody-has-it""#, ""),
        (r#"email sw "ada" or name sw "gra""#, "ada adam grace"),
        (r#"(email sw "a" or email sw "b") and not (name co "a")"#, ""),
        (r#"id gt "019b76da-b000-7000-8000-000000000000" and name ew "e""#, "zuse"),
    ] {
        let mut names: Vec<_> =
            filtered(&admin, filter).await.split(' ').map(str::to_owned).collect();
        let mut expected: Vec<_> = expected.split(' ').map(str::to_owned).collect();
        names.sort();
        expected.sort();
        assert_eq!(names, expected, "{filter}");
    }
}

#[tokio::test]
async fn users_are_sorted_by_what_is_named_or_what_the_filter_narrows() {
    let (_, admin) = people().await;
    let by_creation = "admin ada adam alan barbara barb edsger elodie grace grete john zoe zuse";
    let by_email = "ada adam admin alan barb barbara edsger elodie grace grete john zoe zuse";
    let by_name = "ada adam admin alan barbara barb edsger grace grete john zuse zoe elodie";
    for (parameters, expected) in [
        (&[][..], by_creation),
        (&[("sort", "id")], by_creation),
        (&[("sort", "created_at")], by_creation),
        (&[("sort", "updated_at")], by_creation),
        (&[("sort", "email")], by_email),
        (&[("sort", "name")], by_name),
        (&[("filter", "email sw \"a\"")], "ada adam admin alan"),
        (&[("filter", "email sw \"a\""), ("sort", "-created_at")], "alan adam ada admin"),
        (&[("filter", "email sw \"a\""), ("sort", "-email")], "alan admin adam ada"),
        (&[("filter", "suspended_at pr"), ("sort", "-suspended_at")], "grace alan"),
        (
            &[("filter", "external_id pr"), ("sort", "external_id")],
            "grace barbara grete ada adam edsger zoe",
        ),
    ] {
        assert_eq!(found(&admin, parameters).await.join(" "), expected, "{parameters:?}");
        if let [("sort", field)] = parameters {
            let mut reverse = found(&admin, &[("sort", &format!("-{field}"))]).await;
            reverse.reverse();
            assert_eq!(reverse.join(" "), expected, "-{field}");
        }
    }
}

#[tokio::test]
async fn a_user_is_found_by_address_or_external_id_for_one_statement() {
    let (app, admin) = people().await;
    for (parameters, expected) in [
        (&[("email", "Grace@EXAMPLE.com")][..], "grace"),
        (&[("external_id", "李")], "zoe"),
        (&[("email", "grace@example.com"), ("external_id", "100%")], "grace"),
        (&[("email", "grace@example.com"), ("external_id", "crm-1")], ""),
        (&[("email", "grace@example.com"), ("filter", "suspended_at pr")], "grace"),
        (&[("email", "ada@example.com"), ("filter", "suspended_at pr"), ("sort", "-name")], ""),
        // One is in every order, also by what they do not have.
        (&[("email", "alan@example.com"), ("sort", "external_id")], "alan"),
        (&[("email", "alan@example.com"), ("sort", "-external_id")], "alan"),
        (&[("external_id", "crm-1"), ("sort", "suspended_at")], "ada"),
        (&[("filter", "email eq \"ada@example.com\""), ("sort", "-suspended_at")], "ada"),
    ] {
        let before = app.database.calls();
        assert_eq!(found(&admin, parameters).await.join(" "), expected, "{parameters:?}");
        assert_eq!(app.database.calls() - before, 1);
    }
}

#[tokio::test]
async fn a_walk_along_names_misses_and_repeats_nobody_while_users_come_and_go() {
    let (app, admin) = people().await;
    let path = format!("{USERS}?sort=name&limit=4&fields=id,name");
    let first = admin.get(&path).await.assert_status(200);
    let ids: Vec<_> = first.body["items"].as_array().unwrap().iter().map(|u| &u["id"]).collect();
    let user = |id: &Value| format!("{USERS}/{}", id.as_str().unwrap());
    // The one at the edge goes, and another one moves behind it.
    admin.delete(user(ids[3])).await.assert_status(204);
    admin.patch(user(ids[0]), json!({"name": "Byron"})).await.assert_status(200);
    for (email, name) in [("early@example.com", "Aaron"), ("late@example.com", "Ben")] {
        admin.post(USERS, json!({"email": email, "name": name})).await.assert_status(201);
    }
    let cursor = first.text_at("/next_cursor");
    let second = admin.get(format!("{path}&cursor={cursor}")).await.assert_status(200);
    let names: Vec<_> = second.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| u["name"].as_str().unwrap())
        .collect();
    assert_eq!(names[0].to_lowercase(), "barbara liskov");
    assert_eq!(names[2..], ["Ben", "Byron"]);
    drop(app);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_query_only() {
    let (_, admin) = people().await;
    let next = |path: String| {
        let admin = admin.clone();
        async move { admin.get(path).await.assert_status(200).text_at("/next_cursor") }
    };
    let cursor = next(format!("{USERS}?sort=name&limit=1")).await;
    let filter = encoded(&[("filter", r#"name sw "a""#), ("sort", "name")]);
    let of_filter = next(format!("{USERS}?{filter}&limit=1")).await;
    for query in [
        format!("cursor={cursor}"),
        format!("sort=-name&cursor={cursor}"),
        format!("sort=email&cursor={cursor}"),
        format!("{filter}&cursor={cursor}"),
        format!("sort=name&cursor={of_filter}"),
    ] {
        let answer = admin.get(format!("{USERS}?{query}")).await.assert_status(422);
        assert_eq!(answer.field_errors(), [("cursor", "invalid_cursor")], "{query}");
    }
    // The link has all of it.
    let first = admin.get(format!("{USERS}?{filter}&fields=name&limit=1")).await;
    let link = first.header("link").unwrap();
    let link = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    let second = admin.get(link).await.assert_status(200);
    assert_eq!(second.body["items"], json!([{"name": "Adam Smith"}]));
}

#[tokio::test]
async fn only_the_members_that_are_named_are_shown() {
    let (_, admin) = people().await;
    let answer = admin.get(format!("{USERS}?email=ada@example.com&fields=email,%20roles")).await;
    let expected =
        json!({"items": [{"email": "ada@example.com", "roles": ["user"]}], "next_cursor": null});
    assert_eq!(answer.assert_status(200).body, expected);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_by_its_parameter() {
    let (app, admin) = people().await;
    let before = app.database.calls();
    for (parameters, field, code) in [
        (&[("filter", "")][..], "filter", "invalid_filter"),
        (&[("filter", "metadata.plan eq \"pro\"")], "filter", "invalid_filter"),
        (&[("filter", "name eq ada")], "filter", "invalid_filter"),
        (&[("filter", "name pr")], "filter", "invalid_filter"),
        (&[("email", "ada")], "email", "invalid_email"),
        (&[("external_id", "a\0")], "external_id", "invalid_characters"),
        (&[("sort", "metadata")], "sort", "invalid_sort"),
        (&[("sort", "external_id")], "sort", "not_everybody_has_it"),
        (&[("sort", "suspended_at"), ("filter", "name sw \"a\"")], "sort", "not_everybody_has_it"),
        (&[("fields", "")], "fields", "invalid_fields"),
        (&[("fields", "id,password_hash")], "fields", "invalid_fields"),
    ] {
        let answer = admin.get(format!("{USERS}?{}", encoded(parameters))).await;
        assert_eq!(answer.assert_status(422).field_errors(), [(field, code)], "{parameters:?}");
    }
    assert_eq!(app.database.calls(), before);
    let answer = admin.send(Method::GET, format!("{USERS}?sort=name&sort=id"), "", "").await;
    assert_eq!(answer.assert_status(422).field_errors(), [("sort", "repeated")]);
}
