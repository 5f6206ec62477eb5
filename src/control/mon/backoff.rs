//! How long to wait before trying again. It knows no clock.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const MOST: Duration = Duration::from_secs(30);
/// What worked for so long begins anew: a receiver that was restarted is asked again soon, one that takes
/// connections only to close them is not.
const STEADY: Duration = Duration::from_secs(10);

pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { next: FIRST }
    }
}

impl Backoff {
    /// The wait after something that had worked for `lasted` until it failed.
    pub fn after(&mut self, lasted: Duration) -> Duration {
        if lasted >= STEADY {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (wait * 2).min(MOST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_begin_anew_after_what_lasted() {
        let mut backoff = Backoff::default();
        let mut waits = || backoff.after(Duration::ZERO).as_millis();
        let first: Vec<u128> = (0..9).map(|_| waits()).collect();
        assert_eq!(
            first,
            [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]
        );
        assert_eq!(backoff.after(Duration::from_secs(9)), MOST);
        assert_eq!(backoff.after(STEADY), FIRST);
        assert_eq!(backoff.after(Duration::ZERO), 2 * FIRST);
    }
}
