//! How mails go out: the mailbox, a provider, and what happens when it fails.

use std::time::Duration;

use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::{PASSWORD, TestApp};

const HTTP: &[(&str, &str)] = &[
    ("mail_transport", "http"),
    ("mail_provider", "postmark"),
    ("mail_url", "https://mail.test"),
    ("mail_token", "the-mail-token"),
    ("app_name", "Acme"),
    ("rate_limit_scale", "10"),
];
const RESETS: &str = "/api/v1/password-resets";

/// Has due work done, and tells what was.
async fn run(client: &Client) -> Value {
    client.send(Method::POST, "/internal/jobs/run", "", "").await.assert_status(200).body
}

async fn ask(app: &TestApp, email: &str) {
    app.anon().post(RESETS, json!({"email": email})).await.assert_status(202);
}

#[tokio::test]
async fn the_mailbox_shows_what_was_mailed_newest_first() {
    let app = TestApp::new().await;
    let alice = app.user("alice").await;
    ask(&app, &alice.email).await;
    app.clock.advance(Duration::from_secs(1));
    let german = app.anon().with("accept-language", "de-CH, en;q=0.5");
    let code = json!({"email": alice.email});
    german.post("/api/v1/email-codes", code).await.assert_status(202);

    let page =
        app.anon().calling_from("127.0.0.1").get("/dev/mailbox?limit=1").await.assert_status(200);
    let mut newest = page.body["items"][0].clone();
    let text = newest["text"].take().as_str().unwrap().to_owned();
    newest["html"].take();
    let code = newest["subject"].as_str().unwrap().rsplit_once(": ").unwrap().1.to_owned();
    assert_eq!(newest["subject"], format!("Ihr Code für Rollcall: {code}"));
    assert_snapshot!(text.replace(&code, "[code]").replace("-- \n", "--\n"), @r"
    Guten Tag alice,

    Geben Sie diesen Code dort ein, wo Sie sich gerade bei Rollcall
    anmelden:

        [code]

    Der Code gilt 10 Minuten und nur einmal. Wir fragen Sie nie
    am Telefon oder per Mail danach.

    Wenn Sie ihn nicht verlangt haben, müssen Sie nichts tun. Geben Sie den
    Code niemandem weiter.

    --
    Diese Mail kommt von Rollcall, weil mit Ihrer Adresse etwas getan
    wurde. Antworten darauf liest niemand.
    ");
    assert_eq!(newest["sent_at"], Value::Null);
    let next = format!("/dev/mailbox?limit=1&cursor={}", page.text_at("/next_cursor"));
    let oldest = app.anon().calling_from("127.0.0.1").get(next).await.assert_status(200);
    assert_eq!(oldest.text_at("/items/0/kind"), "reset_password");
    assert_eq!(oldest.text_at("/items/0/from"), "no-reply@example.com");

    app.background.run().await;
    let page = app.anon().calling_from("127.0.0.1").get("/dev/mailbox").await.assert_status(200);
    assert_eq!(page.text_at("/items/1/sent_at"), "2026-01-01T00:00:01.000000Z");
}

#[tokio::test]
async fn people_are_written_to_in_their_language() {
    let app = TestApp::with(&[("mail_locale", "de")]).await;
    let alice = app.user("alice").await;
    let locale_for = async |language: Option<&str>| {
        let client = match language {
            Some(language) => app.anon().with("accept-language", language),
            None => app.anon(),
        };
        client.post(RESETS, json!({"email": alice.email})).await.assert_status(202);
        let mail = app.mail_to(&alice.email, "reset_password").await;
        mail["locale"].as_str().unwrap().to_owned()
    };
    assert_eq!(locale_for(None).await, "de");
    assert_eq!(locale_for(Some("fr")).await, "de");
    assert_eq!(locale_for(Some("en-GB")).await, "en");
    let path = format!("/api/v1/users/{}", alice.id);
    let own = json!({"metadata": {"locale": "de-AT"}});
    app.admin().await.patch(path, own).await.assert_status(200);
    assert_eq!(locale_for(Some("en-GB")).await, "de");
}

#[tokio::test]
async fn a_mail_is_handed_to_the_provider_after_the_response_and_forgotten() {
    let app = TestApp::with(HTTP).await;
    let alice = app.user("alice").await;
    app.anon().calling_from("127.0.0.1").get("/dev/mailbox").await.assert_problem(404, "not_found");
    ask(&app, &alice.email).await;
    assert!(app.provider.take().is_empty());
    app.background.run().await;

    let sent = app.provider.take();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].uri(), "https://mail.test/email");
    assert_eq!(sent[0].headers()["x-postmark-server-token"], "the-mail-token");
    let mail: Value = serde_json::from_str(sent[0].body()).unwrap();
    assert_eq!(mail["To"], "alice@example.com");
    assert_eq!(mail["From"], "\"Acme\" <no-reply@example.com>");
    assert_eq!(mail["Subject"], "Set a new password for Acme");
    let rows = app.sql("SELECT content, sent_at FROM mails", Vec::new()).await;
    let mut columns = rows[0].clone().read();
    assert_eq!(columns.optional_text(), Ok(None));
    assert_eq!(columns.integer(), Ok(1_767_225_600_000_000));
    app.background.run().await;
    assert!(app.provider.take().is_empty());
}

