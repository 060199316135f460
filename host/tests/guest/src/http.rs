//! What arrives, and what may go back.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::http::{EmptyBody, send};
use spin_sdk::wasip3::http::types::RequestOptions;
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;

/// The request's URI and its headers, in their order.
pub(crate) async fn headers(request: Request) -> Json<Value> {
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    Json(json!({
        "method": request.method().as_str(),
        "uri": request.uri().to_string(),
        "headers": headers,
    }))
}

/// Sends the body back as it comes, trailers and all.
pub(crate) async fn echo(request: Request) -> Response {
    Response::new(request.into_body())
}

/// A body with a trailer after it.
pub(crate) async fn trailers() -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", HeaderValue::from_static("42"));
    let body = Full::new(Bytes::from_static(b"body")).with_trailers(async { Some(Ok(trailers)) });
    Response::new(Body::new(body))
}

/// A request to send, and how long its parts may take.
#[derive(Deserialize)]
pub(crate) struct Fetch {
    url: String,
    connect_ms: Option<u64>,
    first_byte_ms: Option<u64>,
    between_bytes_ms: Option<u64>,
}

/// Sends a request and tells what came back.
pub(crate) async fn fetch(Json(fetch): Json<Fetch>) -> Json<Value> {
    let nanoseconds = |ms: Option<u64>| ms.map(|ms| ms * 1_000_000);
    let options = RequestOptions::new();
    let set = options
        .set_connect_timeout(nanoseconds(fetch.connect_ms))
        .and(options.set_first_byte_timeout(nanoseconds(fetch.first_byte_ms)))
        .and(options.set_between_bytes_timeout(nanoseconds(fetch.between_bytes_ms)));
    set.expect("options can be set");
    let request = axum::http::Request::get(&fetch.url)
        .extension(RequestOptionsExtension(options))
        .body(EmptyBody::new());
    let request = match request {
        Ok(request) => request,
        Err(error) => return Json(json!({ "request": error.to_string() })),
    };
    let response = match send(request).await {
        Ok(response) => response,
        Err(error) => return Json(json!({ "send": format!("{error:?}") })),
    };
    let status = response.status().as_u16();
    match response.into_body().collect().await {
        Ok(body) => {
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            Json(json!({ "status": status, "body": body }))
        }
        Err(error) => Json(json!({ "status": status, "body_error": format!("{error:?}") })),
    }
}
