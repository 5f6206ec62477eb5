//! One worker's share of the faked kernel: its descriptors, its buffers, its operations in flight.
//!
//! An operation is first executed (its bytes move, its socket is accepted) and then delivered, maybe much
//! later; what is cancelled or closed in between still comes, as it does from the kernel.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::ops::Range;

use halb::ring::arena::Arena;
use halb::ring::arena::Buffer;
use halb::ring::arena::HEADROOM;
use halb::ring::arena::SMALL_BYTES;
use halb::ring::arena::TAILROOM;
use halb::ring::port::Completion;
use halb::ring::port::InFlight;
use halb::ring::port::RingCounts;
use halb::ring::port::Size;
use halb::ring::token::Token;
use nix::errno::Errno;

use crate::pipes::Pipes;
use crate::profile::MICROSECOND;
use crate::profile::MILLISECOND;
use crate::profile::Profile;
use crate::profile::SECOND;
use crate::world::NEVER;
use crate::world::World;

/// The number every worker's own listener has.
pub const LISTENER: i32 = 3;

/// What an operation does.
pub enum Deed {
    Accept,
    Connect {
        conn: usize,
        fate: Result<u32, Errno>,
        at: u64,
    },
    Receive {
        conn: usize,
        into: Option<(Buffer, Range<usize>)>,
    },
    Send {
        conn: usize,
        buffer: Option<Buffer>,
        range: Range<usize>,
    },
    /// Waits until there is something to receive.
    Readable {
        conn: usize,
    },
    /// Waits until something can be sent.
    Writable {
        conn: usize,
    },
    Wake,
}

impl Deed {
    /// The connection it works on.
    pub fn conn(&self) -> Option<usize> {
        match self {
            Deed::Connect { conn, .. }
            | Deed::Receive { conn, .. }
            | Deed::Send { conn, .. }
            | Deed::Readable { conn }
            | Deed::Writable { conn } => Some(*conn),
            Deed::Accept | Deed::Wake => None,
        }
    }

    /// It counts as a receive: one at a time.
    pub fn reads(&self) -> bool {
        matches!(self, Deed::Receive { .. } | Deed::Readable { .. })
    }

    /// It counts as a send: one at a time.
    pub fn writes(&self) -> bool {
        matches!(self, Deed::Send { .. } | Deed::Writable { .. })
    }
}

/// What became of it, and when that is seen.
struct Done {
    result: Result<u32, Errno>,
    buffer: Option<Buffer>,
    last: bool,
    at: u64,
}

pub struct Operation {
    pub token: Token,
    pub deed: Deed,
    pub cancelled: bool,
    done: VecDeque<Done>,
    /// Its last completion is among `done`.
    ended: bool,
}

impl Operation {
    pub fn new(token: Token, deed: Deed) -> Operation {
        Operation {
            token,
            deed,
            cancelled: false,
            done: VecDeque::new(),
            ended: false,
        }
    }

    /// The connection it works on.
    pub fn conn(&self) -> Option<usize> {
        self.deed.conn()
    }
}

/// One worker's kernel.
pub struct Port {
    pub arena: Arena,
    pub pipes: Pipes,
    /// Descriptors, by number.
    pub table: BTreeMap<i32, usize>,
    pub sockets_max: usize,
    pub operations: Vec<Operation>,
    pub backlog: VecDeque<usize>,
    /// Before that the backlog is not looked at: the kernel has other things to do.
    pub ripe_at: u64,
    pub inbox: VecDeque<usize>,
    /// Its listener is open.
    pub listens: bool,
    /// Nobody can begin to connect to it.
    pub refuses: bool,
    pub woken: bool,
    pub stopped: bool,
    /// Waiting, at most until then.
    pub idle: Option<u64>,
    pub counts: RingCounts,
    /// Turns in a row that neither brought anything nor waited.
    pub empty_turns: u32,
}

impl Port {
    pub fn new(profile: &Profile) -> Port {
        Port {
            arena: Arena::new(profile.small, profile.large).expect("memory"),
            pipes: Pipes::new(profile.pipes),
            table: BTreeMap::new(),
            sockets_max: profile.sockets_max,
            operations: Vec::new(),
            backlog: VecDeque::new(),
            ripe_at: 0,
            inbox: VecDeque::new(),
            listens: true,
            refuses: false,
            woken: false,
            stopped: false,
            idle: None,
            counts: RingCounts::default(),
            empty_turns: 0,
        }
    }

    /// The lowest free number, as the kernel gives it.
    pub fn enter(&mut self, conn: usize) -> Option<i32> {
        if self.table.len() >= self.sockets_max {
            return None;
        }
        let number = (LISTENER + 1..).find(|number| !self.table.contains_key(number))?;
        self.table.insert(number, conn);
        Some(number)
    }

    /// Whether an operation like this is under way on `conn`.
    pub fn is_busy(&self, conn: usize, like: impl Fn(&Deed) -> bool) -> bool {
        let mut operations = self.operations.iter();
        operations.any(|one| one.conn() == Some(conn) && like(&one.deed))
    }

