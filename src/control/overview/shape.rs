//! An overview, and its JSON.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::control::domain::report;
use crate::control::figures::Figures;
use crate::control::figures::OutputFigures;
use crate::control::journal::Event;
use crate::control::overview::window::Passed;
use crate::control::probed::Probed;
use crate::control::shared::Limits;
use crate::control::shared::Shared;
use crate::control::state::switches::word;
use crate::model::standing::Health;
use crate::model::standing::Switch;
use crate::model::time::Instant;
use crate::plane::histogram::Reading;
use crate::ring::clock;

/// So many events are told, the newest first.
pub const EVENTS: usize = 50;

/// Everything at one moment.
pub struct Overview {
    pub node: String,
    pub unix_ms: u64,
    pub uptime: Duration,
    pub limits: Limits,
    /// Without its outputs: those that are connected stand below.
    pub figures: Figures,
    /// In the last ten seconds.
    pub passed: Passed,
    pub outputs: Vec<OutputView>,
    pub events: Vec<Event>,
    /// How the domain stands, where there is one.
    pub domain: Option<Value>,
}

/// One connected output.
pub struct OutputView {
    pub figures: OutputFigures,
    /// As configured.
    pub name: String,
    pub address: Option<SocketAddr>,
    pub weight: u32,
    pub backup: bool,
    /// In the last ten seconds.
    pub passed: Passed,
    /// Its health has been what it is for so long.
    pub since: Duration,
    pub probe: Option<Probed>,
}

/// What one word says of an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    Up,
    Down,
    Drain,
    Disabled,
    Checking,
}

impl Word {
    pub fn text(self) -> &'static str {
        match self {
            Word::Up => "UP",
            Word::Down => "DOWN",
            Word::Drain => "DRAIN",
            Word::Disabled => "DISABLED",
            Word::Checking => "CHECKING",
        }
    }
}

impl Overview {
    pub fn new(
        shared: &Shared,
        node: &str,
        now: Instant,
        mut figures: Figures,
        passed: (Passed, Vec<Passed>),
    ) -> Overview {
        let unix_ms = clock::unix_ms();
        let uptime = now.since(shared.started);
        let outputs = std::mem::take(&mut figures.outputs);
        let connected = outputs.into_iter().filter(|output| output.connected);
        let (passed, of_outputs) = passed;
        let plan = &shared.current().plan;
        let view = |(figures, passed): (OutputFigures, Passed)| {
            let planned = plan.at(figures.id.index());
            let probed = shared.probes.get(figures.id);
            let since = match probed.since_unix_ms {
                0 => uptime,
                since => Duration::from_millis(unix_ms.saturating_sub(since)),
            };
            OutputView {
                name: planned.map_or_else(String::new, |planned| planned.name.clone()),
                address: planned.and_then(|planned| planned.address),
                weight: planned.map_or(0, |planned| planned.weight),
                backup: planned.is_some_and(|planned| planned.backup),
                figures,
                passed,
                since,
                probe: probed.last,
            }
        };
        let mut events = shared.journal.since(0);
        events.reverse();
        events.truncate(EVENTS);
        Overview {
            node: node.to_owned(),
            unix_ms,
            uptime,
            limits: shared.limits,
            passed,
            outputs: connected.zip(of_outputs).map(view).collect(),
            events,
            figures,
            domain: report::report(shared),
        }
    }

    pub fn json(&self) -> Value {
        let (figures, passed) = (&self.figures, &self.passed);
        json!({
            "node": self.node,
            "version": env!("CARGO_PKG_VERSION"),
            "unix_ms": self.unix_ms,
            "uptime_s": rounded(self.uptime.as_secs_f64()),
            "nbcproc": self.limits.nbcproc,
            "memmax": self.limits.memmax,
            "ulimit_n": self.limits.ulimit_n,
            "maxsock": self.limits.maxsock,
            "maxconn": figures.max_connections,
            "current_conns": figures.connections_active,
            "waiting_conns": figures.connections_waiting,
            "requests_per_s": rounded(passed.requests_per_s),
            "errors_per_s": rounded(passed.errors_per_s),
            "requests_total": figures.requests_total,
            "bytes_in_per_s": rounded(passed.bytes_in_per_s),
            "bytes_out_per_s": rounded(passed.bytes_out_per_s),
            "queue": figures.queue.now,
            "queue_max": figures.queue.most,
            "sessions_active": figures.sessions_active,
            "sessions_max": figures.sessions_max,
            "sessions_total": figures.sessions_total,
            "errors": figures.errors,
            "latency_ms": latency(&passed.response),
            "domain": self.domain,
            "outputs": self.outputs.iter().map(|output| output.json(self.unix_ms)).collect::<Vec<_>>(),
            "events": self.events.iter().map(event).collect::<Vec<_>>(),
        })
    }
}

impl OutputView {
    /// What an operator ordered comes before what probes found, unless it is down: a drained output that is down
    /// serves nobody.
    pub fn word(&self) -> Word {
        match (self.figures.switch, self.figures.health) {
            (Switch::Disabled, _) => Word::Disabled,
            (_, Health::Down) => Word::Down,
            (_, Health::Checking) => Word::Checking,
            (Switch::Draining, Health::Up) => Word::Drain,
            (Switch::Enabled, Health::Up) => Word::Up,
        }
    }

    fn json(&self, unix_ms: u64) -> Value {
        let (figures, passed) = (&self.figures, &self.passed);
        let probe = |probed: &Probed| {
            json!({
                "ok": probed.ok,
                "text": probed.text,
                "ago_s": rounded(unix_ms.saturating_sub(probed.unix_ms) as f64 / 1000.0),
                "took_ms": rounded(probed.took.as_secs_f64() * 1000.0),
            })
        };
        json!({
            "name": figures.id.to_string(),
            "address": self.name,
            "status": self.word().text(),
            "switch": word(figures.switch),
            "backup": self.backup,
            "weight": self.weight,
            "queue": figures.queue.now,
            "queue_max": figures.queue.most,
            "sessions": figures.sessions_active,
            "sessions_max": figures.sessions_max,
            "sessions_total": figures.sessions_total,
            "errors_conn": figures.connect_errors,
            "errors_resp": figures.response_errors,
            "errors_check": figures.errors,
            "errors_down": figures.downs,
            "requests_per_s": rounded(passed.requests_per_s),
            "bytes_in": figures.bytes_in,
            "bytes_out": figures.bytes_out,
            "bytes_in_per_s": rounded(passed.bytes_in_per_s),
            "bytes_out_per_s": rounded(passed.bytes_out_per_s),
            "latency_ms": latency(&passed.response),
            "since_s": rounded(self.since.as_secs_f64()),
            "probe": self.probe.as_ref().map(probe),
        })
    }
}

/// To three digits behind the point: what nobody reads is not sent. `null` of NaN.
pub fn rounded(value: f64) -> Value {
    Value::from((value * 1000.0).round() / 1000.0)
}

fn latency(reading: &Reading) -> Value {
    let ms = |share| {
        let micros = reading.percentile(share);
        micros.map_or(Value::Null, |micros| rounded(micros / 1000.0))
    };
    json!({ "p50": ms(0.5), "p90": ms(0.9), "p99": ms(0.99), "p999": ms(0.999) })
}

fn event(event: &Event) -> Value {
    json!({
        "number": event.number,
        "unix_ms": event.unix_ms,
        "kind": event.kind,
        "output": event.output.map(|output| output.to_string()),
        "text": event.text,
    })
}
