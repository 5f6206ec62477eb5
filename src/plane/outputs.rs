//! Places at the outputs: exact counts over all workers, each under a maximum if there is one, and one queue for
//! those who found none free. First come, first served, over all workers.
//!
//! An output is one word: how many places are taken, the maximum, and whether somebody waits. While nobody
//! waits, taking and giving back is one exchange of that word. Once somebody waits, the word says so and both
//! go through the lock of the queue; there is no moment between looking at the count and lining up, because
//! whoever lines up marks the word first and looks at the count it had at that very moment.
//!
//! The lock is the workers' alone. Control reads how many wait from words of their own, and what it changes it only asks
//! for: whichever worker has the lock next does it. So control may stand still anywhere, and no worker waits.
//!
//! What holds whenever the lock is free, and nothing that control has asked for is left to do:
//! - an output's word is marked exactly while somebody in the queue wants it or has yet to choose again;
//! - an output with a free place is wanted by nobody, or the earliest who might want it has yet to choose again.

use std::sync::Arc;
use std::sync::PoisonError;

use crate::model::output::OutputId;
use crate::model::output::OutputSet;
use crate::plane::queue::Call;
use crate::plane::queue::Cancelled;
use crate::plane::queue::Depth;
use crate::plane::queue::Depths;
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
/// … or somebody who waits there has to be told of something …
const CALLED: u8 = 1;
/// … for which it has yet to be woken …
const TO_WAKE: u8 = 2;
/// … or control has asked for something. It wakes workers itself, and may stand still before it does.
const ASKED: u8 = 4;

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
    /// The workers'.
    waiting: Mutex<Waiting>,
    depths: Arc<Depths>,
    asked: Asked,
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

/// The epoch from which all who wait are to choose again; control's word.
#[repr(align(128))]
struct Asked(AtomicU64);

struct Waiting {
    queue: Queue,
    /// How the outputs stood when all were last told to choose again: what control has asked for so far.
    epoch: Epoch,
}

