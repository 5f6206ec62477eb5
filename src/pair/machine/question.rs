//! The question to the service network: does anybody answer for the addresses?

use crate::model::time::Instant;
use crate::pair::event::Reply;
use crate::pair::limits;

#[derive(Debug, Default)]
pub(super) struct Question {
    /// Of the latest one.
    number: u32,
    /// When it was put, while its answer is awaited.
    open_since: Option<Instant>,
    asked_at: Option<Instant>,
    silent_at: Option<Instant>,
    /// Somebody answered.
    pub(super) blind: bool,
    /// No question could be sent.
    pub(super) unable: bool,
}

impl Question {
    /// Another question, if it is time for one.
    pub(super) fn ask(&mut self, now: Instant) -> Option<u32> {
        if self.due_at().is_some_and(|due| now < due) {
            return None;
        }
        self.number = self.number.wrapping_add(1);
        self.open_since = Some(now);
        self.asked_at = Some(now);
        Some(self.number)
    }

    /// When the next one may be put; `None` when none has been put yet.
    pub(super) fn due_at(&self) -> Option<Instant> {
        match self.open_since {
            Some(since) => Some(since + limits::ANSWER_WAIT),
            None => self.asked_at.map(|at| at + limits::ASK_AGAIN),
        }
    }

    pub(super) fn on_answer(&mut self, number: u32, reply: Reply, now: Instant) {
        if number != self.number || self.open_since.is_none() {
            return; // an answer to what nobody wants to know any longer
        }
        // What was asked before is what the answer is about, not the moment it arrived.
        let asked_at = self.open_since.take().unwrap_or(now);
        self.silent_at = (reply == Reply::Silence).then_some(asked_at);
        self.blind = reply == Reply::Somebody;
        self.unable = reply == Reply::Unable;
    }

    /// Nobody answered, lately.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.silent_at
            .is_some_and(|at| now.since(at) < limits::SILENCE_LASTS)
    }

    /// Nobody wants to know any longer.
    pub(super) fn close(&mut self) {
        *self = Question {
            number: self.number,
            ..Question::default()
        };
    }
}
