//! Places at the outputs: exact counts over all workers, each under a maximum if there is one, and one queue for
//! those who found none free. First come, first served, over all workers.
//!
//! An output is one word: how many places are taken, the maximum, and whether somebody waits. While nobody
//! waits, taking and giving back is one exchange of that word. Once somebody waits, the word says so and both
//! go through the lock of the queue; there is no moment between looking at the count and lining up, because
//! whoever lines up marks the word first and looks at the count it had at that very moment.
//!
//! What holds whenever the lock is free:
//! - an output's word is marked exactly while somebody in the queue wants it or has yet to choose again;
//! - an output with a free place is wanted by nobody, or the earliest who might want it has yet to choose again.

use std::sync::PoisonError;

use crate::model::output::OutputId;
use crate::model::output::OutputSet;
use crate::plane::queue::Call;
use crate::plane::queue::Cancelled;
use crate::plane::queue::Depth;
use crate::plane::queue::Earliest;
use crate::plane::queue::Queue;
use crate::plane::queue::WaitTicket;
use crate::plane::queue::Waiter;
use crate::plane::standing::Epoch;
use crate::plane::sync::AtomicU8;
use crate::plane::sync::AtomicU64;
use crate::plane::sync::Mutex;
use crate::plane::sync::MutexGuard;
use crate::plane::sync::Ordering;

/// The largest maximum; a larger one is as good as this.
pub const MAXIMUM_MOST: u64 = (1 << 31) - 1;

const ONE: u64 = 1;
const TAKEN: u64 = (1 << 32) - 1;
const MAXIMUM_SHIFT: u32 = 32;
const WANTED: u64 = 1 << 63;

/// A worker has nothing to collect …
const QUIET: u8 = 0;
/// … or something, and has been woken for it …
const CALLED: u8 = 1;
/// … or something, and has yet to be woken.
const TO_WAKE: u8 = 2;

/// What came of lining up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// There was a free place of this output after all: it is taken.
    Taken(OutputId),
    Waits(WaitTicket),
}

/// As many wait as there is room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueFull;

/// The places of all outputs.
pub struct OutputPlaces {
    outputs: Box<[Word]>,
    /// Places taken over all outputs.
    total: Total,
    all: OutputSet,
    waiting: Mutex<Waiting>,
    calls: Vec<CallWord>,
}

/// Bit 63: somebody wants it. Bits 32 to 62: the maximum, 0 for none. Bits 0 to 31: places taken.
#[repr(align(128))]
struct Word {
    word: AtomicU64,
    most: AtomicU64,
}

/// Whether a worker has something to collect.
#[repr(align(128))]
struct CallWord(AtomicU8);

struct Waiting {
    queue: Queue,
    /// How the outputs stood when all were last told to choose again.
    epoch: Epoch,
}

impl OutputPlaces {
    /// For the first `outputs` outputs, without any maximum. At most `waiters` sessions wait at a time.
    pub fn new(workers: usize, outputs: usize, waiters: usize) -> OutputPlaces {
        let word = || Word {
            word: AtomicU64::new(0),
            most: AtomicU64::new(0),
        };
        OutputPlaces {
            outputs: (0..outputs).map(|_| word()).collect(),
            total: Total::default(),
            all: (0..outputs).filter_map(OutputId::from_index).collect(),
            waiting: Mutex::new(Waiting {
                queue: Queue::new(workers, waiters),
                epoch: Epoch::default(),
            }),
            calls: (0..workers)
                .map(|_| CallWord(AtomicU8::new(QUIET)))
                .collect(),
        }
    }

    /// Takes a place unless the maximum is reached or somebody waits for one.
    pub fn try_take(&self, output: OutputId) -> bool {
        let output = &self.outputs[output.index()];
        let take = |word| (word & WANTED == 0 && has_room(word)).then_some(word + ONE);
        let before = output
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        if let Ok(before) = before {
            output.note(before + ONE);
            self.total.rise();
        }
        before.is_ok()
    }

