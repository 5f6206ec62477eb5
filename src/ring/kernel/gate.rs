//! The ring's three parts, kept open for its whole life, and the one door into the kernel.
//!
//! The library's queues keep their own copy of head and tail: pushing an entry touches no shared memory
//! until [`Gate::enter`] publishes the batch.
//!
//! Invariants the `unsafe` here rests on:
//! - G1: `whole` was boxed here, is freed only in `drop`, and nothing but the three parts refers to it; they
//!   are dropped before it.
//! - G2: what an entry points to stays valid as long as the kernel may use it. Who pushes answers for it,
//!   as [`super`] (K1–K3) and [`super::picks`] (P1) say.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use io_uring::CompletionQueue;
use io_uring::EnterFlags;
use io_uring::IoUring;
use io_uring::SubmissionQueue;
use io_uring::Submitter;
use io_uring::cqueue;
use io_uring::squeue;
use io_uring::types::SubmitArgs;
use io_uring::types::Timespec;
use nix::errno::Errno;

use super::setup;
use super::setup::RingError;
use crate::model::time::Instant;

/// How long an enter may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// Submit, take what is there, come back.
    No,
    /// Until something completes.
    Forever,
    /// Until something completes or this moment comes.
    Until(Instant),
}

/// How an enter went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entered {
    /// Submitted; waited as asked, or interrupted by a signal.
    Done,
    /// The kernel took nothing: completions have to be taken first, or memory is short. Ask again.
    Again,
}

pub(super) struct Gate {
    submitter: ManuallyDrop<Submitter<'static>>,
    entries: ManuallyDrop<SubmissionQueue<'static>>,
    completions: ManuallyDrop<CompletionQueue<'static>>,
    whole: NonNull<IoUring>,
    /// What every enter says.
    always: EnterFlags,
    enters: u64,
}

impl Gate {
    /// A ring of the calling thread.
    pub(super) fn new() -> Result<Gate, RingError> {
        Ok(Gate::of(setup::build()?))
    }

    /// Opens the parts of a ring.
    pub(super) fn of(ring: IoUring) -> Gate {
        let mut always = EnterFlags::EXT_ARG;
        if ring.params().is_feature_no_iowait() {
            // Linux 6.15: a waiting worker is idle; without this it is shown as waiting for a disk.
            always |= EnterFlags::NO_IOWAIT;
        }
        let whole = NonNull::from(Box::leak(Box::new(ring)));
        // SAFETY: G1, just boxed, and the parts made of this reference are the only use of it.
        let parts = unsafe { &mut *whole.as_ptr() };
        let (mut submitter, entries, completions) = parts.split();
        // Refused only when the thread has 16 registered already; then an enter looks the number up.
        let _registered = submitter.register_ring_fd();
        Gate {
            submitter: ManuallyDrop::new(submitter),
            entries: ManuallyDrop::new(entries),
            completions: ManuallyDrop::new(completions),
            whole,
            always,
            enters: 0,
        }
    }

    /// For registering buffers.
    pub(super) fn submitter(&self) -> &Submitter<'static> {
        &self.submitter
    }

    /// Times the kernel was entered.
    pub(super) fn enters(&self) -> u64 {
        self.enters
    }

    /// Entries that can still be pushed before an enter.
    pub(super) fn room(&self) -> usize {
        self.entries.capacity() - self.entries.len()
    }

    /// Whether everything pushed was taken by the kernel.
    pub(super) fn all_taken(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts an entry into the batch. There has to be room.
    pub(super) fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: G2, the pusher answers for what the entry points to.
        let pushed = unsafe { self.entries.push(entry) };
        assert!(pushed.is_ok(), "room was made before");
    }

    /// Whether an enter would do anything without waiting: entries to take, deferred work to run, or
    /// completions that overflowed.
    pub(super) fn has_work(&self) -> bool {
        !self.entries.is_empty() || self.entries.taskrun() || self.entries.cq_overflow()
    }

    /// Whether completions are there to be taken without entering.
    pub(super) fn has_completions(&mut self) -> bool {
        self.completions.sync();
        !self.completions.is_empty()
    }

    /// The next completion that is there.
    pub(super) fn next(&mut self) -> Option<cqueue::Entry> {
        self.completions.next()
    }

    /// Hands the batch to the kernel, and waits as told.
    pub(super) fn enter(&mut self, wait: Wait) -> Entered {
        self.entries.sync();
        self.completions.sync(); // says what was taken, so that what overflowed finds room
        let mut flags = self.always;
        if wait != Wait::No || self.entries.taskrun() || self.entries.cq_overflow() {
            flags |= EnterFlags::GETEVENTS; // deferred work runs only under it
        }
        let deadline;
        let mut args = SubmitArgs::new();
        if let Wait::Until(until) = wait {
            // Linux 6.12: absolute, so the time our own work took since the last reading does not add up.
            flags |= EnterFlags::ABS_TIMER;
            deadline = timespec(until);
            args = args.timespec(&deadline);
        }
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let wanted = u32::from(wait != Wait::No);
        self.enters += 1;
        // SAFETY: G2 for the batch; `args` and `deadline` live across the call, and EXT_ARG announces them.
        let result = unsafe {
            self.submitter
                .enter(count, wanted, flags.bits(), Some(&args))
        };
        self.entries.sync();
        self.completions.sync();
        match result {
            Ok(_) => Entered::Done,
            Err(error) => outcome(setup::errno(&error)),
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // The registration holds a reference that would keep the ring alive; without one it is refused.
        let _unregistered = self.submitter.unregister_ring_fd();
        // SAFETY: G1, dropped once, here; nothing uses it afterwards.
        unsafe { ManuallyDrop::drop(&mut self.entries) };
        // SAFETY: G1, as above.
        unsafe { ManuallyDrop::drop(&mut self.completions) };
        // SAFETY: G1, as above.
        unsafe { ManuallyDrop::drop(&mut self.submitter) };
        // SAFETY: G1, the parts are gone and this is the box that was leaked in `new`.
        drop(unsafe { Box::from_raw(self.whole.as_ptr()) });
    }
}

/// The errors of `io_uring_enter` (its manual page), each with what it means here.
fn outcome(errno: Errno) -> Entered {
    match errno {
        // The deadline came, or a signal did.
        Errno::ETIME | Errno::EINTR => Entered::Done,
        // No memory for requests; completions overflowed and have to be taken first.
        Errno::EAGAIN | Errno::EBUSY => Entered::Again,
        Errno::EBADR => panic!("the kernel had no memory for a completion and dropped it (EBADR)"),
        Errno::EEXIST => panic!("a ring belongs to the thread that made it (EEXIST)"),
        errno => panic!("io_uring_enter refused a batch of ours: {errno}"),
    }
}

fn timespec(moment: Instant) -> Timespec {
    const NANOS: u64 = 1_000_000_000;
    let nanos = moment.as_nanos();
    let rest = u32::try_from(nanos % NANOS).unwrap_or(0);
    Timespec::new().sec(nanos / NANOS).nsec(rest)
}
