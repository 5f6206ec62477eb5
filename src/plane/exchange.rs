//! Learned sessions between the workers and control, which mirrors them on other servers.
//!
//! No worker ever waits for control. What it learns it puts into an inbox of its own for control, or, where that is
//! full, drops and says so: control then asks for a copy of everything. What another server has learned comes to each
//! worker by an inbox from control, which goes on another time when that is full.

use crate::plane::inbox::Entry;
use crate::plane::inbox::Inbox;
use crate::plane::sync::AtomicBool;
use crate::plane::sync::Ordering;

/// Entries in one inbox. Control looks every 20 ms, so that 4096 are 200,000 sessions a second of each worker; and
/// it may be half a second late at 8,000. Memory, in a domain alone: workers × 2 × 4096 × 24 bytes, 192 kB each.
pub const CAPACITY: usize = 4096;

/// Both directions, for every worker.
pub struct Exchange {
    workers: Vec<Doors>,
}

/// One worker's.
struct Doors {
    learned: Inbox,
    /// Something did not fit into `learned`.
    dropped: Dropped,
    mirrored: Inbox,
}

/// On a cache line of its own: control takes it back at every look.
#[repr(align(128))]
struct Dropped(AtomicBool);

impl Exchange {
    /// For `workers` workers.
    pub fn new(workers: usize, capacity: usize) -> Exchange {
        let doors = || Doors {
            learned: Inbox::new(capacity),
            dropped: Dropped(AtomicBool::new(false)),
            mirrored: Inbox::new(capacity),
        };
        Exchange {
            workers: (0..workers).map(|_| doors()).collect(),
        }
    }

    /// By that worker only: it has learned something, and its own table knows it.
    pub fn learned(&self, worker: usize, entry: Entry) {
        let doors = &self.workers[worker];
        if !doors.learned.try_put(entry) {
            // After the table has it: whoever sees this and asks for a copy finds the entry there. Exchanged, as on
            // the other side, so that of the two one comes after the other.
            doors.dropped.0.swap(true, Ordering::AcqRel);
        }
    }

    /// By control only: everything that was learned since the last look, each worker's in order. `false`: something
    /// was dropped before.
    pub fn take(&self, mut each: impl FnMut(Entry)) -> bool {
        let mut whole = true;
        for doors in &self.workers {
            // Before the look: what is dropped from here on shows at the next one.
            whole &= !doors.dropped.0.swap(false, Ordering::AcqRel);
            doors.learned.empty(&mut each);
        }
        whole
    }

    /// By control only: another server has learned it. `false`: that worker has no room now; it has to be woken.
    pub fn mirror(&self, worker: usize, entry: Entry) -> bool {
        self.workers[worker].mirrored.try_put(entry)
    }

    /// By that worker only: what other servers have learned. One load where there is nothing.
    pub fn hear(&self, worker: usize, mut each: impl FnMut(Entry)) {
        let mirrored = &self.workers[worker].mirrored;
        if !mirrored.is_empty() {
            mirrored.empty(&mut each);
        }
    }
}
