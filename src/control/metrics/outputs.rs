//! What there is of each output. The seed's counters are there for `out1` to `out8` always, all else for those that
//! are connected.

use crate::control::counters::Kind;
use crate::control::counters::OF_OUTPUT;
use crate::control::figures::Figures;
use crate::control::figures::OutputFigures;
use crate::control::metrics::format::Family;
use crate::control::metrics::format::Text;
use crate::control::probed::Probed;
use crate::control::state::switches::word;
use crate::model::standing::Health;
use crate::plane::histogram::Reading;

/// Responses by the first digit of their status.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// An output and its name.
type Named<'f> = (String, &'f OutputFigures);

pub fn write(text: &mut Text, figures: &Figures) {
    let all: Vec<Named<'_>> = figures
        .outputs
        .iter()
        .map(|output| (output.id.to_string(), output))
        .collect();
    write_counters(text, &all);
    let connected: Vec<Named<'_>> = all
        .into_iter()
        .filter(|(_, output)| output.connected)
        .collect();
    write_standing(text, &connected);
    write_probes(text, &connected);
    write_traffic(text, &connected);
    write_times(text, &connected);
}

/// The seed's, by their own names, and with the ending that Prometheus wants for what only grows.
fn write_counters(text: &mut Text, outputs: &[Named<'_>]) {
    for (definition, (name, help)) in OF_OUTPUT.iter().zip(SEED) {
        let family = match definition.kind {
            Kind::Gauge => text.gauge(name, help),
            Kind::Counter => text.counter(name, help),
        };
        each(family, outputs, definition.read);
    }
}

/// In the order of [`OF_OUTPUT`]: name and help here.
pub(super) const SEED: [(&str, &str); OF_OUTPUT.len()] = [
    (
        "halb_output_status",
        "0 enabled and operational, 1 enabled and not operational, 100 disconnected or disabled.",
    ),
    ("halb_output_queue", "Requests in the queue of an output."),
    (
        "halb_output_queue_max",
        "Most requests that were ever in the queue of an output at a time.",
    ),
    (
        "halb_output_sessions_active",
        "Active sessions of an output.",
    ),
    (
        "halb_output_sessions_max",
        "Most sessions that were ever active at an output at a time.",
    ),
    (
        "halb_output_sessions_total",
        "Completed sessions of an output.",
    ),
    ("halb_output_errors_total", "Failed probes of an output."),
];

fn write_standing(text: &mut Text, outputs: &[Named<'_>]) {
    let mut family = text.gauge("halb_output_info", "What an output is connected to.");
    for (name, output) in outputs {
        if let Some(planned) = &output.planned {
            let backup = if planned.backup { "true" } else { "false" };
            let labels = [
                ("output", name.as_str()),
                ("address", &planned.name),
                ("backup", backup),
            ];
            family.sample(&labels, 1);
        }
    }
    let mut family = text.gauge(
        "halb_output_weight",
        "The share of requests that an output is to have.",
    );
    for (name, output) in outputs {
        let weight = output.planned.as_ref().map(|planned| planned.weight);
        family.maybe(&[("output", name)], weight);
    }
    let mut family = text.gauge(
        "halb_output_sessions_limit",
        "Sessions that an output may have at a time; 0 is any number.",
    );
    for (name, output) in outputs {
        let limit = output
            .planned
            .as_ref()
            .map(|planned| planned.max_connections);
        family.maybe(&[("output", name)], limit);
    }
    let mut family = text.gauge(
        "halb_output_health",
        "What probes found: 1 for the state that is.",
    );
    for (name, output) in outputs {
        let is = health(output.health);
        family.state(
            &[("output", name)],
            "health",
            &["checking", "down", "up"],
            is,
        );
    }
    let mut family = text.gauge(
        "halb_output_switch",
        "What was ordered: 1 for the state that is.",
    );
    for (name, output) in outputs {
        let is = word(output.switch);
        family.state(
            &[("output", name)],
            "switch",
            &["disabled", "draining", "enabled"],
            is,
        );
    }
}

fn write_probes(text: &mut Text, outputs: &[Named<'_>]) {
    last(
        text.gauge(
            "halb_output_probe_success",
            "Whether the last probe succeeded.",
        ),
        outputs,
        |probed| f64::from(u8::from(probed.ok)),
    );
    last(
        text.gauge(
            "halb_output_probe_duration_seconds",
            "How long the last probe took.",
        ),
        outputs,
        |probed| probed.took.as_secs_f64(),
    );
    last(
        text.gauge(
            "halb_output_probe_timestamp_seconds",
            "When the last probe was over, in seconds since 1970 (UTC).",
        ),
        outputs,
        |probed| seconds(probed.unix_ms),
    );
    each_that(
        text.gauge(
            "halb_output_health_timestamp_seconds",
            "Since when the health is what it is, in seconds since 1970 (UTC).",
        ),
        outputs,
        |output| {
            Some(output.probe.since_unix_ms)
                .filter(|ms| *ms > 0)
                .map(seconds)
        },
    );
    each(
        text.counter(
            "halb_output_downs_total",
            "Times an output went from up to down.",
        ),
        outputs,
        |output| output.downs,
    );
}

fn write_traffic(text: &mut Text, outputs: &[Named<'_>]) {
    each(
        text.counter(
            "halb_output_connects_total",
            "Connections to an output that were established.",
        ),
        outputs,
        |output| output.connects_total,
    );
    each(
        text.counter(
            "halb_output_connect_errors_total",
            "Connections to an output that could not be established.",
        ),
        outputs,
        |output| output.connect_errors,
    );
    each(
        text.counter(
            "halb_output_suspicions_total",
            "Times an output refused or reset a connection, or left one unanswered for a second.",
        ),
        outputs,
        |output| output.suspicions,
    );
    let mut family = text.counter(
        "halb_output_responses_total",
        "Responses of an output, by the class of their status.",
    );
    for (name, output) in outputs {
        for (class, count) in CLASSES.iter().zip(output.classes) {
            family.sample(&[("output", name), ("class", class)], count);
        }
    }
    each(
        text.counter(
            "halb_output_request_bytes_total",
            "Bytes of requests that were sent to an output, heads included.",
        ),
        outputs,
        |output| output.bytes_in,
    );
    each(
        text.counter(
            "halb_output_response_bytes_total",
            "Bytes of an output's responses that were sent to clients, heads included.",
        ),
        outputs,
        |output| output.bytes_out,
    );
}

fn write_times(text: &mut Text, outputs: &[Named<'_>]) {
    let mut histogram = |name, help, reading: fn(&OutputFigures) -> &Reading| {
        let mut family = text.histogram(name, help);
        for (name, output) in outputs {
            family.reading(&[("output", name)], reading(output));
        }
    };
    histogram(
        "halb_output_wait_seconds",
        "How long requests waited for a place at an output, of those that had to.",
        |output| &output.wait,
    );
    histogram(
        "halb_output_connect_seconds",
        "How long establishing a connection to an output took.",
        |output| &output.connect,
    );
    histogram(
        "halb_output_response_seconds",
        "From a request's head to its response's head.",
        |output| &output.response,
    );
    histogram(
        "halb_output_total_seconds",
        "From a request's head to its response's end.",
        |output| &output.total,
    );
}

fn each(mut family: Family<'_>, outputs: &[Named<'_>], value: impl Fn(&OutputFigures) -> u64) {
    for (name, output) in outputs {
        family.sample(&[("output", name)], value(output));
    }
}

/// Of what the last probe found.
fn last(family: Family<'_>, outputs: &[Named<'_>], value: fn(&Probed) -> f64) {
    each_that(family, outputs, |output| {
        output.probe.last.as_ref().map(value)
    });
}

fn each_that(
    mut family: Family<'_>,
    outputs: &[Named<'_>],
    value: impl Fn(&OutputFigures) -> Option<f64>,
) {
    for (name, output) in outputs {
        family.maybe(&[("output", name)], value(output));
    }
}

fn seconds(unix_ms: u64) -> f64 {
    unix_ms as f64 / 1000.0
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Checking => "checking",
        Health::Down => "down",
        Health::Up => "up",
    }
}
