//! What happens once, whoever is faster: 32 requests at a time over connections of
//! their own, in as many rounds as `ROUNDS` says.

use std::collections::BTreeSet;
use std::future::Future;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::mailbox::{code_in, mail_to, mails_to, token_in};
use crate::service::{ADMIN, PASSWORD, Service, builder};

const AT_ONCE: usize = 32;

/// 200 is the long form; the short one shows that the test itself is sound.
fn rounds() -> usize {
    std::env::var("ROUNDS").map_or(2, |rounds| rounds.parse().expect("ROUNDS is a number"))
}

/// A service that counts nobody out: every round would be over the limits.
fn service() -> Service {
    let builder = builder().variable("rate_limit_scale", "1000000");
    // 32 passwords at once are hashed one after the other, and nobody is sent away.
    let builder = builder.variable("request_timeout", "60s");
    // The long form takes longer than an access token is good by default.
    Service::start(&builder.variable("access_token_ttl", "1h"))
}

async fn at_once<F: Future<Output = Answer>>(request: impl Fn(usize) -> F) -> Vec<Answer> {
    join_all((0..AT_ONCE).map(request)).await
}

/// Posts the same body 32 times at once. All of `expected` come, and of the first
/// exactly one.
async fn one_succeeds(client: &Client, path: &str, body: &Value, expected: [u16; 2]) -> Answer {
    let mut answers = at_once(|_| client.post(path, body)).await;
    let [success, failure] = expected;
    let won = answers.iter().position(|answer| answer.status == success);
    let won = answers.remove(won.unwrap_or_else(|| panic!("nobody was first: {answers:#?}")));
    for answer in answers {
        answer.expect(failure);
    }
    won
}

#[tokio::test]
async fn of_many_registrations_of_one_address_one_becomes_an_account() {
    let service = service();
    let (nobody, admin) = (service.nobody(), service.admin().await);
    for round in 0..rounds() {
        let email = format!("ada{round}@example.com");
        let register = json!({"email": email, "name": "Ada", "password": PASSWORD});
        for answer in at_once(|_| nobody.post("/api/v1/registrations", &register)).await {
            answer.expect(202);
        }
        let mails = mails_to(&nobody, &email, "verify_email").await;
        assert_eq!(mails.len(), AT_ONCE);
        let answers = at_once(|number| {
            let body = json!({"token": token_in(&mails[number])});
            let nobody = &nobody;
            async move { nobody.post("/api/v1/email-verifications/confirm", &body).await }
        });
        let statuses: Vec<_> = answers.await.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
        // Each token is a good one: to the others, somebody has the address by now.
        assert!(statuses.iter().all(|status| [204, 409, 422].contains(status)), "{statuses:?}");
        let again = json!({"email": email, "name": "Ada"});
        admin.post("/api/v1/users", &again).await.expect_problem(409, "email_taken");
        nobody.sign_in(&email, PASSWORD).await;
    }
    let users = admin.get("/api/v1/users?limit=200").await.expect(200).json();
    assert_eq!(users["items"].as_array().unwrap().len(), rounds().min(199) + 1);
}

#[tokio::test]
async fn many_refreshes_with_one_token_get_one_successor() {
    let service = service();
    service.admin().await;
    let nobody = service.nobody();
    let body = json!({"email": ADMIN, "password": PASSWORD});
    let signed_in = nobody.post("/api/v1/sessions", &body).await.expect(201);
    let mut token = signed_in.text_at("/refresh_token");
    for _ in 0..rounds() {
        let body = json!({"refresh_token": token});
        let answers = at_once(|_| nobody.post("/api/v1/sessions/refresh", &body)).await;
        let successors: BTreeSet<_> = answers
            .into_iter()
            .map(|answer| answer.expect(200).text_at("/refresh_token"))
            .collect();
        assert_eq!(successors.len(), 1, "{successors:?}");
        assert!(!successors.contains(&token));
        token = successors.into_iter().next().unwrap();
    }
}

