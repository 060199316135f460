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

/// How many blocks are computed between two pauses. A pause that lasts longer than the
/// timer needs shows that others want the thread; while none does, pauses only cost.
/// docs/performance.md has the table that decided the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice(u32);

impl Slice {
    /// The shortest: half a millisecond.
    pub(super) const FIRST: Self = Self(1_024);
    const LONGEST: Self = Self(4_096);
    /// From how long a pause on others want the thread.
    const CROWDED: Duration = Duration::from_millis(2);

    /// In blocks of Argon2.
    pub(super) fn blocks(self) -> u32 {
        self.0
    }

    /// The next one, after a pause that lasted so long: twice as long while nobody else
    /// wants the thread, else the shortest.
    pub(super) fn after(self, pause: Duration) -> Self {
        if pause > Self::CROWDED {
            return Self::FIRST;
        }
        Self(self.0.saturating_mul(2).min(Self::LONGEST.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_while_nobody_waits_and_are_short_when_somebody_does() {
        let mut slice = Slice::FIRST;
        let pauses = [1, 1, 1, 3, 1, 9].map(Duration::from_millis);
        let slices = pauses.map(|pause| {
            slice = slice.after(pause);
            slice.blocks()
        });
        assert_eq!(slices, [2_048, 4_096, 4_096, 1_024, 2_048, 1_024]);
    }
}
