//! Who found no buffer, for what, and for how long.

use std::time::Duration;

use crate::model::time::Instant;
use crate::worker::table::Key;

/// Buffers are short when somebody has asked for one again and again for so long. A first refusal says little: the
/// kernel may just have had too few published to pick from.
const LASTS: Duration = Duration::from_millis(50);
/// Who asks again and is refused hears of it within this time; who does not, found one.
const GAP: Duration = Duration::from_millis(20);

/// Who found no buffer, and for what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Starved {
    ClientReceive(Key),
    UpstreamReceive(Key),
    /// A client whose request has been read and could not be begun.
    Request(Key),
    /// A session whose response's head has come.
    Download(Key),
}

/// All of them.
#[derive(Default)]
pub struct Hunger {
    list: Vec<Hungry>,
}

struct Hungry {
    who: Starved,
    since: Instant,
    latest: Instant,
    /// It has yet to ask again.
    waits: bool,
}

impl Hunger {
    /// One found no buffer.
    pub fn feel(&mut self, who: Starved, now: Instant) {
        match self.list.iter_mut().find(|one| one.who == who) {
            Some(one) => {
                if now.since(one.latest) > GAP {
                    one.since = now;
                }
                one.latest = now;
                one.waits = true;
            }
            None => self.list.push(Hungry {
                who,
                since: now,
                latest: now,
                waits: true,
            }),
        }
    }

    /// Those who ask again now.
    pub fn take_waiting(&mut self, now: Instant, into: &mut Vec<Starved>) {
        self.list
            .retain(|one| one.waits || now.since(one.latest) <= GAP);
        for one in self.list.iter_mut().filter(|one| one.waits) {
            one.waits = false;
            into.push(one.who);
        }
    }

    /// Whether somebody has found none for so long that somebody else has to give one up.
    pub fn lasts(&self) -> bool {
        self.list
            .iter()
            .any(|one| one.latest.since(one.since) >= LASTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Starved = Starved::Request(Key {
        slot: 1,
        generation: 0,
    });
    const OTHER: Starved = Starved::Request(Key {
        slot: 2,
        generation: 0,
    });

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    fn waiting(hunger: &mut Hunger, ms: u64) -> Vec<Starved> {
        let mut all = Vec::new();
        hunger.take_waiting(at(ms), &mut all);
        all
    }

    #[test]
    fn it_lasts_when_the_same_one_is_refused_again_and_again() {
        let mut hunger = Hunger::default();
        for ms in (0..=48).step_by(2) {
            hunger.feel(ONE, at(ms));
            assert!(!hunger.lasts());
            assert_eq!(waiting(&mut hunger, ms), [ONE]);
        }
        hunger.feel(ONE, at(50));
        assert!(hunger.lasts());
    }

    #[test]
    fn many_who_are_refused_once_each_are_not_hungry_for_long() {
        let mut hunger = Hunger::default();
        for ms in (0..200).step_by(4) {
            let slot = ms as u32;
            let generation = 0;
            hunger.feel(Starved::ClientReceive(Key { slot, generation }), at(ms));
            assert_eq!(waiting(&mut hunger, ms).len(), 1);
            assert!(!hunger.lasts());
        }
        assert!(hunger.list.len() <= 6, "those who found one are forgotten");
    }

    #[test]
    fn who_found_one_begins_anew() {
        let mut hunger = Hunger::default();
        hunger.feel(ONE, at(0));
        hunger.feel(OTHER, at(0));
        assert_eq!(waiting(&mut hunger, 2), [ONE, OTHER]);
        hunger.feel(OTHER, at(2));
        assert_eq!(waiting(&mut hunger, 30), [OTHER]);
        hunger.feel(ONE, at(60));
        hunger.feel(ONE, at(62));
        assert!(!hunger.lasts());
        assert_eq!(waiting(&mut hunger, 62), [ONE]);
        hunger.feel(ONE, at(500));
        assert!(!hunger.lasts());
    }
}
