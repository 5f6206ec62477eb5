//! Memory that runs short and comes back: nobody may accept meanwhile, and nothing is lost. It never lasts: then slow
//! clients would have to go.

use halb::plane::Shortage;

use crate::profile::MILLISECOND;
use crate::random::Random;
use crate::run::Run;
use crate::world::NEVER;

/// The longest that it is short, and the longest that it is not.
const SHORT: u64 = 20 * MILLISECOND;
const ENOUGH: u64 = 40 * MILLISECOND;

/// When it changes next, by a chance of its own.
pub struct Scarcity {
    random: Random,
    pub next: u64,
}

impl Scarcity {
    /// In worlds where that happens; else never.
    pub fn new(seed: u64, happens: bool) -> Scarcity {
        Scarcity {
            random: Random::of(seed, 0x5CA6C17),
            next: if happens { 0 } else { NEVER },
        }
    }
}

impl Run {
    /// Control finds memory short, or finds it again, when it is time.
    pub fn ration(&mut self) {
        let now = self.world.borrow().now;
        if now < self.scarcity.next {
            return;
        }
        let short = self.plane.shortage() == Shortage::None;
        let most = if short { SHORT } else { ENOUGH };
        self.scarcity.next = now + 1 + self.scarcity.random.below(most);
        self.find_memory(short);
        self.set_alarm();
    }

    /// There is memory, and there will be.
    pub fn end_of_scarcity(&mut self) {
        self.scarcity.next = NEVER;
        if self.plane.shortage() != Shortage::None {
            self.find_memory(false);
        }
    }

    fn find_memory(&self, short: bool) {
        let shortage = if short { Shortage::New } else { Shortage::None };
        self.plane.set_shortage(shortage);
        let mut world = self.world.borrow_mut();
        world.note(|| format!("memory is short: {short}"));
        (0..world.profile.workers).for_each(|worker| world.wake(worker));
    }
}
