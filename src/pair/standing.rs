//! How the pair stands, as one consistent reading.

use crate::model::time::Instant;
use crate::pair::LINKS_MAX;
use crate::pair::SERVERS_MAX;
use crate::pair::advert::Advert;

/// All that one server knows of its domain.
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
