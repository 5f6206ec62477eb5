//! What connections cost in user space.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::machine::memory::Memory;
use crate::record::contender::Contender;
use crate::station::order::Held;

/// What the connections did while their memory was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doing {
    /// Nothing, after one exchange.
    Idle,
    /// A response under way on each.
    Transfer,
}

/// So many connections of one contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemoryFigure {
    pub contender: Contender,
    pub doing: Doing,
    pub connections: usize,
    /// Connections that stayed open.
    pub held: u64,
    /// Those that answered once more afterwards.
    pub answered_again: u64,
    /// Of [`Doing::Transfer`]: those whose response under way came to its right end.
    pub moved: u64,
    pub faults: BTreeMap<String, u64>,
    /// After a warm-up, before the connections.
    pub before: Memory,
    /// With all of them.
    pub during: Memory,
    pub rss_bytes_each: f64,
    pub pss_bytes_each: f64,
}

impl MemoryFigure {
    /// `memory`: before, and with all of them.
    pub fn of(
        contender: Contender,
        doing: Doing,
        connections: usize,
        held: Held,
        (before, during): (Memory, Memory),
    ) -> MemoryFigure {
        let each =
            |before: u64, during: u64| (during as f64 - before as f64) / held.held.max(1) as f64;
        MemoryFigure {
            rss_bytes_each: each(before.rss_bytes, during.rss_bytes),
            pss_bytes_each: each(before.pss_bytes, during.pss_bytes),
            contender,
            doing,
            connections,
            held: held.held,
            answered_again: held.answered_again,
            moved: held.moved,
            faults: held.faults,
            before,
            during,
        }
    }

    /// Every connection stood, stayed, and answered again.
    pub fn sound(&self) -> bool {
        let asked = self.connections as u64;
        let moved = self.doing == Doing::Idle || self.moved == asked;
        self.held == asked && self.answered_again == asked && moved && self.faults.is_empty()
    }
}
