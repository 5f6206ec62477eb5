//! The last word of one writer for many readers. The writer never waits: it tries the lock of a place that nobody reads
//! now, and leaves a word out when readers hold all of them.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::TryLockError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// One that holds the last word, and one for each reader that may have been stopped while it copied an older one.
const PLACES: usize = 4;

/// See above.
pub struct Board<T> {
    places: [Mutex<T>; PLACES],
    /// Where the last word is; stored while that place's lock is held, so that no reader goes back in time.
    last: AtomicUsize,
}

impl<T: Copy> Board<T> {
    pub fn new(first: T) -> Board<T> {
        Board {
            places: std::array::from_fn(|_| Mutex::new(first)),
            last: AtomicUsize::new(0),
        }
    }

    /// By the one writer. `false`: readers were in the way of every place, and the word before this one stands.
    pub fn put(&self, word: T) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let others = (0..PLACES).filter(|place| *place != last);
        for place in others {
            let mut held = match self.places[place].try_lock() {
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
        *self.places[last]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_find_the_last_word_and_stop_nobody() {
        let board = Board::new(0);
        assert!(board.put(1));
        assert_eq!(board.read(), 1);
        let place = board.last.load(Ordering::Relaxed);
        let stalled = board.places[place].lock();
        // A reader that is stopped keeps one place, no more.
        for word in 2..100 {
            assert!(board.put(word));
            assert_ne!(board.last.load(Ordering::Relaxed), place);
            assert_eq!(board.read(), word);
        }
        drop(stalled);
        let all: Vec<_> = board.places.iter().map(|place| place.lock()).collect();
        assert!(!board.put(100), "nobody is waited for");
        drop(all);
        assert_eq!(board.read(), 99);
    }

    #[test]
    fn no_reader_sees_half_a_word_or_goes_back() {
        let board = Board::new([0_u64; 64]);
        std::thread::scope(|scope| {
            let reads = || {
                let mut before = 0;
                while before < 20_000 {
                    let word = board.read();
                    assert!(word.iter().all(|part| *part == word[0]));
                    assert!(word[0] >= before);
                    before = word[0];
                }
            };
            scope.spawn(reads);
            scope.spawn(reads);
            for number in 1..=20_000 {
                while !board.put([number; 64]) {
                    std::thread::yield_now();
                }
            }
        });
    }
}
