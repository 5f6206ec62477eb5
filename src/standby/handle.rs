//! What control has of the pair thread: orders go in, what has happened comes out, and how it stands can be looked at
//! any time. Neither side waits for the other.

use crate::model::time::Instant;
use crate::pair::LINKS_MAX;
use crate::pair::SERVERS_MAX;
use crate::pair::action::Note;
use crate::pair::action::Outcome;
use crate::pair::advert::Advert;
use crate::pair::event::Event;

/// How the pair stands, as one consistent reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// This server's own words of itself.
    pub own: Advert,
    pub peers: [Option<Peer>; SERVERS_MAX],
    /// Addresses are held since then.
    pub holds_since: Option<Instant>,
}

/// What is known of another server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The last one heard.
    pub advert: Advert,
    /// When each link was heard last.
    pub heard: [Option<Instant>; LINKS_MAX],
    /// Whether it counts as alive.
    pub alive: bool,
}

/// What the pair thread tells control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    Note(Note),
    /// To the order with that number.
    Answer(u32, Outcome),
    /// The process may end.
    Leave,
}

/// What control gives the pair thread: only `Crashed`, `Readiness`, `Domain` and `Order` make sense from there.
pub struct Given {
    /// Of an order, so that its answer is known.
    pub number: u32,
    pub event: Event,
}
