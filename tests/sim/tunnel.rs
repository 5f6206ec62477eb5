//! Tunnels: what a request to switch protocols leads to, and how either end of it behaves.
//!
//! Both ends know from the request's number what the other says. Each ends its own direction when it has said all;
//! in some tunnels one end says nothing before it has heard the other's end.

use crate::message::length;
use crate::net::Seen;
use crate::profile::Family;
use crate::profile::MICROSECOND;
use crate::profile::MILLISECOND;
use crate::profile::Profile;
use crate::random::Random;
use crate::random::bytes_of;
use crate::world::NEVER;
use crate::world::World;

/// What the backends of this world speak.
pub const PROTOCOL: &str = "sim/1";

/// The tunnel that a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tunnel {
    /// Of the request.
    id: u64,
    /// The backend switches; else it answers as if nobody had asked.
    pub granted: bool,
    /// What the client offers, and what of it goes on.
    pub offer: (&'static str, &'static str),
    /// Bytes from the client, and to it.
    lengths: [usize; 2],
    /// Who hears the other's end before it says anything.
    waits: Option<Side>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Client,
    Backend,
}

impl Tunnel {
    /// The one that request `id` asks for, if it does.
    pub fn of(profile: &Profile, id: u64) -> Option<Tunnel> {
        let mut random = Random::of(profile.seed ^ 0x7E1, id);
        if !random.chance(profile.tunnels) {
            return None;
        }
        let most = profile.body_max.max(600);
        let offers = [
            (PROTOCOL, PROTOCOL),
            ("h2c, sim/1", PROTOCOL),
            ("sim/1,other/2", "sim/1, other/2"),
        ];
        Some(Tunnel {
            id,
            granted: random.chance(800),
            offer: random.pick(&offers),
            lengths: [length(&mut random, most), length(&mut random, most)],
            waits: random.pick(&[None, None, Some(Side::Client), Some(Side::Backend)]),
        })
    }

    fn says(&self, side: Side) -> Vec<u8> {
        match side {
            Side::Client => bytes_of(self.id ^ 0x1_0000_0000, self.lengths[0]),
            Side::Backend => bytes_of(self.id ^ 0x2_0000_0000, self.lengths[1]),
        }
    }
}

/// What an end finds out when it listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// So many bytes, maybe none.
    More(usize),
    /// The other end has said all it will say.
    End,
    Reset,
}

/// One end of a tunnel.
pub struct End {
    pub id: u64,
    side: Side,
    says: Vec<u8>,
    said: usize,
    /// It has ended its own direction.
    shut: bool,
    hears: Vec<u8>,
    heard: usize,
    /// The other has ended its direction.
    ended: bool,
    /// So much of what it says does not wait for the other's end; `None`: all of it.
    free: Option<usize>,
    write_most: usize,
    pause: u64,
    /// It rests once, so long, behind so many bytes.
    rest: Option<(usize, u64)>,
    next: u64,
}

impl End {
    /// The end at `side`, which first has to say `first`.
    pub fn new(world: &mut World, tunnel: &Tunnel, side: Side, first: Vec<u8>) -> End {
        let other = match side {
            Side::Client => Side::Backend,
            Side::Backend => Side::Client,
        };
        let head = first.len();
        let free = (tunnel.waits == Some(side)).then_some(head);
        let says = [first, tunnel.says(side)].concat();
        let random = &mut world.random;
        let sizes: &[usize] = match world.profile.jitter.short {
            0 => &[100_000],
            _ => &[1, 30, 1_000, 100_000],
        };
        let longest = world.profile.tunnel_timeout.as_nanos() as u64 * 4 / 5;
        let rests = random.chance(300);
        let rest = rests.then(|| {
            let at = random.between(head as u64, says.len() as u64);
            (at as usize, random.below(longest))
        });
        End {
            id: tunnel.id,
            side,
            write_most: random.pick(sizes).max(says.len() / 300),
            says,
            said: 0,
            shut: false,
            hears: tunnel.says(other),
            heard: 0,
            ended: false,
            free,
            pause: random.pick(&[10 * MICROSECOND, MILLISECOND, 10 * MILLISECOND]),
            rest,
            next: world.now,
        }
    }

    /// How much it has to say in all.
    pub fn all(&self) -> usize {
        self.says.len()
    }

    /// How much it has said.
    pub fn said(&self) -> usize {
        self.said
    }

    /// The other has said all.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Both directions have ended, and nothing is missing.
    pub fn is_done(&self) -> bool {
        self.shut && self.ended
    }

    /// Reads at most `most` bytes of what has come, and checks it.
    pub fn listen(&mut self, world: &mut World, conn: usize, most: usize) -> Heard {
        match world.conns[conn].read(most) {
            Seen::Nothing => Heard::More(0),
            Seen::Bytes(bytes) => {
                self.hear(&bytes);
                Heard::More(bytes.len())
            }
            Seen::End => {
                self.ended |= self.heard == self.hears.len();
                Heard::End
            }
            Seen::Reset => Heard::Reset,
        }
    }

    /// These are the next bytes from the other end.
    pub fn hear(&mut self, bytes: &[u8]) {
        let rest = &self.hears[self.heard..];
        assert!(
            rest.starts_with(bytes),
            "tunnel {}: {:?} hears {} bytes behind {} that nobody said; {} were to come",
            self.id,
            self.side,
            bytes.len(),
            self.heard,
            rest.len()
        );
        self.heard += bytes.len();
    }

    /// Says what is due, at most `limit` bytes in all, and ends its direction behind the last.
    pub fn say(&mut self, world: &mut World, conn: usize, limit: usize) -> usize {
        if self.shut || world.now < self.next {
            return 0;
        }
        if let Some((at, rest)) = self.rest
            && self.said >= at
        {
            self.rest = None;
            self.next = world.now + rest;
            let (id, side) = (self.id, self.side);
            world.note(|| format!("tunnel {id}: {side:?} rests"));
            return 0;
        }
        let due = self.due().min(limit).saturating_sub(self.said);
        let most = due.min(self.write_most);
        let Some(count) = world.conns[conn].write(&self.says[self.said..self.said + most]) else {
            return 0; // the next look says how it ended
        };
        self.said += count;
        self.next = world.now + 1 + world.random.below(self.pause);
        if self.said == self.says.len() && self.said < limit && !self.waits() {
            self.shut = true;
            world.conns[conn].shut();
            let (id, side) = (self.id, self.side);
            world.note(|| format!("tunnel {id}: {side:?} has said all"));
        }
        count
    }

    /// When it says more.
    pub fn next(&self, world: &World, conn: usize) -> u64 {
        let idle = self.said == self.due() && (self.waits() || self.shut);
        match !idle && world.conns[conn].has_room() {
            true => self.next.max(world.now + 1),
            false => NEVER,
        }
    }

    /// So much of it may be said by now.
    fn due(&self) -> usize {
        match self.free {
            Some(free) if self.waits() => free,
            _ => self.says.len(),
        }
    }

    fn waits(&self) -> bool {
        self.free.is_some() && !self.ended
    }
}

/// Nothing excuses a tunnel that is not carried to its end.
pub fn is_steady(profile: &Profile) -> bool {
    let family = matches!(
        profile.family,
        Family::Calm | Family::CalmPair | Family::Finish | Family::Shaped
    );
    family && !profile.recovers
}
