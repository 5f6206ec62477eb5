//! The real ring: [`Ring`] over io_uring. [`setup`] says with which flags and why.
//!
//! One `turn` is one `enter`: it hands over what was pushed since the last, waits, and takes every
//! completion. Nothing else here enters, unless a turn pushes more than the submission queue holds.
//!
//! Kind 15 of [`Token`] is the ring's own; callers have 0 to 14.
//!
//! Invariants the `unsafe` of this folder rests on:
//! - K1: the memory of a buffer belongs to the kernel from `Arena::lend` until the completion that carries its
//!   index is reaped; the arena is not unmapped before.
//! - K2: an address lives in `addresses` until the kernel took the entry that names it (it copies it then,
//!   `IORING_FEAT_SUBMIT_STABLE`, Linux 5.5); the vector never grows beyond its first capacity.
//! - K4: a [`Socket`] of this ring is a descriptor that the ring owns until `close` or `hand_over`.
//! - K3: `wake_word` is boxed and leaves its box only when no read into it is in flight.

mod ending;
mod gate;
mod picks;
mod pipes;
mod reap;
mod setup;
#[cfg(test)]
mod tests;

use std::cell::UnsafeCell;
use std::mem;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::IntoRawFd;
use std::os::fd::OwnedFd;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use io_uring::cqueue;
use io_uring::opcode;
use io_uring::squeue;
use io_uring::types::CancelBuilder;
use io_uring::types::Fd;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::Shutdown;
use nix::sys::socket::SockaddrLike;
use nix::sys::socket::SockaddrStorage;
use nix::sys::socket::shutdown;

use self::gate::Entered;
use self::gate::Gate;
use self::gate::Wait;
use self::picks::Picks;
use self::pipes::Pipes;
use self::reap::Holding;
pub use self::setup::COMPLETION_ENTRIES;
pub use self::setup::Facts;
pub use self::setup::LOCKED_BYTES;
pub use self::setup::PICK_ENTRIES;
pub use self::setup::RingError;
pub use self::setup::SUBMISSION_ENTRIES;
pub use self::setup::classify;
use crate::model::time::Instant;
use crate::ring::arena::Arena;
use crate::ring::arena::Buffer;
use crate::ring::clock;
use crate::ring::clock::Moment;
use crate::ring::filter;
use crate::ring::inbox::Hub;
use crate::ring::inbox::Taken;
use crate::ring::port::Adopted;
use crate::ring::port::Arrival;
use crate::ring::port::Completion;
use crate::ring::port::InFlight;
use crate::ring::port::Into;
use crate::ring::port::Pipe;
use crate::ring::port::Ring;
use crate::ring::port::RingCounts;
use crate::ring::port::Size;
use crate::ring::port::Socket;
use crate::ring::socket;
use crate::ring::socket::Locality;
use crate::ring::socket::Opener;
use crate::ring::token::Token;

/// `IORING_RECVSEND_POLL_FIRST` (Linux 5.19): wait for readiness before the first try. The library has no
/// name for it.
const POLL_FIRST: u16 = 1;
/// How often an enter may be refused for want of memory before it counts as gone for good.
const PATIENCE: u32 = 10_000;
/// How long `drop` waits for what it cancelled. Sockets are cancelled at once; this is for a kernel that hangs.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What a ring is made for.
pub struct RingSetup {
    /// Buffers of [`Size::Small`]; half of them at most are published for the kernel to pick from.
    pub small_buffers: u32,
    /// Buffers of [`Size::Large`].
    pub large_buffers: u32,
    /// The most pipes there may be; each is made when it is first wanted.
    pub pipes: u32,
    /// What may wait in a socket in each direction; `None`: as much as the kernel finds good.
    pub socket_bytes: Option<usize>,
    /// The doors of all workers, made before their threads started.
    pub hub: Arc<Hub>,
    /// Which of them this is.
    pub index: usize,
}

/// What went wrong inside, without harm to any one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Closes and cancels that failed. Not an error by itself: what was to be cancelled may have completed.
    pub refused: u64,
    /// Sockets that were handed over but found this table full: their connections are closed.
    pub lost: u64,
}

