//! Long work that lets others go on.

use std::time::Duration;

use crate::app::{SHORTEST_SLEEP, Timer};

/// From how long stepping aside on others want the thread, and from how long a timer.
const LONG_STEP: Duration = Duration::from_millis(1);
const LONG_TIMER: Duration = Duration::from_millis(2);

/// Gives the thread back between two slices of work.
#[derive(Clone, Copy)]
pub(super) struct Pause<'a>(pub(super) &'a dyn Timer);

impl Pause<'_> {
    /// Lets others go on: a real timer gives the thread back, yielding alone does not.
    pub(super) async fn take(self) {
        self.0.sleep(SHORTEST_SLEEP).await;
    }

    /// Lets others go on after a slice: with a timer if they are many, because it leaves
    /// them more time. From how long on that was long.
    pub(super) async fn take_behind(self, slice: Slice) -> Duration {
        let aside = if slice.is_crowded { None } else { self.0.step_aside() };
        match aside {
            Some(aside) => {
                aside.await;
                LONG_STEP
            }
            None => {
                self.take().await;
                LONG_TIMER
            }
        }
    }

    /// Lets others go on after each slice of so many steps, of which this is one.
    pub(super) async fn take_after(self, step: u32, slice: u32) {
        if step.checked_rem(slice) == Some(0) {
            self.take().await;
        }
    }
}

/// How many blocks are computed before a pause, and which kind of pause. One that lasts
/// longer than it needs shows that others want the thread; while none does, pauses only
/// cost. docs/performance.md has the table that decided the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    blocks: u32,
    /// Whether others wanted the thread a while ago.
    is_crowded: bool,
}

impl Slice {
    /// The shortest: half a millisecond.
    pub(super) const FIRST: Self = Self { blocks: 1_024, is_crowded: false };
    const LONGEST: u32 = 4_096;

    /// In blocks of Argon2.
    pub(super) fn blocks(self) -> u32 {
        self.blocks
    }

    /// The first one of the next hash: crowded unless nobody wanted the thread at the end.
    pub(super) fn of_next(self) -> Self {
        Self { is_crowded: self.is_crowded && self.blocks < Self::LONGEST, ..Self::FIRST }
    }

    /// The next one, after a pause that was long or not: twice as long while nobody else
    /// wants the thread, else the shortest.
    pub(super) fn after(self, was_long: bool) -> Self {
        if was_long {
            return Self { is_crowded: true, ..Self::FIRST };
        }
        Self { blocks: self.blocks.saturating_mul(2).min(Self::LONGEST), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_while_nobody_waits_and_are_short_when_somebody_does() {
        let mut slice = Slice::FIRST;
        let slices = [false, false, false, true, false, false, true, false].map(|was_long| {
            slice = slice.after(was_long);
            (slice.blocks, slice.is_crowded)
        });
        let alone = [2_048, 4_096, 4_096].map(|blocks| (blocks, false));
        let crowded = [1_024, 2_048, 4_096, 1_024, 2_048].map(|blocks| (blocks, true));
        assert_eq!(slices, [&alone[..], &crowded[..]].concat()[..]);
    }

    #[test]
    fn a_hash_begins_crowded_unless_nobody_wanted_the_thread_at_the_end_of_the_last_one() {
        let slice = |blocks, is_crowded| Slice { blocks, is_crowded };
        for (last, first) in [
            (slice(1_024, true), slice(1_024, true)),
            (slice(2_048, true), slice(1_024, true)),
            (slice(4_096, true), Slice::FIRST),
            (slice(2_048, false), Slice::FIRST),
        ] {
            assert_eq!(last.of_next(), first, "{last:?}");
        }
    }
}
