//! The promises, as a table.

use std::fmt;

use crate::record::contender::Contender;
use crate::record::run::Part;

/// What is promised, by which figure it is judged, and where its limits are.
pub struct Promise {
    pub name: &'static str,
    pub measure: Measure,
    /// What an honest build must show.
    pub gate: Limit,
    /// What HALB is here for.
    pub aim: Option<Limit>,
}

/// How a figure is found among the cells.
pub enum Measure {
    /// HALB's CPU per request, of another's: both counts, the worse.
    Cpu(Where, Contender),
    /// Another's CPU per request, of HALB's: both counts, the worse.
    CpuSaved(Where, Contender),
    /// HALB's requests per second.
    Rate(Where),
    /// The same, of another's.
    RateOf(Where, Contender),
    /// HALB's p99 where half of the other's greatest rate is offered, of the other's.
    SlowestAtHalf(Contender),
    /// Bytes of one idle connection in user space.
    IdleBytes,
    /// CPU per request with the most connections, of that with the fewest: both counts, the worse.
    Growth,
}

/// One scene, by what is known of it beforehand.
#[derive(Clone, Copy)]
pub struct Where {
    pub part: Part,
    /// `None`: whatever was asked for.
    pub connections: Option<usize>,
    pub body_bytes: u64,
    /// Each contender had less than a core.
    pub allotted: bool,
}

/// On which side of a figure it is kept.
pub enum Limit {
    /// A multiple of another's.
    TimesMost(f64),
    TimesLeast(f64),
    RateLeast(f64),
    BytesMost(f64),
    /// Not more than the relay's own, or this.
    RelayOrMost(f64),
}

impl Limit {
    /// `relay_growth`: what the relay's own figure is, where that is a limit.
    pub fn holds(&self, worth: f64, relay_growth: Option<f64>) -> bool {
        match self {
            Limit::TimesMost(most) | Limit::BytesMost(most) => worth <= *most,
            Limit::TimesLeast(least) | Limit::RateLeast(least) => worth >= *least,
            Limit::RelayOrMost(most) => worth <= most.max(relay_growth.unwrap_or(0.0)),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::TimesMost(most) => write!(formatter, "≤ {most} ×"),
            Limit::TimesLeast(least) => write!(formatter, "≥ {least} ×"),
            Limit::RateLeast(least) => write!(formatter, "≥ {least}/s"),
            Limit::BytesMost(most) => write!(formatter, "≤ {most} bytes"),
            Limit::RelayOrMost(most) => write!(formatter, "≤ the relay's, or ≤ {most} ×"),
        }
    }
}

const fn requests(connections: usize) -> Where {
    Where {
        part: Part::Requests,
        connections: Some(connections),
        body_bytes: 128,
        allotted: false,
    }
}

const fn bodies(body_bytes: u64) -> Where {
    Where {
        part: Part::Bodies,
        connections: None,
        body_bytes,
        allotted: false,
    }
}

const fn fresh(allotted: bool) -> Where {
    Where {
        part: Part::Fresh,
        connections: None,
        body_bytes: 128,
        allotted,
    }
}

const QUOTA: Where = Where {
    part: Part::Quota,
    connections: Some(128),
    body_bytes: 128,
    allotted: true,
};

/// A promise with a multiple of another's as its limit, and an aim.
const fn at_most(name: &'static str, measure: Measure, gate: f64, aim: f64) -> Promise {
    Promise {
        name,
        measure,
        gate: Limit::TimesMost(gate),
        aim: Some(Limit::TimesMost(aim)),
    }
}

const fn at_least(name: &'static str, measure: Measure, gate: f64, aim: f64) -> Promise {
    Promise {
        name,
        measure,
        gate: Limit::TimesLeast(gate),
        aim: Some(Limit::TimesLeast(aim)),
    }
}

const fn of_relay(name: &'static str, connections: usize) -> Promise {
    Promise {
        name,
        measure: Measure::Cpu(requests(connections), Contender::RELAY),
        gate: Limit::TimesMost(1.15),
        aim: None,
    }
}

/// In the order in which they are shown.
pub const PROMISES: &[Promise] = &[
    at_most(
        "CPU per request, 64 connections, of HAProxy's",
        Measure::Cpu(requests(64), Contender::HAPROXY),
        0.6,
        0.5,
    ),
    at_most(
        "CPU per request, 64 connections, of nginx's",
        Measure::Cpu(requests(64), Contender::NGINX),
        0.75,
        0.6,
    ),
    of_relay("CPU per request, 64 connections, of the relay's", 64),
    at_most(
        "CPU per request, 256 connections, of HAProxy's",
        Measure::Cpu(requests(256), Contender::HAPROXY),
        0.6,
        0.5,
    ),
    at_most(
        "CPU per request, 256 connections, of nginx's",
        Measure::Cpu(requests(256), Contender::NGINX),
        0.75,
        0.6,
    ),
    of_relay("CPU per request, 256 connections, of the relay's", 256),
    at_least(
        "requests per second at 0.4 CPU and 96 MB, of HAProxy's",
        Measure::RateOf(QUOTA, Contender::HAPROXY),
        1.6,
        2.0,
    ),
    Promise {
        name: "requests per second at 0.4 CPU and 96 MB",
        measure: Measure::Rate(QUOTA),
        gate: Limit::RateLeast(18_000.0),
        aim: Some(Limit::RateLeast(24_000.0)),
    },
    at_most(
        "CPU per MB, bodies of 1 MB, of HAProxy's",
        Measure::Cpu(bodies(1 << 20), Contender::HAPROXY),
        1.0,
        0.8,
    ),
    at_most(
        "CPU per request, bodies of 64 kB, of HAProxy's",
        Measure::Cpu(bodies(64 << 10), Contender::HAPROXY),
        1.0,
        0.8,
    ),
    at_most(
        "p99 at half of HAProxy's greatest rate, of HAProxy's",
        Measure::SlowestAtHalf(Contender::HAPROXY),
        1.0,
        0.7,
    ),
    at_least(
        "a connection for every request: HAProxy's CPU, of HALB's",
        Measure::CpuSaved(fresh(false), Contender::HAPROXY),
        1.2,
        1.5,
    ),
    at_least(
        "a connection for every request, at 0.3 CPU: requests per second, of HAProxy's",
        Measure::RateOf(fresh(true), Contender::HAPROXY),
        1.2,
        1.5,
    ),
    Promise {
        name: "memory of an idle connection in user space",
        measure: Measure::IdleBytes,
        gate: Limit::BytesMost(512.0),
        aim: Some(Limit::BytesMost(320.0)),
    },
    Promise {
        name: "CPU per request with 10,000 connections, of that with 64",
        measure: Measure::Growth,
        gate: Limit::RelayOrMost(1.2),
        aim: None,
    },
];