/// One worker's ring. It belongs to the thread that made it.
pub struct KernelRing {
    gate: Gate,
    picks: Picks,
    arena: Arena,
    pipes: Pipes,
    addresses: Vec<SockaddrStorage>,
    wake_word: Box<UnsafeCell<u64>>,
    awaiting_wake: bool,
    opener: Opener,
    hub: Arc<Hub>,
    index: usize,
    /// Completions taken before the turn they belong to, to make room for more submissions.
    early: Vec<Completion>,
    moment: Moment,
    counts: RingCounts,
    faults: Faults,
}

impl KernelRing {
    /// A ring for the calling thread, which is the only one that may use it.
    ///
    /// # Panics
    /// When there are too many buffers for a token to name, or `index` is not in the hub.
    pub fn new(config: RingSetup) -> Result<KernelRing, RingError> {
        let buffers = config.small_buffers.saturating_add(config.large_buffers);
        assert!(
            buffers < reap::MOST_BUFFERS,
            "a token has 20 bits for a buffer"
        );
        assert!(config.index < config.hub.workers(), "a worker of the hub");
        let gate = Gate::new()?;
        let arena = Arena::new(config.small_buffers, config.large_buffers)
            .map_err(|_| RingError::Buffers)?;
        let picks = Picks::new(gate.submitter(), config.small_buffers)
            .map_err(|errno| classify("io_uring_register", errno, &Facts::gather()))?;
        Ok(KernelRing {
            gate,
            picks,
            arena,
            pipes: Pipes::new(config.pipes),
            addresses: Vec::with_capacity(SUBMISSION_ENTRIES as usize),
            wake_word: Box::new(UnsafeCell::new(0)),
            awaiting_wake: false,
            opener: Opener::new(config.socket_bytes),
            hub: config.hub,
            index: config.index,
            early: Vec::new(),
            moment: clock::read(),
            counts: RingCounts::default(),
            faults: Faults::default(),
        })
    }

    /// What went wrong inside so far.
    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// Counts a descriptor as a socket of this ring; `close` and `hand_over` end that.
    fn own(&mut self, descriptor: OwnedFd) -> Socket {
        self.counts.sockets += 1;
        Socket(descriptor.into_raw_fd())
    }

    /// Puts one operation with a token into the batch.
    fn start(&mut self, entry: squeue::Entry, token: Token, holding: Holding) {
        assert!(
            token.kind < reap::INTERNAL_KIND,
            "kind 15 is the ring's own"
        );
        self.make_room(1);
        self.gate.push(&entry.user_data(reap::pack(token, holding)));
        self.counts.in_flight += 1;
    }

    /// Puts one operation into the batch that says nothing when it succeeds.
    fn start_silent(&mut self, entry: squeue::Entry, socket: Socket) {
        let entry = entry.user_data(reap::internal(socket.0));
        self.gate.push(&entry.flags(squeue::Flags::SKIP_SUCCESS));
        self.counts.others += 1;
    }

    /// Asks to be told, once, that a socket is ready.
    fn poll(&mut self, socket: Socket, events: libc::c_short, token: Token) {
        let events = u32::from(events.cast_unsigned());
        let entry = opcode::PollAdd::new(Fd(socket.0), events).build();
        self.start(entry, token, Holding::Nothing);
        self.counts.polls += 1;
    }

    /// Submits early when the batch is full. What completes meanwhile waits for the next turn.
    fn make_room(&mut self, entries: usize) {
        let mut patience = PATIENCE;
        while self.gate.room() < entries {
            self.enter(Wait::No);
            patience -= 1;
            assert!(
                patience > 0,
                "the kernel takes no more requests: out of memory"
            );
        }
    }

    /// One system call: the batch goes in, and with it the buffers that came home since the last.
    fn enter(&mut self, wait: Wait) {
        self.picks.refill(&mut self.arena);
        if self.gate.enter(wait) == Entered::Again {
            let mut early = mem::take(&mut self.early);
            self.reap(&mut early);
            self.early = early;
        }
        if self.gate.all_taken() {
            self.addresses.clear(); // K2: the kernel has its copies
        }
    }

