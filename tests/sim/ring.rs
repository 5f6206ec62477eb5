//! The ring that a worker sees. It holds the port's rules against the worker that uses it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;

use halb::model::time::Instant;
use halb::plane::Order;
use halb::ring::arena::Buffer;
use halb::ring::port::Adopted;
use halb::ring::port::Arrival;
use halb::ring::port::Completion;
use halb::ring::port::InFlight;
use halb::ring::port::Into;
use halb::ring::port::Pipe;
use halb::ring::port::Ring;
use halb::ring::port::RingCounts;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use halb::ring::token::Token;
use nix::errno::Errno;

use crate::pipes;
use crate::port;
use crate::port::Deed;
use crate::port::LISTENER;
use crate::port::Operation;
use crate::port::Port;
use crate::profile::MICROSECOND;
use crate::profile::SECOND;
use crate::world::NEVER;
use crate::world::World;

/// What a worker gives another before that one has to look.
const INBOX_MAX: usize = 3;
/// A worker that turns so often without waiting and without result is spinning.
const EMPTY_TURNS_MAX: u32 = 2_000;

/// One worker's ring in a shared world.
pub struct SimRing {
    world: Rc<RefCell<World>>,
    index: usize,
}

impl SimRing {
    pub fn new(world: &Rc<RefCell<World>>, index: usize) -> SimRing {
        SimRing {
            world: Rc::clone(world),
            index,
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.world.borrow_mut())
    }

    fn with_port<T>(&self, act: impl FnOnce(&mut Port) -> T) -> T {
        act(&mut self.world.borrow_mut().ports[self.index])
    }

    fn conn(&self, socket: Socket, purpose: &str) -> usize {
        self.with_port(|port| match port.table.get(&socket.0) {
            Some(conn) => *conn,
            None => panic!("{purpose} on {socket:?}, which is not open here"),
        })
    }

    fn submit(&self, token: Token, deed: Deed) {
        let index = self.index;
        self.with(|world| {
            let shown = describe(&deed);
            world.note(|| format!("worker {index}: asks {shown} as {token:?}"));
            world.ports[index]
                .operations
                .push(Operation::new(token, deed));
        });
    }

    /// What another does while this one waits; false when this one has something to look at.
    fn wait(&self, until: u64) -> bool {
        let index = self.index;
        self.with(|world| {
            if world.ports[index].has_news(world.now) || until <= world.now {
                return false;
            }
            if world.random.chance(world.profile.jitter.empty) {
                world.note(|| format!("worker {index}: an empty turn"));
                return false;
            }
            world.ports[index].idle = Some(until);
            let mut limit = NEVER;
            for port in world.ports.iter().filter(|port| !port.stopped) {
                match port.idle {
                    Some(until) => limit = limit.min(until),
                    None => return false,
                }
            }
            let goes_on = world.now < world.alarm && world.advance(limit.min(world.alarm));
            if !goes_on {
                let idle = world.busy_clients == 0 || world.now >= world.alarm;
                assert!(idle, "worker {index} waits for nothing: {}", state(world));
                return false;
            }
            let now = world.now;
            for port in &mut world.ports {
                if port.has_news(now) || port.idle.is_some_and(|until| until <= now) {
                    port.idle = None;
                }
            }
            true
        })
    }
}

impl Ring for SimRing {
    fn now(&self) -> Instant {
        self.with(|world| Instant::from_nanos(world.now))
    }

    fn unix_seconds(&self) -> u64 {
        self.with(|world| 1_000_000_000 + world.now / SECOND)
    }

    fn accept(&mut self, listener: Socket, token: Token) {
        assert_eq!(listener.0, LISTENER, "accepts on its own listener");
        let busy = self.with_port(|port| {
            assert!(port.listens, "accepts on a closed listener");
            port.counts.accepts += 1;
            let mut operations = port.operations.iter();
            operations.any(|one| matches!(one.deed, Deed::Accept) && !one.cancelled)
        });
        assert!(!busy, "accepts twice at a time");
        self.submit(token, Deed::Accept);
    }

    /// Nothing here changes where a worker listens.
    fn listen(&mut self, _: &SocketAddr) -> Result<Socket, Errno> {
        Err(Errno::EADDRNOTAVAIL)
    }

    fn listen_virtual(&mut self, address: &SocketAddr) -> Result<Socket, Errno> {
        self.listen(address)
    }

