//! Where control asks a worker for a copy of what it has, and the worker lays it down piece by piece between its
//! other work. What is laid down is the worker's while a copy is under way, and control's otherwise: nobody ever waits
//! for the lock.

use std::sync::TryLockError;

use crate::plane::sync::AtomicU64;
use crate::plane::sync::Mutex;
use crate::plane::sync::MutexGuard;
use crate::plane::sync::Ordering;

/// One asker, one worker.
pub struct Desk<T> {
    /// How many copies were ever asked for; control writes.
    wanted: AtomicU64,
    /// How many are complete; the worker writes.
    done: AtomicU64,
    items: Mutex<Vec<T>>,
}

impl<T> Default for Desk<T> {
    fn default() -> Desk<T> {
        Desk {
            wanted: AtomicU64::new(0),
            done: AtomicU64::new(0),
            items: Mutex::new(Vec::new()),
        }
    }
}

impl<T> Desk<T> {
    /// By control: asks for a copy of about `room` items, unless one is under way. The worker has to be woken
    /// after it. Memory is taken here, so that the worker need not.
    pub fn ask(&self, room: usize) {
        if self.is_wanted() {
            return;
        }
        let mut items = self.items();
        items.clear();
        items.reserve(room);
        drop(items);
        let wanted = self.wanted.load(Ordering::Relaxed);
        self.wanted.store(wanted + 1, Ordering::Release);
    }

    /// Whether a copy is under way.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire) != self.done.load(Ordering::Acquire)
    }

    /// By the worker, while one is: adds to it. `add` says whether that was the last of it; then control has to be
    /// rung for.
    pub fn put(&self, add: impl FnOnce(&mut Vec<T>) -> bool) -> bool {
        let last = add(&mut self.items());
        if last {
            let wanted = self.wanted.load(Ordering::Acquire);
            self.done.store(wanted, Ordering::Release);
        }
        last
    }

    /// By control: the copy, when it is complete. Nothing is left here.
    pub fn take(&self) -> Option<Vec<T>> {
        (!self.is_wanted()).then(|| std::mem::take(&mut *self.items()))
    }

    fn items(&self) -> MutexGuard<'_, Vec<T>> {
        match self.items.try_lock() {
            Ok(items) => items,
            // A panic ends the process; a test that caught one goes on with what there is.
            Err(TryLockError::Poisoned(items)) => items.into_inner(),
            Err(TryLockError::WouldBlock) => panic!("they are one side's at a time"),
        }
    }
}
