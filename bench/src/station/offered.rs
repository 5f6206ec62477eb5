//! The open loop: requests are due at fixed times, whether or not earlier ones are answered. It says which
//! connection asks when; it neither asks nor reads a clock.

use std::collections::VecDeque;
use std::time::Duration;

use halb::model::time::Instant;
use hdrhistogram::Histogram;

use crate::station::times;

/// More per second than any generator sends; with this, times between requests are never zero.
const RATE_MAX: f64 = 1e9;

/// What is due, and who is free to ask it.
pub struct Offered {
    rate: f64,
    /// When the first request is due; `None` until it begins.
    start: Option<Instant>,
    /// Requests sent so far: the next to be sent is the one with this number.
    sent: u64,
    /// Connections that wait for a request to be due, and since when; the longest waiting first.
    free: VecDeque<(u32, Instant)>,
    /// How long after it could have been sent each request was.
    late: Histogram<u64>,
}

impl Offered {
    /// Requests per second, evenly spaced.
    pub fn new(rate: f64) -> Result<Offered, String> {
        if !(rate > 0.0 && rate <= RATE_MAX) {
            return Err(format!("{rate} requests per second cannot be offered"));
        }
        Ok(Offered {
            rate,
            start: None,
            sent: 0,
            free: VecDeque::new(),
            late: times::histogram()?,
        })
    }

    /// The first request is due now.
    pub fn begin(&mut self, now: Instant) {
        self.start = Some(now);
    }

    /// A connection may ask again.
    pub fn free(&mut self, slot: u32, now: Instant) {
        self.free.push_back((slot, now));
    }

    /// A connection is gone.
    pub fn gone(&mut self, slot: u32) {
        self.free.retain(|(free, _)| *free != slot);
    }

    /// Who is to ask, and when that was due; `None` when nothing is due, or nobody is free.
    pub fn next(&mut self, now: Instant) -> Option<(u32, Instant)> {
        let due = self.due(self.sent).filter(|due| *due <= now)?;
        let (slot, since) = self.free.pop_front()?;
        let late = now.since(due.max(since));
        self.late.saturating_record(nanos(late));
        self.sent += 1;
        Some((slot, due))
    }

    /// When [`Offered::next`] has something, if nobody becomes free before.
    pub fn next_at(&self) -> Option<Instant> {
        if self.free.is_empty() {
            return None;
        }
        self.due(self.sent)
    }

    /// When each of those was due that are due before `end` and were not sent.
    pub fn overdue(&self, end: Instant) -> impl Iterator<Item = Instant> {
        let due = (self.sent..).map_while(|number| self.due(number));
        due.take_while(move |due| *due < end)
    }

    /// Counts lateness from here on.
    pub fn reset(&mut self) {
        self.late.reset();
    }

    /// Of a hundred requests ninety-nine went out within so long after they could have.
    pub fn late_p99_us(&self) -> f64 {
        times::quantiles(&self.late).p99_us
    }

    /// From the number and not from the one before, so that nothing adds up.
    fn due(&self, number: u64) -> Option<Instant> {
        let after = Duration::from_secs_f64(number as f64 / self.rate);
        self.start.map(|start| start + after)
    }
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(number: u64) -> Instant {
        Instant::from_nanos(number * 1_000_000)
    }

    /// A thousand per second, from 10 ms on.
    fn begun(connections: u32) -> Offered {
        let mut offered = Offered::new(1000.0).unwrap();
        for slot in 0..connections {
            offered.free(slot, millis(5));
        }
        offered.begin(millis(10));
        offered
    }

    #[test]
    fn requests_are_due_one_by_one_whoever_is_answered() {
        let mut offered = begun(3);
        assert_eq!(offered.next(millis(9)), None);
        assert_eq!(offered.next_at(), Some(millis(10)));
        assert_eq!(offered.next(millis(11)), Some((0, millis(10))));
        assert_eq!(offered.next(millis(11)), Some((1, millis(11))));
        assert_eq!(offered.next(millis(11)), None);
        assert_eq!(offered.next_at(), Some(millis(12)));
    }

    #[test]
    fn who_finds_no_connection_waits_in_line_and_keeps_its_time() {
        let mut offered = begun(1);
        assert_eq!(offered.next(millis(10)), Some((0, millis(10))));
        assert_eq!(offered.next(millis(50)), None);
        assert_eq!(offered.next_at(), None, "only an answer helps");
        offered.free(0, millis(50));
        assert_eq!(offered.next(millis(50)), Some((0, millis(11))));
        let overdue: Vec<Instant> = offered.overdue(millis(50)).collect();
        assert_eq!(overdue.len(), 38, "12 to 49 ms");
        assert_eq!(overdue.first(), Some(&millis(12)));
        assert!(offered.late_p99_us() < 1.0, "nobody was free before");
    }

    #[test]
    fn lateness_of_the_generator_itself_is_seen() {
        let mut offered = begun(2);
        assert_eq!(offered.next(millis(17)), Some((0, millis(10))));
        assert!((offered.late_p99_us() - 7000.0).abs() < 10.0);
        offered.reset();
        assert_eq!(offered.next(millis(17)), Some((1, millis(11))));
        assert!((offered.late_p99_us() - 6000.0).abs() < 10.0);
    }

    #[test]
    fn a_connection_that_is_gone_asks_nothing() {
        let mut offered = begun(2);
        offered.gone(0);
        assert_eq!(offered.next(millis(20)), Some((1, millis(10))));
        assert_eq!(offered.next(millis(20)), None);
    }

    #[test]
    fn rates_that_are_none_are_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Offered::new(rate).is_err(), "{rate}");
        }
    }
}
