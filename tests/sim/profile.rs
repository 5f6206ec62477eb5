//! What kind of world a seed is played in.

use std::time::Duration;

use halb::model::config::Mode;
use halb::plane::Order;
use halb::plane::inbox;

use crate::random::Random;

pub const MICROSECOND: u64 = 1_000;
pub const MILLISECOND: u64 = 1_000_000;
pub const SECOND: u64 = 1_000_000_000;

/// Limits of bandwidth, from the lowest to one that few worlds reach.
const RATES: [u64; 4] = [1_000_000, 2_000_000, 20_000_000, 250_000_000];

/// The families of worlds. In the calm ones nothing excuses a request that is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Nothing but requests; completions come as they please.
    Calm,
    /// The same over two workers.
    CalmPair,
    /// Clients that leave, stall, dribble; connections that break.
    Clients,
    /// Outputs that refuse, break, stall, talk garbage.
    Backends,
    /// Too few buffers, descriptors and places.
    Full,
    /// A graceful stop at any moment of calm traffic.
    Finish,
    /// A stop at once, at any moment, with every fault on.
    Stop,
    /// Every fault, two workers, a graceful stop.
    Everything,
    /// Cookies over two or three workers that hear late of each other, in half of the worlds a graceful stop.
    Tied,
    /// The same, with places at the outputs and outputs that are switched off and on.
    Places,
    /// Calm traffic under a limit of bandwidth, over one to three workers.
    Shaped,
    /// Calm traffic while the service goes to another server, again and again; in half of the worlds a graceful stop.
    Switched,
}

pub const FAMILIES: [Family; 12] = [
    Family::Calm,
    Family::CalmPair,
    Family::Clients,
    Family::Backends,
    Family::Full,
    Family::Finish,
    Family::Stop,
    Family::Everything,
    Family::Tied,
    Family::Places,
    Family::Shaped,
    Family::Switched,
];

/// How unruly the kernel is, per mille. None of this excuses anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter {
    /// Reads and writes that move less than they could, down to one byte.
    pub short: u64,
    /// Completions that come long after their operation was done.
    pub late: u64,
    /// Turns that bring nothing.
    pub empty: u64,
    /// `ENOBUFS` though there are buffers.
    pub starved: u64,
    /// Accepting that ends by itself, with or without an error.
    pub accept_ends: u64,
    /// Only some of what completed is seen, in any order.
    pub shuffle: u64,
}

/// What breaks, per mille.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A client's connection that is ended badly.
    pub client: u64,
    /// A client's connection on which a long body goes too slowly.
    pub slow: u64,
    /// A client's request that is not to be accepted.
    pub malformed: u64,
    /// A backend's exchange that is.
    pub backend: u64,
    /// A connection to a backend that fails.
    pub connect: u64,
    /// A socket that cannot be opened.
    pub open: u64,
}

/// The first clients move long bodies, the others short ones.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub long_clients: usize,
    pub long: usize,
    pub short: usize,
    /// Long bodies go up.
    pub uploads: bool,
}

impl Sizes {
    fn is_long(&self, id: u64) -> bool {
        id / 1000 < self.long_clients as u64
    }

    /// The body of request `id`, if it has one.
    pub fn up(&self, id: u64) -> Option<usize> {
        (self.uploads && self.is_long(id)).then_some(self.long)
    }

    /// The body of its response.
    pub fn down(&self, id: u64) -> usize {
        match self.is_long(id) && !self.uploads {
            true => self.long,
            false => self.short,
        }
    }
}

/// One world.
#[derive(Clone, Debug)]
pub struct Profile {
    pub seed: u64,
    pub family: Family,
    pub workers: usize,
    /// Requests that even a relay of bytes forwards rightly: for the simulator's own tests.
    pub plain: bool,
    /// Whoever is at the other ends does what a script says; see `script`.
    pub scripted: bool,
    /// Small GETs alone, over connections that last: for counting.
    pub gets_only: bool,
    /// How long bodies are, where chance has no part in it.
    pub sizes: Option<Sizes>,
    pub jitter: Jitter,
    pub faults: Faults,
    /// The storm is over, but not everything that began in it.
    pub recovers: bool,
    /// Something there is too little of.
    pub filled: bool,
    pub small: u32,
    pub large: u32,
    /// Pipes each worker may have.
    pub pipes: usize,
    /// Descriptors each worker may have.
    pub sockets_max: usize,
    pub max_connections: u64,
    pub servers: usize,
    /// So many of them, the first ones, have names that do not resolve. That excuses nothing: others are there.
    pub unresolved: usize,
    pub clients: usize,
    pub requests: usize,
    /// An order to stop, and when.
    pub stop: Option<(Order, u64)>,
    pub client_timeout: Duration,
    pub server_timeout: Duration,
    pub conn_timeout: Duration,
    pub queue_timeout: Duration,
    pub tunnel_timeout: Duration,
    pub grace: Duration,
    pub body_max: u64,
    /// Bodies of some MiB, which go through pipes.
    pub bulk: bool,
    /// Requests that ask to switch protocols, per mille.
    pub tunnels: u64,
    /// How clients are tied to outputs, if they are.
    pub mode: Option<Mode>,
    /// Entries in the inboxes between workers.
    pub inbox: usize,
    /// A worker that seldom gets a turn.
    pub lazy: Option<usize>,
    /// How often it does get one, per mille.
    pub industry: u64,
    /// Places at each output, 0 for any number.
    pub output_places: u64,
    /// All outputs but the first are switched off and on, and found down and up.
    pub flips: bool,
    /// The service is handed over to another server now and then.
    pub switched: bool,
    /// What takes long is cut then.
    pub cuts: bool,
    /// Memory runs short now and then.
    pub scarce: bool,
    /// The longest that an output thinks about its answer.
    pub thinks: u64,
    /// Bits a second that HALB may send.
    pub bandwidth: Option<u64>,
}

