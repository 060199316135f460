//! `/api/v1/sessions/second-factor`: signing in with two factors.

use std::time::Duration;

use futures_util::future::join_all;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::authenticator::{Protected, claims};
use crate::support::client::Client;
use crate::support::response::Response;
use crate::support::{PASSWORD, TestApp};

const SECOND_FACTOR: &str = "/api/v1/sessions/second-factor";
const STEP: Duration = Duration::from_secs(30);

pub(crate) async fn alice(app: &TestApp) -> Protected {
    app.protect(app.user("alice").await).await
}

pub(crate) async fn answer(app: &TestApp, token: &str, code: &str) -> Response {
    app.anon().post(SECOND_FACTOR, json!({"token": token, "code": code})).await
}

/// Signs in with the password, and answers the question with a code.
async fn sign_in(app: &TestApp, alice: &Protected, code: &str) -> Response {
    answer(app, &app.half_sign_in(&alice.client.email).await, code).await
}

#[tokio::test]
async fn a_password_gets_a_question_where_there_is_a_second_factor() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    let before = app.sql("SELECT id FROM sessions", Vec::new()).await;
    let credentials = json!({"email": alice.client.email, "password": PASSWORD});
    let question = app.anon().post("/api/v1/sessions", credentials).await;
    assert_snapshot!(question, @r#"
    202 Accepted
    content-type: application/json
    ratelimit: "sign-in";r=10;t=0, "sign-in-address";r=200;t=0
    ratelimit-policy: "sign-in";q=10;w=1800, "sign-in-address";q=200;w=1800

    {
      "expires_in": 300,
      "methods": [
        "totp",
        "recovery_code"
      ],
      "second_factor_required": true,
      "token": "rcm_[1]"
    }
    "#);
    assert_eq!(app.sql("SELECT id FROM sessions", Vec::new()).await, before);
}

#[tokio::test]
async fn a_question_ends_with_all_sessions() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, alice(&app).await);
    let question = app.half_sign_in(&alice.client.email).await;
    let sessions = format!("/api/v1/users/{}/sessions", alice.client.id);
    admin.delete(sessions).await.assert_status(204);
    answer(&app, &question, &alice.recovery_codes[0]).await.assert_status(401);
    sign_in(&app, &alice, &alice.recovery_codes[0]).await.assert_status(201);
}

#[tokio::test]
async fn a_wrong_password_gets_no_question() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    let credentials = json!({"email": alice.client.email, "password": "not the password"});
    let refused = app.anon().post("/api/v1/sessions", credentials).await;
    refused.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_good_code_signs_in_on_the_device_of_the_first_step() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    let credentials =
        json!({"email": alice.client.email, "password": PASSWORD, "device": "Ada's telephone"});
    let token = app.anon().post("/api/v1/sessions", credentials).await.text_at("/token");
    app.clock.advance(STEP);
    let signed_in = answer(&app, &token, &alice.authenticator.code()).await;
    assert_snapshot!(signed_in, @r#"
    201 Created
    content-type: application/json
    ratelimit: "second-factor";r=100;t=0
    ratelimit-policy: "second-factor";q=100;w=1800

    {
      "access_token": "[access token 1]",
      "expires_in": 600,
      "refresh_token": "rcr_[1]",
      "session": {
        "address": "203.0.113.7",
        "created_at": "2026-01-01T00:00:30.000000Z",
        "current": true,
        "device": "Ada's telephone",
        "expires_at": "2026-01-31T00:00:30.000000Z",
        "id": "[id 1]",
        "last_used_at": "2026-01-01T00:00:30.000000Z"
      },
      "token_type": "Bearer",
      "user": {
        "created_at": "2026-01-01T00:00:00.000000Z",
        "email": "alice@example.com",
        "email_verified_at": null,
        "external_id": null,
        "id": "[id 2]",
        "metadata": {},
        "name": "alice",
        "own_metadata": {},
        "roles": [
          "user"
        ],
        "suspended_at": null,
        "updated_at": "2026-01-01T00:00:00.000000Z",
        "version": 1
      }
    }
    "#);
    let client = app.anon().signed_in(&signed_in);
    client.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn tokens_tell_how_and_when_their_user_signed_in_and_a_refresh_does_not_change_that() {
    let app = TestApp::new().await;
    let told = |client: &Client| {
        let claims = claims(&client.access_token);
        json!([claims["amr"], claims["acr"], claims["auth_time"]])
    };
    let begin = 1_767_225_600;
    let alice = alice(&app).await;
    // The session that added the factor has shown its password only when the token was made.
    assert_eq!(told(&alice.client), json!([["pwd"], "urn:rollcall:acr:1", begin]));
    let refreshed = app.refresh(&alice.client).await;
    assert_eq!(told(&refreshed), json!([["pwd", "otp", "mfa"], "urn:rollcall:acr:2", begin]));

    app.clock.advance(STEP);
    let answer = sign_in(&app, &alice, &alice.authenticator.code()).await.assert_status(201);
    let by_code = app.anon().signed_in(&answer);
    let two = json!([["pwd", "otp", "mfa"], "urn:rollcall:acr:2", begin + 30]);
    assert_eq!(told(&by_code), two);
    let answer = sign_in(&app, &alice, &alice.recovery_codes[0]).await.assert_status(201);
    let by_recovery = json!([["pwd", "recovery_code", "mfa"], "urn:rollcall:acr:2", begin + 30]);
    assert_eq!(told(&app.anon().signed_in(&answer)), by_recovery);

    app.clock.advance(Duration::from_secs(3_600));
    assert_eq!(told(&app.refresh(&by_code).await), two);
}

#[tokio::test]
async fn a_code_is_good_in_its_step_and_in_those_beside_it() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    for (steps, status) in [(-2, 401), (-1, 201), (0, 201), (1, 201), (2, 401)] {
        app.clock.advance(STEP * 10);
        let answer = sign_in(&app, &alice, &alice.authenticator.code_at(steps)).await;
        assert_eq!(answer.status, status, "{steps}: {answer}");
    }
}