    /// Takes every completion that is there.
    fn reap(&mut self, completions: &mut Vec<Completion>) {
        while let Some(entry) = self.gate.next() {
            completions.extend(self.finish(&entry));
        }
    }

    /// What one completion means; none for the ring's own operations.
    fn finish(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let (token, holding) = reap::unpack(entry.user_data());
        if token.kind == reap::INTERNAL_KIND {
            self.faults.refused += 1; // success is silent
            return None;
        }
        let last = !cqueue::more(entry.flags());
        if last {
            self.counts.in_flight -= 1;
        }
        let mut result = reap::result(entry.result());
        let mut buffer = None;
        match holding {
            Holding::Nothing => {}
            Holding::Accept => self.counts.sockets += u64::from(result.is_ok()),
            Holding::Wake => {
                self.awaiting_wake = false;
                result = result.map(|_bytes| 0);
            }
            Holding::Pick => buffer = self.picked(result, entry.flags()),
            Holding::Buffer(index) => buffer = Some(self.arena.regain(index)),
        }
        Some(Completion {
            token,
            result,
            buffer,
            last,
        })
    }

    /// The buffer the kernel picked. At the end of the stream and at an error it picks none, or one in vain.
    fn picked(&mut self, result: Result<u32, Errno>, flags: u32) -> Option<Buffer> {
        if result == Err(Errno::ENOBUFS) {
            self.counts.starved += 1;
            self.picks.starved();
        }
        let number = cqueue::buffer_select(flags)?;
        let buffer = self.picks.taken(&mut self.arena, number);
        if matches!(result, Ok(1..)) {
            return Some(buffer);
        }
        self.arena.give_back(buffer);
        None
    }

    /// Ends everything in flight and takes its completions. Whether that worked.
    fn drain(&mut self) -> bool {
        let deadline = clock::read().now + LAST_WAIT;
        let mut left = mem::take(&mut self.early);
        self.make_room(1);
        let cancel = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
        self.start_silent(cancel, Socket(0));
        self.enter(Wait::No);
        loop {
            self.reap(&mut left);
            for completion in left.drain(..) {
                self.discard(completion);
            }
            if self.counts.in_flight == 0 {
                return true;
            }
            if clock::read().now >= deadline {
                return false;
            }
            self.enter(Wait::Until(deadline));
        }
    }

    /// Takes home what nobody will look at any more.
    fn discard(&mut self, completion: Completion) {
        if let Some(buffer) = completion.buffer {
            self.arena.give_back(buffer);
        }
    }
}

impl Ring for KernelRing {
    fn now(&self) -> Instant {
        self.moment.now
    }

    fn unix_seconds(&self) -> u64 {
        self.moment.unix_seconds
    }

    fn accept(&mut self, listener: Socket, token: Token) {
        let entry = opcode::AcceptMulti::new(Fd(listener.0))
            .flags(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC)
            .build();
        self.start(entry, token, Holding::Accept);
        self.counts.accepts += 1;
    }

    /// See [`socket::probe_bind`] for finding out first whether the address is free.
    fn listen(&mut self, address: &SocketAddr) -> Result<Socket, Errno> {
        Ok(self.own(self.opener.listener(address, Locality::Own)?))
    }

    fn listen_virtual(&mut self, address: &SocketAddr) -> Result<Socket, Errno> {
        Ok(self.own(self.opener.listener(address, Locality::Virtual)?))
    }

    fn refuse_new(&mut self, listener: Socket, refuse: bool) {
        self.counts.calls += 1;
        filter::refuse_new(borrow(&listener), refuse);
    }

    fn open(&mut self, to: &SocketAddr) -> Result<Socket, Errno> {
        let (socket, calls) = self.opener.open(to);
        self.counts.calls += calls;
        Ok(self.own(socket?))
    }

    fn connect(&mut self, socket: Socket, to: &SocketAddr, token: Token) {
        self.make_room(1);
        assert!(self.addresses.len() < self.addresses.capacity(), "K2");
        let address = SockaddrStorage::from(*to);
        let length = address.len();
        self.addresses.push(address);
        let place = self
            .addresses
            .last()
            .map_or(ptr::null(), SockaddrLike::as_ptr);
        let entry = opcode::Connect::new(Fd(socket.0), place, length).build();
        self.start(entry, token, Holding::Nothing);
        self.counts.connects += 1;
    }

