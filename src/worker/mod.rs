//! The data plane: one worker per core.
//!
//! A turn is: wait, feed, flush. What completed is fed to the connection it belongs to; what follows is asked of
//! the ring at once and submitted with the next wait. Nothing here blocks, and nothing knows which ring it is on.
//!
//! - `admission`: who comes in; `idle`: who goes when a place is wanted; `shed`: who goes when buffers run short
//! - `client`, `upstream`: the two kinds of connection; `stream`: what they share
//! - `choosing`: at which output, in which queue; `affinity`: what ties a request to one
//! - `session`: one exchange, from a request's head to its end; `upload` and `download`: its two directions;
//!   `transfer`: what they share; `bulk`: long bodies; `tunnel`: after a 101; `pace`: how slow a client may be;
//!   `measure`: what it takes; `ending`: how it ends; `record`: what the access log says of it
//! - `shaping`: sends wait for their share of the bandwidth
//! - `snapshot`: learned sessions that outlive a restart; `stop`: orders; `replan`: reload;
//!   `handover`: a planned switch; `table`, `wheel`: slots with generations, and time
#![forbid(unsafe_code)]

mod admission;
pub mod affinity;
mod bulk;
mod choosing;
mod client;
mod download;
mod ending;
mod handover;
mod hunger;
mod idle;
mod measure;
mod pace;
mod record;
mod replan;
mod session;
mod shaping;
mod shed;
mod snapshot;
mod stop;
mod stream;
mod table;
mod time;
mod transfer;
mod tunnel;
mod upload;
mod upstream;
mod wheel;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::balance::choice::Chooser;
use crate::balance::hash::HashKey;
use crate::http::field::Fields;
use crate::model::output::OUTPUTS_MAX;
use crate::model::plan::Plan;
use crate::model::time::Instant;
use crate::plane::Order;
use crate::plane::Plane;
use crate::plane::places::Ticket;
use crate::plane::queue::Call;
use crate::plane::standing::Epoch;
use crate::ring::arena::Buffer;
use crate::ring::port::Completion;
use crate::ring::port::Ring;
use crate::ring::port::Socket;
use crate::ring::token::Token;
use crate::worker::admission::Listener;
use crate::worker::affinity::Affinity;
use crate::worker::client::Client;
use crate::worker::handover::Switching;
use crate::worker::hunger::Hunger;
use crate::worker::hunger::Starved;
use crate::worker::idle::Idle;
use crate::worker::record::Recorder;
use crate::worker::session::Session;
use crate::worker::shaping::Shaped;
use crate::worker::snapshot::Handing;
use crate::worker::table::Key;
use crate::worker::table::Table;
use crate::worker::transfer::Way;
use crate::worker::upstream::Upstream;
use crate::worker::wheel::Due;
use crate::worker::wheel::Wheel;

/// Whether a worker still has something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    Running,
    Stopped,
}

/// The leak check: what a worker still holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leftovers {
    pub clients: u64,
    pub upstreams: u64,
    pub sessions: u64,
    pub sockets: u64,
    pub buffers: u64,
    pub pipes: u64,
    pub operations: u64,
    /// Requests of which the access log has not been told.
    pub records: u64,
}

impl Leftovers {
    /// Adds another worker's.
    pub fn add(&mut self, other: &Leftovers) {
        self.clients += other.clients;
        self.upstreams += other.upstreams;
        self.sessions += other.sessions;
        self.sockets += other.sockets;
        self.buffers += other.buffers;
        self.pipes += other.pipes;
        self.operations += other.operations;
        self.records += other.records;
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Leftovers::default() {
            return f.write_str("nothing");
        }
        write!(
            f,
            "{} clients, {} upstreams, {} sessions, {} sockets, {} buffers, {} pipes, {} operations, {} records",
            self.clients,
            self.upstreams,
            self.sessions,
            self.sockets,
            self.buffers,
            self.pipes,
            self.operations,
            self.records
        )
    }
}

