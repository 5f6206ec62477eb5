//! The bandwidth that all workers share: one word, and a ration for each send.
//!
//! Think of a line that grows with the clock, by the rate. The mark says how far it has been given out. Whoever wants to
//! send moves the mark by its bytes and may send once the line has come to where the mark was. So a place on the line
//! is a ration: rations are in the order of asking over all workers, and each worker knows from its own clock when its next
//! one comes. A mark that lags by more than the depth is pulled along: what nobody wanted is lost.

use crate::model::time::Instant;
use crate::plane::sync::AtomicU64;
use crate::plane::sync::Ordering;

/// The depth is what the rate brings in this share of a second (SPEC 10: 50 ms) …
const DEPTH_SHARE: u64 = 20;
/// … but at least so many bytes.
const DEPTH_LEAST: u64 = 16 * 1024;
/// A quantum is what the rate brings in this share of a second: half a millisecond …
const QUANTUM_SHARE: u64 = 2000;
/// … but at least so much, for each ration costs a send …
const QUANTUM_LEAST: u64 = 2 * 1024;
/// … and at most a large buffer.
const QUANTUM_MOST: u64 = 64 * 1024;

const NANOS: u64 = 1_000_000_000;

/// The shared bucket. Alone on its cache line: all workers write it.
#[repr(align(128))]
pub struct Bucket {
    mark: AtomicU64,
    bytes_per_second: u64,
    depth: u64,
    quantum: u64,
}

/// A ration: so many bytes may go once the line has come to `start`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ration {
    pub start: u64,
    pub bytes: u64,
}

impl Bucket {
    /// A full one.
    pub fn new(bytes_per_second: u64) -> Bucket {
        let rate = bytes_per_second.max(1);
        Bucket {
            mark: AtomicU64::new(0),
            bytes_per_second: rate,
            depth: (rate / DEPTH_SHARE).max(DEPTH_LEAST),
            quantum: (rate / QUANTUM_SHARE).clamp(QUANTUM_LEAST, QUANTUM_MOST),
        }
    }

    /// The most that goes at once, over any time, beyond what the rate brings.
    pub fn depth(&self) -> u64 {
        self.depth
    }

    /// The most bytes of a ration that is waited for.
    pub fn quantum(&self) -> u64 {
        self.quantum
    }

    /// A ration for somebody who would send `wanted` bytes. What lies in the bucket may go at once, all of it;
    /// who has to wait, or finds little, gets a quantum.
    pub fn take(&self, now: Instant, wanted: u64) -> Ration {
        let line = self.line(now);
        let mut ration = Ration { start: 0, bytes: 0 };
        let change = |mark: u64| {
            let start = mark.max(self.lowest(line));
            let credit = line.saturating_sub(start);
            let bytes = wanted.min(credit.max(self.quantum));
            ration = Ration { start, bytes };
            Some(start + bytes)
        };
        let relaxed = Ordering::Relaxed; // the word stands for nothing but itself
        match self.mark.fetch_update(relaxed, relaxed, change) {
            Ok(_) | Err(_) => ration,
        }
    }

    /// Bytes of a ration that were not sent after all.
    pub fn give_back(&self, bytes: u64) {
        let before = self.mark.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "what was taken is given back once");
    }

    /// Whether the line has come to `start`.
    pub fn is_due(&self, start: u64, now: Instant) -> bool {
        start <= self.line(now)
    }

    /// When the line comes to `start`.
    pub fn due_at(&self, start: u64) -> Instant {
        let (seconds, rest) = (start / self.bytes_per_second, start % self.bytes_per_second);
        let part = (rest * NANOS).div_ceil(self.bytes_per_second);
        Instant::from_nanos(seconds * NANOS + part)
    }

    /// Bytes that the rate has brought since the clock's zero. In two steps, so that nothing overflows or is rounded
    /// away in the long run.
    fn line(&self, now: Instant) -> u64 {
        let nanos = now.as_nanos();
        let (seconds, rest) = (nanos / NANOS, nanos % NANOS);
        seconds * self.bytes_per_second + rest * self.bytes_per_second / NANOS
    }

    /// Where the mark is when the bucket is full. The last ration may go into debt by a quantum, so that a long one waits
    /// no longer than a short one; the depth holds all the same.
    fn lowest(&self, line: u64) -> u64 {
        line.saturating_sub(self.depth - self.quantum)
    }
}
