//! A script, read from bytes: what clients and backends do, in which order, around one real worker. The fuzzer writes
//! them. Whatever a script says, the worker gives everything back, and what arrives is what was sent (`truth`).

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use halb::balance::hash::HashKey;
use halb::model::plan::Plan;
use halb::plane::Order;
use halb::plane::Plane;
use halb::plane::handover::Handover;
use halb::ring::port::Socket;
use halb::worker::Learning;
use halb::worker::Leftovers;
use halb::worker::Progress;
use halb::worker::Worker;

use crate::net::Seen;
use crate::port::LISTENER;
use crate::profile::Family;
use crate::profile::Jitter;
use crate::profile::MICROSECOND;
use crate::profile::MILLISECOND;
use crate::profile::Profile;
use crate::profile::SECOND;
use crate::ring::SimRing;
use crate::run;
use crate::truth;
use crate::world::World;

/// More does not lead anywhere new.
const EVENTS_MAX: usize = 80;
/// Between two events: enough for a connection to an output to open.
const BETWEEN: u64 = 500 * MICROSECOND;
const CLIENTS_MAX: usize = 6;
/// Long enough for all that a worker does without waiting for anybody.
const MOMENT: u64 = MILLISECOND;

/// Who is at the other end of one connection, and what it said and heard.
pub struct Peer {
    conn: usize,
    pub sent: Vec<u8>,
    pub heard: Vec<u8>,
    /// It has said that no more will come.
    pub ended: bool,
    /// It has heard the end of the stream, and no reset.
    pub heard_end: bool,
    reads: bool,
    gone: bool,
}

/// What a script came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Played {
    /// Whole requests that reached a backend.
    pub requests: usize,
    /// Responses of backends that reached a client.
    pub responses: usize,
}

/// Plays a script; what went wrong, if anything did, and how it came to that.
pub fn attempt(script: &[u8], traced: bool) -> Result<Played, String> {
    let mut script = Script { bytes: script };
    let mut stage = Stage::new(&mut script, traced);
    let played = catch_unwind(AssertUnwindSafe(|| stage.play(&mut script)));
    played.map_err(|panic| {
        let trace = match stage.world.try_borrow() {
            Ok(world) => world.trace().cloned().unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        run::tale(&run::words(&*panic), &trace)
    })
}

struct Script<'b> {
    bytes: &'b [u8],
}

impl<'b> Script<'b> {
    fn event(&mut self) -> Option<u8> {
        (!self.bytes.is_empty()).then(|| self.byte())
    }

    /// The next byte; nothing is left: 0.
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.bytes.split_at(count.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    fn text(&mut self) -> &'b [u8] {
        let count = self.byte();
        self.take(count.into())
    }
}

struct Stage {
    world: Rc<RefCell<World>>,
    worker: Worker<SimRing>,
    plane: Arc<Plane>,
    clients: Vec<Peer>,
    backends: Vec<Peer>,
    ordered: bool,
    stopped: bool,
}

impl Stage {
    fn new(script: &mut Script<'_>, traced: bool) -> Stage {
        Stage::of(profile(script.byte(), script.byte()), traced, |plan| plan)
    }

    /// Nothing goes wrong in it but what a test does. `change` makes the worker's plan.
    fn quiet(change: impl FnOnce(Plan) -> Plan) -> Stage {
        Stage::of(profile(0, 0), false, change)
    }

    fn of(profile: Profile, traced: bool, change: impl FnOnce(Plan) -> Plan) -> Stage {
        let world = Rc::new(RefCell::new(World::new(profile.clone(), traced)));
        let plan = Arc::new(change(Plan {
            max_head_bytes: 4096,
            ..run::plan(&world.borrow())
        }));
        let plane = Arc::new(Plane::new(1, profile.max_connections));
        plane.set_maxima(&plan);
        let ring = SimRing::new(&world, 0);
        let listeners = vec![Socket(LISTENER)];
        Stage {
            worker: Worker::new(
                ring,
                0,
                listeners,
                plan,
                Arc::clone(&plane),
                Learning {
                    hash: HashKey::from_bytes([7; HashKey::LENGTH]),
                    capacity: 1000,
                },
            ),
            world,
            plane,
            clients: Vec::new(),
            backends: Vec::new(),
            ordered: false,
            stopped: false,
        }
    }