#[tokio::test]
async fn a_code_is_good_once_and_so_is_every_code_before_it() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    // The code that confirmed the app was used then.
    let used = alice.authenticator.code();
    sign_in(&app, &alice, &used).await.assert_problem(401, "invalid_credentials");
    app.clock.advance(STEP);
    let next = alice.authenticator.code_at(1);
    sign_in(&app, &alice, &next).await.assert_status(201);
    for code in [next, alice.authenticator.code()] {
        sign_in(&app, &alice, &code).await.assert_problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_recovery_code_is_good_once_however_it_is_written() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    let left =
        async || alice.client.get("/api/v1/me/factors").await.body["recovery_codes_left"].clone();
    assert_eq!(left().await, 10);
    let written =
        [alice.recovery_codes[0].clone(), alice.recovery_codes[1].to_uppercase().replace('-', " ")];
    for code in &written {
        sign_in(&app, &alice, code).await.assert_status(201);
        sign_in(&app, &alice, code).await.assert_problem(401, "invalid_credentials");
    }
    assert_eq!(left().await, 8);
}

#[tokio::test]
async fn what_cannot_be_a_code_is_told_so_and_is_no_attempt() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    let token = app.half_sign_in(&alice.client.email).await;
    let before = app.contents();
    for code in ["", "12345", "1234567", "+12345", " 12345", "１２３４５６", "٣٣٣", "abcd-efgh"]
    {
        let refused = answer(&app, &token, code).await.assert_problem(422, "validation_failed");
        assert_eq!(refused.field_errors(), [("code", "invalid_code")], "{code}");
    }
    assert_eq!(app.contents(), before);
}

#[tokio::test]
async fn five_wrong_codes_end_the_question_and_then_there_is_a_pause() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    app.clock.advance(STEP);
    let token = app.half_sign_in(&alice.client.email).await;
    for _ in 0..5 {
        let wrong = answer(&app, &token, &alice.authenticator.wrong_code()).await;
        wrong.assert_problem(401, "invalid_credentials");
    }
    let code = alice.authenticator.code();
    answer(&app, &token, &code).await.assert_problem(401, "unauthenticated");
    let paused = sign_in(&app, &alice, &code).await.assert_problem(429, "too_many_requests");
    assert_eq!(paused.header("retry-after"), Some("60"));
    assert_eq!(paused.header("ratelimit"), Some("\"second_factor\";r=0;t=60"));
    assert_eq!(paused.header("ratelimit-policy"), Some("\"second_factor\";q=5;w=60"));
    app.clock.advance(Duration::from_secs(60));
    sign_in(&app, &alice, &alice.authenticator.code()).await.assert_status(201);
    // A good code forgets the wrong ones.
    app.clock.advance(STEP);
    sign_in(&app, &alice, &alice.authenticator.wrong_code()).await.assert_status(401);
    sign_in(&app, &alice, &alice.authenticator.code()).await.assert_status(201);
}

#[tokio::test]
async fn a_hundred_wrong_codes_close_the_app_and_a_recovery_code_opens_it() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    for _ in 0..100 {
        app.clock.advance(Duration::from_secs(3_600));
        let wrong = sign_in(&app, &alice, &alice.authenticator.wrong_code()).await;
        wrong.assert_problem(401, "invalid_credentials");
    }
    app.clock.advance(Duration::from_secs(86_400));
    let good = sign_in(&app, &alice, &alice.authenticator.code()).await;
    let detail = good.assert_problem(429, "too_many_requests").text_at("/detail");
    assert!(detail.contains("recovery code"), "{detail}");
    sign_in(&app, &alice, &alice.recovery_codes[0]).await.assert_status(201);
    sign_in(&app, &alice, &alice.authenticator.code()).await.assert_status(201);
}

