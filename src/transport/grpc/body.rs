//! Bodies of answers: they end in trailers, in time, and not unheard.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, Response};
use futures_util::future::BoxFuture;
use http_body::Frame;
use tonic::{Code, Status};

use super::call::Call;
use super::status;

/// What tells how a call ended.
const STATUS: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

/// Moves the status of an answer without a body from its headers into trailers.
/// Both are gRPC, but Spin ends such an answer with an empty DATA frame, after
/// which clients expect trailers.
pub fn in_trailers(mut response: Response<Body>) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    for name in STATUS {
        if let Some(value) = response.headers_mut().remove(name) {
            trailers.insert(name, value);
        }
    }
    if !trailers.is_empty() {
        *response.body_mut() = Body::new(Trailers(Some(trailers)));
    }
    response
}

/// A body of nothing but trailers.
struct Trailers(Option<HeaderMap>);

impl HttpBody for Trailers {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Poll::Ready(self.0.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

/// A body that ends when its time is up.
pub struct Limited {
    body: Body,
    time: Option<BoxFuture<'static, ()>>,
    call: Call,
}

impl Limited {
    /// The same body, until then.
    pub fn new(body: Body, time: BoxFuture<'static, ()>, call: Call) -> Self {
        Self { body, time: Some(time), call }
    }
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let Some(time) = &mut this.time else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if time.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.time = None;
        let status = status::deadline_exceeded();
        this.call.note(&status);
        Poll::Ready(Some(Ok(Frame::trailers(headers(&status)))))
    }
}

/// A body of which the call hears how it ended, and that is over then: hosts ask on
/// behind trailers, and the library may have more of them.
pub struct Heard {
    body: Body,
    call: Option<Call>,
}

impl Heard {
    /// The same body.
    pub fn new(body: Body, call: Call) -> Self {
        Self { body, call: Some(call) }
    }

    fn end(&mut self, code: Code) {
        if let Some(call) = self.call.take() {
            call.end(code);
        }
    }
}

impl HttpBody for Heard {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.call.is_none() {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let trailers = frame.trailers_ref();
                if let Some(status) = trailers.and_then(Status::from_header_map) {
                    self.end(status.code());
                }
            }
            Some(Err(_)) | None => self.end(Code::Unknown),
        }
        Poll::Ready(frame)
    }
}

impl Drop for Heard {
    /// Nobody reads on: the client has gone.
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

fn headers(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // What could fail are texts that no header can hold; ours can.
    let _ = status.add_header(&mut headers);
    headers
}
