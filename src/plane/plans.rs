//! The plan that is in force. Control puts a new one in; each worker takes it up at its next turn.
//!
//! Each worker has a place of its own for it, with a lock that is its own and control's. The worker only tries that lock:
//! when control has it, the plan comes a moment later.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::TryLockError;

use crate::plane::sync::AtomicU64;
use crate::plane::sync::Mutex;
use crate::plane::sync::Ordering;

/// Where the newest plan lies, for every worker.
pub struct Plans<P> {
    places: Vec<Place<P>>,
}

/// One worker's.
struct Place<P> {
    /// How many were put in; stored while the lock is held.
    count: AtomicU64,
    /// The newest one, until the worker takes it up. Then the one that it had, which control takes away with the next:
    /// a worker frees no memory that control has taken.
    plan: Mutex<Option<Arc<P>>>,
}

impl<P> Plans<P> {
    /// For `workers` workers.
    pub fn new(workers: usize) -> Plans<P> {
        let place = |_| Place {
            count: AtomicU64::new(0),
            plan: Mutex::new(None),
        };
        Plans {
            places: (0..workers).map(place).collect(),
        }
    }

    /// By control: `plan` is in force from now on. All workers have to be woken after it.
    pub fn put(&self, plan: &Arc<P>) {
        for place in &self.places {
            let mut newest = place.plan.lock().unwrap_or_else(PoisonError::into_inner);
            let before = newest.replace(Arc::clone(plan));
            let count = place.count.load(Ordering::Relaxed);
            place.count.store(count + 1, Ordering::Release);
            drop(newest);
            drop(before); // what freeing takes, nobody waits for
        }
    }

    /// By worker `worker` only, which has taken up `seen` of them so far: puts the newest one in the place of `plan`, and
    /// gives back what that was. One load when there is none.
    pub fn take_up(&self, worker: usize, seen: &mut u64, plan: &mut Arc<P>) -> Option<Arc<P>> {
        let place = &self.places[worker];
        if place.count.load(Ordering::Acquire) == *seen {
            return None;
        }
        let mut newest = match place.plan.try_lock() {
            Ok(newest) => newest,
            Err(TryLockError::Poisoned(newest)) => newest.into_inner(),
            // Control is about to put another one in, and wakes everybody after that.
            Err(TryLockError::WouldBlock) => return None,
        };
        // Read again under the lock: what is taken is what was put in last.
        *seen = place.count.load(Ordering::Acquire);
        let newest = newest.as_mut()?;
        std::mem::swap(newest, plan);
        Some(Arc::clone(newest))
    }
}