#[tokio::test]
async fn what_is_mailed_is_nowhere_in_plain_text() {
    let app = TestApp::new().await;
    let anon = app.anon();
    let email = "planted@example.com";
    let body = json!({"email": email, "name": "Ada", "password": PASSWORD});
    anon.post("/api/v1/registrations", body).await.assert_status(202);
    let token = app.token_to(email, "verify_email").await;
    anon.post("/api/v1/email-codes", json!({"email": email})).await.assert_status(202);
    let mail = app.mail_to(email, "email_code").await;
    let code = mail["subject"].as_str().unwrap().rsplit_once(": ").unwrap().1;
    let log: Vec<_> = app.log.take().iter().map(Value::to_string).collect();
    let seen = app.contents() + &log.join("\n");
    for secret in [&token, code, &code.replace(' ', ""), PASSWORD] {
        assert!(!seen.contains(secret), "{secret}");
    }
    assert!(!log.join("").contains(email));
}

#[tokio::test]
async fn links_come_from_the_settings_and_never_from_a_header() {
    let settings = [("public_url", "https://id.example.com"), ("app_url", "https://app.example/x")];
    let app = TestApp::with(&settings).await;
    let alice = app.user("alice").await;
    let spoofing = app.anon().with("host", "evil.example").with("x-forwarded-host", "evil.example");
    spoofing.post(RESETS, json!({"email": alice.email})).await.assert_status(202);
    let mail = app.mail_to(&alice.email, "reset_password").await;
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("https://app.example/x/reset-password?token=rco_"), "{text}");
    assert!(!mail.to_string().contains("evil.example"));
}

#[tokio::test]
async fn a_provider_that_fails_fails_no_request_and_is_tried_again_by_the_job() {
    let app = TestApp::with(HTTP).await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    app.provider.answer(500);
    ask(&app, &alice.email).await;
    app.background.run().await;
    assert_eq!(app.provider.take().len(), 1);
    let line = app.log.take().pop().unwrap();
    assert_eq!(
        (&line["level"], &line["kind"], &line["error"]),
        (&json!("warn"), &json!("reset_password"), &json!("the provider answered 500"))
    );

    let nothing = json!({"sent": 0, "put_off": 0, "given_up": 0});
    assert_eq!(run(&admin).await["mails"], nothing, "it is not due yet");
    app.clock.advance(Duration::from_secs(10));
    app.provider.answer(0);
    assert_eq!(run(&admin).await["mails"], json!({"sent": 0, "put_off": 1, "given_up": 0}));
    app.clock.advance(Duration::from_secs(30));
    app.provider.answer(202);
    assert_eq!(run(&admin).await["mails"], json!({"sent": 1, "put_off": 0, "given_up": 0}));
    assert_eq!(run(&admin).await["mails"], nothing);
}

#[tokio::test]
async fn a_mail_is_given_up_when_what_it_says_would_have_expired() {
    let app = TestApp::with(HTTP).await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    app.provider.answer(0);
    ask(&app, &alice.email).await;
    app.background.run().await;
    let mut tries = 1;
    loop {
        app.clock.advance(Duration::from_secs(600));
        let admin = app.sign_in(&admin.email).await;
        let done = run(&admin).await;
        tries += app.provider.take().len();
        if done["mails"]["given_up"] == 1 {
            break;
        }
        assert!(tries < 10, "it goes on for ever");
    }
    let rows = app.sql("SELECT content, due_at, last_error FROM mails", Vec::new()).await;
    let mut columns = rows[0].clone().read();
    assert_eq!((columns.optional_text(), columns.optional_integer()), (Ok(None), Ok(None)));
    let error = "the provider cannot be reached: connection refused";
    assert_eq!(columns.text().as_deref(), Ok(error));
}

#[tokio::test]
async fn of_many_senders_at_the_same_time_one_sends_each_mail() {
    let app = TestApp::with(HTTP).await;
    let alice = app.user("alice").await;
    let other = app.another_instance(HTTP).await;
    for _ in 0..20 {
        ask(&app, &alice.email).await;
        ask(&other, &alice.email).await;
    }
    futures_util::future::join(app.background.run(), other.background.run()).await;
    assert_eq!(app.provider.take().len(), 40);
}

