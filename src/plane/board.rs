//! The last word of one writer for many readers. The writer never waits: it tries the lock of a place that nobody reads
//! now, and leaves a word out when readers hold all of them.

use std::sync::PoisonError;
use std::sync::TryLockError;

use crate::plane::sync::AtomicU8;
use crate::plane::sync::Mutex;
use crate::plane::sync::Ordering;

/// One that holds the last word, and one for each reader that may have been stopped while it copied an older one.
const PLACES: u8 = 4;

/// See above.
pub struct Board<T> {
    places: [Mutex<T>; PLACES as usize],
    /// Where the last word is; stored while that place's lock is held, so that no reader goes back in time.
    last: AtomicU8,
}

impl<T: Copy> Board<T> {
    pub fn new(first: T) -> Board<T> {
        Board {
            places: std::array::from_fn(|_| Mutex::new(first)),
            last: AtomicU8::new(0),
        }
    }

    /// By the one writer. `false`: readers were in the way of every place, and the word before this one stands.
    pub fn put(&self, word: T) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let others = (0..PLACES).filter(|place| *place != last);
        for place in others {
            let mut held = match self.places[usize::from(place)].try_lock() {
                Ok(held) => held,
                Err(TryLockError::Poisoned(held)) => held.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            *held = word;
            self.last.store(place, Ordering::Release);
            return true;
        }
        false
    }

    /// By anybody: the last word, whole.
    pub fn read(&self) -> T {
        let last = self.last.load(Ordering::Acquire);
        // A panic ends the process; a test that caught one goes on with what there is.
        *self.places[usize::from(last)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