    fn play(&mut self, script: &mut Script<'_>) -> Played {
        for _ in 0..EVENTS_MAX {
            let Some(event) = script.event() else { break };
            self.act(script, event);
            self.pass(BETWEEN);
        }
        self.end();
        truth::judge(&self.clients, &self.backends)
    }

    /// One event. Its high bits say what happens, the low ones to whom.
    fn act(&mut self, script: &mut Script<'_>, event: u8) {
        let (what, who) = (event >> 3, usize::from(event & 7));
        self.world
            .borrow_mut()
            .note(|| format!("event {what} of {who}"));
        match what {
            0 | 1 => self.connect(),
            2..=4 => self.say(true, who, REQUESTS, script.byte()),
            5 => self.say_bytes(true, who, script.text()),
            6..=9 => self.say(false, who, RESPONSES, script.byte()),
            10 => self.say_bytes(false, who, script.text()),
            11 => self.leave(true, who, Way::Shut),
            12 => self.leave(true, who, Way::Close),
            13 => self.leave(true, who, Way::Reset),
            14 => self.leave(false, who, Way::Shut),
            15 => self.leave(false, who, Way::Close),
            16 => self.leave(false, who, Way::Reset),
            17 => self.listens(true, who, false),
            18 => self.listens(false, who, false),
            19 => self.listens(true, who, true),
            20 => self.listens(false, who, true),
            21..=23 => self.pass(PAUSES[who % PAUSES.len()]),
            24 if who == 0 => self.order(Order::Finish),
            24 if who == 1 => self.order(Order::Stop),
            _ => {}
        }
    }

    fn connect(&mut self) {
        let index = self.clients.len();
        if index == CLIENTS_MAX {
            return;
        }
        let conn = self.world.borrow_mut().connect_client(index);
        self.clients.extend(conn.map(Peer::new));
    }

    fn say(&mut self, by_client: bool, who: usize, texts: &[&str], which: u8) {
        let peers = if by_client {
            &self.clients
        } else {
            &self.backends
        };
        let Some(index) = pick(peers, who) else {
            return;
        };
        let letter = if by_client { b'a' } else { b'A' } + index as u8 % 26;
        let text = texts[usize::from(which) % texts.len()];
        let bytes = match text.parse() {
            Ok(count) => vec![letter; count],
            Err(_) => text.replace('@', &char::from(letter).to_string()).into(),
        };
        self.say_bytes(by_client, who, &bytes);
    }

    fn say_bytes(&mut self, by_client: bool, who: usize, bytes: &[u8]) {
        let mut world = self.world.borrow_mut();
        if let Some(peer) = peer(&mut self.clients, &mut self.backends, by_client, who)
            && !peer.ended
            && !peer.gone
        {
            let count = world.conns[peer.conn].write(bytes).unwrap_or(0);
            peer.sent.extend_from_slice(&bytes[..count]);
        }
    }

    fn leave(&mut self, by_client: bool, who: usize, how: Way) {
        let mut world = self.world.borrow_mut();
        let Some(peer) = peer(&mut self.clients, &mut self.backends, by_client, who) else {
            return;
        };
        if peer.gone {
            return;
        }
        peer.ended |= how != Way::Reset;
        let conn = &mut world.conns[peer.conn];
        match how {
            Way::Shut => conn.shut(),
            Way::Close => conn.close(),
            Way::Reset => conn.reset(true),
        }
        peer.gone = how != Way::Shut;
    }

    fn listens(&mut self, by_client: bool, who: usize, reads: bool) {
        if let Some(peer) = peer(&mut self.clients, &mut self.backends, by_client, who) {
            peer.reads = reads;
        }
    }

    fn order(&mut self, order: Order) {
        if self.plane.order() == Order::Run {
            self.plane.set_order(order);
            self.world.borrow_mut().wake(0);
            self.ordered = true;
        }
    }

    /// The worker turns until `length` has passed; who reads, reads.
    fn pass(&mut self, length: u64) {
        let until = self.world.borrow().now + length;
        self.world.borrow_mut().alarm = until;
        while !self.stopped && self.world.borrow().now < until {
            if self.worker.turn() == Progress::Stopped {
                self.stopped = true;
                let mut world = self.world.borrow_mut();
                world.ports[0].stopped = true;
                world.ports[0].listens = false;
            }
        }
        let mut world = self.world.borrow_mut();
        let opened = std::mem::take(&mut world.opened);
        self.backends.extend(opened.into_iter().map(Peer::new));
        let peers = self.clients.iter_mut().chain(&mut self.backends);
        for peer in peers.filter(|peer| peer.reads && !peer.gone) {
            peer.listen(&mut world);
        }
    }

