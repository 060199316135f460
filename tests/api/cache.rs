//! What is remembered of users and callers: it saves statements, and costs nobody
//! the truth for longer than was promised.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::key_value::Mischief;

const ME: &str = "/api/v1/me";
/// The default of `cache_max_age`.
const MAX_AGE: Duration = Duration::from_secs(10);

fn path_of(client: &Client) -> String {
    format!("/api/v1/users/{}", client.id)
}

/// A service that remembers in the key-value store.
async fn remembering() -> TestApp {
    TestApp::with(&[("cache", "kv")]).await
}

/// What a request costs in statements, with what is remembered afterwards.
async fn cost(app: &TestApp, client: &Client, path: &str) -> usize {
    let before = app.database.calls();
    client.get(path).await.assert_status(200);
    let cost = app.database.calls() - before;
    app.background.run().await;
    cost
}

#[tokio::test]
async fn what_was_read_is_not_asked_for_again_by_any_instance() {
    let app = remembering().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    assert_eq!(cost(&app, &alice, ME).await, 1);
    assert_eq!(cost(&app, &alice, ME).await, 0);
    assert_eq!(cost(&app, &admin, &path_of(&alice)).await, 2);
    assert_eq!(cost(&app, &admin, &path_of(&alice)).await, 0);

    let other = app.another_instance(&[("cache", "kv")]).await;
    other.anon().get("/readyz").await.assert_status(200);
    let there = alice.at(&other);
    // The first use of an instance looks at the migrations.
    let before = app.database.calls();
    let answer = there.get(ME).await.assert_status(200);
    assert_eq!(app.database.calls(), before);
    assert_eq!(answer.text, alice.get(ME).await.text);
    app.clock.advance(MAX_AGE);
    assert_eq!(cost(&app, &alice, ME).await, 1);
}

#[tokio::test]
async fn nothing_is_remembered_by_default() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    for _ in 0..2 {
        assert_eq!(cost(&app, &alice, ME).await, 1);
    }
    assert_eq!(app.key_value.calls(), 0);
}

#[tokio::test]
async fn the_instance_remembers_for_a_second() {
    let app = TestApp::with(&[("cache", "instance")]).await;
    let alice = app.user("alice").await;
    assert_eq!(cost(&app, &alice, ME).await, 1);
    app.clock.advance(Duration::from_millis(999));
    assert_eq!(cost(&app, &alice, ME).await, 0);
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(cost(&app, &alice, ME).await, 1);
    alice.patch(ME, json!({"name": "Alice"})).await.assert_status(200);
    assert_eq!(alice.get(ME).await.text_at("/name"), "Alice");
    assert_eq!(app.key_value.calls(), 0);

    let app = TestApp::with(&[("cache", "kv+instance")]).await;
    let alice = app.user("alice").await;
    cost(&app, &alice, ME).await;
    let before = app.key_value.calls();
    assert_eq!(cost(&app, &alice, ME).await, 0);
    assert_eq!(app.key_value.calls(), before);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(cost(&app, &alice, ME).await, 0);
    assert!(app.key_value.calls() > before);
}