/// Deadlines that come due in one turn, but for bursts: the first one shall not allocate.
const DUE_USUAL: usize = 64;

/// One event loop: a ring, the connections on it, and what it knows of the outputs.
pub struct Worker<R: Ring> {
    ring: Shaped<R>,
    index: usize,
    plan: Arc<Plan>,
    plane: Arc<Plane>,
    listeners: Vec<Listener>,
    /// Plans taken up so far.
    plans_seen: u64,
    /// How the outputs stand, as of the last look.
    epoch: Epoch,
    clients: Table<Client>,
    upstreams: Table<Upstream>,
    sessions: Table<Session>,
    /// Idle connections of each output, the one used last at the end.
    pools: Vec<Vec<Key>>,
    chooser: Chooser,
    affinity: Affinity,
    handing: Handing,
    /// What has become of those who wait for a place at an output; used again for every look.
    calls: Vec<Call>,
    wheel: Wheel,
    idle: Idle,
    /// Accepted connections without a place, in the order of arrival. One that gave up stays until its turn.
    waiting: VecDeque<(Ticket, Key)>,
    places_freed: bool,
    /// Too many wait already.
    crowded: bool,
    /// Accepting rests.
    paused: bool,
    /// Accepting failed and is tried again then.
    accept_again_at: Option<Instant>,
    /// Long bodies that could be moved on at once and wait for their turn.
    bulk: VecDeque<(Key, Way)>,
    /// Bytes of long bodies moved in this turn.
    bulk_moved: usize,
    /// Who found no buffer and asks again after a pause.
    hunger: Hunger,
    /// Used again for every such pause.
    starved: Vec<Starved>,
    feed_at: Option<Instant>,
    order: Order,
    switching: Switching,
    stop_by: Option<Instant>,
    fields: Fields,
    recorder: Recorder,
    completions: Vec<Completion>,
    due: Vec<Due>,
}

/// Long bodies that can wait for their turn before that takes memory.
const BULK_ROOM: usize = 64;

/// What a worker begins to learn sessions with.
#[derive(Clone, Debug)]
pub struct Learning {
    /// The same for all workers.
    pub hash: HashKey,
    /// Sessions that its table has room for.
    pub capacity: usize,
}

/// What an operation was for; the kind in its token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Accept,
    Wake,
    ClientReceive,
    ClientSend,
    UpstreamConnect,
    UpstreamReceive,
    UpstreamSend,
    ClientReadable,
    ClientWritable,
    UpstreamReadable,
    UpstreamWritable,
}

impl Kind {
    const ALL: [Kind; 11] = [
        Kind::Accept,
        Kind::Wake,
        Kind::ClientReceive,
        Kind::ClientSend,
        Kind::UpstreamConnect,
        Kind::UpstreamReceive,
        Kind::UpstreamSend,
        Kind::ClientReadable,
        Kind::ClientWritable,
        Kind::UpstreamReadable,
        Kind::UpstreamWritable,
    ];

    fn token(self, key: Key) -> Token {
        Token {
            kind: self as u8,
            slot: key.slot,
            generation: key.generation,
        }
    }
}

