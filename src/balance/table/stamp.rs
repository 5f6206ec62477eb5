//! When an entry was last used: milliseconds in six bytes.

use std::time::Duration;

use crate::model::time::Instant;

/// What the clock's zero is called, so that there is room before it: a session that was saved by an earlier
/// process may have been used last before this machine was started. 2⁴⁰ ms are 34 years; behind it 8,800 remain.
const ZERO_MS: u64 = 1 << 40;
const LAST_MS: u64 = (1 << 48) - 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp([u16; 3]);

impl Stamp {
    pub fn of(now: Instant) -> Stamp {
        Stamp::from_ms(ZERO_MS + now.as_nanos() / 1_000_000)
    }

    /// As long before `now`, or the earliest there is.
    pub fn before(now: Instant, idle: Duration) -> Stamp {
        Stamp::from_ms(Stamp::of(now).as_ms().saturating_sub(whole_ms(idle)))
    }

    pub fn as_ms(self) -> u64 {
        let [low, middle, high] = self.0.map(u64::from);
        low | middle << 16 | high << 32
    }

    /// How long before `now` it was; zero when it was not.
    pub fn idle(self, now: Instant) -> Duration {
        Duration::from_millis(Stamp::of(now).as_ms().saturating_sub(self.as_ms()))
    }

    pub fn max(self, other: Stamp) -> Stamp {
        if other.as_ms() > self.as_ms() {
            other
        } else {
            self
        }
    }

    pub fn from_ms(ms: u64) -> Stamp {
        let ms = ms.min(LAST_MS);
        Stamp([ms as u16, (ms >> 16) as u16, (ms >> 32) as u16])
    }
}

/// Milliseconds, as many as fit.
pub fn whole_ms(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
