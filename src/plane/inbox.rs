//! Learned sessions on their way from the worker that learned them to every other one.
//!
//! For each ordered pair of workers there is one bounded inbox with one who puts and one who takes. Nothing is
//! dropped: a full inbox refuses, and the worker that learned holds its response back until it is told that there
//! is room ([`crate::plane::outbox::Outbox`] does that).
//!
//! - Who has put rings the taker's bell, a word with one bit for each sender: a turn with nothing to take costs one
//!   load.
//! - Who finds an inbox full says so in it, looks once more, and wakes the taker, which may be asleep; who has
//!   emptied it looks there and wakes the sender. Both exchange the same word, so that one of the two sees the
//!   other.
//! - Who stops closes its inboxes: what is put there from then on is told to nobody, and nobody waits for room.

use crate::model::output::OutputId;
use crate::plane::sync::AtomicBool;
use crate::plane::sync::AtomicU64;
use crate::plane::sync::Ordering;

/// Entries in one inbox. A worker empties its inboxes in every turn; the longest it rests is a period of a
/// processor quota (10 ms), and so many sessions learned in that time are 25,000 a second. Memory for all of
/// them: workers × (workers − 1) × 256 × 24 bytes, 72 kB for 4 workers, 24 MB for 64.
pub const CAPACITY: usize = 256;

/// Bits in a bell; with more workers, several senders share one.
const BELL_BITS: usize = 64;
/// In an entry's third word, above the output's index.
const WHAT_SHIFT: u32 = 8;

/// What one worker tells the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The keyed hash of what the client will bring.
    pub key: u128,
    pub output: OutputId,
    /// What there is to say of it; only workers know the meaning.
    pub what: u8,
}

/// All inboxes.
pub struct Inboxes {
    /// From worker `f` to worker `t`: at `t × workers + f`.
    inboxes: Vec<Inbox>,
    bells: Vec<Bell>,
}

/// Which senders have put something since the taker last looked.
#[repr(align(128))]
struct Bell(AtomicU64);

/// One sender, one taker. How far each has come counts up for ever and wraps.
pub(super) struct Inbox {
    slots: Box<[Slot]>,
    sender: Side,
    taker: Side,
    /// The sender found it full and wants to be woken.
    found_full: AtomicBool,
    /// The taker has stopped.
    closed: AtomicBool,
}

/// Each side's progress, on a cache line of its own.
#[repr(align(128))]
struct Side(AtomicU64);

struct Slot([AtomicU64; 3]);

enum Room {
    Some,
    /// It is full, and the taker may not know.
    NoneNow,
    /// It is still full.
    NoneYet,
    /// Nobody takes any more.
    NoneNeeded,
}

impl Inboxes {
    /// Between `workers` workers.
    pub fn new(workers: usize) -> Inboxes {
        Inboxes::with_capacity(workers, CAPACITY)
    }

    /// The same with another capacity, for tests.
    pub fn with_capacity(workers: usize, capacity: usize) -> Inboxes {
        let pairs = (0..workers).flat_map(|taker| (0..workers).map(move |sender| (taker, sender)));
        // Nobody writes to itself.
        let room = |(taker, sender)| if taker == sender { 0 } else { capacity };
        Inboxes {
            inboxes: pairs.map(|pair| Inbox::new(room(pair))).collect(),
            bells: (0..workers).map(|_| Bell(AtomicU64::new(0))).collect(),
        }
    }

    pub fn workers(&self) -> usize {
        self.bells.len()
    }

    /// By worker `sender` only. `false`: it is full. Then `wake` has been called for the taker, unless it was
    /// before, and `sender` will be woken when there is room.
    pub fn put(
        &self,
        sender: usize,
        taker: usize,
        entry: Entry,
        mut wake: impl FnMut(usize),
    ) -> bool {
        assert_ne!(sender, taker, "a worker knows what it learned");
        let inbox = self.inbox(sender, taker);
        match inbox.has_room() {
            Room::Some => {
                inbox.put(entry);
                // After the entry. A plain look whether the bit is set would not do: the taker may just be
                // clearing it.
                let bit = 1 << (sender % BELL_BITS);
                self.bells[taker].0.fetch_or(bit, Ordering::AcqRel);
                true
            }
            Room::NoneNow => {
                wake(taker);
                false
            }
            Room::NoneYet => false,
            Room::NoneNeeded => true,
        }
    }