impl<R: Ring> Worker<R> {
    /// The worker at `index`, listening on `listeners` (its own, not shared with other workers), in the order of the
    /// plan's addresses.
    pub fn new(
        ring: R,
        index: usize,
        listeners: Vec<Socket>,
        plan: Arc<Plan>,
        plane: Arc<Plane>,
        learning: Learning,
    ) -> Worker<R> {
        let listener = |(index, socket): (usize, Socket)| Listener {
            socket,
            address: plan.listen.get(index).copied(),
            accepting: false,
            closed: false,
        };
        let listeners = listeners.into_iter().enumerate().map(listener).collect();
        let mut worker = Worker {
            index,
            listeners,
            plans_seen: 0,
            epoch: Epoch::default(),
            clients: Table::new(),
            upstreams: Table::new(),
            sessions: Table::new(),
            pools: (0..OUTPUTS_MAX).map(|_| Vec::new()).collect(),
            chooser: Chooser::new(&plan, index),
            affinity: Affinity::new(&plan, index, learning.hash, learning.capacity),
            handing: Handing::default(),
            calls: Vec::new(),
            wheel: Wheel::new(ring.now()),
            idle: Idle::default(),
            waiting: VecDeque::new(),
            places_freed: false,
            crowded: false,
            paused: false,
            accept_again_at: None,
            bulk: VecDeque::with_capacity(BULK_ROOM),
            bulk_moved: 0,
            starved: Vec::new(),
            hunger: Hunger::default(),
            feed_at: None,
            order: Order::Run,
            switching: Switching::default(),
            stop_by: None,
            fields: Fields::new(),
            recorder: Recorder::default(),
            completions: Vec::new(),
            due: Vec::with_capacity(DUE_USUAL),
            ring: Shaped::new(ring, plane.bandwidth()),
            plan,
            plane,
        };
        worker.ring.await_wake(Kind::Wake.token(Key {
            slot: 0,
            generation: 0,
        }));
        worker.accept_more();
        worker
    }

    /// Waits for something to happen and does what follows from it, once.
    pub fn turn(&mut self) -> Progress {
        let until = self.wake_time();
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.turn(until, &mut completions);
        self.plane.page(self.index).turns.add(1);
        self.look();
        self.on_gone_out();
        self.hear_news();
        for completion in completions.drain(..) {
            self.dispatch(completion);
        }
        self.completions = completions;
        self.continue_bulk();
        self.hand_out_sessions();
        self.expire();
        if std::mem::take(&mut self.places_freed) {
            self.admit_waiting();
        }
        self.feed_starved();
        self.answer_calls();
        self.obey();
        self.attend_handover();
        self.progress()
    }

    /// What has not come home. A stopped worker has nothing left.
    pub fn leftovers(&self) -> Leftovers {
        let counts = self.ring.counts();
        Leftovers {
            clients: self.clients.len() as u64,
            upstreams: self.upstreams.len() as u64,
            sessions: self.sessions.len() as u64,
            sockets: counts.sockets,
            buffers: counts.buffers,
            pipes: counts.pipes,
            operations: counts.in_flight.saturating_sub(1), // one waits for a wake, always
            records: self.recorder.open() as u64,
        }
    }

    /// The ring, to look at its counts.
    pub fn ring(&self) -> &R {
        self.ring.inner()
    }

    fn dispatch(&mut self, completion: Completion) {
        let Completion {
            token,
            result,
            buffer,
            last,
        } = completion;
        let key = Key {
            slot: token.slot,
            generation: token.generation,
        };
        match Kind::ALL.get(usize::from(token.kind)) {
            Some(Kind::Accept) => self.on_accept(key.slot, result, last),
            Some(Kind::Wake) => self.on_wake(),
            Some(Kind::ClientReceive) => self.on_client_received(key, result, buffer),
            Some(Kind::ClientSend) => self.on_client_sent(key, result, buffer),
            Some(Kind::UpstreamConnect) => self.on_connected(key, result),
            Some(Kind::UpstreamReceive) => self.on_upstream_received(key, result, buffer),
            Some(Kind::UpstreamSend) => self.on_upstream_sent(key, result, buffer),
            Some(Kind::ClientReadable) => self.on_client_ready(key, Way::Up),
            Some(Kind::ClientWritable) => self.on_client_ready(key, Way::Down),
            Some(Kind::UpstreamReadable) => self.on_upstream_ready(key, Way::Down),
            Some(Kind::UpstreamWritable) => self.on_upstream_ready(key, Way::Up),
            None => self.take_back(buffer),
        }
    }

    /// Gives a buffer back, if there is one.
    fn take_back(&mut self, buffer: Option<Buffer>) {
        if let Some(buffer) = buffer {
            self.ring.give_back(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_its_place_in_the_list() {
        for (index, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
        assert!(
            Kind::ALL.len() < usize::from(Token::KIND_MAX),
            "the ring keeps the last kind"
        );
    }
}
