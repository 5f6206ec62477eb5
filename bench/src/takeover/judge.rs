//! What a fault came to, from what the client saw.

use std::time::Duration;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;

use crate::takeover::client::Attempt;
use crate::takeover::client::Ended;

/// A pause this long is one that people notice; one that is shorter is the harness's own.
pub const NOTABLE: Duration = Duration::from_millis(100);
/// So long there may be no notable pause before a fault counts as over …
const STEADY: Duration = Duration::from_secs(1);
/// … and not before this, in case its consequences come late.
const LEAST: Duration = Duration::from_secs(3);

/// What one fault came to.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// The longest time without a whole response.
    pub gap_ms: f64,
    pub answered: usize,
    /// No connection within 100 ms.
    pub not_connected: usize,
    /// Connected, and no whole response.
    pub failed: usize,
    /// The service came back.
    pub recovered: bool,
    /// The other server has the address now, and it alone.
    pub moved: bool,
}

/// Whether everything that follows from a fault at `fault` has been seen.
pub fn is_over(fault: Instant, attempts: &[Attempt], now: Instant) -> bool {
    let answers = answers(attempts);
    let steady = now.checked_sub(STEADY).unwrap_or(fault).max(fault);
    let lately = answers.filter(|at| *at >= steady);
    now >= fault + LEAST && longest(steady, lately, now) < NOTABLE
}

/// From `fault` to `end`; whether it is over and where the address is, others know.
pub fn judge(fault: Instant, attempts: &[Attempt], end: Instant) -> Trial {
    let count = |like: fn(&Ended) -> bool| {
        let ended = attempts.iter().map(|attempt| &attempt.ended);
        ended.filter(|ended| like(ended)).count()
    };
    Trial {
        gap_ms: longest(fault, answers(attempts), end).as_secs_f64() * 1000.0,
        answered: count(|ended| matches!(ended, Ended::Answered { .. })),
        not_connected: count(|ended| matches!(ended, Ended::NotConnected)),
        failed: count(|ended| matches!(ended, Ended::Failed)),
        recovered: false,
        moved: false,
    }
}

fn answers(attempts: &[Attempt]) -> impl Iterator<Item = Instant> {
    let answered = |attempt: &&Attempt| matches!(attempt.ended, Ended::Answered { .. });
    attempts.iter().filter(answered).map(|one| one.ended_at)
}

/// The longest time between two of `moments`, the first and the last of which are given.
fn longest(first: Instant, moments: impl Iterator<Item = Instant>, last: Instant) -> Duration {
    let mut before = first;
    let mut longest = Duration::ZERO;
    for moment in moments.chain([last]) {
        longest = longest.max(moment.saturating_duration_since(before));
        before = moment;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(start: Instant, at_ms: u64) -> Attempt {
        Attempt {
            ended_at: start + Duration::from_millis(at_ms),
            ended: Ended::Answered {
                took: Duration::from_millis(1),
            },
        }
    }

    fn lost(start: Instant, at_ms: u64, ended: Ended) -> Attempt {
        Attempt {
            ended,
            ..answered(start, at_ms)
        }
    }

    #[test]
    fn the_gap_is_the_longest_time_without_an_answer_and_begins_with_the_fault() {
        let start = Instant::now();
        let end = start + Duration::from_millis(400);
        let attempts = [
            answered(start, 250),
            lost(start, 270, Ended::NotConnected),
            lost(start, 280, Ended::Failed),
            answered(start, 300),
            answered(start, 390),
        ];
        let trial = judge(start, &attempts, end);
        assert!((trial.gap_ms - 250.0).abs() < 0.01, "{trial:?}");
        let counts = (trial.answered, trial.not_connected, trial.failed);
        assert_eq!(counts, (3, 1, 1));
    }

    #[test]
    fn it_is_over_when_the_service_has_been_steady_for_a_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let every = |from: u64, to: u64| (from..to).step_by(50).map(|ms| answered(start, ms));
        let early: Vec<Attempt> = every(0, 2900).collect();
        assert!(!is_over(start, &early, at(2900)), "something may follow");
        let late: Vec<Attempt> = every(0, 500).chain(every(2500, 3100)).collect();
        assert!(!is_over(start, &late, at(3100)), "half a second of service");
        let long: Vec<Attempt> = every(0, 500).chain(every(2500, 3600)).collect();
        assert!(is_over(start, &long, at(3600)));
        assert!(!is_over(start, &[], at(9000)), "it never came back");
    }
}
