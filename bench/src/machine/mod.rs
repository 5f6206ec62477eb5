//! What the machine says about itself: time spent by processes and cores, and memory.

pub mod cpu;
pub mod memory;
pub mod others;
pub mod process;
pub mod sockets;

use std::time::Duration;

use nix::errno::Errno;
use nix::time::ClockId;
use nix::time::clock_gettime;

/// Nanoseconds in the unit of `/proc/stat` and its like, `USER_HZ`, which Linux promises to be 100 to every program.
const TICK_NANOS: u64 = 10_000_000;

/// Nanoseconds of `CLOCK_MONOTONIC`, the clock the ring uses too.
pub fn monotonic_nanos() -> Result<u64, Errno> {
    nanos(ClockId::CLOCK_MONOTONIC)
}

/// Nanoseconds of any clock, a process's included.
pub fn nanos(clock: ClockId) -> Result<u64, Errno> {
    let time = Duration::from(clock_gettime(clock)?);
    u64::try_from(time.as_nanos()).map_err(|_| Errno::EOVERFLOW)
}
