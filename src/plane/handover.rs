//! What workers do while the service goes to another server: the wish of the pair thread, and how far each worker is.

pub use crate::pair::action::Handover;
use crate::plane::sync::AtomicU64;
use crate::plane::sync::Ordering;

/// A wish with its number, so that what a worker said of an earlier one is not taken for an answer to this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wish(u64);

impl Wish {
    /// What is wished.
    pub fn handover(self) -> Handover {
        match self.0 & 0b11 {
            0 => Handover::None,
            1 => Handover::Drain,
            _ => Handover::Cut,
        }
    }

    /// The wish that follows this one.
    fn then(self, handover: Handover) -> Wish {
        let bits = match handover {
            Handover::None => 0,
            Handover::Drain => 1,
            Handover::Cut => 2,
        };
        Wish(((self.0 >> 2) + 1) << 2 | bits)
    }
}

/// Where the wish is, for all workers.
#[derive(Default)]
pub struct Wishes(AtomicU64);

impl Wishes {
    /// The wish in force.
    pub fn now(&self) -> Wish {
        Wish(self.0.load(Ordering::Acquire))
    }

    /// By the pair thread only. `false`: it is so already.
    pub fn put(&self, handover: Handover) -> bool {
        let now = self.now();
        if now.handover() == handover {
            return false;
        }
        self.0.store(now.then(handover).0, Ordering::Release);
        true
    }
}

/// How far one worker is; written by it alone.
#[derive(Default)]
pub struct Progress {
    taken: AtomicU64,
    empty: AtomicU64,
    gone: AtomicU64,
}

impl Progress {
    /// It does what `wish` says from now on: it hands no connection to another worker any more, unless that is nothing.
    pub fn take_up(&self, wish: Wish) {
        self.taken.store(wish.0, Ordering::Release);
    }

    /// It has had no client for a while, under this wish; the default is no wish of anybody's.
    pub fn say_empty(&self, wish: Wish) {
        self.empty.store(wish.0, Ordering::Release);
    }

    /// It has ended.
    pub fn leave(&self) {
        self.gone.store(1, Ordering::Release);
    }

    /// Whether it does what `wish` says.
    pub fn has_taken(&self, wish: Wish) -> bool {
        self.taken.load(Ordering::Acquire) == wish.0 || self.has_left()
    }

    /// Whether it has said so.
    pub fn is_empty(&self, wish: Wish) -> bool {
        self.empty.load(Ordering::Acquire) == wish.0 || self.has_left()
    }

    fn has_left(&self) -> bool {
        self.gone.load(Ordering::Acquire) == 1
    }
}
