//! `halb-bench crew`: orders by hand, one line of JSON each, and what came of them.

use std::io::BufRead;

use serde::Serialize;

use crate::compare::print;
use crate::crew::Crew;
use crate::crew::Reply;
use crate::interrupt::Interrupt;
use crate::station::order::Gate;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::trouble::Trouble;
use crate::trouble::While;

/// What is written, one line each.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Told<'a> {
    Origin(String),
    Gate(Gate),
    Done(&'a Outcome),
}

/// Says where the origin is, and then carries out one order after the other. Every gate is named, and passed when a line
/// comes.
pub fn run(core: usize, stations: usize) -> Result<bool, Trouble> {
    let interrupt = Interrupt::hold()?;
    let folder = tempfile::tempdir().during("making a folder for the run")?;
    let mut crew = Crew::start(core, stations, folder.path(), &interrupt)?;
    tell(&Told::Origin(crew.origin.to_string()))?;
    let mut lines = std::io::stdin().lock().lines();
    while let Some(line) = lines.next() {
        let line = line.during("reading an order")?;
        let order: Order = serde_json::from_str(&line).during("understanding an order")?;
        let mut at_gate = |gate: Gate| {
            tell(&Told::Gate(gate))?;
            let line = lines.next();
            let line = line.ok_or_else(|| Trouble::new("nobody lets the crew pass a gate"))?;
            line.map(drop).during("waiting at a gate")
        };
        match crew.order(&order, &mut at_gate, &interrupt)? {
            Reply::Done(outcome) => tell(&Told::Done(&outcome))?,
            Reply::Interrupted => return Ok(false),
        }
    }
    Ok(true)
}

fn tell(told: &Told<'_>) -> Result<(), Trouble> {
    let text = serde_json::to_string(told).during("writing to standard output")?;
    print(&format!("{text}\n"))
}
