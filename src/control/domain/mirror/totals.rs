//! Counters that do not go back when another server serves.
//!
//! What each process of each server has counted is kept apart, by server and boot. Only that process raises it; all
//! others keep the highest that they heard. So what is shown is the sum over all of them, and nothing is counted twice,
//! whoever was cut off from whom, and whoever tells it.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::pair::node::NodeId;

/// Processes that are remembered, so that all of it fits into one message also with 64 outputs. Beyond it the one that
/// counted least is forgotten, which mostly is one that never served.
const PROCESSES_MOST: usize = 32;

/// More than there are, with 64 outputs: nobody fills our memory.
const NAMES_MOST: usize = 2048;
const NAME_MOST_BYTES: usize = 128;

/// Who has counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Process {
    pub node: NodeId,
    pub boot: u64,
}

/// What one process has counted, each by its name.
pub type Counted = BTreeMap<String, u64>;

/// What all have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Totals(BTreeMap<Process, Counted>);

impl Totals {
    /// By that process, or somebody who has heard it.
    pub fn note(&mut self, process: Process, counted: &Counted) {
        let known = self.0.entry(process).or_default();
        for (name, count) in counted {
            let has_room = known.len() < NAMES_MOST && name.len() <= NAME_MOST_BYTES;
            match known.get_mut(name) {
                Some(kept) => *kept = (*kept).max(*count),
                None if has_room => {
                    known.insert(name.clone(), *count);
                }
                None => {}
            }
        }
        if self.0.len() > PROCESSES_MOST {
            let sum = |(_, counted): &(&Process, &Counted)| counted.values().copied().max();
            if let Some(least) = self.0.iter().min_by_key(sum).map(|(process, _)| *process) {
                self.0.remove(&least);
            }
        }
    }

    /// What somebody else knows.
    pub fn merge(&mut self, other: &Totals) {
        for (process, counted) in &other.0 {
            self.note(*process, counted);
        }
    }

    /// What is not as in `told`: all of it is long, and seldom much of it changes.
    pub fn since(&self, told: &Totals) -> Totals {
        let is_new =
            |(process, counted): &(&Process, &Counted)| told.0.get(process) != Some(counted);
        let new = self.0.iter().filter(is_new);
        Totals(
            new.map(|(process, counted)| (*process, counted.clone()))
                .collect(),
        )
    }

    /// What all but `process` have counted, added up.
    pub fn besides(&self, process: Process) -> Counted {
        let mut sums = Counted::new();
        let others = self.0.iter().filter(|(other, _)| **other != process);
        for (name, count) in others.flat_map(|(_, counted)| counted) {
            let sum = sums.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        sums
    }

    /// As they travel.
    pub fn encode(&self) -> Value {
        let one = |(process, counted): (&Process, &Counted)| {
            json!([process.node.bits(), process.boot, counted])
        };
        self.0.iter().map(one).collect()
    }

    /// What cannot be read is left out.
    pub fn decode(value: &Value) -> Totals {
        let one = |value: &Value| {
            let process = Process {
                node: NodeId::from_bits(value.get(0)?.as_u64()?),
                boot: value.get(1)?.as_u64()?,
            };
            let counted = value.get(2)?.as_object()?;
            let counts = counted
                .iter()
                .filter_map(|(name, count)| Some((name.clone(), count.as_u64()?)));
            Some((process, counts.collect()))
        };
        let all = value.as_array().into_iter().flatten();
        Totals(all.filter_map(one).take(PROCESSES_MOST).collect())
    }
}
