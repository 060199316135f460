//! The port to other servers: one request, one response.

use std::time::Duration;

use http::{Request, Response};

use crate::store::database::BoxFuture;

/// Sends requests to servers that the operator allowed.
pub trait HttpClient: Send + Sync {
    /// Sends a request and reads the response, of which no more than
    /// [`MAX_RESPONSE_BYTES`] are kept. What takes longer than `timeout` has failed.
    fn send(
        &self,
        request: Request<String>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, Unreachable>>;
}

/// The most of a response that anybody here reads.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Why there is no response, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable(pub String);

#[cfg(target_family = "wasm")]
pub use spin::SpinHttpClient;

#[cfg(target_family = "wasm")]
mod spin {
    use std::time::Duration;

    use futures_util::future::{Either, select};
    use http::header::CONTENT_LENGTH;
    use http::{HeaderValue, Request, Response};
    use http_body_util::{BodyExt, Limited};

    use super::{HttpClient, MAX_RESPONSE_BYTES, Unreachable};
    use crate::store::database::BoxFuture;

    /// The host's client. It calls whom `allowed_outbound_hosts` lists.
    pub struct SpinHttpClient;

    impl HttpClient for SpinHttpClient {
        fn send(
            &self,
            request: Request<String>,
            timeout: Duration,
        ) -> BoxFuture<'_, Result<Response<Vec<u8>>, Unreachable>> {
            Box::pin(async move {
                // The host's own limit is ten minutes.
                let timer = Box::pin(spin_sdk::time::sleep(timeout));
                match select(Box::pin(exchange(request)), timer).await {
                    Either::Left((response, _)) => response,
                    Either::Right(((), _)) => Err(Unreachable("no response in time".to_owned())),
                }
            })
        }
    }

    async fn exchange(mut request: Request<String>) -> Result<Response<Vec<u8>>, Unreachable> {
        // Without it the host sends chunks, which not every provider reads.
        let length = HeaderValue::from(request.body().len());
        request.headers_mut().insert(CONTENT_LENGTH, length);
        let response = spin_sdk::http::send(request).await;
        let response = response.map_err(|error| Unreachable(error.to_string()))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await;
        // The status alone says what became of the request.
        let bytes = body.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
        Ok(Response::from_parts(parts, bytes))
    }
}
