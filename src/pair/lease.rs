//! How long the warden holds addresses: while it is told to, many times a second. Beats, the end of the pipe and the time
//! go in; what is to be done with the addresses comes out.
//!
//! ```text
//!            beat: no                      beat: yes
//!  Lapsed ─────────────► Free ───────────────────────────────► Held ──┐ every 200 ms:
//!     ▲                    ▲                                   │ │ ▲  │ renewed
//!     │                    └───────── beat: no: removed ───────┘ │ └──┘
//!     └── no beat for 150 ms, pipe closed, a renewal too late: removed
//! ```
//!
//! Whoever has lost the addresses gets them back by a fresh order only: a beat that says no, and then one that says yes.

use std::time::Duration;

use crate::model::time::Instant;

#[cfg(test)]
mod tests;

/// Without a beat for so long the addresses go: seven beats have not come.
pub const SILENCE: Duration = Duration::from_millis(150);
/// The kernel is asked to keep the addresses this often. The shortest lease is 1 s.
pub const RENEWAL: Duration = Duration::from_millis(200);

/// What is to be done with the addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Do {
    /// Add them, and tell the network.
    Add,
    /// Give them another lease.
    Renew,
    /// Take them away.
    Remove,
}

/// Both clocks at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clocks {
    /// `CLOCK_MONOTONIC`: stands still while the machine is suspended, as the kernel's lease of an address does.
    pub now: Instant,
    /// `CLOCK_BOOTTIME`: runs on meanwhile, as everybody else's clock does.
    pub boot: Instant,
}

/// Whether addresses are held, and until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    length: Duration,
    hold: Hold,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hold {
    /// May be added by the next beat that says yes.
    Free,
    Held {
        /// When the last beat that says yes was sent.
        beat: Instant,
        /// When the kernel was asked last to keep the addresses.
        renewed: Clocks,
    },
    /// A beat that says no has to come first.
    Lapsed,
}

impl Lease {
    /// Nothing is held. `length` is what the kernel is asked for at each renewal (`lease_s`).
    pub fn new(length: Duration) -> Lease {
        Lease {
            length,
            hold: Hold::Lapsed,
        }
    }

    /// Whether the addresses are to be there.
    pub fn holds(&self) -> bool {
        matches!(self.hold, Hold::Held { .. })
    }

    /// Another length; a lease that runs goes on.
    pub fn set_length(&mut self, length: Duration) {
        self.length = length;
    }

    /// Somebody who may order has said whether to hold the addresses, at the moment `sent` (`CLOCK_MONOTONIC`).
    /// [`Lease::tick`] is to be called afterwards, too.
    pub fn on_beat(&mut self, hold: bool, sent: Instant, clocks: Clocks) -> Option<Do> {
        let sent = sent.min(clocks.now);
        let fresh = clocks.now.since(sent) < SILENCE;
        match (hold, &mut self.hold) {
            (false, Hold::Free) => None,
            (false, Hold::Lapsed) => {
                self.hold = Hold::Free;
                None
            }
            (false, Hold::Held { .. }) => {
                self.hold = Hold::Free;
                Some(Do::Remove)
            }
            (true, Hold::Lapsed) => None,
            (true, Hold::Free) => {
                if !fresh {
                    return None;
                }
                self.hold = Hold::Held {
                    beat: sent,
                    renewed: clocks,
                };
                Some(Do::Add)
            }
            // Whoever ordered was silent for too long, also if nobody looked meanwhile.
            (true, Hold::Held { beat, .. }) if sent.since(*beat) >= SILENCE => self.lapse(),
            (true, Hold::Held { beat, .. }) => {
                *beat = sent.max(*beat);
                None
            }
        }
    }

    /// Nobody can order any more.
    pub fn on_closed(&mut self) -> Option<Do> {
        self.lapse()
    }

    /// The kernel has taken the addresses away, or never let them in.
    pub fn on_lost(&mut self) {
        self.hold = Hold::Lapsed;
    }

    /// What is due. Every beat that has come by `clocks` has to be in before.
    pub fn tick(&mut self, clocks: Clocks) -> Option<Do> {
        let Hold::Held { beat, renewed } = &mut self.hold else {
            return None;
        };
        if clocks.now.since(*beat) >= SILENCE {
            return self.lapse();
        }
        // More than half the lease late: the machine was suspended or this process stopped, and somebody else may
        // have the addresses by now.
        if clocks.boot.since(renewed.boot) > RENEWAL + self.length / 2 {
            return self.lapse();
        }
        if clocks.now.since(renewed.now) >= RENEWAL {
            *renewed = clocks;
            return Some(Do::Renew);
        }
        None
    }

    /// When [`Lease::tick`] wants to be called at the latest.
    pub fn next(&self) -> Option<Instant> {
        match self.hold {
            Hold::Free | Hold::Lapsed => None,
            Hold::Held { beat, renewed } => Some((beat + SILENCE).min(renewed.now + RENEWAL)),
        }
    }

    fn lapse(&mut self) -> Option<Do> {
        let held = self.holds();
        self.hold = Hold::Lapsed;
        held.then_some(Do::Remove)
    }
}