    /// Everybody reads, the worker stops, and has nothing left.
    fn end(&mut self) {
        for peer in self.clients.iter_mut().chain(&mut self.backends) {
            peer.reads = true;
        }
        self.pass(MOMENT);
        if !self.ordered {
            self.order(Order::Finish);
        }
        let limit = self.world.borrow().now + 12 * SECOND;
        while !self.stopped {
            self.pass(MOMENT);
            self.pass(SECOND);
            let now = self.world.borrow().now;
            assert!(now < limit, "it does not stop");
        }
        self.pass(0);
        assert_eq!(self.worker.leftovers(), Leftovers::default());
        run::home(&self.world.borrow(), 0);
        run::at_rest(&self.plane);
    }
}

/// A connection that is kept through a switch that is called off: it is there for its next request.
pub fn keep_through_a_switch() {
    let mut stage = Stage::quiet(|plan| plan);
    let wish = |stage: &Stage, handover| {
        let mut world = stage.world.borrow_mut();
        stage.plane.set_handover(handover, |one| world.wake(one));
    };
    stage.connect();
    for number in 0..2 {
        stage.say(true, 0, REQUESTS, 0);
        stage.pass(BETWEEN);
        let asked = stage.backends.len() - 1;
        stage.say(false, asked, RESPONSES, 0);
        stage.pass(BETWEEN);
        wish(&stage, Handover::Drain);
        stage.pass(MOMENT);
        wish(&stage, Handover::None);
        stage.pass(3 * SECOND);
        let client = &stage.clients[0];
        assert!(!client.heard_end, "closed after {} responses", number + 1);
    }
    stage.end();
    let heard = String::from_utf8_lossy(&stage.clients[0].heard).into_owned();
    assert_eq!(heard.matches("200 OK").count(), 2, "{heard}");
}

/// A session that waits for the one place there is, while a reload brings another output in the middle of a turn.
pub fn choose_by_a_plan_that_came_in_mid_turn() {
    let with_one_place = |plan: &Plan, outputs: usize| {
        let mut plan = plan.clone();
        plan.outputs = plan.outputs.iter().take(outputs).cloned().collect();
        let first = plan.outputs.each_mut().next();
        first.expect("there are outputs").max_connections = 1;
        plan
    };
    let mut stage = Stage::quiet(|plan| with_one_place(&plan, 1));
    for client in 0..2 {
        stage.connect();
        stage.say(true, client, REQUESTS, 0);
        stage.pass(MOMENT);
    }
    assert_eq!(
        (stage.backends.len(), stage.plane.outputs().queue().now),
        (1, 1)
    );
    let plane = Arc::clone(&stage.plane);
    let all = run::plan(&stage.world.borrow());
    let mut next = with_one_place(&all, 2);
    next.succeed(&with_one_place(&all, 1));
    stage.world.borrow_mut().meanwhile = Some(Box::new(move || {
        plane.set_plan(Arc::new(next), |_| {});
    }));
    stage.connect();
    stage.say_bytes(true, 2, b"no request\r\n\r\n"); // its answer is sent in the turn that reads it
    stage.pass(MOMENT);
    assert!(stage.world.borrow().meanwhile.is_none());
    assert_eq!(
        (stage.backends.len(), stage.plane.outputs().queue().now),
        (2, 0)
    );
    stage.end();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Shut,
    Close,
    Reset,
}

impl Peer {
    fn new(conn: usize) -> Peer {
        Peer {
            conn,
            sent: Vec::new(),
            heard: Vec::new(),
            ended: false,
            heard_end: false,
            reads: true,
            gone: false,
        }
    }

    fn listen(&mut self, world: &mut World) {
        loop {
            match world.conns[self.conn].read(usize::MAX) {
                Seen::Bytes(bytes) => self.heard.extend(bytes),
                Seen::End => {
                    self.heard_end = true;
                    return;
                }
                Seen::Nothing | Seen::Reset => return,
            }
        }
    }
}

