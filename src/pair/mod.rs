//! Which of the servers of a domain holds the service: states, terms, votes. Bytes and events and the time go in,
//! actions come out; nothing here knows a socket, a disk or a clock.
//!
//! - `node`: who is who; `term`: which claim is the later one; `state`: what a server is
//! - `advert`: what servers tell each other, many times a second
//! - `seal`: how that travels among strangers
//! - `event` and `action`: what goes into the machine, and what comes out; `why`: the reasons, for people
//! - `machine`: what decides; `limits`: every length of time that it rests on
//! - `standing`: how the pair stands, for whoever shows it
//! - `lease`: how long the warden holds addresses
//! - `file`: how all servers come to have the same domain file
#![forbid(unsafe_code)]

pub mod action;
pub mod advert;
pub mod event;
pub mod file;
pub mod lease;
pub mod limits;
pub mod machine;
pub mod node;
pub mod seal;
pub mod standing;
pub mod state;
pub mod term;
pub mod why;

use crate::model::config;

/// More servers than this no domain has: everything that is kept for each of them has its place from the start.
pub const SERVERS_MAX: usize = config::SERVERS_MAX;

/// More paths than this no two servers have.
pub const LINKS_MAX: usize = config::ADDRESSES_MAX;
