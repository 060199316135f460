//! Access tokens: what is in them, what is accepted, and the keys behind them.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use futures_util::future::join_all;
use insta::assert_snapshot;
use jwt_simple::prelude::{Ed25519PublicKey, EdDSAPublicKeyLike, NoCustomClaims};
use rollcall::domain::access_token::{Algorithm, Claims, SigningKey};
use rollcall::domain::id::{SessionId, UserId};
use rollcall::domain::secret::{Purpose, SecretKey};
use rollcall::domain::time::{Clock, Timestamp};
use rollcall::store::database::Database;
use rollcall::store::keys;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::{PASSWORD, SECRET_KEY, TestApp};

const JWKS: &str = "/.well-known/jwks.json";

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

fn with_part(token: &str, index: usize, part: &Value) -> String {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts[index] = BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    parts.join(".")
}

/// What the client's own token claims.
fn claims(client: &Client) -> Claims {
    let payload = part(&client.access_token, 1);
    let text = |name: &str| payload[name].as_str().unwrap().to_owned();
    let texts = |name: &str| serde_json::from_value(payload[name].clone()).unwrap();
    let moment = |name: &str| Timestamp::from_seconds(payload[name].as_i64().unwrap());
    Claims {
        issuer: text("iss"),
        audience: text("aud"),
        user: UserId::parse(&text("sub")).unwrap(),
        session: SessionId::parse(&text("sid")).unwrap(),
        issued_at: moment("iat"),
        expires_at: moment("exp"),
        token_id: text("jti"),
        roles: texts("roles"),
        version: payload["ver"].as_i64().unwrap(),
        authenticated_at: moment("auth_time"),
        methods: texts("amr"),
        assurance: text("acr"),
    }
}

/// The key that the service signs with, taken from its database.
async fn stolen_key(app: &TestApp) -> SigningKey {
    let row = app.database.query(keys::all()).await.unwrap().remove(0);
    let key = keys::from_row(row).unwrap();
    let secret = SecretKey::parse(SECRET_KEY).unwrap();
    let bytes = secret.open(Purpose::SigningKeys, key.record.kid.as_bytes(), &key.sealed).unwrap();
    SigningKey::from_bytes(key.record.algorithm, &bytes).unwrap()
}

#[tokio::test]
async fn an_access_token_says_whose_it_is_and_for_how_long() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let (mut header, mut payload) = (part(&alice.access_token, 0), part(&alice.access_token, 1));
    let kid = header["kid"].take();
    assert_eq!(header, json!({"alg": "EdDSA", "typ": "at+jwt", "kid": null}));
    let keys = app.anon().get(JWKS).await;
    assert_eq!(keys.body["keys"][0]["kid"], kid);
    assert_eq!(payload["sub"], alice.id.as_str());
    for id in ["sub", "sid", "jti"] {
        assert!(UserId::parse(payload[id].take().as_str().unwrap()).is_ok());
    }
    assert_snapshot!(payload, @r#"{"acr":"urn:rollcall:acr:1","amr":["pwd"],"aud":"http://127.0.0.1:3000","auth_time":1767225600,"exp":1767226200,"iat":1767225600,"iss":"http://127.0.0.1:3000","jti":null,"roles":["user"],"sid":null,"sub":null,"ver":1}"#);
}

#[tokio::test]
async fn anybody_can_check_a_token_with_the_published_key() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let keys = app.anon().get(JWKS).await;
    assert_snapshot!(keys, @r#"
    200 OK
    cache-control: public, max-age=300
    content-type: application/json

    {
      "keys": [
        {
          "alg": "EdDSA",
          "crv": "Ed25519",
          "kid": "[opaque 1]",
          "kty": "OKP",
          "use": "sig",
          "x": "[opaque 2]"
        }
      ]
    }
    "#);
    let x = keys.body["keys"][0]["x"].as_str().unwrap();
    let key = BASE64URL_NOPAD.decode(x.as_bytes()).unwrap();
    let key = Ed25519PublicKey::from_bytes(&key).unwrap();
    let options = jwt_simple::prelude::VerificationOptions {
        artificial_time: Some(jwt_simple::prelude::UnixTimeStamp::from_secs(1_767_225_600)),
        ..Default::default()
    };
    let claims = key.verify_token::<NoCustomClaims>(&alice.access_token, Some(options)).unwrap();
    assert_eq!(claims.subject.as_deref(), Some(alice.id.as_str()));
}

