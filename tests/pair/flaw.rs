//! Machines that are wrong on purpose: the real one, distorted at its edges. The simulator has to find each.

use halb::model::time::Instant;
use halb::pair::action::Action;
use halb::pair::action::Handover;
use halb::pair::advert::Advert;
use halb::pair::advert::Heed;
use halb::pair::event::Event;
use halb::pair::event::FromWarden;
use halb::pair::event::Plane;
use halb::pair::event::Reply;
use halb::pair::standing::Standing;
use halb::pair::state::State;

use crate::profile::Family;
use crate::subject::Birth;
use crate::subject::Subject;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    None,
    NeverAsks,
    ForgetsItsBallot,
    AnnouncesUnstored,
    NeverLetsGo,
    SaysNothing,
    StaysBesideAHigherTerm,
    TakesEveryVoteForItsOwn,
    LetsGoUndrained,
    HearsNoOrder,
    LooksAtItsClockLate,
    HidesItsAddresses,
    // Of keepers.
    HearsOfNoLaterFile,
    WritesOverOthers,
    KeepsNothingBeside,
    SaysTakenUnwritten,
    ChecksNothing,
}

/// Each with a family that finds it, and words of what is found.
pub const FLAWS: [(Flaw, Family, &str); 16] = [
    (Flaw::NeverAsks, Family::Cuts, "would have answered"),
    (Flaw::ForgetsItsBallot, Family::Crashes, "goes back"),
    (Flaw::AnnouncesUnstored, Family::Crashes, "has stored"),
    (Flaw::NeverLetsGo, Family::Cuts, "being Standby"),
    (Flaw::SaysNothing, Family::Healthy, "without a note"),
    (Flaw::StaysBesideAHigherTerm, Family::Cuts, "both hold"),
    (Flaw::TakesEveryVoteForItsOwn, Family::Votes, "both hold"),
    (Flaw::LetsGoUndrained, Family::Healthy, "in flight"),
    (Flaw::HearsNoOrder, Family::Healthy, "neither been done"),
    (Flaw::LooksAtItsClockLate, Family::Single, "nobody serves"),
    (Flaw::HidesItsAddresses, Family::Healthy, "they are there"),
    (Flaw::HearsOfNoLaterFile, Family::Files, "the files differ"),
    (Flaw::WritesOverOthers, Family::Files, "is lost"),
    (Flaw::KeepsNothingBeside, Family::Files, "is lost"),
    (Flaw::SaysTakenUnwritten, Family::Files, "is lost"),
    (Flaw::ChecksNothing, Family::Files, "which it cannot"),
];

pub struct Flawed {
    inner: Box<dyn Subject>,
    flaw: Flaw,
    me: halb::pair::node::NodeId,
    now: Instant,
}

impl Flawed {
    pub fn new(mut birth: Birth, flaw: Flaw, make: impl Fn(Birth) -> Box<dyn Subject>) -> Flawed {
        if flaw == Flaw::ForgetsItsBallot {
            birth.ballot = birth.ballot.map(|_| Default::default());
        }
        let (me, now) = (birth.domain.me, birth.now);
        let inner = make(birth);
        Flawed {
            inner,
            flaw,
            me,
            now,
        }
    }

    /// What it gets to hear instead of `event`.
    fn distort(&self, event: Event) -> Option<Event> {
        let own = self.inner.advert();
        match (self.flaw, event) {
            (Flaw::HearsNoOrder, Event::Order(_)) => None,
            (Flaw::StaysBesideAHigherTerm, Event::Heard { advert, .. })
                if own.state == State::Active && advert.state == State::Active =>
            {
                None
            }
            (Flaw::TakesEveryVoteForItsOwn, Event::Heard { link, mut advert }) => {
                advert.vote = own.vote.filter(|(_, favourite)| *favourite == self.me);
                let (node, boot, stamp) = (self.me, own.boot, own.stamp);
                advert.heeds = Some(Heed { node, boot, stamp });
                Some(Event::Heard { link, advert })
            }
            _ => Some(event),
        }
    }
}

impl Subject for Flawed {
    fn on(&mut self, event: Event, now: Instant) {
        self.now = now;
        if let Some(event) = self.distort(event) {
            self.inner.on(event, now);
        }
    }

    fn next(&self) -> Option<Instant> {
        let late = std::time::Duration::from_secs(2);
        let next = self.inner.next()?;
        let lazy =
            self.flaw == Flaw::LooksAtItsClockLate && self.inner.advert().state == State::Standby;
        Some(if lazy { next + late } else { next })
    }

    fn take(&mut self) -> Option<Action> {
        loop {
            let action = self.inner.take()?;
            let event = match (self.flaw, action) {
                (Flaw::NeverAsks, Action::Ask { number }) => {
                    let reply = Reply::Silence;
                    Some(Event::Warden(FromWarden::Answered { number, reply }))
                }
                (Flaw::AnnouncesUnstored, Action::Store(ballot)) => Some(Event::Stored(ballot)),
                (Flaw::NeverLetsGo, Action::Hold(false)) | (Flaw::SaysNothing, Action::Note(_)) => {
                    None
                }
                (Flaw::LetsGoUndrained, Action::Workers(Handover::Drain)) => {
                    Some(Event::Plane(Plane::Drained))
                }
                _ => return Some(action),
            };
            if let Some(event) = event {
                self.inner.on(event, self.now);
            }
        }
    }

    fn standing(&self, now: Instant) -> Standing {
        self.inner.standing(now)
    }

    fn advert(&self) -> Advert {
        let mut advert = self.inner.advert();
        advert.holds &= self.flaw != Flaw::HidesItsAddresses;
        advert
    }
}
