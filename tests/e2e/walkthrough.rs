//! The way of an operator and a user through the API, from the first admin to
//! the last sign-out.

use data_encoding::BASE64URL_NOPAD;
use reqwest::{Method, Version};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::service::{ADMIN, BOOTSTRAP_TOKEN, PASSWORD, Service, builder};

#[tokio::test]
async fn over_http_1() {
    let service = Service::start(&builder());
    walk(&Client::http1(&service.host.base_url), Version::HTTP_11).await;
}

#[tokio::test]
async fn over_http_2_without_tls() {
    let service = Service::start(&builder());
    walk(&Client::http2(&service.host.base_url), Version::HTTP_2).await;
}

async fn walk(nobody: &Client, version: Version) {
    let health = nobody.get("/health").await.expect(200);
    assert_eq!((health.version, health.json()), (version, json!({"status": "ok"})));
    assert_eq!(nobody.get("/readyz").await.expect(200).json()["status"], "ok");

    let (admin, admin_id) = the_first_admin(nobody).await;
    let user_id = users_are_created_and_changed(&admin).await;
    users_are_listed_in_pages(&admin, &[&admin_id, &user_id]).await;
    let user = nobody.sign_in("grace.hopper@example.com", PASSWORD).await;
    a_user_has_their_own_account_only(&user, &admin_id).await;
    a_session_goes_on_and_ends(nobody).await;
    a_deleted_user_is_gone(&admin, &user, &user_id).await;
    the_api_describes_itself(nobody).await;
    what_cannot_be_answered_is_a_problem(&admin).await;
}

async fn the_first_admin(nobody: &Client) -> (Client, String) {
    let body = json!({"email": ADMIN, "name": "Ada Lovelace", "password": PASSWORD});
    let bootstrap = "/api/v1/bootstrap";
    nobody.bearer("a guess").post(bootstrap, &body).await.expect_problem(401, "unauthenticated");

    let operator = nobody.bearer(BOOTSTRAP_TOKEN);
    let created = operator.post(bootstrap, &body).await.expect(201);
    let id = created.text_at("/id");
    assert_eq!(created.header("location"), format!("/api/v1/users/{id}"));
    operator.post(bootstrap, &body).await.expect_problem(409, "already_bootstrapped");

    let wrong = json!({"email": ADMIN, "password": "something else"});
    let answer = nobody.post("/api/v1/sessions", &wrong).await;
    answer.expect_problem(401, "invalid_credentials");
    let admin = nobody.sign_in("ADMIN@Example.Com", PASSWORD).await;
    // What only those who read users may see, nobody sees of themselves.
    let mut own = created.json();
    own.as_object_mut().unwrap().remove("private_metadata");
    assert_eq!(admin.get("/api/v1/me").await.expect(200).json(), own);
    (admin, id)
}

async fn users_are_created_and_changed(admin: &Client) -> String {
    let body = json!({
        "email": "Grace.Hopper@example.com",
        "name": "Grace Hopper",
        "password": PASSWORD,
        "metadata": {"locale": "en"},
    });
    let created = admin.post("/api/v1/users", &body).await.expect(201);
    let user = created.json();
    let expected = json!({
        "id": user["id"],
        "email": "Grace.Hopper@example.com",
        "email_verified_at": null,
        "name": "Grace Hopper",
        "external_id": null,
        "roles": ["user"],
        "metadata": {"locale": "en"},
        "own_metadata": {},
        "private_metadata": {},
        "created_at": user["created_at"],
        "updated_at": user["created_at"],
        "suspended_at": null,
        "version": 1,
    });
    assert_eq!(user, expected);
    let path = created.header("location");
    assert_eq!(path, format!("/api/v1/users/{}", created.text_at("/id")));
    let first = created.header("etag");
    let same = json!({"email": "grace.hopper@EXAMPLE.com", "name": "Another"});
    admin.post("/api/v1/users", &same).await.expect_problem(409, "email_taken");

    let whole = json!({"email": "grace.hopper@example.com", "name": "Rear Admiral Hopper"});
    admin.put(path, &whole).await.expect_problem(428, "precondition_required");
    let replaced = admin.with("if-match", first).put(path, &whole).await.expect(200);
    assert_eq!(replaced.json()["metadata"], json!({}));
    let late = admin.with("if-match", first).put(path, &whole).await;
    late.expect_problem(412, "precondition_failed");

    let patch = json!({"metadata": {"locale": "en-US", "rank": null}});
    let patched = admin.patch(path, &patch).await.expect(200);
    assert_eq!(patched.json()["metadata"], json!({"locale": "en-US"}));
    let read = admin.get(path).await.expect(200);
    assert_eq!((read.json(), read.header("etag")), (patched.json(), "\"3\""));
    created.text_at("/id")
}

