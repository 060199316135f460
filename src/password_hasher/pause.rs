//! Long work that lets others go on.

use std::time::Duration;

use crate::app::Timer;

/// A pause: a real timer gives the thread back, yielding alone does not.
const PAUSE: Duration = Duration::from_micros(50);

/// Gives the thread back between two slices of work.
#[derive(Clone, Copy)]
pub(super) struct Pause<'a>(pub(super) &'a dyn Timer);

impl Pause<'_> {
    /// Lets others go on.
    pub(super) async fn take(self) {
        self.0.sleep(PAUSE).await;
    }

    /// Lets others go on after each slice of so many steps, of which this is one.
    pub(super) async fn take_after(self, step: u32, slice: u32) {
        if step.checked_rem(slice) == Some(0) {
            self.take().await;
        }
    }
}
