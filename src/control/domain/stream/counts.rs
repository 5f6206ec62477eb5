//! What is counted of streams.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// A count that only rises.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All of them.
#[derive(Default)]
pub struct Counts {
    /// Streams that came into being.
    pub ups: Count,
    /// Of them, those that ended by a crash of the other server.
    pub crashes: Count,
    /// Who came with another key, or was no HALB.
    pub foreign: Count,
    /// Who came and said nothing in time.
    pub slow: Count,
    /// Who came while too many others were not done with their handshake.
    pub crowded: Count,
    /// Servers with our key that do not fit: another protocol, no member.
    pub refused: Count,
    /// Streams that brought what may not come.
    pub garbled: Count,
    /// What was told and found no room.
    pub dropped: Count,
}

/// The same as numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    pub ups: u64,
    pub crashes: u64,
    pub foreign: u64,
    pub slow: u64,
    pub crowded: u64,
    pub refused: u64,
    pub garbled: u64,
    pub dropped: u64,
}

impl Counts {
    pub fn read(&self) -> Figures {
        Figures {
            ups: self.ups.get(),
            crashes: self.crashes.get(),
            foreign: self.foreign.get(),
            slow: self.slow.get(),
            crowded: self.crowded.get(),
            refused: self.refused.get(),
            garbled: self.garbled.get(),
            dropped: self.dropped.get(),
        }
    }
}