#[tokio::test]
async fn a_question_is_good_for_five_minutes_and_for_one_session() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    let (late, used) =
        (app.half_sign_in(&alice.client.email).await, app.half_sign_in(&alice.client.email).await);
    app.clock.advance(Duration::from_secs(299));
    answer(&app, &used, &alice.authenticator.code()).await.assert_status(201);
    app.clock.advance(Duration::from_secs(1));
    let code = alice.authenticator.code_at(1);
    for token in [&used, &late, "", "rcm_", &late[..late.len() - 1]] {
        answer(&app, token, &code).await.assert_problem(401, "unauthenticated");
    }
    // None of that used the code up.
    sign_in(&app, &alice, &code).await.assert_status(201);
}

#[tokio::test]
async fn a_question_asks_for_the_factor_of_its_user_only() {
    let app = TestApp::new().await;
    let (alice, bob) = (alice(&app).await, app.protect(app.user("bob").await).await);
    app.clock.advance(STEP);
    for code in [bob.authenticator.code(), bob.recovery_codes[0].clone()] {
        sign_in(&app, &alice, &code).await.assert_problem(401, "invalid_credentials");
    }
    sign_in(&app, &bob, &bob.authenticator.code()).await.assert_status(201);
}

#[tokio::test]
async fn a_factor_that_is_gone_ends_the_questions_for_it() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    let token = app.half_sign_in(&alice.client.email).await;
    let code = json!({"code": alice.recovery_codes[0]});
    let removed = alice.client.json(http::Method::DELETE, "/api/v1/me/factors/totp", code).await;
    removed.assert_status(204);
    app.clock.advance(STEP);
    let code = alice.authenticator.code();
    answer(&app, &token, &code).await.assert_problem(401, "unauthenticated");
    app.sign_in(&alice.client.email).await;
}

#[tokio::test]
async fn who_was_suspended_meanwhile_is_not_signed_in() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    let token = app.half_sign_in(&alice.client.email).await;
    let id = alice.client.id.as_str().into();
    app.sql("UPDATE users SET suspended_at = 1 WHERE id = $1 RETURNING id", vec![id]).await;
    app.clock.advance(STEP);
    answer(&app, &token, &alice.authenticator.code()).await.assert_problem(403, "forbidden");
}

/// How many of the answers are 201, and whether all others are refusals.
fn successes(answers: &[Response]) -> usize {
    for answer in answers {
        assert!([201, 401, 429].contains(&answer.status.as_u16()), "{answer}");
    }
    answers.iter().filter(|answer| answer.status == 201).count()
}

#[tokio::test]
async fn of_many_who_show_the_same_code_at_once_one_is_signed_in() {
    for seed in 0..10 {
        let app = TestApp::new().await;
        let alice = alice(&app).await;
        app.clock.advance(STEP * (seed + 1));
        let code = alice.authenticator.code();

        // By one question, and by a question for each.
        let token = app.half_sign_in(&alice.client.email).await;
        let same = join_all((0..32).map(|_| answer(&app, &token, &code))).await;
        assert_eq!(successes(&same), 1);

        app.clock.advance(STEP * 200);
        let mut tokens = Vec::new();
        for _ in 0..32 {
            tokens.push(app.half_sign_in(&alice.client.email).await);
        }
        let code = alice.authenticator.code();
        let each = join_all(tokens.iter().map(|token| answer(&app, token, &code))).await;
        assert_eq!(successes(&each), 1);

        app.clock.advance(Duration::from_secs(120));
        let code = alice.recovery_codes[0].clone();
        let each = join_all(tokens.iter().map(|token| answer(&app, token, &code))).await;
        assert_eq!(successes(&each), 1);
    }
}

#[tokio::test]
async fn of_many_wrong_codes_at_once_no_more_are_looked_at_than_one_after_the_other() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    let token = app.half_sign_in(&alice.client.email).await;
    let wrong = alice.authenticator.wrong_code();
    let answers = join_all((0..32).map(|_| answer(&app, &token, &wrong))).await;
    let looked_at = |answer: &&Response| answer.body["code"] == "invalid_credentials";
    assert_eq!(answers.iter().filter(looked_at).count(), 5);
    let refused = "SELECT id FROM events WHERE kind = 'factor.code_refused'";
    assert_eq!(app.sql(refused, Vec::<rollcall::store::database::Value>::new()).await.len(), 5);
}

#[tokio::test]
async fn no_code_and_no_token_is_stored_or_logged_as_it_is() {
    let app = TestApp::new().await;
    let alice = alice(&app).await;
    app.clock.advance(STEP);
    let token = app.half_sign_in(&alice.client.email).await;
    answer(&app, &token, &alice.recovery_codes[0]).await.assert_status(201);
    let log = Value::from(app.log.take()).to_string();
    let contents = app.contents();
    let plain = |code: &str| code.replace('-', "");
    for secret in alice.recovery_codes.iter().flat_map(|code| [code.clone(), plain(code)]) {
        assert!(!log.contains(&secret) && !contents.contains(&secret), "{secret}");
    }
    assert!(!log.contains(&token) && !contents.contains(&token));
}