#[tokio::test]
async fn a_sender_that_dies_leaves_its_mails_to_the_next() {
    let app = TestApp::with(HTTP).await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    ask(&app, &alice.email).await;
    // The work after the response is lost with its instance, in the middle of it.
    let claim = "UPDATE mails SET due_at = due_at + 60000000, tries = tries + 1";
    app.sql(claim, Vec::new()).await;
    assert_eq!(run(&admin).await["mails"]["sent"], 0);
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(run(&admin).await["mails"]["sent"], 1);
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_nobodys() {
    let app = TestApp::with(HTTP).await;
    app.admin().await;
    ask(&app, "nobody@example.com").await;
    app.background.run().await;
    assert!(app.provider.take().is_empty());
}

#[tokio::test]
async fn the_job_deletes_what_has_expired() {
    let app = TestApp::new().await;
    let (admin, alice) = (app.admin().await, app.user("alice").await);
    ask(&app, &alice.email).await;
    let body = json!({"email": "ada@example.com", "name": "Ada", "password": PASSWORD});
    app.anon().post("/api/v1/registrations", body).await.assert_status(202);
    let body = json!({"email": "bob@example.com"});
    admin.post("/api/v1/invitations", body).await.assert_status(201);
    assert_eq!(
        run(&admin).await,
        json!({"mails": {"sent": 3, "put_off": 0, "given_up": 0}, "sealed": 9, "purged": 0})
    );
    app.clock.advance(Duration::from_secs(8 * 86_400));
    // Three mails, three tokens, a registration and an invitation, and what seven rate
    // limits counted.
    let admin = app.sign_in(&admin.email).await;
    assert_eq!(run(&admin).await["purged"], 15);
    let left = app.sql("SELECT id FROM mails UNION ALL SELECT hash FROM one_time_tokens", vec![]);
    assert_eq!(left.await.len(), 0);
    // Sessions stay for 90 days after their end, and with them the places that are known.
    let sessions = async || app.sql("SELECT id FROM sessions", vec![]).await.len();
    assert_eq!(sessions().await, 3);
    app.clock.advance(Duration::from_secs((30 + 90) * 86_400 + 1));
    let admin = app.sign_in(&admin.email).await;
    run(&admin).await;
    assert_eq!(sessions().await, 1);
}

#[tokio::test]
async fn the_job_deletes_questions_that_nobody_answered() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let alice = app.user("alice").await;
    let alice = app.protect(alice).await;
    let credentials = json!({"email": alice.client.email, "password": PASSWORD});
    app.anon().post("/api/v1/sessions", credentials).await.assert_status(202);
    let questions = async || app.sql("SELECT user_id FROM sign_in_challenges", vec![]).await.len();
    assert_eq!(questions().await, 1);
    app.clock.advance(Duration::from_secs(299));
    run(&admin).await;
    assert_eq!(questions().await, 1);
    app.clock.advance(Duration::from_secs(1));
    run(&admin).await;
    assert_eq!(questions().await, 0);
}

#[tokio::test]
async fn the_mailbox_is_for_whoever_sits_at_the_machine() {
    let app = TestApp::new().await;
    let here = app.anon().calling_from("127.0.0.1");
    here.get("/dev/mailbox").await.assert_status(200);
    app.anon().calling_from("[::1]").get("/dev/mailbox").await.assert_status(200);
    for host in ["localhost:3000", "127.0.0.1", "[::1]:3000", "app.localhost", "LOCALHOST"] {
        here.with("host", host).get("/dev/mailbox").await.assert_status(200);
    }
    let elsewhere = [
        app.anon(),
        // A proxy on this machine brings the whole world.
        here.with("x-forwarded-for", "127.0.0.1"),
        here.with("forwarded", "for=127.0.0.1"),
        here.with("via", "1.1 proxy"),
        here.with("x-forwarded-host", "example.com"),
        here.with("x-forwarded-proto", "https"),
        here.with("x-real-ip", "127.0.0.1"),
        // A page whose name was made to lead here.
        here.with("host", "example.com"),
        here.with("host", "localhost.example.com:3000"),
    ];
    for client in elsewhere {
        client.get("/dev/mailbox").await.assert_problem(404, "not_found");
    }
    // Whoever gets around the proxies, or comes through one, says what they like.
    let behind = TestApp::with(&[("trusted_proxies", "1")]).await;
    for peer in [behind.anon(), behind.anon().calling_from("127.0.0.1")] {
        let posing = peer.with("x-forwarded-for", "127.0.0.1");
        posing.get("/dev/mailbox").await.assert_problem(404, "not_found");
    }
    behind.anon().calling_from("127.0.0.1").get("/dev/mailbox").await.assert_status(200);
    let open = TestApp::with(&[("mailbox_access", "everybody")]).await;
    open.anon().get("/dev/mailbox").await.assert_status(200);
}
