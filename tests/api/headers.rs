//! What every answer tells browsers and caches, and which pages may call.

use http::Method;
use insta::assert_snapshot;

use crate::support::TestApp;
use crate::support::client::Client;

/// An answer of every kind: found, refused, missing, wrong, empty, a page.
const KINDS: &[(Method, &str, u16)] = &[
    (Method::GET, "/health", 200),
    (Method::GET, "/openapi.json", 200),
    (Method::GET, "/.well-known/jwks.json", 200),
    (Method::GET, "/docs", 200),
    (Method::HEAD, "/health", 200),
    (Method::HEAD, "/api/v1/me", 401),
    (Method::GET, "/api/v1/me", 401),
    (Method::POST, "/api/v1/sessions", 415),
    (Method::GET, "/nothing", 404),
    (Method::GET, "/api/v2/me", 404),
    (Method::TRACE, "/api/v1/me", 405),
    (Method::OPTIONS, "/api/v1/me", 405),
];

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_browsers_safe() {
    let app = TestApp::new().await;
    for (method, path, status) in KINDS {
        let answer = app.anon().send(method.clone(), path, "", "").await;
        let answer = answer.assert_status(*status);
        let header = |name| answer.header(name).unwrap_or_else(|| panic!("no {name} in {answer}"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("api-version"), "1");
        assert_eq!(header("x-request-id").len(), 36);
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(header("content-security-policy").contains(rule), "{path}");
        }
        let cached = *path == "/.well-known/jwks.json";
        assert_eq!(
            header("cache-control"),
            if cached { "public, max-age=300" } else { "no-store" }
        );
        assert_eq!(answer.header("strict-transport-security"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("server"), None);
    }
}

#[tokio::test]
async fn what_has_no_content_has_no_length() {
    let app = TestApp::new().await;
    let answer = app.user("alice").await.delete("/api/v1/sessions/current").await;
    assert_eq!(answer.assert_status(204).header("content-length"), None);
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let app = TestApp::new().await;
    let clients = [app.admin().await, app.user("alice").await, app.anon()];
    for client in clients.map(|client| client.with("x-request-id", "same")) {
        for path in ["/health", "/openapi.json", "/api/v1/me", "/api/v1/users", "/nothing"] {
            let (mut get, head) =
                (client.get(path).await, client.send(Method::HEAD, path, "", "").await);
            assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
            // Over HTTP/2 a length without a body is an error.
            get.headers.remove("content-length");
            assert_eq!(head.headers, get.headers, "{path}");
            let Some(tag) = head.header("etag") else { continue };
            let known = client.with("if-none-match", tag);
            known.send(Method::HEAD, path, "", "").await.assert_status(304);
        }
    }
}

#[tokio::test]
async fn behind_https_browsers_are_told_to_stay_there() {
    let app = TestApp::with(&[("public_url", "https://id.example.com")]).await;
    for (method, path, _) in KINDS {
        let answer = app.anon().send(method.clone(), path, "", "").await;
        let transport_security = answer.header("strict-transport-security");
        assert_eq!(transport_security, Some("max-age=31536000; includeSubDomains"), "{path}");
    }
}

async fn preflight(client: &Client, origin: &str) -> crate::support::response::Response {
    let client = client.with("origin", origin).with("access-control-request-method", "PATCH");
    client.send(Method::OPTIONS, "/api/v1/me", "", "").await
}

#[tokio::test]
async fn pages_of_the_origins_in_the_settings_may_call() {
    let origins = "https://app.example.com http://localhost:5173";
    let app = TestApp::with(&[("cors_origins", origins)]).await;
    assert_snapshot!(preflight(&app.anon(), "https://app.example.com").await, @"
    204 No Content
    access-control-allow-headers: Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-Id, API-Version, Traceparent, Tracestate, X-Grpc-Web, X-User-Agent, Grpc-Timeout
    access-control-allow-methods: GET, POST, PUT, PATCH, DELETE
    access-control-allow-origin: https://app.example.com
    access-control-expose-headers: Deprecation, ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, Sunset, WWW-Authenticate, X-Request-Id, API-Version
    access-control-max-age: 600
    vary: Origin
    ");
    for origin in origins.split(' ') {
        for (method, path, _) in KINDS {
            let client = app.anon().with("origin", origin);
            let answer = client.send(method.clone(), path, "", "").await;
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{path}");
            assert_eq!(answer.header("vary"), Some("Origin"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test]
async fn what_is_kept_for_everybody_is_kept_for_each_origin_apart() {
    let app = TestApp::with(&[("cors_origins", "https://app.example.com")]).await;
    let keys = app.anon().get("/.well-known/jwks.json").await.assert_status(200);
    assert_eq!(keys.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(keys.header("vary"), Some("Origin"));
    assert_eq!(TestApp::new().await.anon().get("/livez").await.header("vary"), None);
}

#[tokio::test]
async fn pages_of_other_origins_may_not() {
    let settings = [("cors_origins", "https://app.example.com")];
    let (open, closed) = (TestApp::with(&settings).await, TestApp::new().await);
    for app in [open, closed] {
        for origin in [
            "https://evil.example",
            "http://app.example.com",
            "https://app.example.com:444",
            "https://app.example.com.evil.example",
            "https://APP.example.com",
            "null",
            "*",
            "",
        ] {
            let client = app.anon().with("origin", origin);
            let answer = client.get("/health").await.assert_status(200);
            assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
            let answer = preflight(&app.anon(), origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        }
    }
}