    /// What the subject says is in flight on a connection it closes has to be true.
    pub fn check_in_flight(&self, conn: usize, said: InFlight) {
        let there: Vec<&Operation> = self
            .operations
            .iter()
            .filter(|one| one.conn() == Some(conn))
            .collect();
        match (said, there.as_slice()) {
            (InFlight::Nothing, []) | (InFlight::Any, _) => {}
            (InFlight::Pick(token), [one])
                if one.token == token && matches!(one.deed, Deed::Receive { into: None, .. }) => {}
            (InFlight::Nothing, there) => {
                panic!("conn {conn} closed as idle with {} in flight", there.len())
            }
            (said, there) => panic!("conn {conn} closed with {said:?} of {}", there.len()),
        }
    }

    pub fn in_flight_on(&self, conn: usize) -> usize {
        let operations = self.operations.iter();
        operations.filter(|one| one.conn() == Some(conn)).count()
    }

    pub fn next_event(&self) -> u64 {
        let mut next = NEVER;
        for operation in &self.operations {
            if let Some(done) = operation.done.front() {
                next = next.min(done.at);
                continue;
            }
            match operation.deed {
                Deed::Connect { at, .. } => next = next.min(at),
                Deed::Accept if !self.backlog.is_empty() => next = next.min(self.ripe_at),
                _ => {}
            }
        }
        next
    }

    /// Something can be seen now.
    pub fn has_news(&self, now: u64) -> bool {
        self.operations
            .iter()
            .any(|operation| operation.done.front().is_some_and(|done| done.at <= now))
    }
}

/// Does what can be done now for the worker at `port`.
pub fn execute(world: &mut World, port: usize) {
    let mut operations = std::mem::take(&mut world.ports[port].operations);
    for operation in &mut operations {
        while !operation.ended && step(world, port, operation) {}
    }
    world.ports[port].operations = operations;
}

/// One step of one operation; false when it has to wait.
fn step(world: &mut World, port: usize, operation: &mut Operation) -> bool {
    let done = match &mut operation.deed {
        Deed::Accept => accept(world, port, operation.cancelled),
        Deed::Connect { conn, fate, at } => {
            let (conn, fate, at) = (*conn, *fate, *at);
            connect(world, conn, fate, at, operation.cancelled)
        }
        Deed::Receive { conn, into } => receive(world, port, *conn, into, operation.cancelled),
        Deed::Send {
            conn,
            buffer,
            range,
        } => send(world, *conn, buffer, range, operation.cancelled),
        Deed::Readable { conn } => {
            let ready = world.conns[*conn].can_receive();
            poll(ready, operation.cancelled)
        }
        Deed::Writable { conn } => {
            let ready = world.conns[*conn].is_writable();
            poll(ready, operation.cancelled)
        }
        Deed::Wake => {
            let woken = std::mem::take(&mut world.ports[port].woken);
            woken.then_some((Ok(0), None, true))
        }
    };
    let Some((result, buffer, last)) = done else {
        return false;
    };
    let at = world.now + lateness(world);
    let kind = operation.token.kind;
    world.note(|| format!("worker {port}: kind {kind} did {result:?}, seen at {at}"));
    operation.ended = last;
    operation.done.push_back(Done {
        result,
        buffer,
        last,
        at,
    });
    true
}

type Effect = Option<(Result<u32, Errno>, Option<Buffer>, bool)>;

fn lateness(world: &mut World) -> u64 {
    let (late, shuffle) = (world.profile.jitter.late, world.profile.jitter.shuffle);
    if late == 0 && shuffle == 0 {
        return 5 * MICROSECOND; // in the order they were done, as a kernel at rest does it
    }
    // A worker that hears a second late of what its clients said would end them before.
    let latest = match world.profile.switched {
        true => 50 * MILLISECOND,
        false => SECOND,
    };
    let random = &mut world.random;
    if !random.chance(late) {
        return random.below(30 * MICROSECOND);
    }
    match random.below(20) {
        0 => random.below(latest),
        _ => random.below(20 * MILLISECOND),
    }
}

fn accept(world: &mut World, port: usize, cancelled: bool) -> Effect {
    if cancelled || !world.ports[port].listens {
        return Some((Err(Errno::ECANCELED), None, true));
    }
    let conn = *world.ports[port].backlog.front()?;
    if world.now < world.ports[port].ripe_at {
        return None;
    }
    if world.random.chance(world.profile.jitter.accept_ends) {
        // Interrupted by something that is nobody's fault; the connection stays where it is.
        let error = world
            .random
            .pick(&[Errno::ECONNABORTED, Errno::EMFILE, Errno::ENOMEM]);
        return Some((Err(error), None, true));
    }
    let Some(number) = world.ports[port].enter(conn) else {
        return Some((Err(Errno::EMFILE), None, true));
    };
    world.ports[port].backlog.pop_front();
    let last = world.random.chance(world.profile.jitter.accept_ends);
    Some((Ok(number as u32), None, last))
}

