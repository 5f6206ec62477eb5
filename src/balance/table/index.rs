//! From a key to its entry: open addressing with linear probing, half full at most.
//!
//! Keys are hashes already, so their upper bits say where to look. Removing moves what follows back, so that
//! there are no gravestones and no rebuilding.

use crate::balance::hash::SessionKey;

/// Slots for each entry: with half of them empty a search that fails looks at 2.5 of them on average.
pub const SLOTS_PER_ENTRY: usize = 2;

pub struct Index {
    /// The entry's number plus one; 0: empty. So the memory is zero at first and not touched before it is used.
    slots: Vec<u32>,
}

impl Index {
    pub fn new(capacity: usize) -> Index {
        Index {
            slots: vec![0; capacity * SLOTS_PER_ENTRY],
        }
    }

    /// The entry that has `key`. `key_of` gives an entry's key.
    pub fn find(&self, key: SessionKey, key_of: impl Fn(u32) -> SessionKey) -> Option<u32> {
        self.slot_of(key, key_of)
            .and_then(|slot| self.slots[slot].checked_sub(1))
    }

    /// There must be no entry with that key, and no more entries than at creation was said.
    pub fn insert(&mut self, key: SessionKey, entry: u32) {
        let mut slot = self.home(key);
        while self.slots[slot] != 0 {
            slot = self.after(slot);
        }
        self.slots[slot] = entry + 1;
    }

    /// The entry with that key must be there.
    pub fn remove(&mut self, key: SessionKey, key_of: impl Fn(u32) -> SessionKey) {
        let Some(mut hole) = self.slot_of(key, &key_of) else {
            unreachable!("only what was inserted is removed");
        };
        let mut slot = self.after(hole);
        while let Some(entry) = self.slots[slot].checked_sub(1) {
            // It may fill the hole unless its search begins behind it.
            let home = self.home(key_of(entry));
            if self.distance(home, slot) >= self.distance(hole, slot) {
                self.slots[hole] = entry + 1;
                hole = slot;
            }
            slot = self.after(slot);
        }
        self.slots[hole] = 0;
    }

    fn slot_of(&self, key: SessionKey, key_of: impl Fn(u32) -> SessionKey) -> Option<usize> {
        let mut slot = self.home(key);
        while let Some(entry) = self.slots[slot].checked_sub(1) {
            if key_of(entry) == key {
                return Some(slot);
            }
            slot = self.after(slot);
        }
        None
    }

    /// Where a search for `key` begins.
    fn home(&self, key: SessionKey) -> usize {
        let upper = key.0 >> 64;
        ((upper * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() {
            0
        } else {
            slot + 1
        }
    }

    /// Steps forward from one slot to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.slots.len() - from
        }
    }
}