async fn users_are_listed_in_pages(admin: &Client, expected: &[&str]) {
    let mut listed = Vec::new();
    let mut path = "/api/v1/users?limit=1".to_owned();
    loop {
        let page = admin.get(&path).await.expect(200);
        let body = page.json();
        listed.extend(body["items"].as_array().unwrap().iter().map(|user| user["id"].clone()));
        let Some(cursor) = body["next_cursor"].as_str() else { break };
        path = format!("/api/v1/users?limit=1&cursor={cursor}");
        assert_eq!(page.header("link"), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!(listed, expected);
}

async fn a_user_has_their_own_account_only(user: &Client, admin_id: &str) {
    let patch = json!({"name": "Amazing Grace"});
    let patched = user.patch("/api/v1/me", &patch).await.expect(200).json();
    assert_eq!(patched["name"], "Amazing Grace");
    assert_eq!(user.get("/api/v1/me").await.expect(200).json(), patched);
    let head = user.send(Method::HEAD, "/api/v1/me", "", "").await.expect(200);
    assert_eq!((head.body.as_str(), head.header("etag")), ("", "\"4\""));
    user.get("/api/v1/users").await.expect_problem(403, "forbidden");
    let admin = format!("/api/v1/users/{admin_id}");
    user.patch(&admin, &patch).await.expect_problem(403, "forbidden");
}

async fn a_session_goes_on_and_ends(nobody: &Client) {
    let body = json!({"email": "grace.hopper@example.com", "password": PASSWORD});
    let first = nobody.post("/api/v1/sessions", &body).await.expect(201);
    assert_eq!(
        (&first.json()["token_type"], &first.json()["expires_in"]),
        (&"Bearer".into(), &600.into())
    );
    assert_signed_by_a_published_key(nobody, &first).await;

    let body = json!({"refresh_token": first.text_at("/refresh_token")});
    let second = nobody.post("/api/v1/sessions/refresh", &body).await.expect(200);
    assert_ne!(second.text_at("/refresh_token"), first.text_at("/refresh_token"));
    let repeated = nobody.post("/api/v1/sessions/refresh", &body).await.expect(200);
    assert_eq!(repeated.text_at("/refresh_token"), second.text_at("/refresh_token"));

    let user = nobody.bearer(&second.text_at("/access_token"));
    assert_eq!(user.get("/api/v1/me").await.expect(200).json(), second.json()["user"]);
    user.delete("/api/v1/sessions/current").await.expect(204);
    user.get("/api/v1/me").await.expect_problem(401, "unauthenticated");
    let body = json!({"refresh_token": second.text_at("/refresh_token")});
    let ended = nobody.post("/api/v1/sessions/refresh", &body).await;
    ended.expect_problem(401, "unauthenticated");
}

async fn assert_signed_by_a_published_key(nobody: &Client, signed_in: &Answer) {
    let token = signed_in.text_at("/access_token");
    let header = BASE64URL_NOPAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&"EdDSA".into(), &"at+jwt".into()));
    let keys = nobody.get("/.well-known/jwks.json").await.expect(200).json();
    let kids: Vec<_> = keys["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert!(kids.contains(&&header["kid"]), "{kids:?} {header}");
}

async fn a_deleted_user_is_gone(admin: &Client, user: &Client, id: &str) {
    let path = format!("/api/v1/users/{id}");
    admin.delete(&path).await.expect(204);
    admin.get(&path).await.expect_problem(404, "not_found");
    user.get("/api/v1/me").await.expect_problem(401, "unauthenticated");
    let me = admin.get("/api/v1/me").await.expect(200).text_at("/id");
    let last = admin.delete(&format!("/api/v1/users/{me}")).await;
    last.expect_problem(409, "last_admin");
}

async fn the_api_describes_itself(nobody: &Client) {
    let document = nobody.get("/openapi.json").await.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/users/{id}"]["put"].is_object());
    let docs = nobody.with("accept", "text/html").get("/docs").await.expect(200);
    assert!(docs.header("content-type").starts_with("text/html"));
    assert!(docs.body.starts_with("<!doctype html>"), "{:.100}", docs.body);
}

async fn what_cannot_be_answered_is_a_problem(admin: &Client) {
    let (me, users) = ("/api/v1/me", "/api/v1/users");
    admin.get("/api/v1/nothing").await.expect_problem(404, "not_found");
    admin.get("/api/v2/me").await.expect_problem(404, "unknown_version");
    admin.with("api-version", "2").get(me).await.expect_problem(404, "unknown_version");
    admin.with("accept", "image/png").get(me).await.expect_problem(406, "not_acceptable");
    let answer = admin.send(Method::POST, users, "text/plain", "{}").await;
    answer.expect_problem(415, "unsupported_media_type");
    let answer = admin.delete(users).await;
    answer.expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
}