    /// By worker `taker` only: everything that has been put until now, each sender's entries in their order.
    /// `wake` is called for each sender that waits for room. Costs one load when there is nothing.
    pub fn empty(&self, taker: usize, mut each: impl FnMut(Entry), mut wake: impl FnMut(usize)) {
        let bell = &self.bells[taker].0;
        if bell.load(Ordering::Acquire) == 0 {
            return;
        }
        // Cleared before the look: what is put from here on rings again.
        let rung = bell.swap(0, Ordering::AcqRel);
        for sender in 0..self.workers() {
            let has_rung = rung & 1 << (sender % BELL_BITS) != 0;
            if has_rung && sender != taker && self.inbox(sender, taker).empty(&mut each) {
                wake(sender);
            }
        }
    }

    /// By worker `taker` only, when it stops. `wake` is called for each sender that waits for room.
    pub fn close(&self, taker: usize, mut wake: impl FnMut(usize)) {
        for sender in (0..self.workers()).filter(|sender| *sender != taker) {
            let inbox = self.inbox(sender, taker);
            inbox.closed.store(true, Ordering::Release); // before the look whether the sender waits
            if inbox.empty(&mut |_| {}) {
                wake(sender);
            }
        }
    }

    /// Whether nothing has been put for worker `taker` since it last looked.
    pub fn is_empty(&self, taker: usize) -> bool {
        self.bells[taker].0.load(Ordering::Acquire) == 0
    }

    fn inbox(&self, sender: usize, taker: usize) -> &Inbox {
        &self.inboxes[taker * self.workers() + sender]
    }
}

impl Inbox {
    pub(super) fn new(capacity: usize) -> Inbox {
        Inbox {
            slots: (0..capacity).map(|_| Slot::new()).collect(),
            sender: Side(AtomicU64::new(0)),
            taker: Side(AtomicU64::new(0)),
            found_full: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// By the sender, who does not wait for room: `false` where there is none.
    pub(super) fn try_put(&self, entry: Entry) -> bool {
        let full = self.is_full();
        if !full {
            self.put(entry);
        }
        !full
    }

    /// By the taker: whether there is nothing. One load of a word that somebody else writes.
    pub(super) fn is_empty(&self) -> bool {
        self.sender.0.load(Ordering::Acquire) == self.taker.0.load(Ordering::Relaxed)
    }

    fn has_room(&self) -> Room {
        if self.closed.load(Ordering::Acquire) {
            return Room::NoneNeeded;
        }
        if !self.is_full() {
            return Room::Some;
        }
        // If the taker exchanged this word a moment ago, we see below what it took before.
        let told = self.found_full.swap(true, Ordering::AcqRel);
        if self.closed.load(Ordering::Acquire) {
            Room::NoneNeeded
        } else if !self.is_full() {
            self.found_full.store(false, Ordering::Relaxed); // we do not wait after all
            Room::Some
        } else if told {
            Room::NoneYet
        } else {
            Room::NoneNow
        }
    }

    /// Where there is room.
    fn put(&self, entry: Entry) {
        let put = self.sender.0.load(Ordering::Relaxed); // our own word
        self.slot(put).write(entry);
        self.sender.0.store(put.wrapping_add(1), Ordering::Release);
    }

    /// Takes everything out; says whether the sender waits for room.
    pub(super) fn empty(&self, each: &mut impl FnMut(Entry)) -> bool {
        let put = self.sender.0.load(Ordering::Acquire);
        let mut taken = self.taker.0.load(Ordering::Relaxed); // our own word
        while taken != put {
            each(self.slot(taken).read());
            taken = taken.wrapping_add(1);
        }
        self.taker.0.store(taken, Ordering::Release);
        self.found_full.swap(false, Ordering::AcqRel)
    }

    fn is_full(&self) -> bool {
        let put = self.sender.0.load(Ordering::Relaxed); // our own word
        let taken = self.taker.0.load(Ordering::Acquire);
        put.wrapping_sub(taken) >= self.slots.len() as u64
    }

    fn slot(&self, position: u64) -> &Slot {
        &self.slots[(position % self.slots.len() as u64) as usize]
    }
}

impl Slot {
    fn new() -> Slot {
        Slot(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    fn write(&self, entry: Entry) {
        let words = [
            entry.key as u64,
            (entry.key >> 64) as u64,
            entry.output.index() as u64 | u64::from(entry.what) << WHAT_SHIFT,
        ];
        for (word, value) in self.0.iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
    }

    fn read(&self) -> Entry {
        let [low, high, rest] = [0, 1, 2].map(|word| self.0[word].load(Ordering::Relaxed));
        let output = OutputId::from_index((rest & ((1 << WHAT_SHIFT) - 1)) as usize);
        Entry {
            key: u128::from(high) << 64 | u128::from(low),
            output: output.expect("what was put was an output"),
            what: (rest >> WHAT_SHIFT) as u8,
        }
    }
}
