//! What `ctl` tells of the outputs. Nothing here changes anything.

use serde_json::Value;
use serde_json::json;

use crate::control::ctl::answer::Answer;
use crate::control::figures::Figures;
use crate::control::figures::OutputFigures;
use crate::control::state::switches::word;
use crate::model::standing::Health;
use crate::model::standing::Switch;

/// `/api/status`: connected and enabled outputs.
pub fn status(figures: &Figures) -> Answer {
    let enabled = connected(figures).filter(|output| output.switch == Switch::Enabled);
    let each = |output: &OutputFigures| {
        let up = output.health == Health::Up;
        (output.id.to_string(), if up { "up" } else { "down" }.into())
    };
    Answer::of(enabled.map(each).collect())
}

/// `/api/sessions`: how all connected outputs stand, and how busy they are.
pub fn sessions(figures: &Figures) -> Answer {
    let each = |output: &OutputFigures| {
        let value = json!({
            "active": output.sessions_active,
            "health": health_word(output.health),
            "queue": output.queue.now,
            "switch": word(output.switch),
        });
        (output.id.to_string(), value)
    };
    Answer::of(connected(figures).map(each).collect())
}

/// `/api/health`: whether traffic can be served.
pub fn health(figures: &Figures) -> Answer {
    let serves =
        |output: &OutputFigures| output.switch != Switch::Disabled && output.health == Health::Up;
    if connected(figures).any(serves) {
        Answer::done()
    } else {
        Answer::unavailable("no output can serve")
    }
}

/// `/api/counters`: under the seed's names.
pub fn counters(figures: &Figures) -> Answer {
    let mut counters = Vec::new();
    for output in &figures.outputs {
        for (name, value) in [
            ("status", output.status() as u64),
            ("queue", output.queue.now),
            ("queue_max", output.queue.most),
            ("sessions_active", output.sessions_active),
            ("sessions_max", output.sessions_max),
            ("sessions_total", output.sessions_total),
            ("errors", output.errors),
        ] {
            counters.push((format!("{}_{name}", output.id), Value::from(value)));
        }
    }
    for (name, value) in [
        ("queue", figures.queue.now),
        ("queue_max", figures.queue.most),
        ("sessions_active", figures.sessions_active),
        ("sessions_max", figures.sessions_max),
        ("sessions_total", figures.sessions_total),
        ("errors", figures.errors),
    ] {
        counters.push((name.to_owned(), Value::from(value)));
    }
    Answer::of(counters)
}

fn connected(figures: &Figures) -> impl Iterator<Item = &OutputFigures> {
    figures.outputs.iter().filter(|output| output.connected)
}

fn health_word(health: Health) -> &'static str {
    match health {
        Health::Checking => "checking",
        Health::Up => "up",
        Health::Down => "down",
    }
}