    /// Gives a place back: to the earliest who waits for one, if there is somebody. `wake` is called for each
    /// worker that has something to collect now, here and below.
    pub fn give_back(&self, output: OutputId, wake: impl FnMut(usize)) {
        self.total.fall();
        let give = |word| (word & WANTED == 0).then(|| less_one(word));
        let word = &self.outputs[output.index()].word;
        let given = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, give);
        if given.is_ok() {
            return;
        }
        let mut waiting = self.lock();
        let give = |word| Some(less_one(word));
        word.fetch_update(Ordering::AcqRel, Ordering::Acquire, give)
            .ok();
        let called = self.settle(&mut waiting.queue, output);
        self.finish(waiting, called, wake);
    }

    /// Lines up for a place of one of `wants`, which were chosen by how the outputs stood at `epoch`. With no
    /// `wants` it waits for the outputs to stand differently.
    pub fn wait(
        &self,
        waiter: Waiter,
        wants: OutputSet,
        epoch: Epoch,
        wake: impl FnMut(usize),
    ) -> Result<Waited, QueueFull> {
        let mut waiting = self.lock();
        let current = epoch >= waiting.epoch;
        if current && let Some(output) = self.take_free(&waiting.queue, wants) {
            return Ok(Waited::Taken(output));
        }
        let Some(ticket) = waiting.queue.join(waiter, wants) else {
            self.settle_all(&mut waiting.queue, wants); // takes the marks away again
            return Err(QueueFull);
        };
        if !current {
            waiting.queue.doubt(ticket);
            self.mark(self.all);
        }
        self.finish(waiting, !current, wake);
        Ok(Waited::Waits(ticket))
    }

    /// The answer to [`crate::plane::queue::What::ChooseAgain`]. A grant that follows is collected like any other.
    pub fn choose(
        &self,
        ticket: WaitTicket,
        wants: OutputSet,
        epoch: Epoch,
        wake: impl FnMut(usize),
    ) {
        let mut waiting = self.lock();
        // What was chosen by an older standing counts for nothing: the next call is on its way.
        let mut called = false;
        if epoch >= waiting.epoch {
            let concerned = waiting.queue.wants(ticket).or(wants);
            if waiting.queue.choose(ticket, wants) {
                self.mark(wants); // before the counts are looked at
                called = self.settle_all(&mut waiting.queue, concerned);
            }
        }
        self.finish(waiting, called, wake);
    }

    /// The holder of `ticket` gives up.
    pub fn cancel(&self, ticket: WaitTicket, wake: impl FnMut(usize)) -> Cancelled {
        let mut waiting = self.lock();
        let concerned = waiting.queue.wants(ticket);
        let cancelled = waiting.queue.cancel(ticket);
        let called = self.settle_all(&mut waiting.queue, concerned);
        self.finish(waiting, called, wake);
        cancelled
    }

    /// Whether worker `worker` has something to collect. One load.
    pub fn has_calls(&self, worker: usize) -> bool {
        self.calls[worker].0.load(Ordering::Acquire) != QUIET
    }

    /// Appends what worker `worker` has to do for its waiters, in order. By that worker only.
    pub fn collect(&self, worker: usize, into: &mut Vec<Call>) {
        if !self.has_calls(worker) {
            return;
        }
        let mut waiting = self.lock();
        self.calls[worker].0.store(QUIET, Ordering::Release);
        while let Some(call) = waiting.queue.next_call(worker) {
            into.push(call);
        }
    }

    /// The outputs stand differently since `epoch` has begun: all who wait choose again, keeping their numbers.
    pub fn reexamine(&self, epoch: Epoch, wake: impl FnMut(usize)) {
        let mut waiting = self.lock();
        waiting.epoch = waiting.epoch.max(epoch);
        waiting.queue.doubt_all();
        let called = waiting.queue.has_unsure();
        if called {
            self.mark(self.all);
        }
        self.finish(waiting, called, wake);
    }

    /// Sets the maximum, 0 for none. Places above a lowered one stay with their holders.
    pub fn set_maximum(&self, output: OutputId, maximum: u64, wake: impl FnMut(usize)) {
        let mut waiting = self.lock();
        let bits = maximum.min(MAXIMUM_MOST) << MAXIMUM_SHIFT;
        let set = |word| Some(word & (WANTED | TAKEN) | bits);
        let word = &self.outputs[output.index()].word;
        word.fetch_update(Ordering::AcqRel, Ordering::Acquire, set)
            .ok();
        let called = self.settle(&mut waiting.queue, output);
        self.finish(waiting, called, wake);
    }

    /// 0 for none.
    pub fn maximum(&self, output: OutputId) -> u64 {
        (self.word(output) & !WANTED) >> MAXIMUM_SHIFT
    }

    /// Places taken now: sessions active, over all workers.
    pub fn taken(&self, output: OutputId) -> u64 {
        self.word(output) & TAKEN
    }

    /// The most that were ever taken at a time.
    pub fn taken_most(&self, output: OutputId) -> u64 {
        self.outputs[output.index()].most.load(Ordering::Relaxed)
    }

    /// The most that were ever taken at a time over all outputs together.
    pub fn all_taken_most(&self) -> u64 {
        self.total.most.load(Ordering::Relaxed)
    }

    /// Whether [`OutputPlaces::try_take`] would take one at this moment.
    pub fn has_place(&self, output: OutputId) -> bool {
        let word = self.word(output);
        word & WANTED == 0 && has_room(word)
    }

    /// Who waits for `output`, also when another would do as well. Takes the lock.
    pub fn queue_of(&self, output: OutputId) -> Depth {
        self.lock().queue.depth_of(output)
    }

    /// Who waits at all, each counted once. Takes the lock.
    pub fn queue(&self) -> Depth {
        self.lock().queue.depth()
    }

    fn word(&self, output: OutputId) -> u64 {
        self.outputs[output.index()].word.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place of one of `wants` if there is a free one that nobody else waits for. Otherwise leaves them
    /// marked, for somebody who lines up.
    fn take_free(&self, queue: &Queue, wants: OutputSet) -> Option<OutputId> {
        self.mark(wants);
        // From here on the counts change only under the lock, which we hold.
        let free = |output: &OutputId| {
            has_room(self.word(*output)) && queue.earliest(*output) == Earliest::Nobody
        };
        let output = wants.iter().find(free)?;
        self.take_one(output);
        for output in wants.iter() {
            self.remark(queue, output);
        }
        Some(output)
    }

    /// Hands the free places of `output`, which is marked if anybody may want it, to those who wait for them. Says whether somebody got one.
    fn settle(&self, queue: &mut Queue, output: OutputId) -> bool {
        let mut called = false;
        while has_room(self.word(output))
            && let Earliest::Sure(ticket) = queue.earliest(output)
        {
            let wanted = queue.wants(ticket);
            self.take_one(output);
            queue.grant(ticket, output);
            called = true;
            for output in wanted.iter() {
                self.remark(queue, output);
            }
        }
        self.remark(queue, output);
        called
    }

    fn settle_all(&self, queue: &mut Queue, outputs: OutputSet) -> bool {
        let settle = |called, output| self.settle(queue, output) || called;
        outputs.and(self.all).iter().fold(false, settle)
    }

    /// Under the lock only, of an output that is marked.
    fn take_one(&self, output: OutputId) {
        let output = &self.outputs[output.index()];
        let before = output.word.fetch_add(ONE, Ordering::AcqRel);
        output.note(before + ONE);
        self.total.rise();
    }

    /// Under the lock only: nobody takes a place past it any more.
    fn mark(&self, outputs: OutputSet) {
        for output in outputs.iter() {
            let word = &self.outputs[output.index()].word;
            word.fetch_or(WANTED, Ordering::AcqRel);
        }
    }

    /// Under the lock only: marks `output` if somebody may want it, and takes the mark away if not.
    fn remark(&self, queue: &Queue, output: OutputId) {
        let wanted = queue.earliest(output) != Earliest::Nobody;
        let word = &self.outputs[output.index()].word;
        if wanted == (self.word(output) & WANTED != 0) {
            return;
        }
        if wanted {
            word.fetch_or(WANTED, Ordering::AcqRel);
        } else {
            word.fetch_and(!WANTED, Ordering::AcqRel);
        }
    }

    /// Lets go of the lock and wakes whoever has something to collect and does not know.
    fn finish(&self, waiting: MutexGuard<'_, Waiting>, called: bool, mut wake: impl FnMut(usize)) {
        if !called {
            return;
        }
        for (worker, call) in self.calls.iter().enumerate() {
            let quiet = call.0.load(Ordering::Acquire) == QUIET;
            if quiet && waiting.queue.has_calls(worker) {
                call.0.store(TO_WAKE, Ordering::Release);
            }
        }
        drop(waiting); // waking is a call of the system
        for (worker, call) in self.calls.iter().enumerate() {
            // Whoever comes first of those who see it wakes.
            let (from, to) = (TO_WAKE, CALLED);
            let woken = call
                .0
                .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
            if woken.is_ok() {
                wake(worker);
            }
        }
    }
}

/// A count and its highest value; for counters only, nothing is decided by it.
#[derive(Default)]
#[repr(align(128))]
struct Total {
    now: AtomicU64,
    most: AtomicU64,
}

impl Total {
    fn rise(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        if now > self.most.load(Ordering::Relaxed) {
            self.most.fetch_max(now, Ordering::Relaxed);
        }
    }

    fn fall(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Word {
    /// Remembers the most that were taken at a time. `word` is what it became.
    fn note(&self, word: u64) {
        let taken = word & TAKEN;
        if taken > self.most.load(Ordering::Relaxed) {
            self.most.fetch_max(taken, Ordering::Relaxed);
        }
    }
}

fn has_room(word: u64) -> bool {
    let maximum = (word & !WANTED) >> MAXIMUM_SHIFT;
    maximum == 0 || word & TAKEN < maximum
}

fn less_one(word: u64) -> u64 {
    assert!(word & TAKEN > 0, "a place is given back once");
    word - ONE
}
