//! Instances of a component: what each holds, how many requests it takes and
//! when it goes.

use std::future::{Future, pending};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep, sleep_until};
use wasmtime::component::{GuestTaskId, ResourceTable};
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::component::Capabilities;
use crate::key_value::KeyValue;
use crate::outbound::Outbound;
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::stdio::report;
use crate::variables::Variables;

/// What the host keeps for one instance. It goes with the instance, and with
/// it all that the guest has open.
pub(crate) struct Guest {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) http: WasiHttpCtx,
    pub(crate) outbound: Outbound,
    pub(crate) sqlite: Sqlite,
    pub(crate) key_value: KeyValue,
    pub(crate) postgres: Postgres,
    pub(crate) variables: Variables,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}

/// How instances are used. Of each range an instance gets a value at random.
#[derive(Clone, Debug)]
pub(crate) struct Reuse {
    /// Requests that an instance takes before it goes.
    pub(crate) requests: RangeInclusive<usize>,
    /// Requests that it works on at the same time.
    pub(crate) concurrent_requests: RangeInclusive<usize>,
    /// How long a response may take.
    pub(crate) request_timeout: Option<RangeInclusive<Duration>>,
    /// How long it stays without a request.
    pub(crate) idle_timeout: RangeInclusive<Duration>,
}

/// Makes the instances of one component.
pub(crate) struct Factory {
    pub(crate) component: ServicePre<Guest>,
    pub(crate) capabilities: Capabilities,
    pub(crate) reuse: Reuse,
}

impl HandlerState for Factory {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Worker>> {
        let mut store = Store::new(self.component.engine(), self.capabilities.guest()?);
        // Nothing counts epochs, so no guest meets its deadline.
        store.set_epoch_deadline(1);
        let service = self.component.instantiate_async(&mut store).await?;
        let request_timeout = self.reuse.request_timeout.as_ref().map(one_of);
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: WasiHttpView::http,
            expiration: Expiration {
                idle_timeout: one_of(&self.reuse.idle_timeout),
                request_timeout,
                sleep: Box::pin(sleep(Duration::ZERO)),
            },
            state: Worker {
                requests: one_of(&self.reuse.requests),
                concurrent_requests: one_of(&self.reuse.concurrent_requests),
                request_timeout,
            },
        })
    }
}

fn one_of<T>(range: &RangeInclusive<T>) -> T
where
    T: Copy + PartialOrd + rand::distr::uniform::SampleUniform,
{
    rand::random_range(range.clone())
}

/// How many requests an instance takes.
pub(crate) struct Worker {
    requests: usize,
    concurrent_requests: usize,
    request_timeout: Option<Duration>,
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = ();

    fn should_accept_request(&self, concurrent_count: usize, total_count: usize) -> ShouldAccept {
        if total_count >= self.requests {
            ShouldAccept::Never
        } else if concurrent_count >= self.concurrent_requests {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Guest>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        match self.request_timeout {
            Some(timeout) => Box::pin(sleep(timeout)),
            None => Box::pin(pending()),
        }
    }

    fn drop(&self, store: Store<Guest>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            report(format_args!("worker failed: {error:?}"));
        }
        drop(store);
    }
}

/// When an instance goes.
pub(crate) struct Expiration {
    idle_timeout: Duration,
    request_timeout: Option<Duration>,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        let timeout = match status {
            WorkerStatus::Idle => Some(self.idle_timeout),
            WorkerStatus::Requests | WorkerStatus::PostReturn => self.request_timeout,
        };
        let Some(deadline) = timeout.and_then(|timeout| start.checked_add(timeout)) else {
            return Poll::Pending;
        };
        if self.sleep.deadline() != deadline.into() {
            self.sleep.set(sleep_until(deadline.into()));
        }
        self.sleep.as_mut().poll(context)
    }
}
