//! How much is said: of each kind so many lines a second, and how many more there were.

use std::time::Duration;

use crate::model::time::Instant;

/// Lines of one kind …
pub const LINES_MOST: u32 = 10;
/// … within this.
pub const WITHIN: Duration = Duration::from_secs(1);

/// What has been said of each kind. There are as many as words for events.
#[derive(Default)]
pub struct Limit {
    kinds: Vec<Kind>,
}

struct Kind {
    name: &'static str,
    /// When its first line of this second was.
    since: Instant,
    lines: u32,
    suppressed: u64,
}

/// So many lines of a kind were not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suppressed {
    pub kind: &'static str,
    pub times: u64,
}

impl Limit {
    /// Whether another line of this kind may be written now. What was suppressed before is to be said first.
    pub fn admit(&mut self, name: &'static str, now: Instant) -> (Option<Suppressed>, bool) {
        let known = self.kinds.iter().position(|kind| kind.name == name);
        let index = known.unwrap_or_else(|| {
            self.kinds.push(Kind {
                name,
                since: now,
                lines: 0,
                suppressed: 0,
            });
            self.kinds.len() - 1
        });
        let kind = &mut self.kinds[index];
        let mut before = None;
        if now.since(kind.since) >= WITHIN {
            before = kind.take();
            (kind.since, kind.lines) = (now, 0);
        }
        if kind.lines == LINES_MOST {
            kind.suppressed += 1;
            return (before, false);
        }
        kind.lines += 1;
        (before, true)
    }

    /// What was suppressed in seconds that are over.
    pub fn due(&mut self, now: Instant) -> impl Iterator<Item = Suppressed> {
        let over = move |kind: &&mut Kind| now.since(kind.since) >= WITHIN;
        self.kinds.iter_mut().filter(over).filter_map(Kind::take)
    }

    /// All that was suppressed and not said.
    pub fn all(&mut self) -> impl Iterator<Item = Suppressed> {
        self.kinds.iter_mut().filter_map(Kind::take)
    }

    /// When there will be something to say.
    pub fn next_due(&self) -> Option<Instant> {
        let waiting = self.kinds.iter().filter(|kind| kind.suppressed > 0);
        waiting.map(|kind| kind.since + WITHIN).min()
    }
}

impl Kind {
    fn take(&mut self) -> Option<Suppressed> {
        let times = std::mem::take(&mut self.suppressed);
        (times > 0).then_some(Suppressed {
            kind: self.name,
            times,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn times(kind: &'static str, times: u64) -> Option<Suppressed> {
        Some(Suppressed { kind, times })
    }

    #[test]
    fn ten_lines_of_a_kind_in_a_second_and_the_rest_is_counted() {
        let mut limit = Limit::default();
        for _ in 0..LINES_MOST {
            assert_eq!(limit.admit("up", at(500)), (None, true));
        }
        assert_eq!(limit.next_due(), None);
        assert_eq!(limit.admit("up", at(500)), (None, false));
        assert_eq!(limit.admit("up", at(1499)), (None, false));
        assert_eq!(limit.admit("down", at(1499)), (None, true), "another kind");
        assert_eq!(limit.next_due(), Some(at(1500)));
        assert_eq!(limit.due(at(1499)).count(), 0);
        assert_eq!(limit.admit("up", at(1500)), (times("up", 2), true));
        assert_eq!(limit.next_due(), None);
    }

    #[test]
    fn what_was_suppressed_is_told_once() {
        let mut limit = Limit::default();
        for _ in 0..LINES_MOST + 3 {
            limit.admit("up", at(0));
            limit.admit("down", at(400));
        }
        assert_eq!(limit.next_due(), Some(at(1000)));
        let due: Vec<_> = limit.due(at(1000)).collect();
        assert_eq!(due, [times("up", 3).unwrap()]);
        assert_eq!(limit.due(at(1000)).count(), 0);
        assert_eq!(limit.next_due(), Some(at(1400)));
        let all: Vec<_> = limit.all().collect();
        assert_eq!(all, [times("down", 3).unwrap()]);
        assert_eq!(limit.admit("up", at(1000)), (None, true), "a new second");
    }
}
