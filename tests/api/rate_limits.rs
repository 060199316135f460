//! How often secrets may be tried, and what clients learn of it.

use std::time::Duration;

use futures_util::future::join_all;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

const SESSIONS: &str = "/api/v1/sessions";
const REFRESH: &str = "/api/v1/sessions/refresh";

fn wrong(email: &str) -> Value {
    json!({"email": email, "password": "not the password"})
}

fn right(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD})
}

fn limit(response: &Response) -> (&str, &str) {
    let header = |name| response.header(name).unwrap_or("");
    (header("ratelimit-policy"), header("ratelimit"))
}

/// Tries a wrong password so often.
async fn fail(client: &Client, email: &str, times: usize) {
    for _ in 0..times {
        let answer = client.post(SESSIONS, wrong(email)).await;
        answer.assert_problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_wrong_password_counts_and_the_right_one_does_not() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let policy = r#""sign-in";q=10;w=1800, "sign-in-address";q=200;w=1800"#;
    for remaining in [9, 8] {
        let answer = app.anon().post(SESSIONS, wrong(&alice.email)).await.assert_status(401);
        let address = remaining + 190;
        let left = format!(r#""sign-in";r={remaining};t=180, "sign-in-address";r={address};t=9"#);
        assert_eq!(limit(&answer), (policy, left.as_str()));
    }
    let answer = app.anon().post(SESSIONS, right(&alice.email)).await.assert_status(201);
    let left = r#""sign-in";r=10;t=0, "sign-in-address";r=198;t=9"#;
    assert_eq!(limit(&answer), (policy, left));
    fail(&app.anon(), &alice.email, 10).await;
}

#[tokio::test]
async fn when_the_free_attempts_are_used_up_each_wait_is_twice_as_long() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    fail(&app.anon(), &alice.email, 10).await;
    assert_snapshot!(app.anon().post(SESSIONS, right(&alice.email)).await, @r#"
    429 Too Many Requests
    content-type: application/problem+json
    ratelimit: "sign-in";r=0;t=360
    ratelimit-policy: "sign-in";q=10;w=1800
    retry-after: 360

    {
      "code": "too_many_requests",
      "detail": "The limit sign-in is used up. Retry-After says how long to wait.",
      "request_id": "[id 1]",
      "status": 429,
      "title": "Too many requests",
      "type": "urn:rollcall:problem:too_many_requests"
    }
    "#);
    for wait in [360, 720, 900, 900, 900] {
        let answer = app.anon().post(SESSIONS, right(&alice.email)).await;
        let answer = answer.assert_problem(429, "too_many_requests");
        assert_eq!(answer.header("retry-after"), Some(wait.to_string().as_str()));
        app.clock.advance(Duration::from_secs(wait));
        fail(&app.anon(), &alice.email, 1).await;
    }
    app.clock.advance(Duration::from_secs(1800));
    app.anon().post(SESSIONS, right(&alice.email)).await.assert_status(201);
    fail(&app.anon(), &alice.email, 10).await;
}

#[tokio::test]
async fn all_forms_of_an_address_are_one_account() {
    let app = TestApp::new().await;
    app.user("alice").await;
    for email in ["ALICE@example.com", " alice@EXAMPLE.com ", "Alice@example.COM"] {
        fail(&app.anon(), email, 3).await;
    }
    fail(&app.anon(), "alice@example.com", 1).await;
    let answer = app.anon().post(SESSIONS, right("alice@example.com")).await;
    answer.assert_problem(429, "too_many_requests");
}

#[tokio::test]
async fn an_address_that_nobody_has_is_limited_in_the_same_way() {
    let app = TestApp::new().await;
    app.user("alice").await;
    for attempt in 0..12 {
        // From places of their own, so that the limit by address is alike, too.
        let known = app.anon().calling_from("198.51.100.1");
        let known = known.post(SESSIONS, wrong("alice@example.com")).await;
        let unknown = app.anon().calling_from("198.51.100.2");
        let unknown = unknown.post(SESSIONS, wrong("nobody@example.com")).await;
        assert_eq!(known.status, if attempt < 10 { 401 } else { 429 });
        assert_eq!(known.to_string(), unknown.to_string());
    }
}

#[tokio::test]
async fn who_guesses_at_one_place_keeps_the_owner_out_nowhere_else() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let stranger = app.anon().calling_from("198.51.100.1");
    fail(&stranger, &alice.email, 10).await;
    stranger.post(SESSIONS, right(&alice.email)).await.assert_status(429);
    for place in ["203.0.113.7", "192.0.2.1"] {
        let owner = app.anon().calling_from(place);
        owner.post(SESSIONS, right(&alice.email)).await.assert_status(201);
    }
}

#[tokio::test]
async fn who_guesses_at_many_places_keeps_the_owner_out_of_no_place_that_is_known() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    for place in 0..10 {
        fail(&app.anon().calling_from(&format!("198.51.100.{place}")), &alice.email, 10).await;
    }
    let elsewhere = app.anon().calling_from("192.0.2.1");
    let answer = elsewhere.post(SESSIONS, right(&alice.email)).await;
    assert_snapshot!(answer, @r#"
    429 Too Many Requests
    content-type: application/problem+json
    ratelimit: "sign-in-account";r=0;t=36
    ratelimit-policy: "sign-in-account";q=100;w=1800
    retry-after: 36

    {
      "code": "too_many_requests",
      "detail": "The limit sign-in-account is used up. Retry-After says how long to wait.",
      "request_id": "[id 1]",
      "status": 429,
      "title": "Too many requests",
      "type": "urn:rollcall:problem:too_many_requests"
    }
    "#);
    app.anon().post(SESSIONS, right(&alice.email)).await.assert_status(201);
}

/// What mails whoever's address is named, how often from one place, and the limit's name.
const MAILING: [(&str, usize, &str); 5] = [
    ("/api/v1/registrations", 10, "registration-account"),
    ("/api/v1/email-verifications", 10, "email-verification-account"),
    ("/api/v1/password-resets", 10, "password-reset-account"),
    ("/api/v1/magic-links", 20, "email-sign-in-account"),
    ("/api/v1/email-codes", 20, "email-sign-in-account"),
];

/// Asks for a mail to an address.
async fn mail(client: &Client, path: &str, email: &str) -> Response {
    let person = json!({"email": email, "name": "Somebody", "password": "a password of theirs"});
    let body = if path.ends_with("registrations") { person } else { json!({"email": email}) };
    client.post(path, body).await
}

#[tokio::test]
async fn who_asks_for_mails_at_one_place_uses_up_no_requests_elsewhere() {
    for (path, quota, _) in MAILING {
        let app = TestApp::new().await;
        let stranger = app.anon().calling_from("198.51.100.1");
        for email in ["nobody@example.com", &app.user("alice").await.email] {
            for _ in 0..quota {
                mail(&stranger, path, email).await.assert_status(202);
            }
            mail(&stranger, path, email).await.assert_problem(429, "too_many_requests");
            mail(&app.anon().calling_from("192.0.2.1"), path, email).await.assert_status(202);
        }
    }
}

#[tokio::test]
async fn who_asks_for_mails_at_many_places_keeps_the_owner_from_none_where_they_were_before() {
    for (path, quota, name) in MAILING {
        let app = TestApp::new().await;
        let alice = app.user("alice").await;
        for attempt in 0..2 * quota {
            let place = format!("198.51.100.{}", attempt % 4);
            mail(&app.anon().calling_from(&place), path, &alice.email).await.assert_status(202);
        }
        let elsewhere = mail(&app.anon().calling_from("192.0.2.1"), path, &alice.email).await;
        let refused = elsewhere.assert_problem(429, "too_many_requests");
        let left = refused.header("ratelimit").unwrap_or_default();
        assert!(left.starts_with(&format!("\"{name}\";r=0;")), "{left}");
        mail(&app.anon(), path, &alice.email).await.assert_status(202);
    }
}

#[tokio::test]
async fn an_address_has_a_limit_over_all_accounts_and_an_ipv6_network_is_one() {
    let app = TestApp::new().await;
    for attempt in 0..200 {
        let client = app.anon().calling_from(&format!("[2001:db8:1:2::{attempt:x}]"));
        fail(&client, &format!("user{attempt}@example.com"), 1).await;
    }
    let same = app.anon().calling_from("[2001:db8:1:2:ffff::1]");
    let answer = same.post(SESSIONS, wrong("another@example.com")).await;
    assert_eq!(answer.header("retry-after"), Some("9"));
    answer.assert_problem(429, "too_many_requests");
    let other = app.anon().calling_from("[2001:db8:1:3::1]");
    fail(&other, "another@example.com", 1).await;
}

#[tokio::test]
async fn guessing_many_at_once_gains_nothing() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let anon = app.anon();
    let guesses = (0..40).map(|_| anon.post(SESSIONS, wrong(&alice.email)));
    let answers = join_all(guesses).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(401), count(429)), (10, 30));
}

