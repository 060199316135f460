//! Rows and keys on their way from a database to the guest.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult};

/// How many items wait for the guest before their source is held up. A guest
/// that does not read holds up its database connection with it, as on Spin.
pub(crate) const CHANNEL_CAPACITY: usize = 4;

/// The most bytes of one row or value that are handed to a guest.
pub(crate) const MAX_ITEM_BYTES: usize = 128 << 20;

/// The guest's end of a channel: each read gets one item.
pub(crate) struct ChannelProducer<T>(pub(crate) mpsc::Receiver<T>);

impl<T: Send + Sync + 'static, D> StreamProducer<D> for ChannelProducer<T> {
    type Item = T;
    type Buffer = Option<T>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.get_mut().0.poll_recv(cx) {
            Poll::Ready(Some(item)) => {
                destination.set_buffer(Some(item));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
