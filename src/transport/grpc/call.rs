//! One call on its way through the layers and the service.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt};
use tonic::{Code, Request, Status, Streaming};

use super::status::{self, Failure};
use crate::app::App;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::service::{Context, mails};
use crate::transport::log_line::{self, Ended};

/// A stream of answers.
pub type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// One call; cheap to copy.
#[derive(Clone)]
pub struct Call(Arc<Inner>);

/// What is known of a call.
pub struct Inner {
    /// All that it may use.
    pub app: Arc<App>,
    /// Who calls, and from where.
    pub cx: Context,
    /// The path; `None` for a method that there is not.
    route: Option<&'static str>,
    begin: Timestamp,
    failure: Mutex<Option<Failure>>,
}

impl Deref for Call {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Call {
    /// A call that begins now.
    pub fn new(app: Arc<App>, cx: Context, route: Option<&'static str>, begin: Timestamp) -> Self {
        Self(Arc::new(Inner { app, cx, route, begin, failure: Mutex::new(None) }))
    }

    /// The call of a request, and its message.
    pub fn of<T>(mut request: Request<T>) -> Result<(Self, T), Status> {
        let call = request.extensions_mut().remove::<Self>();
        let call = call.ok_or_else(|| Error::internal("a request without a call"))?;
        Ok((call, request.into_inner()))
    }

    /// Keeps why the call fails, for the log.
    pub fn note(&self, status: &Status) {
        let failure = status::failure(status).cloned();
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Sends answers as a stream.
    pub fn answers<T: 'static>(
        &self,
        stream: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> Answers<T> {
        let call = self.clone();
        Box::pin(stream.inspect(move |answer| {
            if let Err(status) = answer {
                call.note(status);
            }
        }))
    }

    /// The next message of a client, which must not keep the service waiting for
    /// longer than a request may take.
    pub async fn next<T>(&self, messages: &mut Streaming<T>) -> Result<Option<T>, Status> {
        let patience = self.app.timer.sleep(self.app.config.request_timeout);
        match select(Box::pin(messages.message()), patience).await {
            Either::Left((message, _)) => message.map_err(status::of_codec),
            Either::Right(((), _)) => Err(status::timed_out("No message came for too long.")),
        }
    }

    /// The end of the call: a line in the log, without secrets and without personal
    /// data, and what is done once nobody waits for it.
    pub fn end(&self, code: Code) {
        self.log(code);
        if self.cx.wrote_mail.get() {
            let app = Arc::clone(&self.app);
            app.clone().background.spawn(Box::pin(async move { mails::deliver_due(&app).await }));
        }
    }

    fn log(&self, code: Code) {
        let is_fault = matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        );
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ended = Ended {
            request_id: &self.cx.request_id,
            trace_id: self.cx.trace_id.as_deref(),
            method: "POST",
            route: self.route,
            status: 200,
            grpc_status: Some(i32::from(code)),
            code: failure.as_ref().map(|failure| failure.code),
            cause: failure.as_ref().and_then(|failure| failure.cause.as_deref()),
        };
        log_line::write(&self.app, self.begin, is_fault, ended);
    }
}
