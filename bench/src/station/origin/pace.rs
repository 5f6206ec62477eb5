//! When the origin does what it does later: answers with a delay, and the pieces of paced bodies. Pieces of all
//! connections are spread over the second, so that thousands do not come at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use halb::model::time::Instant;
use halb::ring::token::Token;

const SECOND_NS: u64 = 1_000_000_000;
/// Of 2^32, the golden section: neighbours land far apart, and none falls on another soon.
const SPREAD: u32 = 2_654_435_769;

/// Connections by when they are due.
#[derive(Default)]
pub struct Dues(BinaryHeap<Reverse<(Instant, u64)>>);

impl Dues {
    pub fn add(&mut self, at: Instant, token: Token) {
        self.0.push(Reverse((at, token.pack(Token::NO_BUFFER))));
    }

    pub fn next_at(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Whose time has come, the earliest first.
    pub fn next(&mut self, now: Instant) -> Option<Token> {
        if self.next_at()? > now {
            return None;
        }
        let Reverse((_, bits)) = self.0.pop()?;
        Some(Token::unpack(bits).0)
    }
}

/// How much of one body may have been sent at a time: so many bytes at each of its ticks, a second apart, and before the first
/// of them the part of that which falls to the time until then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    bytes_s: u64,
    before: u64,
    first: Instant,
}

impl Pace {
    /// Of a body that begins now. `slot` says when its ticks are.
    pub fn new(bytes_s: u64, slot: u32, now: Instant) -> Pace {
        let place = (u64::from(slot.wrapping_mul(SPREAD)) * SECOND_NS) >> 32;
        let now_ns = now.as_nanos();
        let mut first = now_ns - now_ns % SECOND_NS + place;
        if first <= now_ns {
            first += SECOND_NS;
        }
        let part = u128::from(bytes_s) * u128::from(first - now_ns) / u128::from(SECOND_NS);
        Pace {
            bytes_s,
            // At least one byte, so that it is seen to have begun.
            before: u64::try_from(part).unwrap_or(bytes_s).max(1),
            first: Instant::from_nanos(first),
        }
    }

    /// Bytes of the body that may have been sent by now, in all.
    pub fn allowed(&self, now: Instant) -> u64 {
        self.before
            .saturating_add(self.bytes_s.saturating_mul(self.ticks(now)))
    }

    /// When more may be sent.
    pub fn next_at(&self, now: Instant) -> Instant {
        self.first + Duration::from_secs(self.ticks(now))
    }

    fn ticks(&self, now: Instant) -> u64 {
        if now < self.first {
            return 0;
        }
        now.since(self.first).as_secs() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(number: f64) -> Instant {
        Instant::ZERO + Duration::from_secs_f64(number)
    }

    #[test]
    fn who_is_due_comes_in_order_and_not_before() {
        let mut dues = Dues::default();
        let token = |slot| Token {
            kind: 0,
            slot,
            generation: 7,
        };
        dues.add(seconds(2.0), token(2));
        dues.add(seconds(1.0), token(1));
        dues.add(seconds(3.0), token(3));
        assert_eq!(dues.next_at(), Some(seconds(1.0)));
        assert_eq!(dues.next(seconds(0.9)), None);
        assert_eq!(dues.next(seconds(2.5)), Some(token(1)));
        assert_eq!(dues.next(seconds(2.5)), Some(token(2)));
        assert_eq!(dues.next(seconds(2.5)), None);
    }

    #[test]
    fn a_body_keeps_its_pace_from_its_first_byte() {
        for slot in [0, 1, 2, 1000] {
            let start = seconds(12.34);
            let pace = Pace::new(1000, slot, start);
            let before = pace.allowed(start);
            assert!((1..=1000).contains(&before));
            let mut at = start;
            for tick in 1..10 {
                let next = pace.next_at(at);
                assert!(next > at);
                assert_eq!(pace.allowed(next), before + 1000 * tick);
                // Never more than the time since the start allows, but for that first byte and the tick itself.
                let passed = next.since(start).as_secs_f64();
                let ahead = pace.allowed(next) as f64 - 1000.0 * passed;
                assert!(ahead <= 1001.0, "{ahead}");
                at = next;
            }
        }
    }

    #[test]
    fn pieces_are_spread_over_the_second() {
        let mut tenths = [0; 10];
        for slot in 0..15_000 {
            let next = Pace::new(1, slot, Instant::ZERO).next_at(Instant::ZERO);
            let place = (next.as_nanos() - 1) % SECOND_NS / (SECOND_NS / 10);
            tenths[usize::try_from(place).unwrap()] += 1;
        }
        assert!(
            tenths.iter().all(|count| (1400..1600).contains(count)),
            "{tenths:?}"
        );
    }
}