#[tokio::test]
async fn a_token_that_we_did_not_make_as_it_is_is_refused_everywhere() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let token = admin.access_token.as_str();
    let (header, payload) = (part(token, 0), part(token, 1));
    let with = |value: &Value, name: &str, new: Value| {
        let mut changed = value.clone();
        changed[name] = new;
        changed
    };
    let header_with = |name, new| with_part(token, 0, &with(&header, name, new));
    let payload_with = |name, new| with_part(token, 1, &with(&payload, name, new));
    let (unsigned, signature) = token.rsplit_once('.').unwrap();
    let foreign = SigningKey::generate(Algorithm::EdDsa).sign(&claims(&admin)).unwrap();
    let foreign_es256 = SigningKey::generate(Algorithm::Es256).sign(&claims(&admin)).unwrap();
    let posing = with_part(&foreign, 0, &header);
    let before = app.contents();
    for (what, forged) in [
        ("nothing", String::new()),
        ("truncated", token[..token.len() - 1].to_owned()),
        ("without a signature", format!("{unsigned}.")),
        ("without the part of a signature", unsigned.to_owned()),
        ("with another signature", format!("{unsigned}.{}", "A".repeat(signature.len()))),
        ("alg none", header_with("alg", json!("none"))),
        (
            "alg none, unsigned",
            header_with("alg", json!("none")).rsplit_once('.').unwrap().0.to_owned() + ".",
        ),
        ("alg HS256", header_with("alg", json!("HS256"))),
        ("another type", header_with("typ", json!("JWT"))),
        ("another key", header_with("kid", json!("other"))),
        ("somebody else", payload_with("sub", json!(alice.id))),
        ("prolonged", payload_with("exp", json!(9_999_999_999_u64))),
        ("another session", payload_with("sid", part(&alice.access_token, 1)["sid"].clone())),
        ("of a foreign key", foreign),
        ("of a foreign key of another kind", foreign_es256),
        ("of a foreign key that poses as ours", posing),
        ("two of them", format!("{token}.{token}")),
        ("padded", format!("{token}=")),
        ("very long", format!("{token}{}", "A".repeat(10_000))),
        ("a refresh token", admin.refresh_token.clone()),
        ("a password", PASSWORD.to_owned()),
    ] {
        let bearer = format!("Bearer {forged}");
        for path in ["/api/v1/me", "/api/v1/users"] {
            let answer = app.anon().with("authorization", &bearer).get(path).await;
            assert_eq!(answer.status, 401, "a token {what}: {answer}");
        }
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn a_genuine_signature_is_not_enough() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let key = stolen_key(&app).await;
    let hour = Duration::from_secs(3_600);
    let good = || claims(&alice);
    let other_url = "https://other.example".to_owned();
    for (what, claims, status) in [
        ("as it is", good(), 200),
        ("for another issuer", Claims { issuer: other_url.clone(), ..good() }, 401),
        ("for another audience", Claims { audience: other_url, ..good() }, 401),
        ("of somebody else's session", Claims { session: claims(&bob).session, ..good() }, 401),
        ("of no session", Claims { session: SessionId::from_bytes([7; 16]), ..good() }, 401),
        ("that has expired", Claims { expires_at: app.clock.now(), ..good() }, 401),
        ("that is long expired", Claims { expires_at: app.clock.now().minus(hour), ..good() }, 401),
    ] {
        let client = app.anon().showing(key.sign(&claims).unwrap());
        let answer = client.get("/api/v1/me").await;
        assert_eq!(answer.status, status, "a token {what}: {answer}");
    }
}

#[tokio::test]
async fn a_token_is_shown_once_as_a_bearer_or_not_at_all() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let token = alice.access_token.as_str();
    for (values, status) in [
        (&[format!("Bearer {token}")][..], 200),
        (&[format!("bearer {token}")], 200),
        (&[format!("BEARER  {token}")], 200),
        (&[format!("Basic {token}")], 401),
        (&[token.to_owned()], 401),
        (&["Bearer".to_owned()], 401),
        (&[format!("Bearer {token}"), format!("Bearer {token}")], 401),
        (&[format!("Bearer {token}, Bearer {token}")], 401),
    ] {
        let mut client = app.anon();
        for value in values {
            client = client.with("authorization", value);
        }
        client.get("/api/v1/me").await.assert_status(status);
    }
    // A token in the address would end in logs: it is not looked for there.
    let in_query = format!("/api/v1/me?access_token={token}");
    app.anon().get(in_query).await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_is_good_at_every_instance_until_it_expires() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let elsewhere = app.another_instance(&[]).await;
    let there = elsewhere.anon().showing(&alice.access_token);
    app.clock.advance(Duration::from_secs(599));
    there.get("/api/v1/me").await.assert_status(200);
    app.clock.advance(Duration::from_secs(1));
    there.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_first_of_many_who_need_a_key_makes_the_only_one() {
    let app = TestApp::new().await;
    let others = join_all((0..4).map(|_| app.another_instance(&[]))).await;
    let clients: Vec<_> = others.iter().map(TestApp::anon).collect();
    let answers = join_all(clients.iter().map(|client| client.get(JWKS))).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(answer.body["keys"].as_array().unwrap().len(), 1);
        assert_eq!(answer.body, answers[0].body);
    }
}

#[tokio::test]
async fn keys_are_kept_encrypted_under_the_secret_key() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    let other_key = ("secret_key", "//////////////////////////////////////////8=");
    let other = app.another_instance(&[other_key]).await;
    app.log.take();
    let problem = "secret_key is not the one that the database was written with";
    let refused = other.anon().get(JWKS).await.assert_problem(503, "unavailable");
    assert!(!refused.text.contains("secret_key"), "{refused}");
    let ready = other.anon().get("/readyz").await.assert_status(503);
    let settings = json!({"name": "settings", "status": "failed", "problem": problem});
    assert_eq!(ready.body["checks"][0], settings);
    let causes: Vec<_> = app.log.take().iter().map(|line| line["cause"].clone()).collect();
    assert_eq!(causes, [problem, problem]);
    // The one with the right key goes on.
    app.another_instance(&[]).await.anon().get(JWKS).await.assert_status(200);
    alice.get("/api/v1/me").await.assert_status(200);
}
