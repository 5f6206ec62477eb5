//! What `/api/overview` said. Another version of HALB may answer: what is absent, or of another kind, is unknown.

use serde_json::Map;
use serde_json::Value;

/// Longer than any sentence of HALB's own; what is beyond would not fit on a screen.
const TEXT_LETTERS_MAX: usize = 500;

/// One answer. `None` is a figure that does not exist, or not yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    pub node: String,
    pub version: String,
    pub uptime_s: Option<f64>,
    /// What this server is in its domain, and who serves; empty where there is none.
    pub domain: String,
    pub connections: Option<f64>,
    pub connections_max: Option<f64>,
    pub requests_per_s: Option<f64>,
    pub in_per_s: Option<f64>,
    pub out_per_s: Option<f64>,
    pub queue: Peak,
    pub sessions: Peak,
    pub sessions_total: Option<f64>,
    pub errors: Option<f64>,
    pub latency: Latency,
    pub outputs: Vec<Output>,
    /// Newest first.
    pub events: Vec<Event>,
}

/// How many there are, and the most there ever were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peak {
    pub now: Option<f64>,
    pub most: Option<f64>,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
}

/// One output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    pub name: String,
    pub address: String,
    /// As the page shows it: UP, DOWN, DRAIN, DISABLED, CHECKING.
    pub status: String,
    pub since_s: Option<f64>,
    pub backup: bool,
    pub weight: Option<f64>,
    pub queue: Peak,
    pub sessions: Peak,
    pub sessions_total: Option<f64>,
    pub errors: Errors,
    pub requests_per_s: Option<f64>,
    pub in_per_s: Option<f64>,
    pub out_per_s: Option<f64>,
    pub latency: Latency,
    pub probe: Option<Probe>,
}

/// Connections that failed, answers of 5xx, failed probes, and how often it went down.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Errors {
    pub conn: Option<f64>,
    pub resp: Option<f64>,
    pub check: Option<f64>,
    pub down: Option<f64>,
}

/// The last probe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probe {
    pub ok: bool,
    pub text: String,
    pub ago_s: Option<f64>,
    pub took_ms: Option<f64>,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    pub unix_ms: Option<u64>,
    pub kind: String,
    pub text: String,
}

impl Reading {
    /// From the answer's `overview`.
    pub fn of(overview: &Value) -> Option<Reading> {
        let all = overview.as_object()?;
        Some(Reading {
            node: text(all, "node"),
            version: text(all, "version"),
            uptime_s: number(all, "uptime_s"),
            domain: domain(all),
            connections: number(all, "current_conns"),
            connections_max: number(all, "maxconn"),
            requests_per_s: number(all, "requests_per_s"),
            in_per_s: number(all, "bytes_in_per_s"),
            out_per_s: number(all, "bytes_out_per_s"),
            queue: peak(all, "queue", "queue_max"),
            sessions: peak(all, "sessions_active", "sessions_max"),
            sessions_total: number(all, "sessions_total"),
            errors: number(all, "errors"),
            latency: latency(all),
            outputs: list(all, "outputs").filter_map(output).collect(),
            events: list(all, "events").filter_map(event).collect(),
        })
    }
}

/// `active, nobody could take over`, `standby, lb1 serves, failing`
fn domain(all: &Map<String, Value>) -> String {
    let Some(domain) = all.get("domain").and_then(Value::as_object) else {
        return String::new();
    };
    let (state, active, node) = (
        text(domain, "state"),
        text(domain, "active"),
        text(domain, "node"),
    );
    let servers = || list(domain, "servers").filter_map(Value::as_object);
    let stands_by = |server: &Map<String, Value>| {
        text(server, "state") == "standby" && server.get("ready") == Some(&Value::Bool(true))
    };
    let mut said = match active.is_empty() {
        true => format!("{state}, nobody serves"),
        false if active != node => format!("{state}, {active} serves"),
        false if servers().any(stands_by) => state,
        false => format!("{state}, nobody could take over"),
    };
    for server in servers().filter(|server| text(server, "name") == node) {
        for condition in list(server, "conditions").filter_map(Value::as_str) {
            said.push_str(", ");
            said.push_str(condition);
        }
    }
    said.chars().take(TEXT_LETTERS_MAX).collect()
}

