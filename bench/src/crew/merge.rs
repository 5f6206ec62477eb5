//! What several stations did, as if one had done it.

use std::collections::BTreeMap;

use crate::station::order::Held;
use crate::station::order::Load;
use crate::station::order::Outcome;
use crate::station::times;
use crate::trouble::Trouble;

/// One outcome of all, in the order of the stations: the window is the first's.
pub fn merge(outcomes: Vec<Outcome>) -> Result<Outcome, Trouble> {
    let (mut loads, mut helds, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Outcome::Load(load) => loads.push(*load),
            Outcome::Held(held) => helds.push(held),
            Outcome::Failed(reason) => failures.push(reason),
        }
    }
    if !failures.is_empty() {
        return Ok(Outcome::Failed(failures.join("; ")));
    }
    match (loads.is_empty(), helds.is_empty()) {
        (false, true) => Ok(Outcome::Load(Box::new(loaded(loads)?))),
        (true, false) => Ok(Outcome::Held(held(helds))),
        (true, true) => Err(Trouble::new("no station had anything to do")),
        (false, false) => Err(Trouble::new("stations did different jobs")),
    }
}

fn loaded(loads: Vec<Load>) -> Result<Load, Trouble> {
    let spectra = loads.iter().map(|load| load.spectrum.as_slice());
    let times = times::merged(spectra).map_err(Trouble::new)?;
    let mut sum = Load {
        latency: times::quantiles(&times),
        spectrum: times::spectrum(&times),
        ..Load::default()
    };
    for (index, load) in loads.into_iter().enumerate() {
        sum.answered += load.answered;
        sum.received_bytes += load.received_bytes;
        sum.unsent += load.unsent;
        sum.late_p99_us = sum.late_p99_us.max(load.late_p99_us);
        add(&mut sum.faults, load.faults);
        if index == 0 {
            sum.window = load.window;
        }
    }
    Ok(sum)
}

fn held(helds: Vec<Held>) -> Held {
    let mut sum = Held::default();
    for held in helds {
        sum.held += held.held;
        sum.answered_again += held.answered_again;
        sum.moved += held.moved;
        add(&mut sum.faults, held.faults);
    }
    sum
}

fn add(sum: &mut BTreeMap<String, u64>, faults: BTreeMap<String, u64>) {
    for (name, count) in faults {
        *sum.entry(name).or_default() += count;
    }
}
