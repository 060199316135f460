//! `/api/v1/signing-keys` and `/.well-known/jwks.json`: keys that follow one another.

use std::time::Duration;

use futures_util::future::join_all;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::client::Client;

const KEYS: &str = "/api/v1/signing-keys";
const ROTATE: &str = "/api/v1/signing-keys/rotate";
const JWKS: &str = "/.well-known/jwks.json";

#[tokio::test]
async fn the_next_key_is_published_before_it_signs() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let old = kids(&app).await;
    assert_snapshot!(admin.act(ROTATE).await, @r#"
    200 OK
    content-type: application/json

    {
      "activates_at": "2026-01-01T00:06:00.000000Z",
      "algorithm": "EdDSA",
      "created_at": "2026-01-01T00:00:00.000000Z",
      "kid": "[opaque 1]",
      "retires_at": null,
      "state": "next"
    }
    "#);
    assert_snapshot!(admin.get(KEYS).await, @r#"
    200 OK
    content-type: application/json

    {
      "items": [
        {
          "activates_at": "2026-01-01T00:06:00.000000Z",
          "algorithm": "EdDSA",
          "created_at": "2026-01-01T00:00:00.000000Z",
          "kid": "[opaque 1]",
          "retires_at": null,
          "state": "next"
        },
        {
          "activates_at": "2026-01-01T00:00:00.000000Z",
          "algorithm": "EdDSA",
          "created_at": "2026-01-01T00:00:00.000000Z",
          "kid": "[opaque 2]",
          "retires_at": "2026-01-01T00:17:00.000000Z",
          "state": "signing"
        }
      ],
      "next_cursor": null
    }
    "#);
    let both = kids(&app).await;
    assert!(both.len() == 2 && both.contains(&old[0]), "{both:?}");

    // As long as a copy of the JWKS may be without it, the old one signs.
    app.clock.advance(Duration::from_secs(359));
    assert_eq!(signer(&app.sign_in(&admin.email).await), old[0]);
    app.clock.advance(Duration::from_secs(1));
    let new = signer(&app.sign_in(&admin.email).await);
    assert!(new != old[0] && both.contains(&new), "{new}");
}

#[tokio::test]
async fn an_old_key_is_published_until_its_last_token_has_expired() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let old = kids(&app).await;
    admin.act(ROTATE).await.assert_status(200);
    app.clock.advance(Duration::from_secs(359));
    let last = app.sign_in(&admin.email).await;
    assert_eq!(signer(&last), old[0]);
    // After a refresh its first token is known by its signature only.
    refreshed(&app, &last).await;
    app.clock.advance(Duration::from_secs(599));
    last.get("/api/v1/me").await.assert_status(200);
    assert!(kids(&app).await.contains(&old[0]));
    // A minute more, because clocks differ.
    app.clock.advance(Duration::from_secs(62));
    assert!(!kids(&app).await.contains(&old[0]));

    // What nobody needs any more goes with the next rotation.
    let count = async || app.sql("SELECT kid FROM signing_keys", Vec::new()).await.len();
    assert_eq!(count().await, 2);
    app.sign_in(&admin.email).await.act(ROTATE).await.assert_status(200);
    assert_eq!(count().await, 2);
}

#[tokio::test]
async fn a_key_that_signs_for_too_long_gets_a_successor() {
    let app = TestApp::with(&[("signing_key_max_age", "30d")]).await;
    let admin = app.admin().await;
    app.clock.advance(Duration::from_secs(30 * 86_400 - 1));
    let before = signer(&app.sign_in(&admin.email).await);
    assert_eq!(kids(&app).await.len(), 1);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(signer(&app.sign_in(&admin.email).await), before);
    assert_eq!(kids(&app).await.len(), 2);
    app.clock.advance(Duration::from_secs(360));
    assert_ne!(signer(&app.sign_in(&admin.email).await), before);
    assert_eq!(kids(&app).await.len(), 2);
}

#[tokio::test]
async fn another_algorithm_takes_over_without_a_failing_request() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let es256 = app.another_instance(&[("signing_algorithm", "ES256")]).await;
    let before = es256.sign_in(&admin.email).await;
    assert_eq!(header(&before)["alg"], "EdDSA");
    app.clock.advance(Duration::from_secs(360));
    let after = es256.sign_in(&admin.email).await;
    assert_eq!(header(&after)["alg"], "ES256");
    for instance in [&es256, &app] {
        for token in [&before.access_token, &after.access_token] {
            let client = instance.anon().showing(token);
            client.get("/api/v1/me").await.assert_status(200);
        }
    }
    let jwks = es256.anon().get(JWKS).await.assert_status(200).body;
    let kinds: Vec<_> = jwks["keys"].as_array().unwrap().iter().map(|key| &key["kty"]).collect();
    assert_eq!(kinds, ["EC", "OKP"]);
}

#[tokio::test]
async fn instances_that_rotate_at_once_make_one_key() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for _ in 0..10 {
        let mut instances = Vec::new();
        for _ in 0..8 {
            instances.push(app.another_instance(&[]).await);
        }
        let clients = instances.iter().map(|app| app.anon().showing(&admin.access_token));
        let clients: Vec<_> = clients.collect();
        let before = kids(&app).await;
        let answers = join_all(clients.iter().map(|client| client.act(ROTATE))).await;
        let made: Vec<_> =
            answers.into_iter().map(|a| a.assert_status(200).text_at("/kid")).collect();
        assert!(made.iter().all(|kid| *kid == made[0] && !before.contains(kid)), "{made:?}");
        let later =
            app.sql("SELECT kid FROM signing_keys WHERE retires_at IS NULL", Vec::new()).await;
        assert_eq!(later.len(), 1);
        // The next one of this test is due when this one signs.
        let signs =
            "UPDATE signing_keys SET activates_at = created_at WHERE kid = $1 RETURNING kid";
        app.sql(signs, vec![made[0].as_str().into()]).await;
    }
}

#[tokio::test]
async fn instances_that_begin_at_once_make_one_key() {
    for _ in 0..10 {
        let app = TestApp::new().await;
        app.anon().get("/readyz").await.assert_status(200);
        let mut instances = Vec::new();
        for _ in 0..8 {
            instances.push(app.another_instance(&[]).await.anon());
        }
        let answers = join_all(instances.iter().map(|client| client.get(JWKS))).await;
        let first = answers[0].body.clone();
        for answer in answers {
            assert_eq!(answer.assert_status(200).body, first);
        }
        assert_eq!(first["keys"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_copy_of_the_keys_may_be_kept_for_five_minutes() {
    let app = TestApp::new().await;
    let answer = app.anon().get(JWKS).await.assert_status(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert!(!answer.text.contains("\"d\""));
}

async fn refreshed(app: &TestApp, client: &Client) -> Client {
    let token = json!({"refresh_token": client.refresh_token});
    let answer = app.anon().post("/api/v1/sessions/refresh", token).await.assert_status(200);
    client.clone().signed_in(&answer)
}

/// The names of the published keys.
async fn kids(app: &TestApp) -> Vec<String> {
    let jwks = app.anon().get(JWKS).await.assert_status(200).body;
    let keys = jwks["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The key that signed the client's token.
fn signer(client: &Client) -> String {
    header(client)["kid"].as_str().unwrap().to_owned()
}

fn header(client: &Client) -> Value {
    let header = client.access_token.split('.').next().unwrap().as_bytes();
    let header = data_encoding::BASE64URL_NOPAD.decode(header).unwrap();
    serde_json::from_slice(&header).unwrap()
}