fn pick(peers: &[Peer], who: usize) -> Option<usize> {
    (!peers.is_empty()).then(|| who % peers.len())
}

fn peer<'p>(
    clients: &'p mut [Peer],
    backends: &'p mut [Peer],
    by_client: bool,
    who: usize,
) -> Option<&'p mut Peer> {
    let peers = if by_client { clients } else { backends };
    let index = pick(peers, who)?;
    peers.get_mut(index)
}

fn profile(setup: u8, seed: u8) -> Profile {
    let quiet = Profile::quiet(seed.into(), Family::Everything);
    let has = |bit: u8| setup & (1 << bit) != 0;
    let few = has(2);
    let mut profile = Profile {
        scripted: true,
        clients: 0,
        small: if few { 5 } else { 16 },
        large: if few { 1 } else { 4 },
        pipes: if has(3) { 0 } else { 4 },
        max_connections: if has(4) { 2 } else { 100 },
        jitter: Jitter {
            short: [0, 0, 300, 900][usize::from(setup & 3)],
            late: if has(5) { 100 } else { 0 },
            empty: if has(5) { 50 } else { 0 },
            shuffle: if has(5) { 300 } else { 0 },
            ..Jitter::default()
        },
        unresolved: usize::from(has(6)),
        stop: Some((Order::Stop, 0)),
        client_timeout: Duration::from_secs(6),
        server_timeout: Duration::from_secs(4),
        conn_timeout: Duration::from_secs(2),
        queue_timeout: Duration::from_secs(2),
        tunnel_timeout: Duration::from_secs(5),
        grace: Duration::from_secs(3),
        ..quiet
    };
    profile.faults.connect = if has(7) { 300 } else { 0 };
    profile
}

const PAUSES: [u64; 8] = [
    10 * MICROSECOND,
    MILLISECOND,
    MILLISECOND,
    100 * MILLISECOND,
    SECOND,
    3 * SECOND,
    7 * SECOND,
    61 * SECOND,
];

/// What clients say. A number is so many times their letter, which also stands for `@`.
const REQUESTS: &[&str] = &[
    "GET /@ HTTP/1.1\r\nHost: h\r\nX-Who: @\r\n\r\n",
    "POST /@ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n",
    "10",
    "POST /@ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    "5\r\n@@@@@\r\n",
    "0\r\n\r\n",
    "0\r\nX-Behind: @\r\n\r\n",
    "GET /@ HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: t/1\r\n\r\n",
    "HEAD /@ HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /@ HTTP/1.0\r\n\r\n",
    "GET /@ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET http://h/@ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "PUT /@ HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n",
    "60000",
    "POST /@ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n",
    "GET /@ HTTP/1.1\r\nHost: h\r\nX-",
    "Long: @\r\n\r\n",
    "POST /@ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET /@ HTTP/1.1\r\n\r\n",
];

/// What backends say.
const RESPONSES: &[&str] = &[
    "HTTP/1.1 200 OK\r\nX-Who: @\r\nContent-Length: 5\r\n\r\n@@@@@",
    "HTTP/1.1 200 OK\r\nX-Who: @\r\nContent-Length: 10\r\n\r\n",
    "10",
    "HTTP/1.1 200 OK\r\nX-Who: @\r\nTransfer-Encoding: chunked\r\n\r\n",
    "3\r\n@@@\r\n",
    "0\r\n\r\n",
    "0\r\nX-Behind: @\r\n\r\n",
    "HTTP/1.1 101 Go\r\nX-Who: @\r\nConnection: upgrade\r\nUpgrade: t/1\r\n\r\n",
    "HTTP/1.0 200 OK\r\nX-Who: @\r\n\r\n@@@",
    "HTTP/1.1 200 OK\r\nX-Who: @\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 204 No\r\nX-Who: @\r\n\r\n",
    "HTTP/1.1 304 No\r\nX-Who: @\r\nContent-Length: 7\r\n\r\n",
    "HTTP/1.1 100 On\r\n\r\n",
    "HTTP/1.1 103 Early\r\nX-Who: @\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-Who: @\r\nContent-Length: 300000\r\n\r\n",
    "60000",
    "HTTP/1.1 404 No\r\nX-Who: @\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-",
    "Long: @\r\nContent-Length: 1\r\n\r\n@",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n@",
];
