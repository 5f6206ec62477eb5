//! What the pair thread does in a run: the service goes to another server, or nearly, again and again; and what has to hold
//! when all workers say that nobody is left.

use halb::plane::handover::Handover;

use crate::profile::MILLISECOND;
use crate::profile::SECOND;
use crate::random::Random;
use crate::run::Run;
use crate::world::NEVER;
use crate::world::World;

/// The longest between two switches, the longest that one may drain, and how long a cut lasts.
const PAUSE: u64 = 80 * MILLISECOND;
const PATIENCE: u64 = 4 * SECOND;
const CUT: u64 = 5 * MILLISECOND;
/// Whoever was kept away tries again after this.
const RETRY: u64 = SECOND;
/// The longest that the other half of a handshake takes: less than what workers wait for.
const HANDSHAKE: u64 = 200 * MILLISECOND;

/// When it changes next, by a chance of its own.
pub struct Switches {
    random: Random,
    pub next: u64,
}

impl Switches {
    /// In worlds where that happens; else never.
    pub fn new(seed: u64, happens: bool) -> Switches {
        Switches {
            random: Random::of(seed, 0x5717C4),
            next: if happens { 0 } else { NEVER },
        }
    }
}

impl Run {
    /// Begins a switch, cuts, ends it or calls it off, when it is time. It may end as soon as nobody is left.
    pub fn hand_over(&mut self) {
        let drained = self.plane.drained();
        if drained {
            nobody_is_left(&self.world.borrow());
        }
        let now = self.world.borrow().now;
        let before = self.plane.handover();
        let ends = drained && before == Handover::Drain;
        if now < self.switches.next && !ends || self.switches.next == NEVER {
            return;
        }
        let cuts = self.world.borrow().profile.cuts;
        let random = &mut self.switches.random;
        let (next, lasts) = match before {
            Handover::None => (Handover::Drain, PATIENCE),
            Handover::Drain if cuts && !ends && random.chance(700) => (Handover::Cut, CUT),
            Handover::Drain | Handover::Cut => (Handover::None, PAUSE),
        };
        self.switches.next = now + 1 + random.below(lasts);
        self.wish(next);
        self.set_alarm();
    }

    /// It serves, and goes on to.
    pub fn end_of_switches(&mut self) {
        self.switches.next = NEVER;
        self.wish(Handover::None);
    }

    fn wish(&mut self, handover: Handover) {
        let mut world = self.world.borrow_mut();
        world.note(|| format!("handover: {handover:?}"));
        for conn in &mut world.conns {
            conn.was_over |= conn.is_closed_by_halb();
        }
        self.plane.set_handover(handover, |one| world.wake(one));
    }
}

/// All who came in have gone, with all that was for them.
fn nobody_is_left(world: &World) {
    for (number, conn) in world.conns.iter().enumerate() {
        let is_outside = world.outside.iter().any(|one| one.conn == number);
        if !conn.is_clients() || is_outside {
            continue;
        }
        assert!(
            conn.is_closed_by_halb(),
            "drained, and conn {number} is open"
        );
        // What closed before the switch began is the kernel's to deliver: nobody waits for it.
        let cut = world.profile.cuts || world.profile.is_unruly();
        assert!(
            cut || conn.was_over || !conn.is_unheard(),
            "drained, and conn {number} lacks its last bytes"
        );
    }
}

/// A connection that no backlog has yet.
pub struct Outside {
    pub conn: usize,
    /// When it gets on.
    pub at: u64,
    /// The listener that answered its first packet; `None`: it was kept away.
    listener: Option<usize>,
}

impl World {
    /// The first packet of a connection comes to the listener of `port`.
    pub fn knock(&mut self, conn: usize, port: usize) {
        if self.ports[port].refuses {
            self.note(|| format!("conn {conn} is kept away from worker {port}"));
            let at = self.now + RETRY;
            self.wait_outside(conn, at, None);
        } else if self.profile.switched && self.random.chance(300) {
            let at = self.now + self.random.below(HANDSHAKE);
            self.wait_outside(conn, at, Some(port));
        } else {
            self.ports[port].backlog.push_back(conn);
        }
    }

    fn wait_outside(&mut self, conn: usize, at: u64, listener: Option<usize>) {
        self.outside.push(Outside { conn, at, listener });
    }

    /// Those who were kept away try again, and handshakes end.
    pub fn come_in(&mut self) {
        let now = self.now;
        let due = |one: &mut Outside| one.at <= now;
        let due: Vec<Outside> = self.outside.extract_if(.., due).collect();
        for Outside { conn, listener, .. } in due {
            let chosen = listener.or_else(|| self.pick_listener());
            match (chosen, listener) {
                (Some(port), Some(_)) if self.ports[port].listens => {
                    self.conns[conn].deaf = self.ports[port].refuses;
                    self.ports[port].backlog.push_back(conn);
                }
                (Some(port), None) => self.knock(conn, port),
                _ => {
                    self.note(|| format!("conn {conn} finds nobody"));
                    self.turned_away.push(conn);
                    self.conns[conn].refuse();
                    self.poke(conn);
                }
            }
        }
    }
}
