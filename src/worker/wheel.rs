//! A coarse timer wheel. Deadlines move with every request, so an entry is not moved with them: when it comes
//! due its owner is asked, and put in again if the deadline has moved on. A busy connection costs the wheel
//! nothing; a silent one, one entry.

use crate::model::time::Instant;
use crate::worker::table::Key;

/// Length of one slot; nothing HALB times out is finer than a few of these.
const SLOT_NANOS: u64 = 16 * 1_000_000;
/// Slots of the wheel: about 65 s, so that the usual timeouts need one turn of it.
const SLOTS: usize = 4096;
const WORDS: usize = SLOTS / 64;
const NONE: u32 = u32::MAX;

/// Whose deadline it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    Client(Key),
    Upstream(Key),
}

/// Something that came due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    pub owner: Owner,
    /// What it was put in for; an owner that was put in again for something earlier ignores the later entry.
    pub at: Instant,
}

struct Entry {
    due: Due,
    next: u32,
}

/// The wheel.
pub struct Wheel {
    heads: Vec<u32>,
    occupied: [u64; WORDS],
    entries: Vec<Entry>,
    free: u32,
    /// The first slot (counted from the clock's zero) that has not been looked at.
    next_slot: u64,
}

impl Wheel {
    /// A wheel that starts at `now`.
    pub fn new(now: Instant) -> Wheel {
        Wheel {
            heads: vec![NONE; SLOTS],
            occupied: [0; WORDS],
            entries: Vec::new(),
            free: NONE,
            next_slot: now.as_nanos() / SLOT_NANOS,
        }
    }

    /// `owner` wants to be asked at `at`, or up to one slot later.
    pub fn insert(&mut self, owner: Owner, at: Instant) {
        let slot = slot_of(at).max(self.next_slot);
        let position = position_of(slot);
        let entry = Entry {
            due: Due { owner, at },
            next: self.heads[position],
        };
        let index = self.store(entry);
        self.heads[position] = index;
        self.occupied[position / 64] |= 1 << (position % 64);
    }

    /// Appends everything that is due at `now`.
    pub fn expire(&mut self, now: Instant, due: &mut Vec<Due>) {
        let current = now.as_nanos() / SLOT_NANOS;
        // After a pause of more than a turn every slot is looked at, once.
        let first = self
            .next_slot
            .max((current + 1).saturating_sub(SLOTS as u64));
        for slot in first..=current {
            let position = position_of(slot);
            if self.occupied[position / 64] & (1 << (position % 64)) != 0 {
                self.empty(position, current, due);
            }
        }
        self.next_slot = self.next_slot.max(current + 1);
    }

    /// When to look again: the end of the first slot that holds anything.
    pub fn next(&self) -> Option<Instant> {
        let start = position_of(self.next_slot);
        let mut ahead = 0;
        while ahead < SLOTS {
            let position = (start + ahead) % SLOTS;
            let word = self.occupied[position / 64] >> (position % 64);
            if word != 0 {
                let slot = self.next_slot + ahead as u64 + u64::from(word.trailing_zeros());
                return Some(Instant::from_nanos(slot.saturating_mul(SLOT_NANOS)));
            }
            ahead += 64 - position % 64;
        }
        None
    }

    fn empty(&mut self, position: usize, current: u64, due: &mut Vec<Due>) {
        let mut index = std::mem::replace(&mut self.heads[position], NONE);
        self.occupied[position / 64] &= !(1 << (position % 64));
        while index != NONE {
            let Entry { due: entry, next } = self.entries[index as usize];
            if slot_of(entry.at) <= current {
                due.push(entry);
                self.entries[index as usize].next = self.free;
                self.free = index;
            } else {
                self.entries[index as usize].next = self.heads[position];
                self.heads[position] = index;
                self.occupied[position / 64] |= 1 << (position % 64);
            }
            index = next;
        }
    }

    fn store(&mut self, entry: Entry) -> u32 {
        if self.free != NONE {
            let index = self.free;
            self.free = self.entries[index as usize].next;
            self.entries[index as usize] = entry;
            return index;
        }
        self.entries.push(entry);
        u32::try_from(self.entries.len() - 1).unwrap_or(NONE)
    }
}

/// The slot at whose start `at` has passed: rounded up, so that nothing comes early.
fn slot_of(at: Instant) -> u64 {
    at.as_nanos().div_ceil(SLOT_NANOS)
}

fn position_of(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The longest a deadline may come late.
    const SLACK: Duration = Duration::from_nanos(SLOT_NANOS);

    fn at(milliseconds: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(milliseconds)
    }

    fn owner(slot: u32) -> Owner {
        Owner::Client(Key {
            slot,
            generation: 0,
        })
    }

    /// Follows `next` until nothing is left, and says when each owner was called.
    fn run(wheel: &mut Wheel) -> Vec<(Due, Instant)> {
        let mut calls = Vec::new();
        while let Some(now) = wheel.next() {
            let mut due = Vec::new();
            wheel.expire(now, &mut due);
            calls.extend(due.into_iter().map(|d| (d, now)));
        }
        calls
    }

    #[test]
    fn nothing_comes_early_and_nothing_later_than_a_slot() {
        let mut wheel = Wheel::new(at(5));
        let times = [6, 20, 21, 500, 501, 65_000, 65_536, 70_000, 3_600_000];
        for (slot, time) in (0..).zip(times) {
            wheel.insert(owner(slot), at(time));
        }
        let calls = run(&mut wheel);
        assert_eq!(calls.len(), times.len());
        for (due, called) in calls {
            assert!(called >= due.at, "{due:?} came early, at {called:?}");
            assert!(
                called.since(due.at) <= SLACK,
                "{due:?} came late, at {called:?}"
            );
        }
    }

    #[test]
    fn what_is_due_already_comes_with_the_next_slot() {
        let mut wheel = Wheel::new(at(1000));
        wheel.insert(owner(1), at(3));
        let mut due = Vec::new();
        wheel.expire(at(1017), &mut due);
        assert_eq!(due.len(), 1);
    }

    #[test]
    fn a_pause_longer_than_a_turn_loses_nothing() {
        let mut wheel = Wheel::new(at(0));
        for slot in 0..1000 {
            wheel.insert(owner(slot), at(u64::from(slot) * 97));
        }
        let mut due = Vec::new();
        wheel.expire(at(10_000_000), &mut due);
        assert_eq!(due.len(), 1000);
        assert_eq!(wheel.next(), None);
    }
}
