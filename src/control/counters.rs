//! The counters of group `HALB` [S]: each is defined here once. What `ctl` answers and what `mon` pushes follow from
//! these tables, and docs/monitoring.md is held to them.

use crate::control::figures::Figures;
use crate::control::figures::OutputFigures;

/// What all counters belong to [S].
pub const GROUP: &str = "HALB";

/// How a counter moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What is at this moment; it goes up and down.
    Gauge,
    /// What has been since the start; it only grows.
    Counter,
}

/// One row. In those of outputs `outX` stands for the output's name.
pub struct Definition<F: 'static> {
    pub name: &'static str,
    pub description: &'static str,
    pub unit: &'static str,
    pub kind: Kind,
    pub read: fn(&F) -> u64,
}

/// What each output has, as `outX_NAME`.
pub const OF_OUTPUT: [Definition<OutputFigures>; 7] = [
    gauge(
        "outX_status",
        "code",
        "status of outX: 0 enabled and operational, 1 enabled and not operational, 100 disconnected or disabled",
        |output| output.status() as u64,
    ),
    gauge(
        "outX_queue",
        "requests",
        "requests in the queue of outX",
        |output| output.queue.now,
    ),
    gauge(
        "outX_queue_max",
        "requests",
        "most requests that were ever in the queue of outX at a time",
        |output| output.queue.most,
    ),
    gauge(
        "outX_sessions_active",
        "sessions",
        "active sessions of outX",
        |output| output.sessions_active,
    ),
    gauge(
        "outX_sessions_max",
        "sessions",
        "most sessions that were ever active at outX at a time",
        |output| output.sessions_max,
    ),
    counter(
        "outX_sessions_total",
        "sessions",
        "completed sessions of outX",
        |output| output.sessions_total,
    ),
    counter("outX_errors", "probes", "failed probes of outX", |output| {
        output.errors
    }),
];

/// What there is over all outputs.
pub const OVER_ALL: [Definition<Figures>; 6] = [
    gauge(
        "queue",
        "requests",
        "requests in the queue, over all outputs",
        |all| all.queue.now,
    ),
    gauge(
        "queue_max",
        "requests",
        "most requests that were ever in the queue at a time, over all outputs",
        |all| all.queue.most,
    ),
    gauge(
        "sessions_active",
        "sessions",
        "active sessions, over all outputs",
        |all| all.sessions_active,
    ),
    gauge(
        "sessions_max",
        "sessions",
        "most sessions that were ever active at a time, over all outputs",
        |all| all.sessions_max,
    ),
    counter(
        "sessions_total",
        "sessions",
        "completed sessions, over all outputs",
        |all| all.sessions_total,
    ),
    counter(
        "errors",
        "probes",
        "failed probes, over all outputs",
        |all| all.errors,
    ),
];

/// One counter as it is known outside, with its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counter {
    /// `out3_queue`, `queue`
    pub name: String,
    pub description: String,
    pub unit: &'static str,
    pub kind: Kind,
    pub value: u64,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        }
    }
}

/// All counters of one reading: output by output, then those over all.
pub fn counters(figures: &Figures) -> Vec<Counter> {
    let outputs = figures.outputs.iter().flat_map(|output| {
        let name = output.id.to_string();
        OF_OUTPUT.iter().map(move |definition| Counter {
            name: definition.name.replace("outX", &name),
            description: definition.description.replace("outX", &name),
            ..definition.counter(output)
        })
    });
    let all = OVER_ALL
        .iter()
        .map(|definition| definition.counter(figures));
    outputs.chain(all).collect()
}

impl<F> Definition<F> {
    fn counter(&self, figures: &F) -> Counter {
        Counter {
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            unit: self.unit,
            kind: self.kind,
            value: (self.read)(figures),
        }
    }
}

const fn gauge<F>(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    read: fn(&F) -> u64,
) -> Definition<F> {
    Definition {
        name,
        description,
        unit,
        kind: Kind::Gauge,
        read,
    }
}

const fn counter<F>(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    read: fn(&F) -> u64,
) -> Definition<F> {
    Definition {
        kind: Kind::Counter,
        ..gauge(name, unit, description, read)
    }
}

#[cfg(test)]
mod tests;
