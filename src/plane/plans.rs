//! The plan that is in force. Control puts a new one in; each worker takes it up at its next turn.

use std::sync::Arc;
use std::sync::PoisonError;

use crate::model::plan::Plan;
use crate::plane::sync::AtomicU64;
use crate::plane::sync::Mutex;
use crate::plane::sync::Ordering;

/// Where the newest plan lies. The lock is taken when there is a new one, and only then.
#[derive(Default)]
pub struct Plans {
    /// How many were put in.
    count: AtomicU64,
    newest: Mutex<Option<Arc<Plan>>>,
}

impl Plans {
    /// By control: `plan` is in force from now on. The workers have to be woken after it.
    pub fn put(&self, plan: Arc<Plan>) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = Some(plan);
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count + 1, Ordering::Release);
    }

    /// The newest plan, for a worker that has taken up `seen` of them so far. One load when there is none.
    pub fn take_up(&self, seen: &mut u64) -> Option<Arc<Plan>> {
        let count = self.count.load(Ordering::Acquire);
        if count == *seen {
            return None;
        }
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        // Read again under the lock: what is taken is what was put in last.
        *seen = self.count.load(Ordering::Acquire);
        newest.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plan_is_taken_up_once_and_the_newest_counts() {
        let plans = Plans::default();
        let mut seen = 0;
        assert!(plans.take_up(&mut seen).is_none());
        let (first, second) = (Arc::new(Plan::empty()), Arc::new(Plan::empty()));
        plans.put(first);
        plans.put(Arc::clone(&second));
        let taken = plans.take_up(&mut seen);
        assert!(taken.is_some_and(|plan| Arc::ptr_eq(&plan, &second)));
        assert!(plans.take_up(&mut seen).is_none());
    }
}
