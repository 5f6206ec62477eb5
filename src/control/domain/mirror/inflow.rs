//! What another server has learned, on its way to the workers of this one.

use std::collections::VecDeque;

use crate::plane::exchange::Exchange;
use crate::plane::inbox::Entry;

/// So many may wait where tables are small: 8 MiB.
const WAITING_LEAST: usize = 1 << 18;

/// Entries that some worker has yet to get.
pub struct Inflow {
    entries: VecDeque<Entry>,
    /// Of each worker: how many of `entries` it has.
    has: Vec<usize>,
    most: usize,
}

impl Inflow {
    /// A worker's table has `room` for so many. Where twice as many wait, something is wrong with the workers, and
    /// everything is asked for again.
    pub fn new(workers: usize, room: usize) -> Inflow {
        Inflow {
            entries: VecDeque::new(),
            has: vec![0; workers],
            most: room.saturating_mul(2).max(WAITING_LEAST),
        }
    }

    /// `false`: too many wait.
    pub fn add(&mut self, entries: &[Entry]) -> bool {
        self.entries.extend(entries);
        let fits = self.entries.len() <= self.most;
        if !fits {
            self.entries = VecDeque::new();
            self.has.fill(0);
        }
        fits
    }

    /// Whether every worker has everything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Gives each worker what it has room for, and wakes those who got something.
    pub fn pass_on(&mut self, exchange: &Exchange, wake: impl Fn(usize)) {
        if self.entries.is_empty() {
            return;
        }
        for (worker, has) in self.has.iter_mut().enumerate() {
            let before = *has;
            while let Some(entry) = self.entries.get(*has)
                && exchange.mirror(worker, *entry)
            {
                *has += 1;
            }
            // Also one that has no room: it sleeps, or it would have.
            if before < self.entries.len() {
                wake(worker);
            }
        }
        let all_have = self.has.iter().copied().min().unwrap_or(self.entries.len());
        self.entries.drain(..all_have);
        self.has.iter_mut().for_each(|has| *has -= all_have);
    }
}
