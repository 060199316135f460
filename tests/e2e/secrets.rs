//! Planted secrets: none of them is anywhere in plain text.

use std::path::Path;

use serde_json::json;

use crate::client::Answer;
use crate::mailbox::{code_in, mail_to, token_in};
use crate::service::{ADMIN, BOOTSTRAP_TOKEN, PASSWORD, Service, on_sqlite};

const WRONG: &str = "a guess that nobody would write down";
const NEW: &str = "another walk over the wide hills";

#[tokio::test]
async fn no_secret_is_in_the_database_the_log_or_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&on_sqlite().state_dir(folder.path()));
    let (secrets, problems) = plant(&service).await;

    let mut places = vec![
        ("the log".to_owned(), service.host.log().into_bytes()),
        ("the errors".to_owned(), service.host.stderr().into_bytes()),
    ];
    places.extend(problems.into_iter().map(|it| (format!("{it:?}"), it.body.into_bytes())));
    let before = places.len();
    files(folder.path(), &mut places);
    let kept: usize = places.iter().skip(before).map(|(_, bytes)| bytes.len()).sum();
    assert!(kept > 10_000, "the database is not in {}", folder.path().display());
    for (place, bytes) in &places {
        for secret in &secrets {
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "{secret} is in {place}");
        }
    }
}

/// Leaves secrets of every kind behind, and provokes problems with them.
async fn plant(service: &Service) -> (Vec<String>, Vec<Answer>) {
    let nobody = service.nobody();
    let admin = service.admin().await;
    let credentials = json!({"email": ADMIN, "password": PASSWORD});
    let signed_in = nobody.post("/api/v1/sessions", &credentials).await.expect(201);
    let refresh = json!({"refresh_token": signed_in.text_at("/refresh_token")});
    let refreshed = nobody.post("/api/v1/sessions/refresh", &refresh).await.expect(200);
    let key = json!({"name": "k", "permissions": ["users:read"]});
    let key = admin.post("/api/v1/api-keys", &key).await.expect(201).text_at("/key");
    nobody.bearer(&key).get("/api/v1/users").await.expect(200);

    let ask = json!({"email": ADMIN});
    let link = nobody.post("/api/v1/magic-links", &ask).await.expect(202).text_at("/request");
    let code = nobody.post("/api/v1/email-codes", &ask).await.expect(202).text_at("/request");
    nobody.post("/api/v1/password-resets", &ask).await.expect(202);
    let register = json!({"email": "grace@example.com", "name": "Grace", "password": NEW});
    nobody.post("/api/v1/registrations", &register).await.expect(202);
    let reset = token_in(&mail_to(&nobody, ADMIN, "reset_password").await);
    let mut secrets = vec![
        token_in(&mail_to(&nobody, ADMIN, "magic_link").await),
        code_in(&mail_to(&nobody, ADMIN, "email_code").await),
        token_in(&mail_to(&nobody, "grace@example.com", "verify_email").await),
        reset.clone(),
        link,
        code,
        key.clone(),
        PASSWORD.to_owned(),
        WRONG.to_owned(),
        NEW.to_owned(),
        BOOTSTRAP_TOKEN.to_owned(),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
    ];
    for answer in [&signed_in, &refreshed] {
        secrets.extend([answer.text_at("/access_token"), answer.text_at("/refresh_token")]);
    }
    let factor = service.second_factor(&admin).await;
    let question = nobody.post("/api/v1/sessions", &credentials).await.expect(202);
    let question = question.text_at("/token");

    let wrong = json!({"email": ADMIN, "password": WRONG});
    let unknown = json!({"password": WRONG, "email": NEW});
    let answer = json!({"token": question, "code": factor.recovery_codes[0], "more": WRONG});
    let short = json!({"token": reset, "new_password": WRONG.repeat(20)});
    let change = json!({"current_password": WRONG, "new_password": NEW});
    let problems = vec![
        nobody.post("/api/v1/sessions", &wrong).await,
        nobody.post("/api/v1/sessions", &unknown).await,
        nobody.post("/api/v1/sessions/second-factor", &answer).await,
        nobody.post("/api/v1/password-resets/confirm", &short).await,
        nobody.post("/api/v1/sessions/refresh", &json!({"refresh_token": WRONG})).await,
        nobody.bearer(&key).post("/api/v1/users", &json!({})).await,
        nobody.bearer(BOOTSTRAP_TOKEN).post("/api/v1/bootstrap", &register).await,
        admin.put("/api/v1/me/password", &change).await,
    ];
    for problem in &problems {
        assert!((400..500).contains(&problem.status), "{problem:#?}");
    }
    secrets.push(question);
    secrets.push(factor.secret);
    secrets.extend(factor.recovery_codes);
    (secrets, problems)
}

/// Every file below a folder: the database, its WAL, logs.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}
