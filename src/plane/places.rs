//! Places under a maximum: exact over all workers, first come, first served.
//!
//! Everybody who comes draws a ticket; tickets are numbered from zero without a gap. With a maximum of `m` and
//! `r` places given back so far, the holders of the tickets below `m + r` may go in. Whoever leaves gives one
//! place back, also one who gave up waiting, but only when its own turn has come: otherwise the one at the
//! front would go in too early and the maximum be exceeded by one.

use crate::plane::sync::AtomicU64;
use crate::plane::sync::Ordering;

/// A number in the order of arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(u64);

/// The counts; shared by all workers.
#[repr(align(128))]
pub struct Places {
    maximum: AtomicU64,
    drawn: AtomicU64,
    returned: AtomicU64,
}

impl Places {
    pub fn new(maximum: u64) -> Places {
        Places {
            maximum: AtomicU64::new(maximum),
            drawn: AtomicU64::new(0),
            returned: AtomicU64::new(0),
        }
    }

    /// The next ticket.
    pub fn draw(&self) -> Ticket {
        Ticket(self.drawn.fetch_add(1, Ordering::SeqCst))
    }

    /// Whether the holder of `ticket` may go in. Once true it stays true while the maximum is not lowered.
    pub fn admits(&self, ticket: Ticket) -> bool {
        ticket.0 < self.admitted()
    }

    /// Gives one place back; says whether somebody may be waiting for it.
    pub fn give_back(&self) -> bool {
        self.returned.fetch_add(1, Ordering::SeqCst);
        self.drawn.load(Ordering::SeqCst) >= self.admitted()
    }

    /// Whether more have come than may go in.
    pub fn is_short(&self) -> bool {
        self.drawn.load(Ordering::Relaxed) > self.admitted()
    }

    /// Another maximum. Who is in stays in, also above a lowered one; the workers have to look again after it.
    pub fn set_maximum(&self, maximum: u64) {
        self.maximum.store(maximum, Ordering::SeqCst);
    }

    /// The maximum in force.
    pub fn maximum(&self) -> u64 {
        self.maximum.load(Ordering::Relaxed)
    }

    fn admitted(&self) -> u64 {
        let maximum = self.maximum.load(Ordering::SeqCst);
        maximum.saturating_add(self.returned.load(Ordering::SeqCst))
    }
}

/// How many of a worker's connections wait for a place. Ordered, because whoever gives a place back reads it
/// to decide whether to wake that worker.
#[derive(Default)]
pub struct WaitingWord(AtomicU64);

impl WaitingWord {
    pub fn set(&self, waiting: u64) {
        self.0.store(waiting, Ordering::SeqCst);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
