//! How slow a client may be with a body: each pause is bounded by `client_timeout`, and all pauses together by an
//! average rate. Only time in which the client is waited for counts; what an output takes its time for is not the
//! client's fault.

use std::time::Duration;

use crate::model::time::Instant;

/// So long a body may take at any rate (SPEC 2, `client_timeout`).
const FREE: Duration = Duration::from_secs(60);
/// … and after that it must have averaged so many bytes a second.
const LEAST_BYTES_PER_SECOND: u64 = 500;

/// One direction's account.
#[derive(Default)]
pub struct Pace {
    bytes: u64,
    waited: Duration,
    since: Option<Instant>,
}

impl Pace {
    /// Bytes have come from the client, or have gone to it.
    pub fn moved(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// From now on the client is waited for, or is not. How much longer that may last.
    pub fn wait(&mut self, now: Instant, waiting: bool) -> Option<Duration> {
        if let Some(since) = self.since.take() {
            self.waited += now.since(since);
        }
        self.since = waiting.then_some(now);
        waiting.then(|| self.allowed().saturating_sub(self.waited))
    }

    /// How long it may be waited for in all, with what has moved so far.
    fn allowed(&self) -> Duration {
        FREE.max(Duration::from_secs(self.bytes / LEAST_BYTES_PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn a_minute_is_free_at_any_rate() {
        let mut pace = Pace::default();
        assert_eq!(pace.wait(at(10), true), seconds(60));
        pace.moved(1);
        assert_eq!(pace.wait(at(69), true), seconds(1));
        assert_eq!(pace.wait(at(70), true), seconds(0));
        assert_eq!(pace.wait(at(99), true), seconds(0));
    }

    #[test]
    fn every_500_bytes_buy_a_second() {
        let mut pace = Pace::default();
        pace.wait(at(0), true);
        pace.moved(500 * 90 + 499);
        assert_eq!(pace.wait(at(60), true), seconds(30));
        pace.moved(1);
        assert_eq!(pace.wait(at(60), true), seconds(31));
    }

    #[test]
    fn only_time_in_which_the_client_is_waited_for_counts() {
        let mut pace = Pace::default();
        pace.wait(at(0), true);
        assert_eq!(pace.wait(at(50), false), None);
        assert_eq!(pace.wait(at(5000), true), seconds(10));
        assert_eq!(pace.wait(at(5009), true), seconds(1));
    }
}