impl OutputPlaces {
    /// For the first `outputs` outputs, without any maximum. At most `waiters` sessions wait at a time.
    pub fn new(workers: usize, outputs: usize, waiters: usize) -> OutputPlaces {
        let word = || Word {
            word: AtomicU64::new(0),
            most: AtomicU64::new(0),
        };
        let depths = Arc::new(Depths::new(outputs));
        OutputPlaces {
            outputs: (0..outputs).map(|_| word()).collect(),
            total: Total::default(),
            all: (0..outputs).filter_map(OutputId::from_index).collect(),
            waiting: Mutex::new(Waiting {
                queue: Queue::new(workers, waiters, Arc::clone(&depths)),
                epoch: Epoch::default(),
            }),
            depths,
            asked: Asked(AtomicU64::new(0)),
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
        let mut waiting = self.lock_and_review();
        let give = |word| Some(less_one(word));
        word.fetch_update(Ordering::AcqRel, Ordering::Acquire, give)
            .ok();
        self.settle(&mut waiting.queue, output);
        self.finish(waiting, wake);
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
        let mut waiting = self.lock_and_review();
        let waited = self.line_up(&mut waiting, waiter, wants, epoch);
        self.finish(waiting, wake);
        waited
    }

    /// The answer to [`crate::plane::queue::What::ChooseAgain`]. A grant that follows is collected like any other.
    pub fn choose(
        &self,
        ticket: WaitTicket,
        wants: OutputSet,
        epoch: Epoch,
        wake: impl FnMut(usize),
    ) {
        let mut waiting = self.lock_and_review();
        // What was chosen by an older standing counts for nothing: the next call is on its way.
        if epoch >= waiting.epoch {
            let concerned = waiting.queue.wants(ticket).or(wants);
            if waiting.queue.choose(ticket, wants) {
                self.mark(wants); // before the counts are looked at
                self.settle_all(&mut waiting.queue, concerned);
            }
        }
        self.finish(waiting, wake);
    }

    /// The holder of `ticket` gives up.
    pub fn cancel(&self, ticket: WaitTicket, wake: impl FnMut(usize)) -> Cancelled {
        let mut waiting = self.lock_and_review();
        let concerned = waiting.queue.wants(ticket);
        let cancelled = waiting.queue.cancel(ticket);
        self.settle_all(&mut waiting.queue, concerned);
        self.finish(waiting, wake);
        cancelled
    }

    /// Whether worker `worker` has something to collect. One load.
    pub fn has_calls(&self, worker: usize) -> bool {
        self.calls[worker].0.load(Ordering::Acquire) != QUIET
    }

    /// Appends what worker `worker` has to do for its waiters, in order. By that worker only.
    pub fn collect(&self, worker: usize, into: &mut Vec<Call>, wake: impl FnMut(usize)) {
        if !self.has_calls(worker) {
            return;
        }
        let mut waiting = self.lock();
        // Exchanged, and before the look at what control has asked for: what it asks for from here on shows again.
        self.calls[worker].0.swap(QUIET, Ordering::AcqRel);
        self.review(&mut waiting);
        while let Some(call) = waiting.queue.next_call(worker) {
            into.push(call);
        }
        self.finish(waiting, wake);
    }

    /// By control, without the lock: the outputs stand differently since `epoch` has begun, or have other maxima. All
    /// who wait choose again, keeping their numbers. Every worker is woken that has not been asked already: the first
    /// one sees to it.
    pub fn reexamine(&self, epoch: Epoch, mut wake: impl FnMut(usize)) {
        if self.depths.all().now > 0 {
            // So that nobody who comes now overtakes them. Before the word: what is marked after that may never lose
            // the mark.
            self.mark(self.all);
        }
        self.asked.0.fetch_max(epoch.0, Ordering::AcqRel);
        for (worker, call) in self.calls.iter().enumerate() {
            let before = call.0.fetch_or(ASKED, Ordering::AcqRel);
            if before & ASKED == 0 {
                wake(worker);
            }
        }
    }

    /// By control, without the lock: sets the maximum, 0 for none. Places above a lowered one stay with their holders.
    /// Those that a raised one frees go to who waits after the [`OutputPlaces::reexamine`] that has to follow.
    pub fn set_maximum(&self, output: OutputId, maximum: u64) {
        let bits = maximum.min(MAXIMUM_MOST) << MAXIMUM_SHIFT;
        let set = |word| Some(word & (WANTED | TAKEN) | bits);
        let word = &self.outputs[output.index()].word;
        word.fetch_update(Ordering::AcqRel, Ordering::Acquire, set)
            .ok();
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

    /// Who waits for `output`, also when another would do as well.
    pub fn queue_of(&self, output: OutputId) -> Depth {
        self.depths.of(output)
    }

    /// Who waits at all, each counted once.
    pub fn queue(&self) -> Depth {
        self.depths.all()
    }

    fn word(&self, output: OutputId) -> u64 {
        self.outputs[output.index()].word.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_and_review(&self) -> MutexGuard<'_, Waiting> {
        let mut waiting = self.lock();
        self.review(&mut waiting);
        waiting
    }

    /// Does what control has asked for: everybody who waits has to choose again.
    fn review(&self, waiting: &mut Waiting) {
        let asked = Epoch(self.asked.0.load(Ordering::Acquire));
        if asked <= waiting.epoch {
            return;
        }
        waiting.epoch = asked;
        waiting.queue.doubt_all();
        if waiting.queue.has_unsure() {
            self.mark(self.all);
        } else {
            self.settle_all(&mut waiting.queue, self.all); // takes control's marks away again
        }
    }

    fn line_up(
        &self,
        waiting: &mut Waiting,
        waiter: Waiter,
        wants: OutputSet,
        epoch: Epoch,
    ) -> Result<Waited, QueueFull> {
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
        Ok(Waited::Waits(ticket))
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

    /// Hands the free places of `output`, which is marked if anybody may want it, to those who wait for them.
    fn settle(&self, queue: &mut Queue, output: OutputId) {
        while has_room(self.word(output))
            && let Earliest::Sure(ticket) = queue.earliest(output)
        {
            let wanted = queue.wants(ticket);
            self.take_one(output);
            queue.grant(ticket, output);
            for output in wanted.iter() {
                self.remark(queue, output);
            }
        }
        self.remark(queue, output);
    }

    fn settle_all(&self, queue: &mut Queue, outputs: OutputSet) {
        let all = outputs.and(self.all);
        all.iter().for_each(|output| self.settle(queue, output));
    }

    /// Under the lock only, of an output that is marked.
    fn take_one(&self, output: OutputId) {
        let output = &self.outputs[output.index()];
        let before = output.word.fetch_add(ONE, Ordering::AcqRel);
        output.note(before + ONE);
        self.total.rise();
    }

    /// Nobody takes a place past it any more, but under the lock.
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
    fn finish(&self, mut waiting: MutexGuard<'_, Waiting>, mut wake: impl FnMut(usize)) {
        if !waiting.queue.take_news() {
            return;
        }
        for (worker, call) in self.calls.iter().enumerate() {
            let known = call.0.load(Ordering::Acquire) & CALLED != 0;
            if !known && waiting.queue.has_calls(worker) {
                call.0.fetch_or(CALLED | TO_WAKE, Ordering::AcqRel);
            }
        }
        drop(waiting); // waking is a call of the system
        for (worker, call) in self.calls.iter().enumerate() {
            // Whoever comes first of those who see it wakes.
            if call.0.load(Ordering::Acquire) & TO_WAKE != 0
                && call.0.fetch_and(!TO_WAKE, Ordering::AcqRel) & TO_WAKE != 0
            {
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
