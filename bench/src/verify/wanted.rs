//! What HALB promises, as amounts.

use crate::allotment::Allotment;

/// Bodies of the check in megabytes.
pub const BODY_BYTES: u64 = 64 * 1024;
/// A megabyte on the wire.
pub const MEGABYTE: f64 = 1e6;
/// Connections over which a rate is offered, and which look for the greatest one.
pub const CONNECTIONS: usize = 128;
/// What each session in transfer gets: 15,000 of them are 15 MB/s.
pub const PACE_BYTES_S: u64 = 1000;

#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Where rates and outstanding requests are tried.
    pub small: Allotment,
    /// Where sessions are held.
    pub large: Allotment,
    /// Where they are tried again.
    pub tight: Allotment,
    /// Requests per second.
    pub rate: f64,
    /// Megabytes per second.
    pub megabytes: f64,
    /// Requests that all wait for the origin.
    pub outstanding: usize,
    pub more_outstanding: usize,
    /// How long the origin lets them wait.
    pub delay_ms: u64,
    /// Connections of clients at the same time.
    pub sessions: usize,
    /// Those that have a response under way.
    pub moving: usize,
    /// The most resident memory while all of them are idle.
    pub idle_bytes: u64,
    /// How long a transfer takes: the first has to last until the last has begun, and on.
    pub transfer_s: u64,
    pub measure_ms: u64,
}
