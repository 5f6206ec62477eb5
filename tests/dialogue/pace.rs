//! The kernel's ring, with a hand on how much it moves at a time.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use halb::model::time::Instant;
use halb::ring::arena::Buffer;
use halb::ring::arena::HEADROOM;
use halb::ring::kernel::KernelRing;
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

/// How many bytes are moved at most by one operation; shared with the test, which changes it between cases.
pub struct Pace {
    pub from_clients: AtomicUsize,
    pub from_outputs: AtomicUsize,
    pub sent: AtomicUsize,
}

impl Pace {
    /// No bound.
    pub fn new() -> Pace {
        Pace {
            from_clients: AtomicUsize::new(usize::MAX),
            from_outputs: AtomicUsize::new(usize::MAX),
            sent: AtomicUsize::new(usize::MAX),
        }
    }
}

/// A ring that keeps a pace.
pub struct PacedRing {
    ring: KernelRing,
    pace: Arc<Pace>,
    /// The sockets that were opened here: the connections to outputs.
    to_outputs: HashSet<i32>,
}

impl PacedRing {
    pub fn new(ring: KernelRing, pace: Arc<Pace>) -> PacedRing {
        PacedRing {
            ring,
            pace,
            to_outputs: HashSet::new(),
        }
    }

    fn most_received(&self, socket: Socket) -> usize {
        let most = if self.to_outputs.contains(&socket.0) {
            &self.pace.from_outputs
        } else {
            &self.pace.from_clients
        };
        most.load(Ordering::SeqCst)
    }
}

impl Ring for PacedRing {
    fn listen(&mut self, address: &SocketAddr) -> Result<Socket, Errno> {
        self.ring.listen(address)
    }

    fn listen_virtual(&mut self, address: &SocketAddr) -> Result<Socket, Errno> {
        self.ring.listen_virtual(address)
    }

    fn refuse_new(&mut self, listener: Socket, refuse: bool) {
        self.ring.refuse_new(listener, refuse);
    }

    fn is_unheard(&mut self, socket: Socket) -> bool {
        self.ring.is_unheard(socket)
    }

    fn open(&mut self, to: &SocketAddr) -> Result<Socket, Errno> {
        let socket = self.ring.open(to)?;
        self.to_outputs.insert(socket.0);
        Ok(socket)
    }

    fn close(&mut self, socket: Socket, in_flight: InFlight) {
        self.to_outputs.remove(&socket.0);
        // What was to be picked may have become a lease here, and is not found by its name then.
        let in_flight = match in_flight {
            InFlight::Pick(_) => InFlight::Any,
            other => other,
        };
        self.ring.close(socket, in_flight);
    }

    fn recv(&mut self, socket: Socket, into: Into, when: Arrival, token: Token) {
        let most = self.most_received(socket);
        let into = match into {
            Into::Lease(buffer, room) => {
                let end = room.end.min(room.start.saturating_add(most));
                Into::Lease(buffer, room.start..end)
            }
            Into::Pick if most == usize::MAX => Into::Pick,
            // The kernel fills what it picks as far as it can; a buffer of our own can be cut.
            Into::Pick => match self.ring.lease(Size::Small) {
                Some(buffer) => Into::Lease(buffer, HEADROOM..HEADROOM + most.min(1024)),
                None => Into::Pick,
            },
        };
        self.ring.recv(socket, into, when, token);
    }

    fn send(&mut self, socket: Socket, buffer: Buffer, range: Range<usize>, token: Token) {
        let most = self.pace.sent.load(Ordering::SeqCst);
        let end = range.end.min(range.start.saturating_add(most));
        self.ring.send(socket, buffer, range.start..end, token);
    }

    fn fill(&mut self, pipe: &Pipe, from: Socket, most: usize) -> Result<usize, Errno> {
        let most = most.min(self.most_received(from));
        self.ring.fill(pipe, from, most)
    }

    fn empty(&mut self, pipe: &Pipe, to: Socket, most: usize) -> Result<usize, Errno> {
        let most = most.min(self.pace.sent.load(Ordering::SeqCst));
        self.ring.empty(pipe, to, most)
    }

    fn now(&self) -> Instant {
        self.ring.now()
    }

    fn unix_seconds(&self) -> u64 {
        self.ring.unix_seconds()
    }

    fn accept(&mut self, listener: Socket, token: Token) {
        self.ring.accept(listener, token);
    }

    fn connect(&mut self, socket: Socket, to: &SocketAddr, token: Token) {
        self.ring.connect(socket, to, token);
    }

    fn cancel(&mut self, socket: Socket) {
        self.ring.cancel(socket);
    }

    fn stop_sending(&mut self, socket: Socket) {
        self.ring.stop_sending(socket);
    }

    fn reset_at_close(&mut self, socket: Socket) {
        self.ring.reset_at_close(socket);
    }

    fn await_readable(&mut self, socket: Socket, token: Token) {
        self.ring.await_readable(socket, token);
    }

    fn await_writable(&mut self, socket: Socket, token: Token) {
        self.ring.await_writable(socket, token);
    }

    fn lease_pipe(&mut self) -> Option<Pipe> {
        self.ring.lease_pipe()
    }

    fn give_back_pipe(&mut self, pipe: Pipe) {
        self.ring.give_back_pipe(pipe);
    }

    fn peer(&mut self, socket: Socket) -> Option<SocketAddr> {
        self.ring.peer(socket)
    }

    fn accept_now(&mut self, listener: Socket) -> Option<Socket> {
        self.ring.accept_now(listener)
    }

    fn await_wake(&mut self, token: Token) {
        self.ring.await_wake(token);
    }

    fn adopt(&mut self) -> Option<Adopted> {
        self.ring.adopt()
    }

    fn hand_over(&mut self, socket: Socket, worker: usize) -> bool {
        self.ring.hand_over(socket, worker)
    }

    fn wake(&mut self, worker: usize) {
        self.ring.wake(worker);
    }

    fn wake_control(&mut self) {
        self.ring.wake_control();
    }

    fn wake_log(&mut self) {
        self.ring.wake_log();
    }

    fn lease(&mut self, size: Size) -> Option<Buffer> {
        self.ring.lease(size)
    }

    fn takes_more(&mut self, socket: Socket) -> bool {
        self.ring.takes_more(socket)
    }

    fn is_short(&self) -> bool {
        self.ring.is_short()
    }

    fn give_back(&mut self, buffer: Buffer) {
        self.ring.give_back(buffer);
    }

    fn turn(&mut self, until: Option<Instant>, completions: &mut Vec<Completion>) {
        self.ring.turn(until, completions);
    }

    fn counts(&self) -> RingCounts {
        self.ring.counts()
    }
}