impl Profile {
    /// The world of `seed` in `family`.
    pub fn of(family: Family, seed: u64) -> Profile {
        let mut random = Random::of(seed, 0xFA_0000 + family as u64);
        let mut profile = Profile::quiet(seed, family);
        profile.jitter = jitter(&mut random);
        profile.servers = random.between(1, 4) as usize;
        profile.clients = random.between(1, 7) as usize;
        profile.requests = random.between(1, 8) as usize;
        profile.body_max = random.pick(&[0, 40, 5_000, 5_000, 70_000, 200_000]);
        if profile.body_max > 10_000 {
            profile.clients = profile.clients.min(4);
            profile.requests = profile.requests.min(4);
        }
        if random.chance(300) {
            profile.unresolved = random.between(0, 2).min(profile.servers as u64 - 1) as usize;
        }
        profile.widen(&mut Random::of(seed, 0x919E + family as u64));
        profile.starve(&mut Random::of(seed, 0x57A4 + family as u64));
        let moment = random.below(30 * MILLISECOND);
        match family {
            Family::Calm => {}
            Family::CalmPair => profile.workers = 2,
            Family::Clients => {
                profile.faults.client = random.pick(&[50, 300, 800]);
                profile.faults.malformed = random.pick(&[0, 100]);
            }
            Family::Backends => profile.break_backends(&mut random),
            Family::Full => profile.fill(&mut random),
            Family::Finish => profile.stop = Some((Order::Finish, moment)),
            Family::Stop => {
                profile.break_everything(&mut random);
                profile.workers = random.between(1, 2) as usize;
                profile.stop = Some((Order::Stop, moment));
            }
            Family::Everything => {
                profile.break_everything(&mut random);
                profile.workers = 2;
                profile.stop = random.chance(500).then_some((Order::Finish, moment * 20));
                profile.grace = Duration::from_secs(random.pick(&[0, 2, 60]));
            }
            Family::Tied => {
                profile.tie(&mut random);
                profile.stop = random.chance(500).then_some((Order::Finish, moment));
            }
            Family::Places => {
                profile.tie(&mut random);
                profile.contend(&mut random);
            }
            Family::Shaped => {
                profile.workers = random.between(1, 3) as usize;
                profile.bandwidth = Some(random.pick(&RATES));
            }
            Family::Switched => {
                profile.workers = random.between(1, 3) as usize;
                profile.switched = true;
                profile.cuts = random.chance(300);
                profile.stop = random.chance(500).then_some((Order::Finish, moment * 20));
            }
        }
        profile.shape(&mut Random::of(seed, 0x5A_BE00 + family as u64));
        profile
    }

    /// A world where everything goes by the book, with room for all.
    pub fn quiet(seed: u64, family: Family) -> Profile {
        Profile {
            seed,
            family,
            workers: 1,
            plain: false,
            scripted: false,
            gets_only: false,
            sizes: None,
            jitter: Jitter::default(),
            faults: Faults::default(),
            recovers: false,
            filled: false,
            small: 256,
            large: 64,
            pipes: 16,
            sockets_max: 4000,
            max_connections: 1000,
            servers: 2,
            unresolved: 0,
            clients: 4,
            requests: 4,
            stop: None,
            client_timeout: Duration::from_secs(20),
            server_timeout: Duration::from_secs(8),
            conn_timeout: Duration::from_secs(4),
            queue_timeout: Duration::from_secs(4),
            tunnel_timeout: Duration::from_secs(15),
            grace: Duration::from_secs(60),
            body_max: 5_000,
            bulk: false,
            tunnels: 0,
            mode: None,
            inbox: inbox::CAPACITY,
            lazy: None,
            industry: 1000,
            output_places: 0,
            flips: false,
            switched: false,
            cuts: false,
            scarce: false,
            thinks: 0,
            bandwidth: None,
        }
    }

    /// The same world after the storm.
    pub fn calmed(&self) -> Profile {
        Profile {
            faults: Faults {
                malformed: self.faults.malformed, // who began to ask it goes on
                ..Faults::default()
            },
            recovers: true,
            flips: false,
            switched: false,
            cuts: false,
            family: match self.filled {
                true => Family::Full,
                false if self.output_places > 0 => Family::Places,
                false => Family::Calm,
            },
            ..self.clone()
        }
    }

    /// Anything may go wrong.
    pub fn is_unruly(&self) -> bool {
        matches!(self.family, Family::Stop | Family::Everything)
    }

