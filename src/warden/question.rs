//! The question to the service network: three times, 20 ms apart, and 60 ms for somebody to answer. The time and claims
//! go in; what is to be sent, and the answer, comes out.

use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::event::Reply;

/// Times that it is asked.
const PROBES: u32 = 3;
/// Between two of them, and after the last.
const APART: Duration = Duration::from_millis(20);

/// One that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    pub number: u32,
    begun: Instant,
    sent: u32,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Ask for each address.
    Probe,
    /// It is over.
    Answer(Reply),
}

impl Question {
    pub fn new(number: u32, now: Instant) -> Question {
        Question {
            number,
            begun: now,
            sent: 0,
        }
    }

    /// When [`Question::step`] wants to be called.
    pub fn next(&self) -> Instant {
        self.begun + APART * self.sent
    }

    pub fn step(&mut self, now: Instant) -> Option<Step> {
        if now < self.next() {
            return None;
        }
        if self.sent == PROBES {
            return Some(Step::Answer(Reply::Silence));
        }
        // After a turn that came late the others follow at their distance.
        self.begun = self.begun + now.since(self.next());
        self.sent += 1;
        Some(Step::Probe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn it_asks_three_times_and_waits_for_the_last_answer() {
        let mut question = Question::new(7, at(100));
        for ms in [100, 120, 140] {
            assert_eq!(question.next(), at(ms));
            assert_eq!(question.step(at(ms)), Some(Step::Probe));
            assert_eq!(question.step(at(ms + 19)), None);
        }
        assert_eq!(question.next(), at(160));
        assert_eq!(question.step(at(160)), Some(Step::Answer(Reply::Silence)));
    }

    #[test]
    fn who_is_late_still_gives_everybody_their_time() {
        let mut question = Question::new(7, at(100));
        assert_eq!(question.step(at(100)), Some(Step::Probe));
        assert_eq!(question.step(at(300)), Some(Step::Probe));
        assert_eq!(question.step(at(301)), None);
        assert_eq!(question.step(at(320)), Some(Step::Probe));
        assert_eq!(question.next(), at(340));
    }
}
