//! What stands in the place of `src/plane/sync.rs` here.
//!
//! `loom` takes an access that is sequentially consistent for one that is not, and would report what cannot
//! happen. Its fences are exact, so such a write has one behind it here: enough for what HALB rests on, that of two
//! threads which each write and then read the other's word one sees the other.

pub use loom::sync::MutexGuard;
pub use loom::sync::atomic::AtomicBool;
pub use loom::sync::atomic::AtomicU8;
pub use loom::sync::atomic::Ordering;

use std::cell::Cell;
use std::sync::LockResult;
use std::sync::TryLockResult;

use loom::sync::atomic::fence;

loom::thread_local! {
    static WAITS_FOR_NOBODY: Cell<bool> = Cell::new(false);
}

/// Does something that may try locks, and must not wait for one.
pub fn waiting_for_nobody<T>(work: impl FnOnce() -> T) -> T {
    let before = WAITS_FOR_NOBODY.with(|word| word.replace(true));
    let done = work();
    WAITS_FOR_NOBODY.with(|word| word.set(before));
    done
}

/// As `std`'s.
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Mutex<T> {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let waits = WAITS_FOR_NOBODY.with(|word| !word.get());
        assert!(waits, "whoever has the lock may stand still");
        self.0.lock()
    }

    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        self.0.try_lock()
    }
}

/// As `std`'s.
#[derive(Default)]
pub struct AtomicU64(loom::sync::atomic::AtomicU64);

impl AtomicU64 {
    pub fn new(value: u64) -> AtomicU64 {
        AtomicU64(loom::sync::atomic::AtomicU64::new(value))
    }

    pub fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    pub fn store(&self, value: u64, order: Ordering) {
        fenced(order, || self.0.store(value, order));
    }

    pub fn swap(&self, value: u64, order: Ordering) -> u64 {
        fenced(order, || self.0.swap(value, order))
    }

    pub fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        fenced(order, || self.0.fetch_add(value, order))
    }

    pub fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        fenced(order, || self.0.fetch_sub(value, order))
    }

    pub fn fetch_or(&self, value: u64, order: Ordering) -> u64 {
        fenced(order, || self.0.fetch_or(value, order))
    }

    pub fn fetch_and(&self, value: u64, order: Ordering) -> u64 {
        fenced(order, || self.0.fetch_and(value, order))
    }

    pub fn fetch_max(&self, value: u64, order: Ordering) -> u64 {
        fenced(order, || self.0.fetch_max(value, order))
    }

    pub fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        change: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        fenced(set, || self.0.fetch_update(set, fetch, change))
    }
}

fn fenced<T>(order: Ordering, write: impl FnOnce() -> T) -> T {
    let result = write();
    if order == Ordering::SeqCst {
        fence(Ordering::SeqCst);
    }
    result
}
