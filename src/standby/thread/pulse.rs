//! How the data plane is: whether every worker makes turns, whether they listen, whether everything under way has ended.

use std::sync::Arc;
use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::action::Handover;
use crate::pair::event::Plane as Word;
use crate::plane::Order;
use crate::plane::Plane;
use crate::ring::inbox::Hub;

/// Workers are woken so often: one with nothing to do makes a turn.
const WAKE: Duration = Duration::from_millis(100);
/// A worker that has made none for so long is lost.
const LOST: Duration = Duration::from_millis(500);
/// When this thread itself has not looked for so long, the whole process may have been stopped.
const STOPPED: Duration = Duration::from_millis(200);

/// See above.
pub struct Pulse {
    plane: Arc<Plane>,
    hub: Arc<Hub>,
    /// Of each worker: how many turns it had made, and when they became so many.
    turns: Vec<(u64, Instant)>,
    looked: Instant,
    wake: Instant,
}

impl Pulse {
    pub fn new(plane: Arc<Plane>, hub: Arc<Hub>, now: Instant) -> Pulse {
        let turns = plane.pages().iter().map(|page| (page.turns.get(), now));
        Pulse {
            turns: turns.collect(),
            plane,
            hub,
            looked: now,
            wake: now,
        }
    }

    /// How it is now.
    pub fn look(&mut self, now: Instant) -> Word {
        if now.since(self.looked) > STOPPED {
            self.turns.iter_mut().for_each(|(_, since)| *since = now);
        }
        self.looked = now;
        for ((turns, since), page) in self.turns.iter_mut().zip(self.plane.pages()) {
            let made = page.turns.get();
            if made != *turns {
                (*turns, *since) = (made, now);
            }
        }
        if self.wake <= now {
            self.wake = now + WAKE;
            (0..self.hub.workers()).for_each(|worker| self.hub.wake(worker));
        }
        self.word(now)
    }

    /// What the workers are to do from now on.
    pub fn hand_over(&self, handover: Handover) {
        let wake = |worker| self.hub.wake(worker);
        self.plane.set_handover(handover, wake);
    }

    /// Whether the end of a planned switch is waited for.
    pub fn drains(&self) -> bool {
        self.plane.handover() != Handover::None
    }

    fn word(&self, now: Instant) -> Word {
        // At the end listeners close and workers leave one by one; who is still served needs the addresses.
        if self.plane.order() != Order::Run {
            return Word::Serves;
        }
        let lives = |(_, since): &(u64, Instant)| now.since(*since) <= LOST;
        if !self.turns.iter().all(lives) || !self.plane.listens() {
            Word::Broken
        } else if self.drains() && self.plane.drained() {
            Word::Drained
        } else {
            Word::Serves
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    /// Looks every 20 ms from one time to another; worker 0 makes a turn each time, worker 1 while it `lives`.
    fn look(pulse: &mut Pulse, from_ms: u64, to_ms: u64, lives: bool) -> Word {
        let mut word = Word::Serves;
        for ms in (from_ms..=to_ms).step_by(20) {
            pulse.plane.page(0).turns.add(1);
            pulse.plane.page(1).turns.add(u64::from(lives));
            word = pulse.look(at(ms));
        }
        word
    }

    fn pulse() -> Pulse {
        let plane = Arc::new(Plane::new(2, 10));
        Pulse::new(plane, Arc::new(Hub::new(2).unwrap()), at(0))
    }

    #[test]
    fn a_worker_that_makes_no_turns_is_lost_and_may_come_back() {
        let mut pulse = pulse();
        assert_eq!(look(&mut pulse, 0, 1000, true), Word::Serves);
        assert_eq!(look(&mut pulse, 1020, 1500, false), Word::Serves);
        assert_eq!(look(&mut pulse, 1520, 1540, false), Word::Broken);
        assert_eq!(look(&mut pulse, 1560, 1560, true), Word::Serves);
    }

    #[test]
    fn who_was_stopped_together_with_the_workers_does_not_blame_them() {
        let mut pulse = pulse();
        assert_eq!(look(&mut pulse, 0, 100, true), Word::Serves);
        assert_eq!(look(&mut pulse, 10_000, 10_400, false), Word::Serves);
        assert_eq!(look(&mut pulse, 10_420, 10_520, false), Word::Broken);
    }

    #[test]
    fn workers_that_leave_at_the_end_are_not_lost() {
        let mut pulse = pulse();
        pulse.plane.set_order(Order::Finish);
        assert_eq!(look(&mut pulse, 0, 2000, false), Word::Serves);
    }
}
