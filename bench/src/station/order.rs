//! What the conductor asks of the station, and what it gets: one line of JSON each, over one socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;
use serde::Serialize;

use crate::machine::cpu;
use crate::machine::cpu::Core;
use crate::machine::cpu::CoreUse;
use crate::machine::cpu::between;
use crate::machine::memory::Memory;
use crate::machine::monotonic_nanos;
use crate::machine::process::Spent;
use crate::machine::process::spent;
use crate::trouble::Trouble;
use crate::trouble::While;

/// The first line the station writes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    pub origin: SocketAddr,
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub target: SocketAddr,
    pub kind: Kind,
    pub connections: usize,
    pub body_bytes: u64,
    /// Length of a request's head, where that is more than the least.
    pub head_bytes: usize,
    pub warm_ms: u64,
    pub measure_ms: u64,
    /// Processes whose time and memory are read at the ends of the window.
    pub watch: Vec<i32>,
}

/// How connections are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Kept alive, one request after the other on each.
    Keep,
    /// A connection for every request.
    Fresh,
    /// One request each, then idle.
    Idle,
}

/// The outcome of one run.
#[derive(Debug, Serialize, Deserialize)]
pub enum Outcome {
    Load(Load),
    Idle(Idle),
    /// The station could not do it; the sentence says why.
    Failed(String),
}

/// What a closed loop did within its window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Load {
    pub answered: u64,
    /// Faults of the whole run, warm-up and end included, by name.
    pub faults: BTreeMap<String, u64>,
    pub window: Window,
    pub latency: Latency,
}

/// Quantiles of the time from a question to the last byte of its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}

/// What idle connections cost.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Idle {
    /// Connections that stayed open.
    pub held: u64,
    /// Of those, the ones that answered once more afterwards.
    pub answered_again: u64,
    pub faults: BTreeMap<String, u64>,
    /// After the warm-up, before the connections.
    pub before: Memory,
    /// With all of them idle.
    pub during: Memory,
}

/// What was spent between the two ends of a window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Window {
    pub wall_ns: u64,
    /// By the watched processes.
    pub watched: Spent,
    /// By the station: generator and origin.
    pub station: Spent,
    /// Core by core, by whomever.
    pub cores: Vec<CoreUse>,
}

/// One end of a window.
pub struct Reading {
    pub at_ns: u64,
    pub watched: Spent,
    pub station: Spent,
    pub cores: Vec<Core>,
}

impl Window {
    pub fn between(before: &Reading, after: &Reading) -> Window {
        let wall_ns = after.at_ns.saturating_sub(before.at_ns);
        Window {
            wall_ns,
            watched: after.watched.since(&before.watched),
            station: after.station.since(&before.station),
            cores: between(&before.cores, &after.cores, wall_ns),
        }
    }
}

impl Reading {
    /// Reads everything, now.
    pub fn take(watch: &[i32]) -> Result<Reading, Trouble> {
        let own = i32::try_from(std::process::id()).during("naming this process")?;
        Ok(Reading {
            at_ns: monotonic_nanos().during("reading the clock")?,
            watched: spent(watch)?,
            station: spent(&[own])?,
            cores: cpu::read()?,
        })
    }
}