#[tokio::test]
async fn many_right_passwords_at_once_are_all_accepted() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let anon = app.anon();
    let sign_ins = (0..32).map(|_| anon.post(SESSIONS, right(&alice.email)));
    for answer in join_all(sign_ins).await {
        answer.assert_status(201);
    }
}

#[tokio::test]
async fn a_sign_in_costs_two_statements_and_a_refused_one_costs_one() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let cost = async |body: Value, status: u16| {
        let before = app.database.calls();
        app.anon().post(SESSIONS, body).await.assert_status(status);
        app.database.calls() - before
    };
    assert_eq!(cost(right(&alice.email), 201).await, 2);
    assert_eq!(cost(wrong(&alice.email), 401).await, 2);
    fail(&app.anon(), &alice.email, 9).await;
    assert_eq!(cost(right(&alice.email), 429).await, 1);
}

#[tokio::test]
async fn guessing_an_account_until_it_must_wait_is_an_event() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let events = async || {
        let sql = "SELECT subject FROM events WHERE kind = 'session.attempts_exhausted'";
        let rows = app.sql(sql, Vec::new()).await;
        rows.into_iter().map(|row| row.read().optional_text().unwrap()).collect::<Vec<_>>()
    };
    fail(&app.anon(), &alice.email, 9).await;
    assert_eq!(events().await, [] as [Option<String>; 0]);
    fail(&app.anon(), &alice.email, 1).await;
    assert_eq!(events().await, [Some(alice.id.clone())]);
    fail(&app.anon(), "nobody@example.com", 10).await;
    assert_eq!(events().await, [Some(alice.id), None]);
}

