//! Requests of an instance that want the same thing, in the order in which they
//! came. Nobody is woken, which would trap: who waits looks again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A line, in which nobody pushes in.
#[derive(Default)]
pub struct Line(Mutex<VecDeque<u64>>);

impl Line {
    /// The last place.
    pub fn join(&self) -> Place<'_> {
        let mut line = self.numbers();
        // Higher than every other: what is taken last stands last.
        let number = line.back().map_or(0, |last| last.wrapping_add(1));
        line.push_back(number);
        Place { line: self, number }
    }

    fn numbers(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line, which is left however the request ends.
pub struct Place<'a> {
    line: &'a Line,
    number: u64,
}

impl Place<'_> {
    /// How many stand before it.
    pub fn before(&self) -> u32 {
        let before =
            self.line.numbers().iter().take_while(|number| **number != self.number).count();
        u32::try_from(before).unwrap_or(u32::MAX)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.line.numbers().retain(|number| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_lets_those_behind_come_forward() {
        let line = Line::default();
        let (first, second, third) = (line.join(), line.join(), line.join());
        assert_eq!([first.before(), second.before(), third.before()], [0, 1, 2]);
        drop(second);
        let fourth = line.join();
        assert_eq!([first.before(), third.before(), fourth.before()], [0, 1, 2]);
        drop((first, third, fourth));
        assert_eq!(line.join().before(), 0);
    }
}
