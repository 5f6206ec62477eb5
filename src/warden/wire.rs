//! What the warden is told and what it says: one datagram each over a pair of connected sockets (`SOCK_SEQPACKET`), so
//! that the end of either process is seen by the other at once.

use std::net::IpAddr;

use crate::model::plan::Network;
use crate::pair::event::Reply;

/// To the warden.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// What it is for; first of all, and again when the domain file says otherwise.
    Setup(Setup),
    /// Every 20 ms: whether it shall hold the addresses.
    Beat { hold: bool },
    /// Ask the service network who has the addresses.
    Ask { number: u32 },
    /// Tell the network again who has them.
    Announce,
}

/// What the warden is for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Setup {
    pub interface: String,
    pub addresses: Vec<Network>,
    pub ping_addresses: Vec<IpAddr>,
    pub lease_s: u64,
}

/// By the warden.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// The addresses are there, or gone.
    Holds(bool),
    Answered {
        number: u32,
        reply: Reply,
    },
    /// A ping address has answered.
    Reached,
    /// Whether the interface has a carrier.
    Carrier(bool),
    /// Something for the log, such as an address that the kernel refused; a sentence.
    Trouble(String),
}