fn output(value: &Value) -> Option<Output> {
    let all = value.as_object()?;
    Some(Output {
        name: text(all, "name"),
        address: text(all, "address"),
        status: text(all, "status"),
        since_s: number(all, "since_s"),
        backup: all.get("backup").and_then(Value::as_bool) == Some(true),
        weight: number(all, "weight"),
        queue: peak(all, "queue", "queue_max"),
        sessions: peak(all, "sessions", "sessions_max"),
        sessions_total: number(all, "sessions_total"),
        errors: Errors {
            conn: number(all, "errors_conn"),
            resp: number(all, "errors_resp"),
            check: number(all, "errors_check"),
            down: number(all, "errors_down"),
        },
        requests_per_s: number(all, "requests_per_s"),
        in_per_s: number(all, "bytes_in_per_s"),
        out_per_s: number(all, "bytes_out_per_s"),
        latency: latency(all),
        probe: all.get("probe").and_then(probe),
    })
}

fn probe(value: &Value) -> Option<Probe> {
    let all = value.as_object()?;
    Some(Probe {
        ok: all.get("ok").and_then(Value::as_bool) == Some(true),
        text: text(all, "text"),
        ago_s: number(all, "ago_s"),
        took_ms: number(all, "took_ms"),
    })
}

fn event(value: &Value) -> Option<Event> {
    let all = value.as_object()?;
    Some(Event {
        unix_ms: all.get("unix_ms").and_then(Value::as_u64),
        kind: text(all, "kind"),
        text: text(all, "text"),
    })
}

fn latency(all: &Map<String, Value>) -> Latency {
    let Some(Value::Object(of)) = all.get("latency_ms") else {
        return Latency::default();
    };
    Latency {
        p50: number(of, "p50"),
        p90: number(of, "p90"),
        p99: number(of, "p99"),
        p999: number(of, "p999"),
    }
}

fn peak(all: &Map<String, Value>, now: &str, most: &str) -> Peak {
    Peak {
        now: number(all, now),
        most: number(all, most),
    }
}

fn list<'v>(all: &'v Map<String, Value>, name: &str) -> impl Iterator<Item = &'v Value> {
    let list = all.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn number(all: &Map<String, Value>, name: &str) -> Option<f64> {
    all.get(name).and_then(Value::as_f64)
}

/// Backends have a say in these texts: no control reaches the terminal.
fn text(all: &Map<String, Value>, name: &str) -> String {
    let text = all.get(name).and_then(Value::as_str).unwrap_or_default();
    let letters = text.chars().take(TEXT_LETTERS_MAX);
    let harmless = |letter: char| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    };
    letters.map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_of_a_domain_says_what_it_is_and_who_serves() {
        let said = |node: &str, state: &str, active: Value, standby: Value| {
            let servers =
                json!([{"name": node, "state": state, "conditions": ["failing"]}, standby]);
            let domain =
                json!({"node": node, "state": state, "active": active, "servers": servers});
            domain_of(&json!({"node": node, "domain": domain}))
        };
        let ready = json!({"name": "lb2", "state": "standby", "ready": true});
        let gone = json!({"name": "lb2", "alive": false, "ready": false});
        assert_eq!(
            said("lb1", "active", json!("lb1"), ready.clone()),
            "active, failing"
        );
        assert_eq!(
            said("lb1", "active", json!("lb1"), gone),
            "active, nobody could take over, failing"
        );
        assert_eq!(
            said("lb3", "inactive", json!("lb1"), ready.clone()),
            "inactive, lb1 serves, failing"
        );
        assert_eq!(
            said("lb3", "standby", Value::Null, ready),
            "standby, nobody serves, failing"
        );
        assert_eq!(domain_of(&json!({"node": "lb1", "domain": null})), "");
    }

    fn domain_of(overview: &Value) -> String {
        Reading::of(overview).unwrap().domain
    }
}
