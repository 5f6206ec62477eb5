//! Clients that send a body, or take one, more slowly than they may: HALB has to end that.

use crate::client::Link;
use crate::profile::Profile;
use crate::profile::SECOND;
use crate::random::Random;
use crate::world::World;

/// So much has to lie ahead for a client to be slow with it, for else it would be over before its time.
const LONG_BYTES: usize = 30_000;
/// A minute is free, whatever the rate …
const FREE: u64 = 60 * SECOND;
/// … then it has to be so many bytes a second.
const LEAST_RATE: u64 = 500;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Writes,
    Reads,
}

/// How a client is slow, and since when.
pub struct Slow {
    way: Way,
    /// Bytes a second.
    rate: usize,
    since: Option<u64>,
    next: u64,
}

impl Slow {
    pub fn of(profile: &Profile, random: &mut Random) -> Option<Slow> {
        if profile.faults.slow == 0 || !random.chance(profile.faults.slow) {
            return None;
        }
        Some(Slow {
            way: random.pick(&[Way::Writes, Way::Reads]),
            rate: random.between(20, 250) as usize,
            since: None,
            next: 0,
        })
    }
}

impl Link {
    /// It sends its body too slowly.
    pub(super) fn trickles(&self) -> bool {
        self.is_slow(Way::Writes)
    }

    /// When it may read or write next, as far as it is slow in that.
    pub(super) fn slow_until(&self, way: Way) -> u64 {
        match &self.manner.slow {
            Some(slow) if slow.way == way && slow.since.is_some() => slow.next,
            _ => 0,
        }
    }

    /// How much it writes now, of at most `most`.
    pub(super) fn write_rate(&mut self, world: &World, most: usize) -> usize {
        let whole = self.waiting.len() == 1 && self.held.is_none();
        // What went fast before buys time, so more has to lie ahead than that buys.
        let long = whole && self.output.len() > LONG_BYTES + 2 * self.moved;
        self.begin_to_be_slow(world, Way::Writes, long);
        if !self.trickles() {
            return most;
        }
        self.manner.pipelines = false;
        let now = world.now;
        let slow = self.manner.slow.as_mut().expect("it trickles");
        let since = slow.since.expect("for a while");
        // The head's time, the body's, and something for a kernel that is late.
        let free = FREE.max(self.moved as u64 / LEAST_RATE * SECOND);
        let limit = world.profile.client_timeout.as_nanos() as u64 + free + 20 * SECOND;
        assert!(
            now < since + limit,
            "conn {}: {} bytes a second are still taken after {} s",
            self.conn,
            slow.rate,
            limit / SECOND
        );
        step(slow, now).min(most)
    }

    /// How much it reads now, of at most `most`.
    pub(super) fn read_rate(&mut self, world: &World, most: usize) -> usize {
        let (conn, left) = (&world.conns[self.conn], self.content_left());
        let waits = left > conn.unread() && !conn.is_closed_by_halb();
        self.begin_to_be_slow(world, Way::Reads, waits && left > LONG_BYTES);
        if !self.is_slow(Way::Reads) {
            return most;
        }
        let slow = self.manner.slow.as_mut().expect("it is slow");
        if !waits {
            slow.since = None; // all has gone, or nothing more will come: what is left may come fast
            return most;
        }
        let since = slow.since.expect("for a while");
        let went = (self.moved + conn.unread()) as u64;
        let limit = FREE.max(went / LEAST_RATE * SECOND) + 40 * SECOND;
        assert!(
            world.now < since + limit,
            "conn {}: {} bytes a second are still given after {} s",
            self.conn,
            slow.rate,
            limit / SECOND
        );
        step(slow, world.now).min(most)
    }

    fn is_slow(&self, way: Way) -> bool {
        let slow = self.manner.slow.as_ref();
        slow.is_some_and(|slow| slow.way == way && slow.since.is_some())
    }

    fn begin_to_be_slow(&mut self, world: &World, way: Way, begins: bool) {
        if let Some(slow) = &mut self.manner.slow
            && slow.way == way
            && slow.since.is_none()
            && begins
        {
            slow.since = Some(world.now);
        }
    }
}

/// Some bytes every second.
fn step(slow: &mut Slow, now: u64) -> usize {
    if now < slow.next {
        return 0;
    }
    slow.next = now + SECOND;
    slow.rate
}