    fn refuse_new(&mut self, socket: Socket, refuse: bool) {
        if socket.0 != LISTENER {
            assert!(!refuse, "a connection refuses nobody");
            let conn = self.conn(socket, "refuse_new");
            self.with(|world| world.conns[conn].deaf = false);
            return;
        }
        let index = self.index;
        self.with(|world| {
            world.note(|| format!("worker {index}: refuses who is new: {refuse}"));
            let port = &mut world.ports[index];
            assert!(port.listens, "changes a closed listener");
            assert_ne!(port.refuses, refuse, "changes nothing");
            port.counts.calls += 1;
            port.refuses = refuse;
        });
    }

    fn open(&mut self, to: &SocketAddr) -> Result<Socket, Errno> {
        let index = self.index;
        self.with(|world| {
            world.ports[index].counts.calls += 1;
            if world.random.chance(world.profile.faults.open) {
                let errors = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
                return Err(world.random.pick(&errors));
            }
            let conn = world.add_conn(usize::MAX, *to);
            let entered = world.ports[index].enter(conn);
            world.note(|| format!("worker {index}: opens {entered:?}, conn {conn}, to {to}"));
            entered.map(Socket).ok_or(Errno::EMFILE)
        })
    }

    fn connect(&mut self, socket: Socket, to: &SocketAddr, token: Token) {
        let conn = self.conn(socket, "connect");
        self.with_port(|port| port.counts.connects += 1);
        let (fate, at) = self.with(|world| {
            assert_eq!(
                world.conns[conn].address, *to,
                "connects where it was opened for"
            );
            assert_eq!(world.conns[conn].actor, usize::MAX, "connects once");
            let server = world.server_at(to);
            world.fate_of_connect(server)
        });
        self.submit(token, Deed::Connect { conn, fate, at });
    }

    fn recv(&mut self, socket: Socket, into: Into, _when: Arrival, token: Token) {
        let conn = self.conn(socket, "recv");
        self.with_port(|port| {
            port.counts.recvs += 1;
            let twice = port.is_busy(conn, Deed::reads);
            assert!(!twice, "two recvs at a time on {socket:?}");
        });
        let into = match into {
            Into::Pick => None,
            Into::Lease(buffer, range) => {
                assert!(!range.is_empty(), "a recv into nothing");
                assert!(range.end <= buffer.len(), "a recv behind its buffer");
                Some((buffer, range))
            }
        };
        self.submit(token, Deed::Receive { conn, into });
    }

    fn send(&mut self, socket: Socket, buffer: Buffer, range: Range<usize>, token: Token) {
        let conn = self.conn(socket, "send");
        assert!(!range.is_empty(), "a send of nothing");
        assert!(range.end <= buffer.len(), "a send from behind its buffer");
        self.with_port(|port| {
            port.counts.sends += 1;
            let twice = port.is_busy(conn, Deed::writes);
            assert!(!twice, "two sends at a time on {socket:?}");
        });
        self.with(|world| world.flow.hand_over(world.now, range.len()));
        if let Some(meanwhile) = self.with(|world| world.meanwhile.take()) {
            meanwhile();
        }
        let deed = Deed::Send {
            conn,
            buffer: Some(buffer),
            range,
        };
        self.submit(token, deed);
    }

    fn cancel(&mut self, socket: Socket) {
        let index = self.index;
        if socket.0 == LISTENER {
            self.with_port(end_accepting);
            return;
        }
        let conn = self.conn(socket, "cancel");
        self.with(|world| {
            world.note(|| format!("worker {index}: cancels {socket:?}, conn {conn}"));
            let port = &mut world.ports[index];
            port.counts.others += 1;
            cancel_on(port, conn);
        });
    }

    fn close(&mut self, socket: Socket, in_flight: InFlight) {
        let index = self.index;
        if socket.0 == LISTENER {
            self.with(|world| close_listener(world, index));
            return;
        }
        let conn = self.conn(socket, "close");
        self.with(|world| {
            world.note(|| format!("worker {index}: closes {socket:?}, conn {conn}, {in_flight:?}"));
            let port = &mut world.ports[index];
            port.counts.others += 1;
            port.check_in_flight(conn, in_flight);
            port.table.remove(&socket.0);
            cancel_on(port, conn);
            port::execute(world, index); // what was in flight ends before the socket does
            let lossy = world.random.chance(500);
            world.conns[conn].close_by_halb(lossy);
            world.poke(conn);
        });
    }

    fn stop_sending(&mut self, socket: Socket) {
        let conn = self.conn(socket, "stop_sending");
        self.with(|world| {
            world.ports[self.index].counts.calls += 1;
            world.conns[conn].stop_sending();
            world.poke(conn);
        });
    }

