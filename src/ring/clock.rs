//! The one place that reads a clock. A ring reads it once per turn; everything above is told the time.

use nix::time::ClockId;
use nix::time::clock_gettime;

use crate::model::time::Instant;

/// One reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// `CLOCK_MONOTONIC`: what `IORING_ENTER_ABS_TIMER` compares with, so deadlines need no conversion.
    pub now: Instant,
    /// Whole seconds since 1970 (UTC). The coarse clock: a tick of lag is nothing to a `Date` field, and
    /// reading it is a load where the fine one reads the hardware.
    pub unix_seconds: u64,
}

/// Reads both clocks.
///
/// # Panics
/// When the kernel lacks clocks that every Linux has: there is no way to run without time.
pub fn read() -> Moment {
    let (seconds, nanos) = reading(ClockId::CLOCK_MONOTONIC);
    let (unix_seconds, _) = reading(ClockId::CLOCK_REALTIME_COARSE);
    Moment {
        now: Instant::from_nanos(seconds * 1_000_000_000 + nanos),
        unix_seconds,
    }
}

/// `CLOCK_BOOTTIME`: runs on while the machine is suspended, and like `CLOCK_MONOTONIC` otherwise.
pub fn boot() -> Instant {
    let (seconds, nanos) = reading(ClockId::CLOCK_BOOTTIME);
    Instant::from_nanos(seconds * 1_000_000_000 + nanos)
}

/// Milliseconds since 1970 (UTC), for people and other machines; it may jump.
pub fn unix_ms() -> u64 {
    let (seconds, nanos) = reading(ClockId::CLOCK_REALTIME);
    seconds * 1000 + nanos / 1_000_000
}

fn reading(clock: ClockId) -> (u64, u64) {
    let Ok(time) = clock_gettime(clock) else {
        panic!("clock {clock} cannot be read: no Linux kernel lacks it");
    };
    // A clock set before 1970 reads as 1970.
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
    (seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back() {
        let mut last = read();
        for _ in 0..1000 {
            let next = read();
            assert!(next.now >= last.now);
            last = next;
        }
        assert!(last.unix_seconds > 1_700_000_000, "the clock is set");
    }
}