    fn recv(&mut self, socket: Socket, into: Into, when: Arrival, token: Token) {
        let ioprio = match when {
            Arrival::Now => 0,
            Arrival::Later => POLL_FIRST,
        };
        let descriptor = Fd(socket.0);
        match into {
            Into::Pick => {
                let entry = opcode::Recv::new(descriptor, ptr::null_mut(), picks::PICK_BYTES)
                    .ioprio(ioprio)
                    .buf_group(picks::GROUP)
                    .build()
                    .flags(squeue::Flags::BUFFER_SELECT);
                self.start(entry, token, Holding::Pick);
            }
            Into::Lease(mut buffer, range) => {
                let part = &mut buffer[range];
                assert!(
                    !part.is_empty(),
                    "0 bytes would read as the end of the stream"
                );
                let (start, length) = (part.as_mut_ptr(), part.len() as u32);
                let index = self.arena.lend(buffer);
                let entry = opcode::Recv::new(descriptor, start, length)
                    .ioprio(ioprio)
                    .build();
                self.start(entry, token, Holding::Buffer(index));
            }
        }
        self.counts.recvs += 1;
    }

    fn send(&mut self, socket: Socket, buffer: Buffer, range: Range<usize>, token: Token) {
        let part = &buffer[range];
        assert!(!part.is_empty(), "there is something to send");
        let (start, length) = (part.as_ptr(), part.len() as u32);
        let index = self.arena.lend(buffer);
        // No MSG_WAITALL: a peer that takes a part shows progress, which the worker's timeouts look for.
        let entry = opcode::Send::new(Fd(socket.0), start, length)
            .flags(libc::MSG_NOSIGNAL)
            .build();
        self.start(entry, token, Holding::Buffer(index));
        self.counts.sends += 1;
    }

    fn cancel(&mut self, socket: Socket) {
        self.make_room(1);
        self.start_silent(ending::all(socket), socket);
    }

    fn close(&mut self, socket: Socket, in_flight: InFlight) {
        // Both in one batch: an armed receive holds the file, and no FIN is sent as long as it is armed.
        self.make_room(2);
        if let Some(entry) = ending::of(socket, in_flight) {
            self.start_silent(entry, socket);
        }
        self.start_silent(opcode::Close::new(Fd(socket.0)).build(), socket);
        self.counts.sockets -= 1;
    }

    fn stop_sending(&mut self, socket: Socket) {
        self.counts.calls += 1;
        // As a call, because the ring's own shutdown operation runs on a kernel thread.
        match shutdown(socket.0, Shutdown::Write) {
            // ENOTCONN: the other end has reset it; a receive will say so.
            Ok(()) | Err(Errno::ENOTCONN) => {}
            Err(errno) => panic!("shutdown refused a socket of ours: {errno}"),
        }
    }

    fn reset_at_close(&mut self, socket: Socket) {
        self.counts.calls += 1;
        socket::reset_at_close(borrow(&socket));
    }

    fn await_readable(&mut self, socket: Socket, token: Token) {
        self.poll(socket, libc::POLLIN, token);
    }

    fn await_writable(&mut self, socket: Socket, token: Token) {
        self.poll(socket, libc::POLLOUT, token);
    }

    fn takes_more(&mut self, socket: Socket) -> bool {
        self.counts.calls += 1;
        socket::takes_more(borrow(&socket))
    }

    fn is_unheard(&mut self, socket: Socket) -> bool {
        self.counts.calls += 1;
        socket::is_unheard(borrow(&socket))
    }

    fn lease_pipe(&mut self) -> Option<Pipe> {
        self.pipes.lease()
    }

    fn give_back_pipe(&mut self, pipe: Pipe) {
        self.pipes.give_back(pipe);
    }

    fn fill(&mut self, pipe: &Pipe, from: Socket, most: usize) -> Result<usize, Errno> {
        self.counts.calls += 1;
        self.pipes.fill(pipe, borrow(&from), most)
    }