fn connect(
    world: &mut World,
    conn: usize,
    fate: Result<u32, Errno>,
    at: u64,
    cancelled: bool,
) -> Effect {
    if cancelled {
        return Some((Err(Errno::ECANCELED), None, true));
    }
    if world.now < at {
        return None;
    }
    if fate.is_ok() {
        let address = world.conns[conn].address;
        let server = world.server_at(&address);
        world.connect_backend(server.expect("only servers answer"), conn);
    }
    Some((fate, None, true))
}

fn poll(ready: bool, cancelled: bool) -> Effect {
    match (ready, cancelled) {
        (true, _) => Some((Ok(5), None, true)), // a mask, which says nothing to anybody
        (false, true) => Some((Err(Errno::ECANCELED), None, true)),
        (false, false) => None,
    }
}

/// How much of `room` an operation uses.
pub fn shorten(world: &mut World, room: usize) -> usize {
    let short = world.profile.jitter.short;
    if room > 1 && world.random.chance(short) {
        return match world.random.below(3) {
            0 => 1,
            1 => world.random.between(1, room.min(20) as u64) as usize,
            _ => world.random.between(1, room as u64) as usize,
        };
    }
    room
}

fn receive(
    world: &mut World,
    port: usize,
    conn: usize,
    into: &mut Option<(Buffer, Range<usize>)>,
    cancelled: bool,
) -> Effect {
    let ready = world.conns[conn].can_receive();
    if cancelled && (!ready || world.random.chance(700)) {
        let buffer = into.take().map(|(buffer, _)| buffer);
        return Some((Err(Errno::ECANCELED), buffer, true));
    }
    if !ready {
        return None;
    }
    let picks = into.is_none();
    let (mut buffer, range) = match into.take() {
        Some(lease) => lease,
        None => {
            let starved = world.random.chance(world.profile.jitter.starved);
            let state = &mut world.ports[port];
            let Some(buffer) = (!starved).then(|| state.arena.lease(Size::Small)).flatten() else {
                state.counts.starved += 1;
                return Some((Err(Errno::ENOBUFS), None, true));
            };
            (buffer, HEADROOM..SMALL_BYTES - TAILROOM)
        }
    };
    let count = shorten(world, range.len());
    let result = world.conns[conn].receive(&mut buffer[range.start..range.start + count]);
    world.poke(conn);
    if !picks || result.is_ok_and(|count| count > 0) {
        return Some((result.map(|count| count as u32), Some(buffer), true));
    }
    world.ports[port].arena.give_back(buffer);
    Some((result.map(|count| count as u32), None, true))
}

fn send(
    world: &mut World,
    conn: usize,
    buffer: &mut Option<Buffer>,
    range: &Range<usize>,
    cancelled: bool,
) -> Effect {
    let ready = world.conns[conn].can_send();
    if cancelled && (!ready || world.random.chance(700)) {
        return Some((Err(Errno::ECANCELED), buffer.take(), true));
    }
    if !ready {
        return None;
    }
    let count = shorten(world, range.len());
    let held = buffer
        .take()
        .expect("a send holds its buffer until it ends");
    let result = world.conns[conn].send(&held[range.start..range.start + count]);
    let actor = world.conns[conn].actor;
    world.flow.left(world.now, actor, result.unwrap_or(0));
    world.poke(conn);
    Some((result.map(|count| count as u32), Some(held), true))
}

/// Shows the worker at `port` what is due: all of it in order, or some of it in any order.
pub fn deliver(world: &mut World, port: usize, completions: &mut Vec<Completion>) -> usize {
    let mut count = 0;
    loop {
        let now = world.now;
        let operations = world.ports[port].operations.iter().enumerate();
        let due: Vec<usize> = operations
            .filter(|(_, one)| one.done.front().is_some_and(|done| done.at <= now))
            .map(|(index, _)| index)
            .collect();
        if due.is_empty() {
            return count;
        }
        let shuffled = world.random.chance(world.profile.jitter.shuffle);
        let chosen = match shuffled {
            true => world.random.pick(&due),
            false => due[0],
        };
        completions.push(take(world, port, chosen));
        count += 1;
        if shuffled && world.random.chance(300) {
            return count;
        }
    }
}

fn take(world: &mut World, port: usize, index: usize) -> Completion {
    let state = &mut world.ports[port];
    let operation = &mut state.operations[index];
    let done = operation.done.pop_front().expect("it was due");
    let token = operation.token;
    if let Deed::Send { range, .. } = &operation.deed {
        let sent = done.result.unwrap_or(0) as usize;
        world.flow.take_back(world.now, range.len() - sent);
    }
    if done.last {
        let operation = state.operations.remove(index);
        assert!(operation.done.is_empty(), "nothing comes behind the last");
    }
    Completion {
        token,
        result: done.result,
        buffer: done.buffer,
        last: done.last,
    }
}
