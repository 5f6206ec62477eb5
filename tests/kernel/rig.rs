//! A ring, the completions it gave, and plain blocking sockets as its other end.

use std::io::Read;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use halb::ring::arena::Buffer;
use halb::ring::arena::HEADROOM;
use halb::ring::inbox::Hub;
use halb::ring::kernel::KernelRing;
use halb::ring::kernel::RingSetup;
use halb::ring::port::Arrival;
use halb::ring::port::Completion;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use halb::ring::socket;
use halb::ring::thread;
use halb::ring::token::Token;
use nix::errno::Errno;

/// Longer than any of this takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The kind of all operations of these tests.
const KIND: u8 = 3;

pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// The token of the operation that a test calls `slot`.
pub fn token(slot: u32) -> Token {
    Token {
        kind: KIND,
        slot,
        generation: 5,
    }
}

/// Gives this test a descriptor table of its own, so that numbers, and the last close of a socket, are not
/// up to other tests. Before it opens anything.
pub fn alone() {
    thread::own_table(&[]).unwrap();
}

pub struct Rig {
    pub ring: KernelRing,
    done: Vec<Completion>,
}

impl Rig {
    /// A worker that is alone.
    pub fn new() -> Rig {
        Rig::with_buffers(64)
    }

    /// Alone, with so many small buffers; half of them are for picking.
    pub fn with_buffers(small_buffers: u32) -> Rig {
        alone();
        let hub = Arc::new(Hub::new(1).unwrap());
        Rig::of_hub(hub, 0, small_buffers)
    }

    /// Alone, with so many bytes that may wait in each direction of a socket.
    pub fn clamped(socket_bytes: usize) -> Rig {
        alone();
        let hub = Arc::new(Hub::new(1).unwrap());
        Rig::made(hub, 0, 64, Some(socket_bytes))
    }

    pub fn of_hub(hub: Arc<Hub>, index: usize, small_buffers: u32) -> Rig {
        Rig::made(hub, index, small_buffers, None)
    }

    fn made(hub: Arc<Hub>, index: usize, small_buffers: u32, socket_bytes: Option<usize>) -> Rig {
        let ring = KernelRing::new(RingSetup {
            small_buffers,
            large_buffers: 4,
            pipes: 2,
            socket_bytes,
            hub,
            index,
        });
        Rig {
            ring: ring.unwrap_or_else(|error| panic!("{error}")),
            done: Vec::new(),
        }
    }

    /// One turn that does not wait: what was asked is under way.
    pub fn submit(&mut self) {
        let now = self.ring.now();
        self.ring.turn(Some(now), &mut self.done);
    }

    /// Waits for a completion of the operation called `slot`.
    pub fn wait(&mut self, slot: u32) -> Completion {
        let deadline = self.ring.now() + PATIENCE;
        loop {
            let place = self.done.iter().position(|it| it.token.slot == slot);
            if let Some(place) = place {
                return self.done.remove(place);
            }
            assert!(
                self.ring.now() < deadline,
                "operation {slot} never completed"
            );
            self.ring.turn(Some(deadline), &mut self.done);
        }
    }

    /// Waits for the poll called `slot`.
    pub fn ready(&mut self, slot: u32) {
        let done = self.wait(slot);
        assert!(done.result.is_ok(), "{:?}", done.result);
        assert!(done.last);
    }

    /// Whether the operation called `slot` has completed; submits first, and takes what is there.
    pub fn is_done(&mut self, slot: u32) -> bool {
        self.submit();
        self.done.iter().any(|it| it.token.slot == slot)
    }

    /// A listener of the ring, and its address.
    pub fn listen(&mut self) -> (Socket, SocketAddr) {
        self.listen_at(loopback())
    }

    pub fn listen_at(&mut self, address: SocketAddr) -> (Socket, SocketAddr) {
        let reserved = socket::probe_bind(&address).unwrap();
        let listener = self.ring.listen(&reserved.address).unwrap();
        (listener, reserved.address)
    }

    /// A connection from the ring to a blocking socket.
    pub fn pair(&mut self) -> (Socket, TcpStream) {
        let listener = TcpListener::bind(loopback()).unwrap();
        let address = listener.local_addr().unwrap();
        let ours = self.ring.open(&address).unwrap();
        self.ring.connect(ours, &address, token(999));
        assert_eq!(self.wait(999).result, Ok(0));
        let (theirs, _) = listener.accept().unwrap();
        theirs.set_read_timeout(Some(PATIENCE)).unwrap();
        theirs.set_write_timeout(Some(PATIENCE)).unwrap();
        (ours, theirs)
    }

    /// Asks for bytes into a picked buffer.
    pub fn pick(&mut self, socket: Socket, when: Arrival, slot: u32) {
        self.ring.recv(socket, Into::Pick, when, token(slot));
    }

    /// A small buffer that begins with `bytes`.
    pub fn filled(&mut self, bytes: &[u8]) -> Buffer {
        let mut buffer = self.ring.lease(Size::Small).unwrap();
        buffer[..bytes.len()].copy_from_slice(bytes);
        buffer
    }

    /// Sends until a send waits for a peer that does not read, and cancels that one.
    pub fn fill_up(&mut self, socket: Socket) -> Buffer {
        let mut buffer = self.ring.lease(Size::Large).unwrap();
        loop {
            let whole = 0..buffer.len();
            self.ring.send(socket, buffer, whole, token(998));
            self.submit();
            self.ring.cancel(socket);
            let done = self.wait(998);
            buffer = done.buffer.unwrap();
            if done.result == Err(Errno::ECANCELED) {
                return buffer;
            }
        }
    }

    /// Takes home the buffer of a completion.
    pub fn home(&mut self, completion: Completion) {
        if let Some(buffer) = completion.buffer {
            self.ring.give_back(buffer);
        }
    }

    /// Every test ends with this: operations, sockets, buffers and pipes are home.
    pub fn finish(mut self) {
        self.submit();
        let left = self.done.len();
        assert_eq!(left, 0, "completions nobody looked at");
        let counts = self.ring.counts();
        assert_eq!(
            (counts.in_flight, counts.sockets, counts.buffers),
            (0, 0, 0)
        );
        assert_eq!(counts.pipes, 0);
    }
}

/// Ends a connection with a reset.
pub fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// What a picked buffer holds.
pub fn picked(completion: &Completion) -> &[u8] {
    let length = completion.result.unwrap() as usize;
    let buffer = completion.buffer.as_ref().unwrap();
    &buffer[HEADROOM..HEADROOM + length]
}

/// Reads to the end of the stream.
pub fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}
