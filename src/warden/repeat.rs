//! When what has been announced is announced again.

use std::time::Duration;

use crate::model::time::Instant;

/// The first times, because one frame may be lost, or come before a switch has learned the way.
const FIRST: u32 = 3;
const FIRST_APART: Duration = Duration::from_millis(100);
/// Afterwards as long as addresses are held: a switch that was restarted learns it, too.
const REFRESH: Duration = Duration::from_secs(10);

/// Announcements of addresses that are held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repeat {
    done: u32,
    next: Instant,
}

impl Repeat {
    /// The first is due at once.
    pub fn new(now: Instant) -> Repeat {
        Repeat { done: 0, next: now }
    }

    pub fn next(&self) -> Instant {
        self.next
    }

    /// Whether one is due now.
    pub fn due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.done = self.done.saturating_add(1);
        self.next = now
            + if self.done < FIRST {
                FIRST_APART
            } else {
                REFRESH
            };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_at_once_and_then_one_every_ten_seconds() {
        let at = |ms: u64| Instant::from_nanos(ms * 1_000_000);
        let mut repeat = Repeat::new(at(50));
        for ms in [50, 150, 250, 10_250, 20_250] {
            assert_eq!(repeat.next(), at(ms));
            assert!(!repeat.due(at(ms - 1)));
            assert!(repeat.due(at(ms)));
        }
    }
}
