//! What `ctl` tells of the outputs. Nothing here changes anything.

use serde_json::Value;
use serde_json::json;

use crate::control::ctl::answer::Answer;
use crate::control::state::switches::word;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;
use crate::model::plan::PlannedOutput;
use crate::model::standing::Health;
use crate::model::standing::Standing;
use crate::model::standing::Switch;
use crate::plane::Plane;

/// The seed's outputs always have counters, also when they are disconnected.
const SEED_OUTPUTS: usize = 8;
const OPERATIONAL: u64 = 0;
const NOT_OPERATIONAL: u64 = 1;
const DISCONNECTED: u64 = 100;

/// `/api/status`: connected and enabled outputs.
pub fn status(plane: &Plane, outputs: &[PlannedOutput]) -> Answer {
    let enabled = outputs
        .iter()
        .filter(|output| plane.switch(output.id) == Switch::Enabled);
    let each = |output: &PlannedOutput| {
        let up = plane.health(output.id) == Health::Up && output.address.is_some();
        (output.id.to_string(), if up { "up" } else { "down" }.into())
    };
    Answer::of(enabled.map(each).collect())
}

/// `/api/sessions`: how all connected outputs stand, and how busy they are.
pub fn sessions(plane: &Plane, outputs: &[PlannedOutput]) -> Answer {
    let each = |output: &PlannedOutput| {
        let value = json!({
            "active": plane.sessions_active(output.id),
            "health": health_word(plane, output),
            "queue": plane.outputs().queue_of(output.id).now,
            "switch": word(plane.switch(output.id)),
        });
        (output.id.to_string(), value)
    };
    Answer::of(outputs.iter().map(each).collect())
}

/// `/api/health`: whether traffic can be served.
pub fn health(plane: &Plane, outputs: &[PlannedOutput]) -> Answer {
    let serves = |output: &PlannedOutput| {
        let may = plane.switch(output.id) != Switch::Disabled;
        may && plane.health(output.id) == Health::Up && output.address.is_some()
    };
    if outputs.iter().any(serves) {
        Answer::done()
    } else {
        Answer::unavailable("no output can serve")
    }
}

/// `/api/counters`: under the seed's names. What is not counted yet is not there.
pub fn counters(plane: &Plane, outputs: &[PlannedOutput]) -> Answer {
    let mut counters = Vec::new();
    let (mut active, mut total) = (0, 0);
    for id in (0..OUTPUTS_MAX).filter_map(OutputId::from_index) {
        let output = outputs.iter().find(|output| output.id == id);
        if output.is_none() && id.number() > SEED_OUTPUTS {
            continue;
        }
        let queue = plane.outputs().queue_of(id);
        let completed = completed(plane, id);
        active += plane.sessions_active(id);
        total += completed;
        for (name, value) in [
            ("status", standing(plane, id, output)),
            ("queue", queue.now),
            ("queue_max", queue.most),
            ("sessions_active", plane.sessions_active(id)),
            ("sessions_max", plane.outputs().taken_most(id)),
            ("sessions_total", completed),
        ] {
            counters.push((format!("{id}_{name}"), Value::from(value)));
        }
    }
    let queue = plane.outputs().queue();
    for (name, value) in [
        ("queue", queue.now),
        ("queue_max", queue.most),
        ("sessions_active", active),
        ("sessions_total", total),
    ] {
        counters.push((name.to_owned(), Value::from(value)));
    }
    Answer::of(counters)
}

/// `outX_status`
fn standing(plane: &Plane, id: OutputId, output: Option<&PlannedOutput>) -> u64 {
    match output {
        None => DISCONNECTED,
        Some(_) if plane.switch(id) == Switch::Disabled => DISCONNECTED,
        Some(output) if output.address.is_some() && plane.health(id) == Health::Up => OPERATIONAL,
        Some(_) => NOT_OPERATIONAL,
    }
}

fn completed(plane: &Plane, id: OutputId) -> u64 {
    let pages = plane.pages().iter();
    pages
        .map(|page| page.outputs.of(id).sessions_total.get())
        .sum()
}

fn health_word(plane: &Plane, output: &PlannedOutput) -> &'static str {
    match plane.health(output.id) {
        _ if output.address.is_none() => "down",
        Health::Checking => "checking",
        Health::Up => "up",
        Health::Down => "down",
    }
}
