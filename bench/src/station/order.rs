//! What a crew asks of its stations, and what it gets: one line of JSON each, over one socket.
//!
//! A job may have gates: the station says that it has reached one and waits until the crew lets it pass. So several
//! stations begin together, and the crew reads time and memory in between.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::machine::cpu;
use crate::machine::cpu::Core;
use crate::machine::cpu::CoreUse;
use crate::machine::cpu::between;
use crate::machine::monotonic_nanos;
use crate::machine::process::Spent;
use crate::machine::process::spent;
use crate::trouble::Trouble;
use crate::trouble::While;

/// What a crew tells a station.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    Order(Order),
    /// Pass the gate that was reached.
    Pass,
    /// End now: another station could not go on. The answer is [`Said::Done`], with a failure.
    Stop,
}

/// What a station says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// Its first line.
    Hello(Hello),
    Reached(Gate),
    Done(Outcome),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Hello {
    pub origin: SocketAddr,
    pub process: i32,
}

/// Where a job waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// All connections stand (`Keep`, `Fresh`, `Offered`), or the warm-up of a memory job is over (`Idle`, `Hold`).
    Ready,
    /// Of `Idle` and `Hold`: all connections are open and do what they are to do.
    Filled,
}

/// What is asked of the origin: `GET /N`, or `POST /N` with a body, with the words of [`Asked::target`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Length of the response's body.
    pub body_bytes: u64,
    /// Length of a request's head, where that is more than the least.
    pub head_bytes: usize,
    /// Length of the request's body; 0: a GET.
    pub upload_bytes: u64,
    /// The request's body goes in chunks, without Content-Length.
    pub upload_chunked: bool,
    /// The origin answers after so long.
    pub delay_ms: u64,
    /// The response comes in chunks, without Content-Length.
    pub chunked: bool,
    /// The origin sends so many bytes of the body, once a second, and not faster; 0: as fast as they go.
    pub pace_bytes_s: u64,
}

impl Asked {
    /// The same, answered as fast as it goes.
    pub fn at_once(&self) -> Asked {
        Asked {
            delay_ms: 0,
            pace_bytes_s: 0,
            ..*self
        }
    }

    /// An answer takes so long at least, as it was asked for.
    pub fn least(&self) -> Duration {
        let seconds = self.body_bytes.checked_div(self.pace_bytes_s).unwrap_or(0);
        Duration::from_millis(self.delay_ms) + Duration::from_secs(seconds)
    }

    /// Path and query that tell the origin.
    pub fn target(&self) -> String {
        let mut words = Vec::new();
        if self.delay_ms > 0 {
            words.push(format!("delay={}", self.delay_ms));
        }
        if self.chunked {
            words.push("chunked".to_owned());
        }
        if self.pace_bytes_s > 0 {
            words.push(format!("pace={}", self.pace_bytes_s));
        }
        if self.upload_bytes > 0 {
            words.push(format!("upload={}", self.upload_bytes));
        }
        let query = if words.is_empty() { "" } else { "?" };
        format!("/{}{query}{}", self.body_bytes, words.join("&"))
    }
}

/// Source addresses of one station: so many that, with a connection for every request, no pair of address and port
/// is used again while the kernel still remembers it.
pub const SOURCES_EACH: u32 = 1 << 13;

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub target: SocketAddr,
    pub kind: Kind,
    pub connections: usize,
    pub asked: Asked,
    /// Of `Offered`: requests per second, at fixed times, whether or not earlier ones are answered.
    pub rate: f64,
    /// Of `Hold`: so many of the connections have a response under way, the others idle. Its body is as long as
    /// `asked.pace_bytes_s` makes in `measure_ms`, from the moment each was asked: that has to last until all are open.
    /// All other exchanges ask for `asked.body_bytes`, not slowly.
    pub moving: usize,
    /// The station's connections come from [`SOURCES_EACH`] addresses from this one on, by turns; the crew sees to it
    /// that no two stations have the same. Kept connections leave the choice to the kernel where this is 0.
    pub first_source: u32,
    pub warm_ms: u64,
    pub measure_ms: u64,
    /// Processes whose time is read at the ends of the window; the first station of a crew does that.
    pub watch: Vec<i32>,
    /// All stations' processes, likewise.
    pub crew: Vec<i32>,
}

/// How connections are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Kept alive, one request after the other on each.
    Keep,
    /// A connection for every request.
    Fresh,
    /// Kept alive, requests at a fixed rate; one that finds no free connection waits for one.
    Offered,
    /// One request each, then idle.
    Idle,
    /// As `Idle`, but some have a response under way.
    Hold,
}

/// The outcome of one run.
#[derive(Debug, Serialize, Deserialize)]
pub enum Outcome {
    Load(Box<Load>),
    Held(Held),
    /// The station could not do it; the sentence says why.
    Failed(String),
}

/// What a loop did within its window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Load {
    pub answered: u64,
    /// Of answers, also of those that were not whole yet at the end.
    pub received_bytes: u64,
    /// Faults of the whole run, warm-up and end included, by name.
    pub faults: BTreeMap<String, u64>,
    pub window: Window,
    pub latency: Latency,
    /// How often each time was seen: (highest nanoseconds of the class, count), in order. What quantiles of several
    /// stations together are made from.
    pub spectrum: Vec<(u64, u64)>,
    /// Parts of one core that processes used which have nothing to do with the run; the crew finds out.
    #[serde(default)]
    pub others: f64,
    /// Of `Offered`: requests that were due and could not be sent, because every connection was still waiting, at the end.
    pub unsent: u64,
    /// Of `Offered`: 99 of 100 requests were sent within so long after they were due and a connection was free. When this is
    /// not small beside the latency, the generator was late and not the proxy.
    pub late_p99_us: f64,
}

/// Quantiles of the time from a question to the last byte of its answer. Of `Offered`: from when the question was due, for
/// all that were due within the window; what was never sent counts with the time it had waited at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}

/// What became of connections that were held.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Held {
    /// Connections that were open when all were.
    pub held: u64,
    /// Of those, the ones that answered once more afterwards.
    pub answered_again: u64,
    /// Of `Hold`: those whose response under way came to its right end.
    pub moved: u64,
    pub faults: BTreeMap<String, u64>,
}

/// What was spent between the two ends of a window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Window {
    pub wall_ns: u64,
    /// By the watched processes.
    pub watched: Spent,
    /// By all stations: generator and origin.
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
    /// Reads everything that the order names, now.
    pub fn take(order: &Order) -> Result<Reading, Trouble> {
        Ok(Reading {
            at_ns: monotonic_nanos().during("reading the clock")?,
            watched: spent(&order.watch)?,
            station: spent(&order.crew)?,
            cores: cpu::read()?,
        })
    }
}