#[tokio::test]
async fn what_was_mailed_is_good_once() {
    let service = service();
    service.admin().await;
    let nobody = service.nobody();
    let ask = json!({"email": ADMIN});
    for _ in 0..rounds() {
        let asked = nobody.post("/api/v1/magic-links", &ask).await.expect(202);
        let token = token_in(&mail_to(&nobody, ADMIN, "magic_link").await);
        let body = json!({"token": token, "request": asked.text_at("/request")});
        one_succeeds(&nobody, "/api/v1/magic-links/confirm", &body, [201, 422]).await;

        let asked = nobody.post("/api/v1/email-codes", &ask).await.expect(202);
        let code = code_in(&mail_to(&nobody, ADMIN, "email_code").await);
        let body = json!({"code": code, "request": asked.text_at("/request")});
        one_succeeds(&nobody, "/api/v1/email-codes/confirm", &body, [201, 422]).await;

        nobody.post("/api/v1/password-resets", &ask).await.expect(202);
        let token = token_in(&mail_to(&nobody, ADMIN, "reset_password").await);
        let body = json!({"token": token, "new_password": PASSWORD});
        one_succeeds(&nobody, "/api/v1/password-resets/confirm", &body, [204, 422]).await;
    }
}

#[tokio::test]
async fn an_invitation_is_accepted_once() {
    let service = service();
    let (nobody, admin) = (service.nobody(), service.admin().await);
    for round in 0..rounds() {
        let email = format!("guest{round}@example.com");
        admin.post("/api/v1/invitations", &json!({"email": email})).await.expect(201);
        let token = token_in(&mail_to(&nobody, &email, "invitation").await);
        let body =
            json!({"email": email, "name": "Guest", "password": PASSWORD, "invitation": token});
        one_succeeds(&nobody, "/api/v1/registrations", &body, [202, 422]).await;
    }
}

#[tokio::test]
async fn a_recovery_code_and_a_question_are_good_once() {
    let service = service();
    let (nobody, admin) = (service.nobody(), service.admin().await);
    for round in 0..rounds() {
        // Somebody else in each round: so many wrong codes close an app for a while.
        let email = format!("ada{round}@example.com");
        let client = service.user(&admin, &email).await;
        let code = service.second_factor(&client).await.recovery_codes.remove(0);
        let credentials = json!({"email": email, "password": PASSWORD});
        // 32 questions and one code: it is good for one of them.
        let questions = at_once(|_| nobody.post("/api/v1/sessions", &credentials)).await;
        let questions: Vec<_> =
            questions.into_iter().map(|answer| answer.expect(202).text_at("/token")).collect();
        let answers = at_once(|number| {
            let body = json!({"token": questions[number], "code": code});
            let nobody = &nobody;
            async move { nobody.post("/api/v1/sessions/second-factor", &body).await }
        });
        let statuses: Vec<_> = answers.await.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        // The others tried a code that was used up, or too many at a time.
        assert!(statuses.iter().all(|status| [201, 401, 429].contains(status)), "{statuses:?}");
    }
}

#[tokio::test]
async fn of_the_last_two_admins_one_stays() {
    let service = service();
    let first = service.admin().await;
    let body = json!({"email": "second@example.com", "name": "Second", "password": PASSWORD,
        "roles": ["admin"]});
    let second_id = first.post("/api/v1/users", &body).await.expect(201).text_at("/id");
    let second = service.nobody().sign_in("second@example.com", PASSWORD).await;
    let first_id = first.get("/api/v1/me").await.expect(200).text_at("/id");
    let admins = [(&first, &first_id), (&second, &second_id)];
    let roles = |id: &str| format!("/api/v1/users/{id}/roles");
    for _ in 0..rounds() {
        // Each takes the other's role, and their own.
        let demotion = json!({"roles": ["user"]});
        let answers = at_once(|number| {
            let (client, _) = admins[number % 2];
            let (_, id) = admins[number / 2 % 2];
            let (path, demotion) = (roles(id), &demotion);
            async move { client.with("if-match", "*").put(&path, demotion).await }
        });
        for answer in answers.await {
            // Demoted by now, or the last one, or overtaken.
            assert!([200, 403, 409].contains(&answer.status), "{answer:#?}");
        }
        let mut left = Vec::new();
        for (client, id) in admins {
            let me = client.get("/api/v1/me").await.expect(200).json();
            if me["roles"].as_array().unwrap().contains(&"admin".into()) {
                left.push((client, id));
            }
        }
        let [(admin, _)] = left.as_slice() else { panic!("{} admins are left", left.len()) };
        for (_, id) in admins {
            admin
                .with("if-match", "*")
                .put(&roles(id), &json!({"roles": ["admin"]}))
                .await
                .expect(200);
        }
    }
}
