//! What HALB promises, beside what was measured.

mod measure;
mod promises;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::Serialize;

use crate::record::cell::Cell;
use crate::record::memory::MemoryFigure;
use crate::record::target::measure::Figure;
use crate::record::target::measure::Found;
use crate::record::target::promises::Limit;
use crate::record::target::promises::PROMISES;
use crate::record::target::promises::Promise;

/// How a target came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What HALB is here for.
    Aim,
    /// What an honest build must show.
    Gate,
    Missed,
    /// This run had no figure for it, or none that is worth anything.
    Unknown,
}

/// One promise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// "CPU per request, 64 connections, of HAProxy's".
    pub name: String,
    /// "≤ 0.6 ×".
    pub gate: String,
    pub aim: Option<String>,
    /// The figures it is judged by, in words, both counts of CPU where it is CPU: "0.57 × process, 0.66 × machine".
    pub found: String,
    pub verdict: Verdict,
}

/// Every promise, judged by what a run has measured.
pub fn judge(cells: &[Cell], memory: &[MemoryFigure]) -> Vec<Target> {
    let found = Found { cells, memory };
    PROMISES
        .iter()
        .map(|promise| promise.judged(&found))
        .collect()
}

impl Promise {
    fn judged(&self, found: &Found<'_>) -> Target {
        let figure = found.measure(&self.measure);
        let (words, verdict) = match figure {
            Figure::None => ("not measured".to_owned(), Verdict::Unknown),
            Figure::Doubtful(words) => (words, Verdict::Unknown),
            Figure::Sound { worth, words } => (words, self.verdict(worth, found.relay_growth())),
        };
        Target {
            name: self.name.to_owned(),
            gate: self.gate.to_string(),
            aim: self.aim.as_ref().map(Limit::to_string),
            found: words,
            verdict,
        }
    }

    fn verdict(&self, worth: f64, relay_growth: Option<f64>) -> Verdict {
        if self.aim.as_ref().is_some_and(|aim| aim.holds(worth, None)) {
            Verdict::Aim
        } else if self.gate.holds(worth, relay_growth) {
            Verdict::Gate
        } else {
            Verdict::Missed
        }
    }
}