#[tokio::test]
async fn what_the_instance_gives_again_is_what_was_asked_for() {
    let app = TestApp::with(&[("cache", "instance")]).await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    for (client, path) in [(&alice, ME), (&admin, ME), (&admin, &*path_of(&alice))] {
        let client = client.with("x-request-id", "the-same");
        let first = client.get(path).await.assert_status(200);
        app.background.run().await;
        let before = app.database.calls();
        assert_eq!(client.get(path).await, first);
        let head = client.send(Method::HEAD, path, "", "").await.assert_status(200);
        assert_eq!((head.header("etag"), &*head.text), (first.header("etag"), ""));
        let known = client.with("if-none-match", first.header("etag").unwrap());
        known.get(path).await.assert_status(304);
        client.with("accept", "text/html").get(path).await.assert_problem(406, "not_acceptable");
        assert_eq!(app.database.calls(), before);
    }
    alice.get(path_of(&admin)).await.assert_problem(403, "forbidden");
    alice.showing("").get(ME).await.assert_problem(401, "unauthenticated");
    app.anon().get(ME).await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_the_instance_gives_again_is_no_older_than_the_oldest_part_of_it() {
    let app = TestApp::with(&[("cache", "instance")]).await;
    app.role("reader", &["users:read"]).await;
    let admin = app.admin().await;
    let (alice, bob) = (app.user_with_roles("alice", &["reader"]).await, app.user("bob").await);
    assert_eq!(cost(&app, &alice, &path_of(&bob)).await, 2);
    app.clock.advance(Duration::from_millis(900));
    assert_eq!(cost(&app, &alice, &path_of(&alice)).await, 1);
    let other = app.another_instance(&[("cache", "instance")]).await;
    admin.at(&other).act(format!("{}/suspend", path_of(&alice))).await.assert_status(200);
    // Alice was read 900 ms before what she asks for.
    app.clock.advance(Duration::from_millis(100));
    alice.get(path_of(&alice)).await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn for_a_program_only_the_user_is_remembered() {
    let app = TestApp::with(&[("cache", "instance")]).await;
    let (alice, key) = (app.user("alice").await, app.api_key(&["users:read"]).await);
    assert_eq!(cost(&app, &key, &path_of(&alice)).await, 2);
    // Its use is noted once, too.
    assert_eq!(cost(&app, &key, &path_of(&alice)).await, 1);
    assert_eq!(cost(&app, &key, &path_of(&alice)).await, 1);
}

#[tokio::test]
async fn nothing_is_given_again_to_a_token_that_has_expired() {
    let settings = [("cache", "instance"), ("access_token_ttl", "1s")];
    let app = TestApp::with(&settings).await;
    let alice = app.user("alice").await;
    app.clock.advance(Duration::from_millis(500));
    assert_eq!(cost(&app, &alice, ME).await, 1);
    assert_eq!(cost(&app, &alice, ME).await, 0);
    app.clock.advance(Duration::from_millis(500));
    alice.get(ME).await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_change_is_seen_at_once_by_every_instance() {
    for cache in ["kv", "instance", "kv+instance"] {
        let app = TestApp::with(&[("cache", cache)]).await;
        app.role("reader", &["users:read"]).await;
        let admin = app.admin().await;
        let (alice, bob) = (app.user_with_roles("alice", &["reader"]).await, app.user("bob").await);
        let other = app.another_instance(&[("cache", cache)]).await;
        // What only one instance remembers, only that one can forget at once.
        let there = if cache == "kv" { alice.at(&other) } else { alice.clone() };
        let seen = async |client: &Client, path: &str| {
            let answer = client.get(path).await;
            app.background.run().await;
            other.background.run().await;
            answer
        };

        for _ in 0..2 {
            seen(&there, &path_of(&bob)).await.assert_status(200);
        }
        bob.patch(ME, json!({"name": "Bobby"})).await.assert_status(200);
        assert_eq!(seen(&there, &path_of(&bob)).await.text_at("/name"), "Bobby", "{cache}");

        let role = "/api/v1/roles/reader";
        let allow = async |permissions: &[&str]| {
            let admin = admin.with("if-match", "*");
            admin.put(role, json!({"permissions": permissions})).await.assert_status(200);
        };
        allow(&[]).await;
        seen(&there, &path_of(&bob)).await.assert_problem(403, "forbidden");
        allow(&["users:read"]).await;
        seen(&there, &path_of(&bob)).await.assert_status(200);

        let roles = format!("{}/roles", path_of(&alice));
        admin.with("if-match", "*").put(roles, json!({"roles": ["user"]})).await.assert_status(200);
        seen(&there, &path_of(&bob)).await.assert_problem(403, "forbidden");

        seen(&there, ME).await.assert_status(200);
        let suspend = format!("{}/suspend", path_of(&alice));
        admin.act(suspend).await.assert_status(200);
        seen(&there, ME).await.assert_problem(401, "unauthenticated");

        seen(&bob, ME).await.assert_status(200);
        bob.delete("/api/v1/sessions/current").await.assert_status(204);
        seen(&bob, ME).await.assert_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_store_that_fails_or_lies_breaks_no_request() {
    for mischief in [
        Mischief::Fails,
        Mischief::NeverAnswers,
        Mischief::IsFull,
        Mischief::Forgets,
        Mischief::TellsGarbage,
        Mischief::MixesUp,
        Mischief::TellsThePast,
    ] {
        let app = remembering().await;
        let (admin, alice) = (app.admin().await, app.user("alice").await);
        let bob = app.user("bob").await;
        // So long waits the cache, and no request.
        app.timer.run_out_up_to(Duration::from_millis(500));
        app.key_value.make(mischief);
        for _ in 0..3 {
            for (client, name) in [(&alice, "alice"), (&bob, "bob")] {
                let answer = client.get(ME).await.assert_status(200);
                assert_eq!(answer.text_at("/name"), name, "{mischief:?}");
                let answer = admin.get(path_of(client)).await.assert_status(200);
                assert_eq!(answer.text_at("/name"), name, "{mischief:?}");
            }
            app.background.run().await;
            app.clock.advance(Duration::from_secs(2));
        }
        let renamed = alice.patch(ME, json!({"name": "Alice"})).await;
        assert_eq!(renamed.assert_status(200).text_at("/name"), "Alice", "{mischief:?}");
        app.clock.advance(MAX_AGE);
        assert_eq!(alice.get(ME).await.text_at("/name"), "Alice", "{mischief:?}");
    }
}

#[tokio::test]
async fn a_store_that_tells_the_past_lets_nobody_in_for_longer_than_was_promised() {
    let app = remembering().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    cost(&app, &alice, ME).await;
    app.key_value.make(Mischief::TellsThePast);
    alice.delete("/api/v1/sessions/current").await.assert_status(204);
    // It may be read what was remembered, and nothing can be changed.
    alice.get(ME).await.assert_status(200);
    alice.patch(ME, json!({"name": "A"})).await.assert_problem(401, "unauthenticated");
    alice.get("/api/v1/sessions").await.assert_problem(401, "unauthenticated");
    app.clock.advance(MAX_AGE);
    alice.get(ME).await.assert_problem(401, "unauthenticated");
    admin.get(ME).await.assert_status(200);
}

#[tokio::test]
async fn a_store_that_failed_is_left_alone_for_a_moment() {
    let app = remembering().await;
    let alice = app.user("alice").await;
    app.key_value.make(Mischief::Fails);
    alice.get(ME).await.assert_status(200);
    let before = app.key_value.calls();
    alice.get(ME).await.assert_status(200);
    assert_eq!(app.key_value.calls(), before);
    app.clock.advance(Duration::from_secs(1));
    alice.get(ME).await.assert_status(200);
    assert!(app.key_value.calls() > before);
}

#[tokio::test]
async fn a_store_that_holds_everybody_up_does_so_once() {
    let app = remembering().await;
    let alice = app.user("alice").await;
    app.key_value.make(Mischief::HoldsUp);
    let before = app.key_value.calls();
    alice.get(ME).await.assert_status(200);
    alice.patch(ME, json!({"name": "Alice"})).await.assert_status(200);
    alice.get(ME).await.assert_status(200);
    app.background.run().await;
    assert_eq!(app.key_value.calls() - before, 1);
    app.clock.advance(Duration::from_secs(50));
    alice.get(ME).await.assert_status(200);
    assert_eq!(app.key_value.calls() - before, 2);
}

#[tokio::test]
async fn what_was_read_before_a_change_is_not_remembered_after_it() {
    let app = remembering().await;
    let alice = app.user("alice").await;
    // Read now, to be kept when the change is done.
    alice.get(ME).await.assert_status(200);
    alice.patch(ME, json!({"name": "Alice"})).await.assert_status(200);
    app.background.run().await;
    assert_eq!(alice.get(ME).await.text_at("/name"), "Alice");
}

#[tokio::test]
async fn a_change_that_is_made_and_given_up_is_seen_at_once_by_the_instance() {
    let app = TestApp::with(&[("cache", "instance")]).await;
    let alice = app.user("alice").await;
    alice.get(ME).await.assert_status(200);
    app.database.commit_and_never_tell();
    tokio::select! {
        answer = alice.patch(ME, json!({"name": "Alice"})) => panic!("{answer}"),
        () = app.database.commit_is_stalled() => {}
    }
    assert_eq!(alice.get(ME).await.text_at("/name"), "Alice");
}

#[tokio::test]
async fn nobody_learns_from_the_store_who_somebody_is() {
    let app = remembering().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    cost(&app, &alice, ME).await;
    cost(&app, &admin, &path_of(&alice)).await;
    let contents = app.key_value.contents();
    assert!(contents.len() > 500, "something is in it");
    let text = String::from_utf8_lossy(&contents);
    assert!(!text.contains("alice") && !text.contains("example.com"), "{text}");
}