    fn reset_at_close(&mut self, socket: Socket) {
        let conn = self.conn(socket, "reset_at_close");
        self.with(|world| {
            world.ports[self.index].counts.calls += 1;
            world.conns[conn].reset_at_close();
        });
    }

    fn await_readable(&mut self, socket: Socket, token: Token) {
        let conn = self.conn(socket, "await_readable");
        self.with_port(|port| {
            port.counts.polls += 1;
            let twice = port.is_busy(conn, Deed::reads);
            assert!(!twice, "two recvs at a time on {socket:?}");
        });
        self.submit(token, Deed::Readable { conn });
    }

    fn await_writable(&mut self, socket: Socket, token: Token) {
        let conn = self.conn(socket, "await_writable");
        self.with_port(|port| {
            port.counts.polls += 1;
            let twice = port.is_busy(conn, Deed::writes);
            assert!(!twice, "two sends at a time on {socket:?}");
        });
        self.submit(token, Deed::Writable { conn });
    }

    fn lease_pipe(&mut self) -> Option<Pipe> {
        self.with(|world| {
            let fails = world.random.chance(world.profile.jitter.starved); // no descriptors for one
            let port = &mut world.ports[self.index];
            (!fails).then(|| port.pipes.lease()).flatten()
        })
    }

    fn give_back_pipe(&mut self, pipe: Pipe) {
        self.with_port(|port| port.pipes.give_back(pipe));
    }

    fn fill(&mut self, pipe: &Pipe, from: Socket, most: usize) -> Result<usize, Errno> {
        let conn = self.conn(from, "fill");
        self.with(|world| pipes::fill(world, self.index, pipe, conn, most))
    }

    fn empty(&mut self, pipe: &Pipe, to: Socket, most: usize) -> Result<usize, Errno> {
        let conn = self.conn(to, "empty");
        self.with(|world| pipes::empty(world, self.index, pipe, conn, most))
    }

    fn peer(&mut self, socket: Socket) -> Option<SocketAddr> {
        let conn = self.conn(socket, "peer");
        self.with(|world| {
            world.ports[self.index].counts.calls += 1;
            let conn = &world.conns[conn];
            conn.is_connected().then_some(conn.address)
        })
    }

    fn accept_now(&mut self, listener: Socket) -> Option<Socket> {
        assert_eq!(listener.0, LISTENER, "accepts on its own listener");
        self.with_port(|port| {
            assert!(port.listens, "accepts on a closed listener");
            port.counts.calls += 1;
            let conn = *port.backlog.front()?;
            let number = port.enter(conn)?;
            port.backlog.pop_front();
            Some(Socket(number))
        })
    }

    fn await_wake(&mut self, token: Token) {
        self.with_port(|port| {
            let mut operations = port.operations.iter();
            let twice = operations.any(|one| matches!(one.deed, Deed::Wake));
            assert!(!twice, "awaits two wakes at a time");
            port.counts.others += 1;
        });
        self.submit(token, Deed::Wake);
    }

    fn adopt(&mut self) -> Option<Adopted> {
        let index = self.index;
        self.with(|world| {
            let conn = world.ports[index].inbox.pop_front()?;
            if let Some(number) = world.ports[index].enter(conn) {
                return Some(Adopted::Socket(Socket(number)));
            }
            // As the kernel does it: without room in the table, what was sent is closed.
            world.note(|| format!("conn {conn} is lost on its way to worker {index}"));
            world.conns[conn].refuse();
            world.poke(conn);
            Some(Adopted::Lost)
        })
    }

    fn hand_over(&mut self, socket: Socket, worker: usize) -> bool {
        let conn = self.conn(socket, "hand_over");
        assert_ne!(worker, self.index, "handed over to oneself");
        self.with(|world| {
            assert_eq!(
                world.ports[self.index].in_flight_on(conn),
                0,
                "handed over while busy"
            );
            let full = world.ports[worker].inbox.len() >= INBOX_MAX;
            if full
                || world.ports[worker].stopped
                || world.random.chance(world.profile.jitter.starved)
            {
                return false;
            }
            world.note(|| format!("conn {conn} handed over to worker {worker}"));
            world.ports[self.index].table.remove(&socket.0);
            world.ports[worker].inbox.push_back(conn);
            true
        })
    }

    fn wake(&mut self, worker: usize) {
        self.with(|world| {
            world.ports[self.index].counts.calls += 1;
            world.wake(worker);
        });
    }

    fn wake_control(&mut self) {
        self.with(|world| world.ports[self.index].counts.calls += 1);
    }

    fn wake_log(&mut self) {
        self.with(|world| world.ports[self.index].counts.calls += 1);
    }

