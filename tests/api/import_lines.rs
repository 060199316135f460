//! Lines of an import beside each other, and beside themselves.

use std::time::Duration;

use rollcall::store::database::Statement;
use serde_json::json;

use crate::imports::{counts, import, outcomes, person, summary, told};
use crate::support::TestApp;

#[tokio::test]
async fn times_are_of_the_past_and_not_denied_beside_them() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let with = |name: &str, time: &str| {
        let mut person = person(1);
        person[name] = json!(time);
        person
    };
    let mut denied = with("email_verified_at", "2020-01-01T00:00:00Z");
    denied["email_verified"] = json!(false);
    let cases = [
        (with("email_verified_at", "2026-01-01T00:01:01Z"), "email_verified_at out_of_range"),
        (with("suspended_at", "9999-01-01T00:00:00Z"), "suspended_at out_of_range"),
        (with("suspended_at", "9999-12-31T23:59:59-01:00"), "suspended_at invalid_time"),
        (denied, "email_verified contradictory"),
    ];
    let before = app.contents();
    for (person, expected) in cases {
        let answer = import(&admin, &[person]).await;
        let errors = told(&answer)[0]["error"]["errors"].clone();
        let errors = errors.as_array().unwrap().iter();
        let seen: Vec<_> = errors
            .map(|e| format!("{} {}", e["field"].as_str().unwrap(), e["code"].as_str().unwrap()))
            .collect();
        assert_eq!(seen, [expected]);
    }
    assert_eq!(app.contents(), before);
    let ahead = with("email_verified_at", "2026-01-01T00:01:00Z");
    assert_eq!(summary(&import(&admin, &[ahead]).await), counts(1, 1, 0, 0, 0));
}

#[tokio::test]
async fn what_was_mailed_to_an_address_ends_when_a_line_gives_the_user_another_one() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    import(&admin, &[person(1)]).await;
    let email = "user-1@example.com";
    let asked = app.anon().post("/api/v1/magic-links", json!({"email": email})).await;
    let token = app.token_to(email, "magic_link").await;
    let mut moved = person(1);
    moved["email"] = json!("other@example.com");
    import(&admin, &[moved]).await;
    assert_eq!(summary(&import(&admin, &[person(1)]).await), counts(1, 0, 1, 0, 0));
    let late = json!({"token": token, "request": asked.text_at("/request")});
    app.anon().post("/api/v1/magic-links/confirm", late).await.assert_status(422);
}

#[tokio::test]
async fn nobody_moves_their_own_address_by_an_import_in_a_session_that_is_not_fresh() {
    let app = TestApp::with(&[("access_token_ttl", "1h")]).await;
    let admin = app.admin().await;
    let me = format!("/api/v1/users/{}", admin.id);
    admin.patch(&me, json!({"external_id": "me"})).await.assert_status(200);
    app.clock.advance(Duration::from_secs(601));
    let line = |email: &str| json!({"external_id": "me", "email": email, "name": "A"});
    let answer = import(&admin, &[line("thief@example.com")]).await;
    let refused = (1, "failed".to_owned(), "insufficient_user_authentication".to_owned());
    assert_eq!(outcomes(&answer), [refused]);
    let answer = import(&admin, &[line(&admin.email)]).await;
    assert_eq!(outcomes(&answer), [(1, "updated".to_owned(), String::new())]);
}

#[tokio::test]
async fn somebody_who_keeps_changing_does_not_stand_in_the_way_of_the_others() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    import(&admin, &(0..9).map(person).collect::<Vec<_>>()).await;
    let change = "UPDATE users SET version = version + 1 WHERE external_id = 'crm-4'";
    app.database.before_every_commit(vec![Statement::new(change, Vec::new())]);
    let changed = |number: usize| {
        let mut person = person(number);
        person["name"] = json!("Other");
        person
    };
    let answer = import(&admin, &(0..12).map(changed).collect::<Vec<_>>()).await;
    assert_eq!(summary(&answer), counts(12, 3, 8, 0, 1));
    let busy = outcomes(&answer).into_iter().filter(|(.., code)| code == "busy");
    assert_eq!(busy.collect::<Vec<_>>(), [(5, "failed".to_owned(), "busy".to_owned())]);
}

#[tokio::test]
async fn an_address_that_a_line_gives_up_is_there_for_the_lines_after_it() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    import(&admin, &(0..3).map(person).collect::<Vec<_>>()).await;
    let named = |number: usize, email: &str| {
        let mut person = person(number);
        person["email"] = json!(email);
        person
    };
    let answer = import(
        &admin,
        &[
            named(3, "user-0@example.com"),
            named(0, "new@example.com"),
            named(1, "user-0@example.com"),
            named(2, "user-1@example.com"),
            json!({"email": "User-2@example.com", "name": "Somebody else"}),
        ],
    )
    .await;
    let expected = [
        (1, "failed", "email_taken"),
        (2, "updated", ""),
        (3, "updated", ""),
        (4, "updated", ""),
        (5, "created", ""),
    ];
    assert_eq!(outcomes(&answer), expected.map(|(n, s, c)| (n, s.to_owned(), c.to_owned())));
}
