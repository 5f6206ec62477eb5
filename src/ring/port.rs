//! The port: everything the data plane ever asks of the kernel. `KernelRing` is the real one; the simulator
//! in `tests/sim` is another. Worker code is generic over it and can name neither.
//!
//! Rules both keep:
//! - Every operation that takes a [`Token`] completes with that token: once, but for `accept`, which
//!   completes once per connection until a completion says `last`.
//! - A buffer given to an operation comes back in its completion, whatever the result.
//! - One `send` at a time per socket, and one `recv`; the caller sees to that. `await_writable` counts as a
//!   `send` in this, `await_readable` as a `recv`; while the bytes of a pipe go to a socket, none are sent to it.
//! - `close` may be called with operations in flight when it is told so: they complete (with `ECANCELED`,
//!   or with what they had done), and only then are their buffers back.

use std::net::SocketAddr;
use std::ops::Range;

use nix::errno::Errno;

use crate::model::time::Instant;
use crate::ring::arena::Buffer;
use crate::ring::token::Token;

/// A socket of this ring. Its number is reused by the kernel as soon as it is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Socket(pub i32);

/// The two sizes of buffer an arena holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// For heads and small bodies; what the kernel picks from.
    Small,
    /// For bodies that are longer, and heads that outgrow a small one.
    Large,
}

/// Where a `recv` puts what arrives.
pub enum Into {
    /// A small buffer that the kernel picks when bytes arrive; an idle connection owns none. What arrives
    /// begins at [`crate::ring::arena::HEADROOM`]. `ENOBUFS` when it had none: ask again later.
    Pick,
    /// This buffer, this part of it.
    Lease(Buffer, Range<usize>),
}

/// What is asked of a pipe: enough for one wake-up's worth of a fast sender, little enough that a slow client's
/// share of the kernel's memory stays small.
pub const PIPE_BYTES: usize = 256 * 1024;

/// A pipe of this ring: bytes on their way from one socket to another that are never copied to us. It has one
/// owner and has to be given back; what is in it then is lost.
pub struct Pipe {
    index: u32,
}

impl Pipe {
    /// The pipe with this number of the ring's own; for whoever implements [`Ring`].
    pub fn new(index: u32) -> Pipe {
        Pipe { index }
    }

    /// Its number.
    pub fn index(&self) -> u32 {
        self.index
    }
}

/// When bytes are expected: it saves the kernel a try that would find nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// Bytes may be there already: look at once.
    Now,
    /// Nothing is expected yet: wait for readiness first.
    Later,
}

/// What is in flight on a socket that is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InFlight {
    Nothing,
    /// One receive with this token, into a buffer that is to be picked, and nothing else. The kernel finds it by its
    /// name; without one it looks at every operation of the ring that waits (Linux 6.18, `io_poll_cancel`), which with
    /// thousands of idle connections takes longer than the rest of a request.
    Pick(Token),
    Any,
}

impl InFlight {
    /// For who knows only whether there is anything.
    pub fn any_if(busy: bool) -> InFlight {
        if busy {
            InFlight::Any
        } else {
            InFlight::Nothing
        }
    }
}

/// What came out of a worker's inbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Adopted {
    Socket(Socket),
    /// There was no descriptor for it: the connection is closed.
    Lost,
}

/// What became of one operation.
pub struct Completion {
    pub token: Token,
    /// Bytes moved; for `accept`, the number of the new socket; for `connect`, 0.
    pub result: Result<u32, Errno>,
    /// The buffer the operation held, or the one the kernel picked for it.
    pub buffer: Option<Buffer>,
    /// No further completion will come for this operation.
    pub last: bool,
}

/// What the ring did so far; the cost gate and the leak check read it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RingCounts {
    /// Operations submitted, by kind of work; `close` and `cancel` count as `others`.
    pub accepts: u64,
    pub connects: u64,
    pub recvs: u64,
    pub sends: u64,
    pub polls: u64,
    pub others: u64,
    /// Times the kernel was entered.
    pub enters: u64,
    /// System calls besides those (opening a socket, asking for a peer's address …).
    pub calls: u64,
    /// `recv`s that found no buffer to pick.
    pub starved: u64,
    /// Operations whose last completion has not come yet.
    pub in_flight: u64,
    /// Sockets open: accepted, adopted or opened here and not yet closed.
    pub sockets: u64,
    /// Buffers leased out or held by an operation that was given one.
    pub buffers: u64,
    /// Pipes leased out.
    pub pipes: u64,
}

/// One worker's view of the kernel.
pub trait Ring {
    /// The moment the last `turn` returned.
    fn now(&self) -> Instant;

    /// The same moment in seconds since 1970 (UTC), for `Date`.
    fn unix_seconds(&self) -> u64;

    /// Accepts connections until told otherwise. Sockets come non-blocking, close-on-exec, without delay
    /// (`TCP_NODELAY`).
    fn accept(&mut self, listener: Socket, token: Token);

