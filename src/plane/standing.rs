//! How the outputs stand: what an operator ordered and what probes found. Three words for each output, each with
//! one writer, all in control; workers read.

use crate::model::output::OutputId;
use crate::model::standing::Health;
use crate::model::standing::Switch;
use crate::plane::sync::AtomicU8;
use crate::plane::sync::AtomicU64;
use crate::plane::sync::Ordering;

/// Counts the changes of all words. Who decides by the words remembers the number it read *before* them: what
/// has changed since then carries a higher one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Epoch(pub(super) u64);

/// The words of all outputs.
pub struct Standings {
    epoch: AtomicU64,
    words: Box<[Words]>,
}

struct Words {
    switch: AtomicU8,
    health: AtomicU8,
    /// Probes that succeeded.
    proofs: AtomicU64,
}

impl Standings {
    /// For the first `outputs` outputs: everything enabled and up.
    pub fn new(outputs: usize) -> Standings {
        let words = || Words {
            switch: AtomicU8::new(Switch::Enabled as u8),
            health: AtomicU8::new(Health::Up as u8),
            proofs: AtomicU64::new(0),
        };
        Standings {
            epoch: AtomicU64::new(0),
            words: (0..outputs).map(|_| words()).collect(),
        }
    }

    /// To be read before the words, once a turn.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    pub fn switch(&self, output: OutputId) -> Switch {
        match self.words[output.index()].switch.load(Ordering::Acquire) {
            word if word == Switch::Enabled as u8 => Switch::Enabled,
            word if word == Switch::Draining as u8 => Switch::Draining,
            _ => Switch::Disabled,
        }
    }

    pub fn health(&self, output: OutputId) -> Health {
        match self.words[output.index()].health.load(Ordering::Acquire) {
            word if word == Health::Checking as u8 => Health::Checking,
            word if word == Health::Up as u8 => Health::Up,
            _ => Health::Down,
        }
    }

    pub fn proofs(&self, output: OutputId) -> u64 {
        self.words[output.index()].proofs.load(Ordering::Relaxed)
    }

    /// By the one who probes: a probe has succeeded. It is no change of anything that somebody waits for.
    pub(super) fn prove(&self, output: OutputId) {
        let proofs = &self.words[output.index()].proofs;
        proofs.store(proofs.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// By the one who carries out orders. Gives the epoch that has begun; `None`: it was so already.
    pub(super) fn set_switch(&self, output: OutputId, switch: Switch) -> Option<Epoch> {
        self.change(&self.words[output.index()].switch, switch as u8)
    }

    /// By the one who probes. Gives the epoch that has begun; `None`: it was so already.
    pub(super) fn set_health(&self, output: OutputId, health: Health) -> Option<Epoch> {
        self.change(&self.words[output.index()].health, health as u8)
    }

    /// What is decided by changes otherwise: an epoch begins.
    pub(super) fn advance(&self) -> Epoch {
        Epoch(self.epoch.fetch_add(1, Ordering::AcqRel) + 1)
    }

    fn change(&self, word: &AtomicU8, to: u8) -> Option<Epoch> {
        if word.load(Ordering::Relaxed) == to {
            return None;
        }
        // The word first: who reads the new epoch reads the new word, too.
        word.store(to, Ordering::Release);
        Some(Epoch(self.epoch.fetch_add(1, Ordering::AcqRel) + 1))
    }
}
