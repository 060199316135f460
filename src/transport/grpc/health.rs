//! `grpc.health.v1.Health`: what `/readyz` says, for those who ask by gRPC.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::unfold;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::call::{Answers, Call};
use super::layers::METHODS;
use crate::app::App;
use crate::error::Error;
use crate::service::health;

/// How often is looked for those who watch.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The service.
pub struct HealthCheck(pub Arc<App>);

#[tonic::async_trait]
impl Health for HealthCheck {
    type WatchStream = Answers<HealthCheckResponse>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !is_known(&request.get_ref().service) {
            return Err(Error::NotFound("service").into());
        }
        Ok(Response::new(answer(status(&self.0).await)))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (call, message) = Call::of(request)?;
        let is_known = is_known(&message.service);
        let watch = Watch { app: Arc::clone(&self.0), is_known, last: None };
        let stream = unfold(watch, |mut watch| async move {
            let answer = watch.next().await;
            Some((Ok(answer), watch))
        });
        Ok(Response::new(call.answers(stream)))
    }
}

struct Watch {
    app: Arc<App>,
    is_known: bool,
    last: Option<ServingStatus>,
}

impl Watch {
    /// The status when it is another one than before.
    async fn next(&mut self) -> HealthCheckResponse {
        loop {
            let status = match self.is_known {
                true => status(&self.app).await,
                false => ServingStatus::ServiceUnknown,
            };
            if self.last.replace(status) != Some(status) {
                return answer(status);
            }
            self.app.timer.sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether there is a service of this name; none is the whole server.
fn is_known(name: &str) -> bool {
    let services = METHODS.iter().filter_map(|(path, ..)| path.split('/').nth(1));
    name.is_empty() || services.into_iter().any(|service| service == name)
}

async fn status(app: &App) -> ServingStatus {
    let checks = health::ready(app).await;
    match checks.iter().all(|check| check.problem.is_none()) {
        true => ServingStatus::Serving,
        false => ServingStatus::NotServing,
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