    /// Opens a listener of this worker's own, beside those of the others on the same address.
    fn listen(&mut self, address: &SocketAddr) -> Result<Socket, Errno>;

    /// The same on an address that this host does not have at the moment, and may come to have.
    fn listen_virtual(&mut self, address: &SocketAddr) -> Result<Socket, Errno>;

    /// Lets nobody begin to connect to a listener any more, or again: whoever tries hears nothing, and tries again after
    /// a while. Who has begun goes on, and who is in the backlog stays there. A connection that was accepted from a
    /// listener while it refused has to be let go on (`false`), too: it may have inherited deafness.
    fn refuse_new(&mut self, socket: Socket, refuse: bool);

    /// Opens a stream socket for a connection to `to`, without delay.
    fn open(&mut self, to: &SocketAddr) -> Result<Socket, Errno>;

    /// Connects a socket from [`Ring::open`].
    fn connect(&mut self, socket: Socket, to: &SocketAddr, token: Token);

    /// Receives once. A result of 0 is the end of the stream.
    fn recv(&mut self, socket: Socket, into: Into, when: Arrival, token: Token);

    /// Sends `buffer[range]`, or a first part of it.
    fn send(&mut self, socket: Socket, buffer: Buffer, range: Range<usize>, token: Token);

    /// Ends every operation in flight on `socket`. Each completes as the port's rules say.
    fn cancel(&mut self, socket: Socket);

    /// Closes `socket` after ending what is in flight on it, as the caller says.
    fn close(&mut self, socket: Socket, in_flight: InFlight);

    /// Sends the end of the stream (`shutdown(SHUT_WR)`); receiving goes on.
    fn stop_sending(&mut self, socket: Socket);

    /// Makes the close of `socket` a reset: the other end must not take what it got for whole.
    fn reset_at_close(&mut self, socket: Socket);

    /// Completes once bytes, the end of the stream or an error can be had from `socket`; the result says nothing more.
    fn await_readable(&mut self, socket: Socket, token: Token);

    /// Completes once `socket` takes bytes again, or an error can be had from it; the result says nothing more.
    fn await_writable(&mut self, socket: Socket, token: Token);

    /// Whether `socket` would take bytes at this moment, or has an error to tell.
    fn takes_more(&mut self, socket: Socket) -> bool;

    /// After [`Ring::stop_sending`]: whether the other end has still to say that it got all that was sent to it, the end
    /// of the stream included.
    fn is_unheard(&mut self, socket: Socket) -> bool;

    /// An empty pipe; none when all are taken.
    fn lease_pipe(&mut self) -> Option<Pipe>;

    /// Takes a pipe back.
    fn give_back_pipe(&mut self, pipe: Pipe);

    /// Moves at most `most` bytes from a socket into an empty pipe, at once. 0 is the end of the stream; `EAGAIN`:
    /// there are none at the moment.
    fn fill(&mut self, pipe: &Pipe, from: Socket, most: usize) -> Result<usize, Errno>;

    /// Moves at most `most` bytes, which are in the pipe, to a socket, at once. `EAGAIN`: it takes none at the moment.
    fn empty(&mut self, pipe: &Pipe, to: Socket, most: usize) -> Result<usize, Errno>;

    /// The address of the other end; `None` when it has already gone.
    fn peer(&mut self, socket: Socket) -> Option<SocketAddr>;

    /// A connection from the listener's backlog, without waiting; for emptying it before it is closed.
    fn accept_now(&mut self, listener: Socket) -> Option<Socket>;

    /// Completes (with 0) once another thread woke this worker after the call; see `Waker`.
    fn await_wake(&mut self, token: Token);

    /// Sockets that other workers handed over, after a wake.
    fn adopt(&mut self) -> Option<Adopted>;

    /// Hands `socket` to another worker, which finds it by `adopt`. The socket is gone from here, unless the
    /// other's inbox is full: then `false`, and it stays.
    fn hand_over(&mut self, socket: Socket, worker: usize) -> bool;

    /// Wakes another worker.
    fn wake(&mut self, worker: usize);

    /// Wakes control.
    fn wake_control(&mut self);

    /// Wakes who writes the access log.
    fn wake_log(&mut self);

    /// A free buffer, or none.
    fn lease(&mut self, size: Size) -> Option<Buffer>;

    /// Whether small buffers are running out: an eighth of them is left, or less.
    fn is_short(&self) -> bool;

    /// Takes a buffer back.
    fn give_back(&mut self, buffer: Buffer);

    /// Submits what was asked, waits until something completes or `until` is reached (`None`: as long as it
    /// takes), and appends what completed.
    fn turn(&mut self, until: Option<Instant>, completions: &mut Vec<Completion>);

    /// What was done so far.
    fn counts(&self) -> RingCounts;
}