    fn lease(&mut self, size: Size) -> Option<Buffer> {
        self.with_port(|port| {
            let mut buffer = port.arena.lease(size)?;
            buffer[..64].fill(0xA5); // what is not written must not be read
            Some(buffer)
        })
    }

    fn takes_more(&mut self, socket: Socket) -> bool {
        let conn = self.conn(socket, "takes_more");
        self.with(|world| {
            world.ports[self.index].counts.calls += 1;
            world.conns[conn].is_writable()
        })
    }

    fn is_unheard(&mut self, socket: Socket) -> bool {
        let conn = self.conn(socket, "is_unheard");
        self.with(|world| {
            world.ports[self.index].counts.calls += 1;
            world.conns[conn].is_unheard()
        })
    }

    fn is_short(&self) -> bool {
        self.with_port(|port| port.arena.is_short())
    }

    fn give_back(&mut self, mut buffer: Buffer) {
        buffer.fill(0x5A); // what was given back must not be read
        self.with_port(|port| port.arena.give_back(buffer));
    }

    fn turn(&mut self, until: Option<Instant>, completions: &mut Vec<Completion>) {
        let until = until.map_or(NEVER, Instant::as_nanos);
        let waits = self.with(|world| {
            let pause = world.random.between(1, 5) * MICROSECOND;
            world.now += pause;
            world.ports[self.index].counts.enters += 1;
            world.ports[self.index].idle = None;
            world.execute();
            until > world.now
        });
        while self.wait(until) {}
        self.with(|world| {
            let count = port::deliver(world, self.index, completions);
            let port = &mut world.ports[self.index];
            port.empty_turns = match count == 0 && !waits {
                true => port.empty_turns + 1,
                false => 0,
            };
            assert!(
                port.empty_turns < EMPTY_TURNS_MAX,
                "worker {} spins: {}",
                self.index,
                state(world)
            );
        });
    }

    fn counts(&self) -> RingCounts {
        self.with_port(|port| RingCounts {
            in_flight: port.operations.len() as u64,
            sockets: port.table.len() as u64,
            buffers: port.arena.away() as u64,
            pipes: port.pipes.away() as u64,
            ..port.counts
        })
    }
}

fn cancel_on(port: &mut Port, conn: usize) {
    for operation in &mut port.operations {
        if operation.conn() == Some(conn) {
            operation.cancelled = true;
        }
    }
}

fn end_accepting(port: &mut Port) {
    port.counts.others += 1;
    for operation in &mut port.operations {
        if matches!(operation.deed, Deed::Accept) {
            operation.cancelled = true;
        }
    }
}

fn close_listener(world: &mut World, index: usize) {
    world.note(|| format!("worker {index}: closes its listener"));
    let at_once = matches!(world.profile.stop, Some((Order::Stop, _)));
    let port = &mut world.ports[index];
    assert!(port.listens, "closes its listener twice");
    assert!(
        port.backlog.is_empty() || at_once || port.table.len() >= port.sockets_max,
        "closes its listener over a backlog of {}",
        port.backlog.len()
    );
    port.listens = false;
    end_accepting(port);
    let lost: Vec<usize> = port.backlog.drain(..).collect();
    for conn in lost {
        world.note(|| format!("conn {conn} was never accepted"));
        world.conns[conn].refuse();
        world.poke(conn);
    }
}

fn describe(deed: &Deed) -> String {
    match deed {
        Deed::Accept => "accept".into(),
        Deed::Connect { conn, .. } => format!("connect of conn {conn}"),
        Deed::Receive { conn, into } => {
            let room = into.as_ref().map(|(_, range)| range.len());
            format!("recv on conn {conn} into {room:?}")
        }
        Deed::Send { conn, range, .. } => format!("send of {} on conn {conn}", range.len()),
        Deed::Readable { conn } => format!("wait for bytes from conn {conn}"),
        Deed::Writable { conn } => format!("wait for room to conn {conn}"),
        Deed::Wake => "wake".into(),
    }
}

/// What everybody waits for, for the message of a deadlock.
pub fn state(world: &World) -> String {
    let mut text = format!("{} clients are not done", world.busy_clients);
    for (index, port) in world.ports.iter().enumerate() {
        let operations: Vec<String> = port
            .operations
            .iter()
            .map(|one| describe(&one.deed))
            .collect();
        text += &format!(
            "; worker {index}: sockets {:?}, buffers {}, pipes {}, backlog {:?}, inbox {:?}, in flight {operations:?}",
            port.table,
            port.arena.away(),
            port.pipes.away(),
            port.backlog,
            port.inbox,
        );
    }
    text
}
