//! What is tried out: the machine of the pair, or one that is wrong on purpose; and the keeper of the file.

use halb::model::time::Instant;
use halb::pair::action::Action;
use halb::pair::advert::Advert;
use halb::pair::event::Domain;
use halb::pair::event::Event;
use halb::pair::standing::Standing;
use halb::pair::term::Ballot;

use crate::file::subject::Found;
use crate::file::subject::Keeps;

pub trait Subject {
    fn on(&mut self, event: Event, now: Instant);
    fn next(&self) -> Option<Instant>;
    fn take(&mut self) -> Option<Action>;
    fn advert(&self) -> Advert;
    fn standing(&self, now: Instant) -> Standing;
}

/// What a process is born with.
pub struct Birth {
    pub domain: Domain,
    pub boot: u64,
    /// `None`: it cannot be read.
    pub ballot: Option<Ballot>,
    pub now: Instant,
}

/// What makes them.
pub struct Maker {
    pub machine: Box<dyn Fn(Birth) -> Box<dyn Subject>>,
    pub keeper: Box<dyn Fn(Found) -> Box<dyn Keeps>>,
}
