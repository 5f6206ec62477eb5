//! What `ctl` tells of the outputs. Nothing here changes anything.

use serde_json::json;

use crate::control::counters;
use crate::control::counters::Counter;
use crate::control::ctl::answer::Answer;
use crate::control::figures::Figures;
use crate::control::figures::OutputFigures;
use crate::control::reload::Reloaded;
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
    let each = |counter: Counter| (counter.name, counter.value.into());
    Answer::of(counters::counters(figures).into_iter().map(each).collect())
}

/// `/api/reload`: what was changed, or why nothing was.
pub fn reloaded(reloaded: &Reloaded) -> Result<Answer, Answer> {
    match reloaded {
        Reloaded::Done(report) => {
            let more = [
                ("changes", &report.changes),
                ("restart", &report.restart),
                ("warnings", &report.warnings),
            ];
            let more = more.map(|(name, list)| (name.to_owned(), json!(list)));
            Ok(Answer::saying(&report.sentence(), more.into()))
        }
        Reloaded::Refused(lines) => {
            let more = vec![("findings".to_owned(), json!(lines))];
            Err(Answer::failed("refused, nothing is changed", more))
        }
        Reloaded::Finishing => Err(Answer::not_done("halb is finishing: nothing is changed")),
    }
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
