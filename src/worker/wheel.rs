//! A coarse timer wheel. Deadlines move with every request, so an entry is not moved with them: when it comes
//! due its owner is asked, and put in again if the deadline has moved on. A busy connection costs the wheel
//! nothing; a silent one, one entry; one that has closed, none: at so many new connections a second as a core
//! takes, entries that stayed until they came due would be millions.

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
    before: u32,
    next: u32,
    /// Which slot it is in; `FREE` when in none.
    position: u16,
}

const FREE: u16 = u16::MAX;
const _: () = assert!(SLOTS < FREE as usize);

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

    /// `owner` wants to be asked at `at`, or up to one slot later. Returns the number of the entry.
    pub fn insert(&mut self, owner: Owner, at: Instant) -> u32 {
        let slot = slot_of(at).max(self.next_slot);
        let index = self.store(Entry {
            due: Due { owner, at },
            before: NONE,
            next: NONE,
            position: FREE,
        });
        self.link(index, position_of(slot));
        index
    }

    /// `owner` no longer wants what `index` was the number of. Nothing happens if that has come due already.
    pub fn remove(&mut self, owner: Owner, index: u32) {
        let entry = self.entries.get(index as usize);
        if entry.is_some_and(|entry| entry.position != FREE && entry.due.owner == owner) {
            self.unlink(index);
            self.release(index);
        }
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
        let mut index = self.heads[position];
        while index != NONE {
            let Entry {
                due: entry, next, ..
            } = self.entries[index as usize];
            if slot_of(entry.at) <= current {
                due.push(entry);
                self.unlink(index);
                self.release(index);
            }
            index = next;
        }
    }

    /// Puts an entry at the head of a slot.
    fn link(&mut self, index: u32, position: usize) {
        let next = std::mem::replace(&mut self.heads[position], index);
        if next != NONE {
            self.entries[next as usize].before = index;
        }
        let entry = &mut self.entries[index as usize];
        entry.before = NONE;
        entry.next = next;
        entry.position = u16::try_from(position).unwrap_or(FREE);
        self.occupied[position / 64] |= 1 << (position % 64);
    }

    /// Takes an entry out of its slot.
    fn unlink(&mut self, index: u32) {
        let Entry {
            before,
            next,
            position,
            ..
        } = self.entries[index as usize];
        let position = usize::from(position);
        if next != NONE {
            self.entries[next as usize].before = before;
        }
        if before != NONE {
            self.entries[before as usize].next = next;
            return;
        }
        self.heads[position] = next;
        if next == NONE {
            self.occupied[position / 64] &= !(1 << (position % 64));
        }
    }

    fn release(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        entry.position = FREE;
        entry.next = self.free;
        self.free = index;
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
    fn what_is_removed_never_comes_and_its_entry_is_used_again() {
        let mut wheel = Wheel::new(at(0));
        // In one slot, so that the first, the middle and the last of its list are taken out.
        for gone in 0..3 {
            let entries: Vec<u32> = (0..3)
                .map(|slot| wheel.insert(owner(slot), at(100)))
                .collect();
            wheel.remove(owner(gone), entries[gone as usize]);
            wheel.remove(owner(gone), entries[gone as usize]);
            let called: Vec<Owner> = run(&mut wheel).iter().map(|(due, _)| due.owner).collect();
            assert_eq!(called.len(), 2);
            assert!(!called.contains(&owner(gone)));
        }
        assert_eq!(wheel.next(), None);
        assert_eq!(wheel.entries.len(), 3);
    }

    #[test]
    fn a_number_that_belongs_to_another_by_now_removes_nothing() {
        let mut wheel = Wheel::new(at(0));
        let old = wheel.insert(owner(1), at(10));
        assert_eq!(run(&mut wheel).len(), 1);
        assert_eq!(wheel.insert(owner(2), at(50)), old);
        wheel.remove(owner(1), old);
        assert_eq!(run(&mut wheel).len(), 1);
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
