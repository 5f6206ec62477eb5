//! What this server knows of itself: its host, its workers, its warden, its file.

use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::event::FromWarden;
use crate::pair::event::Readiness;
use crate::pair::limits;

#[derive(Debug)]
pub(super) struct Own {
    pub(super) carrier: bool,
    /// A worker or a listener is lost.
    pub(super) broken: bool,
    pub(super) failing: bool,
    pub(super) readiness: Readiness,
    /// When a ping address answered last, or since when it might have.
    pub(super) reached_at: Instant,
    /// Whether one has answered at all.
    reached: bool,
    /// The addresses are there, by the warden's word.
    pub(super) holds: bool,
    pub(super) holds_since: Option<Instant>,
    /// Since when they are not.
    pub(super) lacks_since: Instant,
    /// The warden that held them has died; the next one says when they are gone.
    died: bool,
    /// There will be none any more: this process can hold nothing again.
    pub(super) forsaken: bool,
    /// It has said so: nobody will add them unless he is told to.
    pub(super) bereft: bool,
    /// The warden was told to add them, and has not said since that it has.
    awaited: bool,
    /// What a warden that died may have left in the kernel is gone then, or what one may be adding that was told not to.
    pub(super) left_until: Option<Instant>,
    /// It gave the service away because of its network, and is not taken for sound before then.
    pub(super) away_until: Option<Instant>,
}

impl Own {
    pub(super) fn new(now: Instant) -> Own {
        Own {
            carrier: true,
            broken: false,
            failing: false,
            readiness: Readiness::default(),
            reached_at: now,
            reached: false,
            holds: false,
            holds_since: None,
            lacks_since: now,
            died: false,
            forsaken: false,
            bereft: false,
            awaited: false,
            left_until: None,
            away_until: None,
        }
    }

    /// Whether it could serve at all.
    pub(super) fn is_able(&self) -> bool {
        self.carrier && !self.broken && !self.forsaken
    }

    /// Whether it can go on with what it serves.
    pub(super) fn can_go_on(&self) -> bool {
        self.carrier && !self.broken
    }

    pub(super) fn reaches_ping(&self, now: Instant) -> bool {
        self.reached && now.since(self.reached_at) < limits::PING_FRESH
    }

    /// Whether addresses are, or may be, on this host.
    pub(super) fn may_hold(&self, now: Instant) -> bool {
        self.holds || self.left_until.is_some_and(|until| now < until)
    }

    /// The warden is told whether to hold the addresses. What it was told before it may be doing at this moment.
    pub(super) fn order(&mut self, hold: bool, lease: Duration, now: Instant) {
        if !hold && self.awaited {
            self.left_until = Some(now + lease + limits::LEASE_LATE);
        }
        self.awaited = hold;
    }

    pub(super) fn is_away(&self, now: Instant) -> bool {
        self.away_until.is_some_and(|until| now < until)
    }

    /// Takes the warden's word of the host. Answers to questions are not for here.
    pub(super) fn on_warden(&mut self, said: FromWarden, lease: Duration, now: Instant) {
        match said {
            FromWarden::Holds(holds) => {
                self.set_holds(holds, now);
                self.bereft = !holds && (self.bereft || self.died);
                // It begins with taking away what it finds, and says no when that is gone; or somebody has looked.
                let has_cleared = std::mem::take(&mut self.died) || self.forsaken || !holds;
                self.left_until = self.left_until.filter(|_| !has_cleared);
                self.awaited &= !holds;
            }
            FromWarden::Reached => {
                self.reached = true;
                self.reached_at = now;
            }
            FromWarden::Carrier(carrier) => self.carrier = carrier,
            FromWarden::Lost | FromWarden::Ended => {
                if self.holds {
                    self.died = true;
                    self.left_until = Some(now + lease + limits::LEASE_LATE);
                }
                self.set_holds(false, now);
                self.forsaken |= said == FromWarden::Ended;
            }
            FromWarden::Answered { .. } => {}
        }
    }

    fn set_holds(&mut self, holds: bool, now: Instant) {
        if holds != self.holds {
            self.lacks_since = now;
        }
        self.holds = holds;
        self.holds_since = match self.holds_since {
            Some(since) if holds => Some(since),
            _ => holds.then_some(now),
        };
    }
}
