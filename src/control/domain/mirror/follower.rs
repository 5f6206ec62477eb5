//! Following the active: what a standby makes of the messages that come, in whatever order, and when it begins anew.
//!
//! A following has a number of its own. Its messages are counted: one that is missing, or a silence, and everything is
//! asked for again under the next number.

use std::time::Duration;

use crate::control::domain::mirror::message::Message;
use crate::control::domain::mirror::message::What;
use crate::control::domain::stream::subject::Sender;
use crate::model::time::Instant;

/// Who was asked says something within milliseconds, unless it does not know yet that it is the active.
const UNANSWERED: Duration = Duration::from_secs(1);
/// Something is said at least every half second.
pub const SILENT: Duration = Duration::from_secs(3);

/// One standby's side.
#[derive(Debug)]
pub struct Follower {
    leader: Option<Sender>,
    number: u64,
    state: State,
    heard: Instant,
    resyncs: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nobody to follow.
    Alone,
    Asked,
    /// What was known before is on its way. The next message has that sequence.
    Copying(u64),
    Whole(u64),
}

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It says something new.
    Take,
    /// It is of another following, or was here before.
    Pass,
    /// Something is missing: [`Follower::number`] is to be followed.
    Again,
}

impl Follower {
    /// `first`: nobody has used it or a later one with the same leader; its boot sees to that.
    pub fn new(first: u64) -> Follower {
        Follower {
            leader: None,
            number: first,
            state: State::Alone,
            heard: Instant::ZERO,
            resyncs: 0,
        }
    }

    /// What is to be followed now.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn leader(&self) -> Option<Sender> {
        self.leader
    }

    /// How often everything was asked for again because something was missing.
    pub fn resyncs(&self) -> u64 {
        self.resyncs
    }

    /// Whether it has everything that the active has learned.
    pub fn is_whole(&self, now: Instant) -> bool {
        matches!(self.state, State::Whole(_)) && now.since(self.heard) < SILENT
    }

    /// Who is the active, and over which stream it is reached. `true`: it has to be asked.
    pub fn on_leader(&mut self, leader: Option<Sender>, now: Instant) -> bool {
        if leader == self.leader {
            return false;
        }
        self.leader = leader;
        self.state = State::Alone;
        if leader.is_some() {
            self.ask(now);
        }
        leader.is_some()
    }

    /// Nothing has come for long: `true`, and it is to be asked again.
    pub fn on_tick(&mut self, now: Instant) -> bool {
        let (most, is_new) = match self.state {
            State::Alone => return false,
            State::Asked => (UNANSWERED, true),
            State::Copying(_) | State::Whole(_) => (SILENT, false),
        };
        let again = now.since(self.heard) >= most;
        if again {
            self.resyncs += u64::from(!is_new);
            self.ask(now);
        }
        again
    }

    /// A message of a leader.
    pub fn on_message(&mut self, from: Sender, message: &Message, now: Instant) -> Heard {
        if self.leader != Some(from) || message.number != self.number {
            return Heard::Pass;
        }
        let next = match self.state {
            State::Alone => return Heard::Pass,
            State::Asked => 0,
            State::Copying(next) | State::Whole(next) => next,
        };
        if message.sequence < next {
            return Heard::Pass;
        }
        if message.sequence > next {
            self.resyncs += 1;
            self.ask(now);
            return Heard::Again;
        }
        self.heard = now;
        let was_whole = matches!(self.state, State::Whole(_));
        self.state = if was_whole || message.what == What::Whole {
            State::Whole(next + 1)
        } else {
            State::Copying(next + 1)
        };
        Heard::Take
    }

    fn ask(&mut self, now: Instant) {
        self.number += 1;
        self.state = State::Asked;
        self.heard = now;
    }
}
