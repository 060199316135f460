//! `rollcall.v1.SessionService` and `rollcall.v1.TokenService`.

use std::time::Duration;

use rollcall::transport::grpc::pb::sign_in_response::Outcome;
use rollcall::transport::grpc::pb::{self, SignInRequest};
use tonic::Code;

use crate::support::{PASSWORD, TestApp};

fn credentials(email: &str) -> SignInRequest {
    SignInRequest { email: email.to_owned(), password: PASSWORD.to_owned(), device: None }
}

#[tokio::test]
async fn a_session_begins_goes_on_and_ends() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    app.clock.advance(Duration::from_secs(1));
    let mut anybody = app.anon().sessions();
    let answer = anybody.sign_in(credentials("alice@example.com")).await.unwrap().into_inner();
    let Some(Outcome::SignedIn(signed_in)) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!(signed_in.user.as_ref().unwrap().id, alice.id);
    assert_eq!(
        (signed_in.token_type.as_str(), signed_in.expires_in.unwrap().seconds),
        ("Bearer", 600)
    );

    let refresh = pb::RefreshSessionRequest { refresh_token: signed_in.refresh_token };
    let next = anybody.refresh_session(refresh).await.unwrap().into_inner().signed_in.unwrap();
    let own = app.anon().showing(next.access_token);
    let list = pb::ListSessionsRequest::default();
    let sessions = own.sessions().list_sessions(list.clone()).await.unwrap().into_inner();
    let current: Vec<_> = sessions.items.iter().map(|session| session.current).collect();
    assert_eq!((current, sessions.next_cursor), (vec![false, true], String::new()));

    own.sessions().sign_out(pb::SignOutRequest {}).await.unwrap();
    let ended = own.sessions().list_sessions(list).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn the_second_factor_is_asked_for() {
    let app = TestApp::new().await;
    let protected = app.protect(app.user("alice").await).await;
    let mut anybody = app.anon().sessions();
    let answer = anybody.sign_in(credentials("alice@example.com")).await.unwrap().into_inner();
    let Some(Outcome::SecondFactorRequired(question)) = answer.outcome else {
        panic!("{answer:?}")
    };
    assert_eq!(question.methods, ["totp", "recovery_code"]);
    let code = protected.authenticator.code_at(1);
    let request = pb::SignInWithSecondFactorRequest { token: question.token, code };
    let answer = anybody.sign_in_with_second_factor(request.clone()).await.unwrap().into_inner();
    assert_eq!(answer.signed_in.unwrap().user.unwrap().id, protected.client.id);
    let again = anybody.sign_in_with_second_factor(request).await.unwrap_err();
    assert_eq!(again.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn sessions_of_others_are_ended_by_those_who_may() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    let user_id = alice.id.clone();
    let list = pb::ListUserSessionsRequest { user_id: user_id.clone(), ..Default::default() };
    let found = admin.sessions().list_user_sessions(list).await.unwrap().into_inner();
    assert_eq!(found.items[0].id, alice.session);
    admin.sessions().end_user_sessions(pb::EndUserSessionsRequest { user_id }).await.unwrap();
    alice.get("/api/v1/me").await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn one_or_all_others_of_ones_own_are_ended() {
    let app = TestApp::new().await;
    let first = app.user("alice").await;
    let (second, third) =
        (app.sign_in("alice@example.com").await, app.sign_in("alice@example.com").await);
    let end = pb::EndSessionRequest { id: first.session.clone() };
    third.sessions().end_session(end).await.unwrap();
    first.get("/api/v1/me").await.assert_status(401);
    third.sessions().end_other_sessions(pb::EndOtherSessionsRequest {}).await.unwrap();
    second.get("/api/v1/me").await.assert_status(401);
    third.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn a_token_is_verified_by_its_signature_and_introspected_by_its_session() {
    let app = TestApp::new().await;
    let (alice, key) = (app.user("alice").await, app.api_key(&["users:read"]).await);
    let token = alice.access_token.clone();
    let mut tokens = key.tokens();
    let verify = pb::VerifyTokenRequest { token: token.clone() };
    let verified = tokens.verify_token(verify.clone()).await.unwrap().into_inner();
    let claims = verified.claims.unwrap();
    assert_eq!(
        (verified.valid, claims.subject, claims.session_id.as_str()),
        (true, alice.id.clone(), alice.session.as_str())
    );

    let introspect = pb::IntrospectTokenRequest { token: token.clone() };
    let active = tokens.introspect_token(introspect.clone()).await.unwrap().into_inner();
    let expected = pb::IntrospectTokenResponse {
        active: true,
        subject: format!("user:{}", alice.id),
        session_id: alice.session.clone(),
        roles: vec!["user".to_owned()],
        permissions: Vec::new(),
        expires_at: claims.expires_at,
    };
    assert_eq!(active, expected);

    alice.delete("/api/v1/sessions/current").await.assert_status(204);
    assert!(tokens.verify_token(verify).await.unwrap().into_inner().valid);
    let ended = tokens.introspect_token(introspect).await.unwrap().into_inner();
    assert_eq!(ended, pb::IntrospectTokenResponse::default());
}

#[tokio::test]
async fn an_api_key_is_introspected_and_what_is_no_token_is_not_active() {
    let app = TestApp::new().await;
    let key = app.api_key(&["users:read"]).await;
    let introspect = |token: &str| {
        let request = pb::IntrospectTokenRequest { token: token.to_owned() };
        let mut tokens = key.tokens();
        async move { tokens.introspect_token(request).await.unwrap().into_inner() }
    };
    let active = introspect(&key.access_token).await;
    assert_eq!(active.subject, format!("api_key:{}", key.id));
    assert_eq!(active.permissions, ["users:read"]);
    for token in ["", "garbage", &key.access_token[1..], "a.b.c"] {
        assert!(!introspect(token).await.active, "{token}");
        let verify = pb::VerifyTokenRequest { token: token.to_owned() };
        assert!(!key.tokens().verify_token(verify).await.unwrap().into_inner().valid, "{token}");
    }
    let request = pb::IntrospectTokenRequest { token: key.access_token.clone() };
    let nobody = app.anon().tokens().introspect_token(request).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
}
