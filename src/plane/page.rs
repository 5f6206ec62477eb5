//! What one worker counts. It alone writes its page; control sums the pages up.

use crate::plane::handover::Progress;
use crate::plane::histogram::Histogram;
use crate::plane::places::WaitingWord;
use crate::plane::sync::AtomicU64;
use crate::plane::sync::Ordering;

use crate::http::ending::Ending;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;

/// A word with one writer: a plain load and store suffice, and no bus is locked.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// By the page's own worker only.
    pub fn add(&self, amount: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(amount),
            Ordering::Relaxed,
        );
    }

    /// By the page's own worker only.
    pub fn sub(&self, amount: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_sub(amount),
            Ordering::Relaxed,
        );
    }

    /// By the page's own worker only: for what is not counted, but how many there are.
    pub fn set(&self, amount: u64) {
        self.0.store(amount, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One worker's counts.
#[derive(Default)]
#[repr(align(128))]
pub struct Page {
    /// Turns of the worker: while they go on, it lives.
    pub turns: Count,
    /// Listeners that a reload wanted and that could not be opened here.
    pub listeners_missing: Count,
    /// Addresses of the plan in force on which it does not listen.
    pub listeners_lacking: Count,
    /// How far it is with handing the service over.
    pub handover: Progress,
    /// Clients that were cut off when the service was handed over.
    pub switch_cut: Count,
    /// Connections accepted or adopted.
    pub connections_total: Count,
    /// Connections open now.
    pub connections_active: Count,
    /// Connections accepted that wait for a place; control and other workers read it to know whom to wake.
    pub waiting: WaitingWord,
    /// Requests whose head was read whole.
    pub requests_total: Count,
    /// Answers of our own, whatever the reason.
    pub replies_total: Count,
    /// Sessions that ended without their response delivered whole.
    pub sessions_failed: Count,
    /// Lines of the access log for which there was no room on their way.
    pub log_dropped: Count,
    /// How sessions ended, and requests that never became one.
    pub endings: Endings,
    /// Per output, by its number.
    pub outputs: OutputCounts,
}

/// One count for each way a session can end.
pub struct Endings([Count; Ending::COUNT]);

impl Default for Endings {
    fn default() -> Endings {
        Endings(std::array::from_fn(|_| Count::default()))
    }
}

impl Endings {
    pub fn of(&self, ending: Ending) -> &Count {
        &self.0[ending.number()]
    }

    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Count> {
        self.0.iter()
    }
}

/// The counts of all outputs.
pub struct OutputCounts(Box<[OutputCount]>);

/// What one worker counts for one output.
#[derive(Default)]
pub struct OutputCount {
    /// Sessions occupying it now.
    pub sessions_active: Count,
    /// Sessions completed.
    pub sessions_total: Count,
    /// Connections that could not be established.
    pub connect_errors: Count,
    /// Connections established.
    pub connects_total: Count,
    /// Times it refused or reset a connection, or left one unanswered.
    pub suspicions: Count,
    /// Responses with a status of 500 or more.
    pub response_errors: Count,
    /// Responses by the first digit of their status, from 1 to 5.
    pub classes: [Count; 5],
    /// Bytes of requests that were sent to it, heads included.
    pub bytes_in: Count,
    /// Bytes of its responses that went to clients, heads included.
    pub bytes_out: Count,
    /// How long those waited for a place who had to.
    pub wait: Histogram,
    /// How long connections took that were established.
    pub connect: Histogram,
    /// From the request's head, read whole, to the response's head.
    pub response: Histogram,
    /// From the request's head, read whole, to the response's end.
    pub total: Histogram,
}

impl Default for OutputCounts {
    fn default() -> OutputCounts {
        OutputCounts((0..OUTPUTS_MAX).map(|_| OutputCount::default()).collect())
    }
}

impl OutputCounts {
    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &OutputCount> {
        self.0.iter()
    }

    pub fn of(&self, output: OutputId) -> &OutputCount {
        &self.0[output.index()]
    }
}

impl Page {
    pub fn new() -> Page {
        Page::default()
    }
}
