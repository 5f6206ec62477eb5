//! Things on their way from one thread to another, in order. Neither side ever waits: who finds it full keeps what he has,
//! who finds it empty goes on, and who stands still in the middle of giving or taking holds up nobody.
//!
//! (`std::sync::mpsc` does not promise that: its receiver spins while a sender that has claimed a place stands still before
//! it has filled it.)

use std::sync::TryLockError;

use crate::plane::sync::AtomicU64;
use crate::plane::sync::Mutex;
use crate::plane::sync::MutexGuard;
use crate::plane::sync::Ordering;

/// One who gives, one who takes. How far each has come counts up for ever and wraps.
pub struct Hatch<T> {
    /// Locks that nobody ever waits for: each place is one side's at a time, as the counts say. They are there because
    /// nothing else shares a place without `unsafe`.
    places: Box<[Mutex<Option<T>>]>,
    given: AtomicU64,
    taken: AtomicU64,
}

impl<T> Hatch<T> {
    /// For so many things: a power of two.
    pub fn new(capacity: usize) -> Hatch<T> {
        assert!(capacity.is_power_of_two(), "positions wrap");
        Hatch {
            places: (0..capacity).map(|_| Mutex::new(None)).collect(),
            given: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        }
    }

    /// By the one who gives. It comes back when there is no room.
    pub fn give(&self, thing: T) -> Result<(), T> {
        let given = self.given.load(Ordering::Relaxed); // our own word
        let taken = self.taken.load(Ordering::Acquire);
        if given.wrapping_sub(taken) >= self.places.len() as u64 {
            return Err(thing);
        }
        *self.place(given) = Some(thing);
        self.given.store(given.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    /// By the one who takes: the earliest that is there.
    pub fn take(&self) -> Option<T> {
        let taken = self.taken.load(Ordering::Relaxed); // our own word
        if taken == self.given.load(Ordering::Acquire) {
            return None;
        }
        let thing = self.place(taken).take();
        self.taken.store(taken.wrapping_add(1), Ordering::Release);
        thing
    }

    fn place(&self, position: u64) -> MutexGuard<'_, Option<T>> {
        let index = position as usize & (self.places.len() - 1);
        match self.places[index].try_lock() {
            Ok(place) => place,
            // A panic ends the process; a test that caught one goes on with what there is.
            Err(TryLockError::Poisoned(place)) => place.into_inner(),
            Err(TryLockError::WouldBlock) => panic!("a place is one side's at a time"),
        }
    }
}
