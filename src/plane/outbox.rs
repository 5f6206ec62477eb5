//! What one worker has learned and not yet told every other one.
//!
//! It belongs to its worker alone. Entries leave in order, so that of two about the same session the later one wins
//! everywhere; while one waits for room, those after it wait behind it.

use std::collections::VecDeque;

use crate::plane::inbox::Entry;
use crate::plane::inbox::Inboxes;

/// An entry's number in the order of learning. The response that carries it may leave when
/// [`Outbox::is_told`] says so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EntryNumber(u64);

/// One worker's entries on their way out.
pub struct Outbox {
    worker: usize,
    /// Entries told to everybody.
    told: u64,
    /// The next worker to tell about the first that waits.
    next_taker: usize,
    waiting: VecDeque<Entry>,
}

impl Outbox {
    pub fn new(worker: usize) -> Outbox {
        Outbox {
            worker,
            told: 0,
            next_taker: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Tells every other worker, at once if there is room everywhere. `wake` is called for a worker whose inbox is
    /// full; it wakes this one when it has emptied it.
    pub fn tell(
        &mut self,
        inboxes: &Inboxes,
        entry: Entry,
        wake: impl FnMut(usize),
    ) -> EntryNumber {
        let number = EntryNumber(self.told + self.waiting.len() as u64);
        self.waiting.push_back(entry);
        if self.waiting.len() == 1 {
            self.resume(inboxes, wake);
        }
        number
    }

    /// Goes on where an inbox was full; after a wake. Says whether anything has been told.
    pub fn resume(&mut self, inboxes: &Inboxes, mut wake: impl FnMut(usize)) -> bool {
        let before = self.told;
        while let Some(entry) = self.waiting.front().copied() {
            if !self.tell_rest(inboxes, entry, &mut wake) {
                break;
            }
            self.waiting.pop_front();
            self.next_taker = 0;
            self.told += 1;
        }
        self.told > before
    }

    /// The entry that was learned last, if it has not been told.
    pub fn latest(&self) -> Option<EntryNumber> {
        let waiting = self.waiting.len() as u64;
        waiting
            .checked_sub(1)
            .map(|last| EntryNumber(self.told + last))
    }

    /// Whether every other worker's inbox has it.
    pub fn is_told(&self, number: EntryNumber) -> bool {
        number.0 < self.told
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn tell_rest(&mut self, inboxes: &Inboxes, entry: Entry, wake: &mut impl FnMut(usize)) -> bool {
        while self.next_taker < inboxes.workers() {
            let taker = self.next_taker;
            if taker != self.worker && !inboxes.put(self.worker, taker, entry, &mut *wake) {
                return false;
            }
            self.next_taker += 1;
        }
        true
    }
}
