//! What has become of requests, on its way from the worker that served them to the one who writes the access log.
//!
//! One ring for each worker: it puts, the log's thread takes. Nobody waits: what finds no room is dropped, and its
//! worker counts it. A record lies in whole words, its length ahead of it.
//!
//! - Who has taken everything says that it rests, and looks once more; who has put something asks whether it does,
//!   and wakes it then. Both exchange the same word, so that one of the two sees the other.
//! - Who does not rest looks again by itself before long. It is woken earlier when a ring gets half full.

use crate::plane::sync::AtomicU64;
use crate::plane::sync::Ordering;

/// Words in one worker's ring: 1 MiB, some 3,000 records of usual length. Half of it has to last until the log's
/// thread gets a processor: 15 ms at 100,000 requests a second.
pub const CAPACITY: usize = 1 << 17;

const WORD_BYTES: usize = size_of::<u64>();

/// One worker's ring; of a power of two words. How far each side has come counts words up for ever, and wraps.
pub struct Records {
    words: Box<[AtomicU64]>,
    putter: Putter,
    taker: Taker,
}

/// What the worker writes, on a cache line of its own.
#[repr(align(128))]
struct Putter {
    put: AtomicU64,
    /// 1: nobody looks before it is woken.
    rests: AtomicU64,
}

/// What the other side writes.
#[repr(align(128))]
struct Taker {
    taken: AtomicU64,
}

/// What came of putting something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    Stored,
    /// Whoever takes has to be woken.
    StoredWake,
    /// There was no room.
    Dropped,
}

impl Records {
    /// For so many words, lengths included: a power of two.
    pub fn with_capacity(words: usize) -> Records {
        assert!(words.is_power_of_two(), "positions wrap");
        Records {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            putter: Putter {
                put: AtomicU64::new(0),
                // Nobody knows of this ring before it has been woken for it.
                rests: AtomicU64::new(1),
            },
            taker: Taker {
                taken: AtomicU64::new(0),
            },
        }
    }

    /// By the worker only.
    pub fn put(&self, record: &[u8]) -> Put {
        let put = self.putter.put.load(Ordering::Relaxed); // our own word
        let taken = self.taker.taken.load(Ordering::Acquire);
        let used = put.wrapping_sub(taken);
        let after = used + words_of(record.len());
        let room = self.words.len() as u64;
        if after > room {
            return Put::Dropped;
        }
        self.word(put).store(record.len() as u64, Ordering::Relaxed);
        let (whole, rest) = record.as_chunks::<WORD_BYTES>();
        let mut at = put.wrapping_add(1);
        for word in whole {
            self.word(at)
                .store(u64::from_le_bytes(*word), Ordering::Relaxed);
            at = at.wrapping_add(1);
        }
        if !rest.is_empty() {
            let mut word = [0; WORD_BYTES];
            word[..rest.len()].copy_from_slice(rest);
            self.word(at)
                .store(u64::from_le_bytes(word), Ordering::Relaxed);
            at = at.wrapping_add(1);
        }
        self.putter.put.store(at, Ordering::Release);
        // A plain look would not do: the other side may be saying so at this moment.
        let rested = self.putter.rests.swap(0, Ordering::AcqRel) != 0;
        let half = room / 2;
        if rested || (used < half && after >= half) {
            Put::StoredWake
        } else {
            Put::Stored
        }
    }

    /// By the taker only: at most `most` records, in their order. `scratch` is used again for each. How many there
    /// were.
    pub fn take(&self, most: usize, scratch: &mut Vec<u8>, mut each: impl FnMut(&[u8])) -> usize {
        let put = self.putter.put.load(Ordering::Acquire);
        let mut taken = self.taker.taken.load(Ordering::Relaxed); // our own word
        let mut count = 0;
        while taken != put && count < most {
            let length = self.word(taken).load(Ordering::Relaxed) as usize;
            let words = words_of(length);
            scratch.clear();
            for at in 1..words {
                let word = self.word(taken.wrapping_add(at)).load(Ordering::Relaxed);
                scratch.extend_from_slice(&word.to_le_bytes());
            }
            scratch.truncate(length);
            taken = taken.wrapping_add(words);
            // What has been copied may be overwritten while it is looked at.
            self.taker.taken.store(taken, Ordering::Release);
            each(scratch);
            count += 1;
        }
        count
    }

    /// By the taker only, before it sleeps until it is woken. `false`: it need not, something has come.
    pub fn rest(&self) -> bool {
        self.putter.rests.swap(1, Ordering::AcqRel);
        let put = self.putter.put.load(Ordering::Acquire);
        put == self.taker.taken.load(Ordering::Relaxed)
    }

    fn word(&self, position: u64) -> &AtomicU64 {
        &self.words[position as usize & (self.words.len() - 1)]
    }
}

/// A record's words with the one that holds its length.
fn words_of(bytes: usize) -> u64 {
    1 + bytes.div_ceil(WORD_BYTES) as u64
}
