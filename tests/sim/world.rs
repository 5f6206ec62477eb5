//! The world a run is played in: its clock, its connections and everybody on them.

use std::net::SocketAddr;

use nix::errno::Errno;

use crate::backend::Backend;
use crate::backend::Server;
use crate::client::Client;
use crate::flow::Flow;
use crate::handover::Outside;
use crate::ledger::Ledger;
use crate::net::Conn;
use crate::port::Port;
use crate::profile::MICROSECOND;
use crate::profile::MILLISECOND;
use crate::profile::Profile;
use crate::profile::SECOND;
use crate::random::Random;
use crate::ties::Ties;

pub const NEVER: u64 = u64::MAX;
/// More steps than any sound run takes.
const STEPS_MAX: u64 = 2_000_000;

/// Somebody at the other end of a connection.
pub enum Actor {
    Client(Box<Client>),
    Backend(Box<Backend>),
}

/// Everything there is.
pub struct World {
    pub profile: Profile,
    pub now: u64,
    pub random: Random,
    pub conns: Vec<Conn>,
    pub ports: Vec<Port>,
    pub servers: Vec<Server>,
    pub ledger: Ledger,
    pub ties: Ties,
    pub flow: Flow,
    actors: Vec<Option<Actor>>,
    /// When each actor acts next.
    wakes: Vec<u64>,
    /// Clients that have not ended.
    pub busy_clients: usize,
    /// Connections to backends that a script has not looked at yet.
    pub opened: Vec<usize>,
    /// When the run's driver wants to act.
    pub alarm: u64,
    /// Connections that no backlog has yet.
    pub outside: Vec<Outside>,
    /// Those of them that found nobody.
    pub turned_away: Vec<usize>,
    /// What control does while a worker is about to send: in the middle of its turn.
    pub meanwhile: Option<Box<dyn FnOnce()>>,
    steps: u64,
    trace: Option<Vec<String>>,
}

impl World {
    pub fn new(profile: Profile, traced: bool) -> World {
        let mut random = Random::of(profile.seed, 0x0F_0D0D);
        let servers = (0..profile.servers).map(Server::new).collect();
        let ports = (0..profile.workers).map(|_| Port::new(&profile)).collect();
        let mut world = World {
            now: random.between(0, 5 * SECOND),
            random,
            conns: Vec::new(),
            ports,
            servers,
            ledger: Ledger::default(),
            ties: Ties::new(profile.servers),
            flow: Flow::new(profile.bandwidth),
            actors: Vec::new(),
            wakes: Vec::new(),
            busy_clients: 0,
            opened: Vec::new(),
            alarm: NEVER,
            outside: Vec::new(),
            turned_away: Vec::new(),
            meanwhile: None,
            steps: 0,
            trace: traced.then(Vec::new),
            profile,
        };
        let (clients, requests) = (world.profile.clients, world.profile.requests);
        let sizes = world.profile.sizes;
        for index in 0..clients {
            let requests = match sizes {
                Some(sizes) if index < sizes.long_clients => 1,
                _ => requests,
            };
            world.add_client(requests, 0);
        }
        world
    }

    /// A client with so many requests, that begins after a while.
    pub fn add_client(&mut self, requests: usize, after: u64) {
        let index = self.actors.len();
        let client = Client::new(index, requests);
        self.busy_clients += 1;
        let delay = after + self.random.below(5 * MILLISECOND);
        self.add(Actor::Client(Box::new(client)), delay);
    }

    fn add(&mut self, actor: Actor, delay: u64) {
        self.actors.push(Some(actor));
        self.wakes.push(self.now + delay);
    }

    /// Faults end here; what is under way keeps what it drew.
    pub fn calm_down(&mut self) {
        self.profile = self.profile.calmed();
    }