    /// The longest that anybody may be left without any sign.
    pub fn patience(&self) -> u64 {
        let longest = self.client_timeout
            + self.server_timeout * 2
            + self.conn_timeout * 3
            + self.queue_timeout * 2
            + self.tunnel_timeout
            + Duration::from_secs(10);
        longest.as_nanos() as u64
    }

    /// What came later than the rest, from a stream of its own, so that the rest is as it was.
    fn widen(&mut self, random: &mut Random) {
        self.pipes = random.pick(&[0, 1, 2, 16, 16]);
        self.tunnels = random.pick(&[0, 0, 100, 500]);
        self.bulk = random.chance(100);
        if matches!(self.family, Family::Tied | Family::Places) {
            (self.tunnels, self.bulk) = (0, false); // these are about short exchanges, and many
        }
        if self.bulk {
            self.body_max = random.pick(&[300_000, 1_000_000, 3_000_000]);
            self.clients = self.clients.min(3);
            self.requests = self.requests.min(3);
            self.grace = Duration::from_secs(600); // some MiB in small pieces take their time
        }
        if self.family == Family::Clients {
            self.faults.slow = random.pick(&[0, 200, 500]);
        }
    }

    /// Where anything may go wrong anyway, some worlds have a limit of bandwidth as well.
    fn shape(&mut self, random: &mut Random) {
        if matches!(self.family, Family::Stop | Family::Everything) {
            self.switched = random.chance(300);
            self.cuts = self.switched;
        }
        if matches!(self.family, Family::Stop | Family::Everything) && random.chance(300) {
            self.bandwidth = Some(random.pick(&RATES));
        }
    }

    /// What came later still.
    fn starve(&mut self, random: &mut Random) {
        let others = [Family::CalmPair, Family::Finish, Family::Everything];
        self.scarce = others.contains(&self.family) && random.chance(400);
    }

    /// Nothing excuses a request that is not answered by the book.
    pub fn is_steady(&self) -> bool {
        let calm = matches!(
            self.family,
            Family::Calm | Family::CalmPair | Family::Tied | Family::Shaped
        );
        calm && self.stop.is_none()
    }

    /// A place at an output may be waited for in vain.
    pub fn is_impatient(&self) -> bool {
        self.queue_timeout < Duration::from_secs(10) && self.output_places > 0
    }

    fn tie(&mut self, random: &mut Random) {
        self.workers = random.between(2, 3) as usize;
        self.servers = random.between(2, 4) as usize;
        self.unresolved = 0;
        self.jitter.starved = 0; // who is slow while buffers are short may be ended
        self.clients = random.between(2, 7) as usize;
        self.body_max = self.body_max.min(5_000);
        self.mode = Some(random.pick(&[Mode::Passive, Mode::Passive, Mode::Sync, Mode::Insert]));
        self.inbox = random.pick(&[1, 1, 2, inbox::CAPACITY]);
        let lazy = random.index(self.workers);
        self.lazy = random.chance(700).then_some(lazy);
        self.industry = random.pick(&[5, 50]);
        if random.chance(500) {
            // Quick clients: a cookie is used before a lazy worker has looked.
            self.jitter = Jitter::default();
            self.clients = random.between(6, 12) as usize;
            self.requests = random.between(6, 12) as usize;
        }
    }

    fn contend(&mut self, random: &mut Random) {
        self.output_places = random.between(1, 2);
        self.flips = random.chance(600);
        self.thinks = random.pick(&[MILLISECOND, 20 * MILLISECOND, 200 * MILLISECOND]);
        self.queue_timeout = Duration::from_millis(random.pick(&[100, 120_000, 120_000]));
        if random.chance(300) {
            self.mode = None;
        }
    }

    fn break_backends(&mut self, random: &mut Random) {
        self.faults.backend = random.pick(&[30, 200, 600]);
        self.faults.connect = random.pick(&[0, 100, 500]);
        self.faults.open = random.pick(&[0, 0, 50]);
    }

    fn break_everything(&mut self, random: &mut Random) {
        self.break_backends(random);
        self.faults.client = random.pick(&[50, 300]);
        self.faults.malformed = random.pick(&[0, 50]);
        if random.chance(300) {
            self.fill(random);
        }
    }

    fn fill(&mut self, random: &mut Random) {
        self.filled = true;
        match random.below(3) {
            0 => {
                self.small = random.between(2, 6) as u32;
                self.large = random.between(1, 3) as u32;
            }
            1 => self.sockets_max = random.between(2, 6) as usize,
            _ => self.max_connections = random.between(1, 3),
        }
        self.faults.open = random.pick(&[0, 100]);
    }
}

fn jitter(random: &mut Random) -> Jitter {
    let mut pick = |list: &[u64]| random.pick(list);
    Jitter {
        short: pick(&[0, 100, 500, 950]),
        late: pick(&[0, 20, 200]),
        empty: pick(&[0, 50]),
        starved: pick(&[0, 20, 200]),
        accept_ends: pick(&[0, 100, 500]),
        shuffle: pick(&[0, 500, 1000]),
    }
}
