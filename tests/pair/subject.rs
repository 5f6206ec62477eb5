//! What is tried out: the machine of the pair, or one that is wrong on purpose.

use halb::model::time::Instant;
use halb::pair::action::Action;
use halb::pair::advert::Advert;
use halb::pair::event::Domain;
use halb::pair::event::Event;
use halb::pair::term::Ballot;

pub trait Subject {
    fn on(&mut self, event: Event, now: Instant);
    fn next(&self) -> Option<Instant>;
    fn take(&mut self) -> Option<Action>;
    fn advert(&self) -> Advert;
}

/// What a process is born with.
pub struct Birth {
    pub domain: Domain,
    pub boot: u64,
    /// `None`: it cannot be read.
    pub ballot: Option<Ballot>,
    pub now: Instant,
}

pub type Maker = dyn Fn(Birth) -> Box<dyn Subject>;