    pub fn note(&mut self, text: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>12.6} {}", now as f64 / 1e9, text()));
        }
    }

    pub fn trace(&self) -> Option<&Vec<String>> {
        self.trace.as_ref()
    }

    /// Something happened at the other end of `conn`.
    pub fn poke(&mut self, conn: usize) {
        let actor = self.conns[conn].actor;
        let at = self.now + self.random.below(50 * MICROSECOND);
        if let Some(wake) = self.wakes.get_mut(actor) {
            *wake = at.min(*wake);
        }
    }

    /// A client connects to the listener of one worker; `None`: nobody listens.
    pub fn connect_client(&mut self, actor: usize) -> Option<usize> {
        let port = self.pick_listener()?;
        let number = self.conns.len();
        let address =
            SocketAddr::from(([192, 0, 2, actor as u8 + 1], 1024 + number as u16 % 50_000));
        let conn = self.add_conn(actor, address);
        self.knock(conn, port);
        if self.random.chance(self.profile.jitter.late) {
            self.ports[port].ripe_at = self.now + self.random.below(5 * MILLISECOND);
        }
        self.note(|| format!("client {actor} connects: conn {conn} to worker {port}"));
        Some(conn)
    }

    /// The kernel's choice among those who listen.
    pub fn pick_listener(&mut self) -> Option<usize> {
        let listening: Vec<usize> = (0..self.ports.len())
            .filter(|port| self.ports[*port].listens)
            .collect();
        (!listening.is_empty()).then(|| self.random.pick(&listening))
    }

    /// A new connection of HALB's to `address`, which is `server`'s: the backend's end of it.
    pub fn connect_backend(&mut self, server: usize, conn: usize) {
        if self.profile.scripted {
            self.opened.push(conn);
            return;
        }
        let actor = self.actors.len();
        self.conns[conn].actor = actor;
        let backend = Backend::new(server, conn, self);
        let delay = self.random.below(100 * MICROSECOND);
        self.add(Actor::Backend(Box::new(backend)), delay);
    }

    pub fn add_conn(&mut self, actor: usize, address: SocketAddr) -> usize {
        let capacity = match (self.profile.jitter.short, self.profile.body_max) {
            _ if self.profile.scripted => 64 * 1024, // what does not fit is never said
            _ if self.profile.sizes.is_some() => 1 << 20,
            _ if self.profile.bulk => self.random.pick(&[4_096, 64 * 1024, 700_000]),
            (0, _) => 64 * 1024,
            (_, 10_000..) => self.random.pick(&[4_096, 64 * 1024]),
            _ => self.random.pick(&[16, 700, 4_096, 64 * 1024, 64 * 1024]),
        };
        self.conns.push(Conn::new(actor, address, capacity));
        self.conns.len() - 1
    }

    pub fn server_at(&self, address: &SocketAddr) -> Option<usize> {
        self.servers
            .iter()
            .position(|server| server.address == *address)
    }

    /// When something happens next by itself.
    fn next_event(&self) -> u64 {
        let actors = self.wakes.iter().copied().min().unwrap_or(NEVER);
        let live = self.ports.iter().filter(|port| !port.stopped);
        let ports = live.map(Port::next_event).min();
        let outside = self.outside.iter().map(|one| one.at).min();
        let others = ports.into_iter().chain(outside).min();
        actors.min(others.unwrap_or(NEVER))
    }

    /// Lets time pass until something happens, or until `limit`. False: nothing ever will.
    pub fn advance(&mut self, limit: u64) -> bool {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "the run does not end");
        let next = self.next_event();
        if next == NEVER && limit == NEVER {
            return false;
        }
        self.now = self.now.max(next.min(limit));
        for index in 0..self.actors.len() {
            if self.wakes[index] <= self.now {
                self.act(index);
            }
        }
        self.come_in();
        self.execute();
        true
    }

    /// The kernel's part: whatever can be done is done.
    pub fn execute(&mut self) {
        for port in 0..self.ports.len() {
            crate::port::execute(self, port);
        }
    }

    fn act(&mut self, index: usize) {
        self.wakes[index] = NEVER;
        let Some(mut actor) = self.actors[index].take() else {
            return;
        };
        let next = match &mut actor {
            Actor::Client(client) => client.act(self),
            Actor::Backend(backend) => backend.act(self),
        };
        match next {
            Some(at) => {
                self.actors[index] = Some(actor);
                self.wakes[index] = self.wakes[index].min(at.max(self.now + 1));
            }
            None => {
                if let Actor::Client(_) = actor {
                    self.busy_clients -= 1;
                }
                self.wakes[index] = NEVER;
            }
        }
    }

    /// Somebody orders the worker at `port` to look.
    pub fn wake(&mut self, port: usize) {
        self.ports[port].woken = true;
    }

    /// What a try to connect to `server` will come to, and when.
    pub fn fate_of_connect(&mut self, server: Option<usize>) -> (Result<u32, Errno>, u64) {
        let soon = self.now + self.random.below(200 * MICROSECOND);
        if server.is_none() {
            return (Err(Errno::EHOSTUNREACH), soon);
        }
        if !self.random.chance(self.profile.faults.connect) {
            return (Ok(0), soon);
        }
        let later = self.now + self.random.below(3 * SECOND);
        match self.random.below(6) {
            0 | 1 => (Err(Errno::ECONNREFUSED), soon),
            2 => (Err(Errno::EHOSTUNREACH), later),
            3 => (Err(Errno::ENETUNREACH), soon),
            4 => (Err(Errno::ETIMEDOUT), later),
            _ => (Err(Errno::ETIMEDOUT), NEVER),
        }
    }
}