#[tokio::test]
async fn the_operator_multiplies_every_limit() {
    let app = TestApp::with(&[("rate_limit_scale", "0.2")]).await;
    fail(&app.anon(), "nobody@example.com", 2).await;
    let answer = app.anon().post(SESSIONS, wrong("nobody@example.com")).await;
    let policy = r#""sign-in";q=2;w=1800"#;
    assert_eq!(limit(&answer).0, policy);
    answer.assert_problem(429, "too_many_requests");
}

#[tokio::test]
async fn a_refresh_with_a_token_that_is_not_good_counts_and_others_do_not() {
    let app = TestApp::with(&[("rate_limit_scale", "0.01")]).await;
    let alice = app.user("alice").await;
    let refresh =
        async |token: &str| app.anon().post(REFRESH, json!({"refresh_token": token})).await;
    let answer = refresh(&alice.refresh_token).await.assert_status(200);
    assert_eq!(limit(&answer), (r#""refresh";q=6;w=1800"#, r#""refresh";r=6;t=0"#));
    alice.delete("/api/v1/sessions/current").await.assert_status(204);
    for remaining in ["5", "4", "3", "2", "1", "0"] {
        let answer = refresh(&alice.refresh_token).await.assert_status(401);
        assert_eq!(limit(&answer).1, format!(r#""refresh";r={remaining};t=300"#));
    }
    refresh(&alice.refresh_token).await.assert_problem(429, "too_many_requests");
    // Nobody guesses a genuine one, so others at this address keep it out of nothing.
    let again = app.sign_in(&alice.email).await;
    refresh(&again.refresh_token).await.assert_status(200);
    let before = app.database.calls();
    refresh("rcr_garbage").await.assert_problem(401, "unauthenticated");
    assert_eq!(app.database.calls(), before);
}

#[tokio::test]
async fn the_bootstrap_token_can_be_tried_ten_times() {
    let app = TestApp::new().await;
    let guesser = app.anon().showing("a guess");
    let admin = json!({"email": "admin@example.com", "password": PASSWORD, "name": "Admin"});
    for _ in 0..10 {
        let answer = guesser.post("/api/v1/bootstrap", admin.clone()).await;
        answer.assert_problem(401, "unauthenticated");
    }
    let answer = guesser.post("/api/v1/bootstrap", admin).await;
    assert_eq!(answer.header("ratelimit"), Some(r#""bootstrap";r=0;t=180"#));
    answer.assert_problem(429, "too_many_requests");
}