    fn empty(&mut self, pipe: &Pipe, to: Socket, most: usize) -> Result<usize, Errno> {
        self.counts.calls += 1;
        self.pipes.empty(pipe, borrow(&to), most)
    }

    fn peer(&mut self, socket: Socket) -> Option<SocketAddr> {
        self.counts.calls += 1;
        socket::peer(borrow(&socket))
    }

    fn accept_now(&mut self, listener: Socket) -> Option<Socket> {
        let (accepted, calls) = socket::accept_now(borrow(&listener));
        self.counts.calls += calls;
        accepted.map(|descriptor| self.own(descriptor))
    }

    fn await_wake(&mut self, token: Token) {
        assert!(!self.awaiting_wake, "one at a time: they share a word");
        self.awaiting_wake = true;
        let word = self.wake_word.get().cast::<u8>();
        let bell = Fd(self.hub.bell(self.index));
        let entry = opcode::Read::new(bell, word, size_of::<u64>() as u32).build();
        self.start(entry, token, Holding::Wake);
        self.counts.others += 1;
    }

    fn adopt(&mut self) -> Option<Adopted> {
        self.counts.calls += 1;
        match self.hub.take(self.index) {
            Taken::Nothing => None,
            Taken::Socket(socket) => Some(Adopted::Socket(self.own(socket))),
            Taken::Lost => {
                self.faults.lost += 1;
                Some(Adopted::Lost)
            }
        }
    }

    fn hand_over(&mut self, socket: Socket, worker: usize) -> bool {
        self.counts.calls += 1;
        if !self.hub.put(worker, socket.0) {
            return false;
        }
        self.counts.calls += 1;
        self.counts.sockets -= 1;
        // SAFETY: K4, the number was given out by this ring and is taken back here, once.
        drop(unsafe { OwnedFd::from_raw_fd(socket.0) });
        true
    }

    fn wake(&mut self, worker: usize) {
        self.counts.calls += 1;
        self.hub.wake(worker);
    }

    fn wake_control(&mut self) {
        self.counts.calls += 1;
        self.hub.ring_control();
    }

    fn wake_log(&mut self) {
        self.counts.calls += 1;
        self.hub.ring_log();
    }

    fn lease(&mut self, size: Size) -> Option<Buffer> {
        self.arena.lease(size)
    }

    fn is_short(&self) -> bool {
        self.arena.is_short()
    }

    fn give_back(&mut self, buffer: Buffer) {
        self.arena.give_back(buffer);
    }

    fn turn(&mut self, until: Option<Instant>, completions: &mut Vec<Completion>) {
        let ready = !self.early.is_empty() || self.gate.has_completions();
        let wait = match until {
            _ if ready => Wait::No,
            None => Wait::Forever,
            Some(moment) if moment <= self.moment.now => Wait::No,
            Some(moment) => Wait::Until(moment),
        };
        if wait != Wait::No || self.gate.has_work() {
            self.enter(wait);
        }
        self.moment = clock::read();
        completions.append(&mut self.early);
        self.reap(completions);
    }

    fn counts(&self) -> RingCounts {
        let away = self.arena.away() - self.picks.published();
        RingCounts {
            enters: self.gate.enters(),
            buffers: away as u64,
            pipes: self.pipes.away() as u64,
            ..self.counts
        }
    }
}

impl Drop for KernelRing {
    fn drop(&mut self) {
        if self.drain() {
            self.picks.forget(self.gate.submitter(), &mut self.arena);
            return;
        }
        // K1, K3: the kernel may still write there, so it stays for good. The arena stays mapped by itself:
        // what is in flight is not home.
        mem::forget(mem::replace(
            &mut self.wake_word,
            Box::new(UnsafeCell::new(0)),
        ));
    }
}

/// For a call on one of our sockets.
fn borrow(socket: &Socket) -> BorrowedFd<'_> {
    // SAFETY: K4, the ring owns it, and nobody closes it while the call lasts: there is one thread.
    unsafe { BorrowedFd::borrow_raw(socket.0) }
}
