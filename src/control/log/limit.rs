//! How much is said: of each kind so many lines a second, and how many more there were.

use std::time::Duration;

use crate::model::time::Instant;

/// Lines of one kind …
pub const LINES_MOST: u32 = 10;
/// … within this.
pub const WITHIN: Duration = Duration::from_secs(1);

/// More kinds than there are words and outputs; a name that does not resolve counts as one, too.
const KINDS_MOST: usize = 1000;

/// What has been said of each kind.
#[derive(Default)]
pub struct Limit {
    kinds: Vec<Kind>,
}

/// What is counted together: a word, and the output it is about. One that flaps must not silence the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct What {
    pub event: &'static str,
    pub output: Option<String>,
}

struct Kind {
    what: What,
    /// When its first line of this second was.
    since: Instant,
    lines: u32,
    suppressed: u64,
}

/// So many lines of a kind were not written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suppressed {
    pub what: What,
    pub times: u64,
}

impl Limit {
    /// Whether another line of this kind may be written now. What was suppressed before is to be said first.
    pub fn admit(&mut self, what: &What, now: Instant) -> (Option<Suppressed>, bool) {
        let known = self.kinds.iter().position(|kind| kind.what == *what);
        let index = known.unwrap_or_else(|| {
            if self.kinds.len() >= KINDS_MOST {
                let lately = |kind: &Kind| kind.suppressed > 0 || now.since(kind.since) < WITHIN;
                self.kinds.retain(lately);
            }
            self.kinds.push(Kind {
                what: what.clone(),
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
            what: self.what.clone(),
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

    const UP: What = What {
        event: "up",
        output: None,
    };
    const DOWN: What = What {
        event: "down",
        output: None,
    };

    fn times(what: &What, times: u64) -> Option<Suppressed> {
        let what = what.clone();
        Some(Suppressed { what, times })
    }

    #[test]
    fn ten_lines_of_a_kind_in_a_second_and_the_rest_is_counted() {
        let mut limit = Limit::default();
        for _ in 0..LINES_MOST {
            assert_eq!(limit.admit(&UP, at(500)), (None, true));
        }
        assert_eq!(limit.next_due(), None);
        assert_eq!(limit.admit(&UP, at(500)), (None, false));
        assert_eq!(limit.admit(&UP, at(1499)), (None, false));
        assert_eq!(limit.admit(&DOWN, at(1499)), (None, true), "another kind");
        assert_eq!(limit.next_due(), Some(at(1500)));
        assert_eq!(limit.due(at(1499)).count(), 0);
        assert_eq!(limit.admit(&UP, at(1500)), (times(&UP, 2), true));
        assert_eq!(limit.next_due(), None);
    }

    #[test]
    fn an_output_that_flaps_does_not_silence_the_others() {
        let mut limit = Limit::default();
        let of = |number: usize| What {
            event: "down",
            output: Some(format!("out{number}")),
        };
        for _ in 0..20 {
            limit.admit(&of(1), at(0));
        }
        assert_eq!(limit.admit(&of(2), at(0)), (None, true));
        assert_eq!(limit.all().next(), times(&of(1), 10));
        for number in 0..3 * KINDS_MOST {
            assert!(limit.admit(&of(number + 9), at(5000 + number as u64)).1);
        }
        assert!(limit.kinds.len() <= 2 * KINDS_MOST);
    }

    #[test]
    fn what_was_suppressed_is_told_once() {
        let mut limit = Limit::default();
        for _ in 0..LINES_MOST + 3 {
            limit.admit(&UP, at(0));
            limit.admit(&DOWN, at(400));
        }
        assert_eq!(limit.next_due(), Some(at(1000)));
        let due: Vec<_> = limit.due(at(1000)).collect();
        assert_eq!(due, [times(&UP, 3).unwrap()]);
        assert_eq!(limit.due(at(1000)).count(), 0);
        assert_eq!(limit.next_due(), Some(at(1400)));
        let all: Vec<_> = limit.all().collect();
        assert_eq!(all, [times(&DOWN, 3).unwrap()]);
        assert_eq!(limit.admit(&UP, at(1000)), (None, true), "a new second");
    }
}
