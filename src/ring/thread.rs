//! What a worker's thread does for itself before it opens anything: signals, its core, and its own descriptor
//! table.
//!
//! A private table (`unshare(CLONE_FILES)`) gives each worker the whole `RLIMIT_NOFILE` for itself, and no
//! other thread's `open` or `close` touches its lock. The price: the table starts as a copy. Whatever is
//! in it and is not closed here stays open until the thread ends, even when its owner closes it.
//!
//! Invariants the `unsafe` here rests on:
//! - T1: descriptors are closed only after `unshare(CLONE_FILES)` succeeded on this very thread, so no other
//!   thread can lose one; and of this thread's, only those that nothing on it uses (the caller's `keep`).
//! - T2: the priority of the calling thread is a number in the kernel (`PRIO_PROCESS` with 0, setpriority(2)).
//! - T3: `sched_setscheduler` reads the parameter during the call only.

use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::sched::CpuSet;
use nix::sched::sched_getaffinity;
use nix::sched::sched_setaffinity;
use nix::sched::unshare;
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

/// A tenth of a worker's weight (sched(7)): what control is asked for by many must not be paid by clients.
const WAY: i32 = 10;
/// Standard input, output and error stay in every table.
const FIRST_CLOSED: RawFd = 3;

/// The cores this process may use, in order.
pub fn cores() -> Result<Vec<usize>, Errno> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count())
        .filter(|core| allowed.is_set(*core) == Ok(true))
        .collect())
}

/// Binds the calling thread to one core. `EINVAL`: the core does not exist or is not allowed to this process.
pub fn pin(core: usize) -> Result<(), Errno> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

/// Makes the calling thread give way to the workers: they come first where both want the same core. Anybody may do
/// that to a thread of their own.
pub fn give_way() {
    // SAFETY: T2, no memory is touched.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, WAY) };
    debug_assert_eq!(result, 0, "a thread may always be nicer");
}

/// Lets the calling thread, and what it starts, run before all ordinary ones: for a moment's work, many times a second,
/// that no load of other programs may delay. `EPERM`: neither `CAP_SYS_NICE` nor `RLIMIT_RTPRIO` allows it.
pub fn go_first() -> Result<(), Errno> {
    let parameter = libc::sched_param { sched_priority: 1 };
    // SAFETY: T3, `parameter` outlives the call.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const parameter) };
    Errno::result(result).map(drop)
}

/// Leaves all signals to other threads. A handler wakes whoever waits for the signal through a descriptor, and
/// in a thread with a table of its own the same number is something else: a client's connection, perhaps.
pub fn block_signals() -> Result<(), Errno> {
    SigSet::all().thread_block()
}

/// Gives the calling thread a descriptor table of its own and closes in it all but standard input, output
/// and error and those in `keep`. To be called before the thread opens anything.
///
/// `ENOMEM`: no memory for the copy. The thread then still shares the table and nothing was closed.
/// `ENOSYS` after a successful `unshare` (a kernel before 5.9): the table is private, the copies are open.
pub fn own_table(keep: &[RawFd]) -> Result<(), Errno> {
    unshare(CloneFlags::CLONE_FILES)?;
    for (first, last) in gaps(keep) {
        close_between(first, last)?;
    }
    Ok(())
}

/// The ranges of descriptors, from the first that may be closed on, that leave out `keep`.
fn gaps(keep: &[RawFd]) -> Vec<(u32, u32)> {
    let mut kept: Vec<u32> = keep
        .iter()
        .filter_map(|descriptor| u32::try_from(*descriptor).ok())
        .collect();
    kept.sort_unstable();
    let mut first = FIRST_CLOSED.unsigned_abs();
    let mut ranges = Vec::with_capacity(kept.len() + 1);
    for descriptor in kept {
        if descriptor > first {
            ranges.push((first, descriptor - 1));
        }
        first = first.max(descriptor.saturating_add(1));
    }
    ranges.push((first, u32::MAX));
    ranges
}

fn close_between(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: T1, the table is this thread's own and nothing on this thread uses what is closed.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0u32) };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_leave_out_what_is_kept() {
        assert_eq!(gaps(&[]), [(3, u32::MAX)]);
        assert_eq!(gaps(&[3, 4]), [(5, u32::MAX)]);
        assert_eq!(gaps(&[9, 5, 5, 0]), [(3, 4), (6, 8), (10, u32::MAX)]);
        assert_eq!(gaps(&[-1, 7]), [(3, 6), (8, u32::MAX)]);
    }

    #[test]
    fn a_thread_can_be_pinned_to_a_core_it_may_use() {
        std::thread::spawn(|| {
            let core = cores().unwrap().pop().unwrap();
            pin(core).unwrap();
            assert_eq!(cores().unwrap(), [core]);
            assert_eq!(pin(CpuSet::count() - 1), Err(Errno::EINVAL));
        })
        .join()
        .unwrap();
    }
}
