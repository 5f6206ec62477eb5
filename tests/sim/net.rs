//! Connections as both ends see them. One end is HALB's, the other an actor's (a client or a backend).

use std::net::IpAddr;
use std::net::SocketAddr;

use nix::errno::Errno;

/// What an actor finds when it reads.
#[derive(PartialEq, Eq, Debug)]
pub enum Seen {
    Bytes(Vec<u8>),
    Nothing,
    End,
    Reset,
}

/// Bytes in order, copied in whole pieces: a `VecDeque` goes byte by byte in a debug build.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    taken: usize,
}

impl Queue {
    fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.taken > 64 * 1024 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn front(&self, count: usize) -> &[u8] {
        &self.bytes[self.taken..self.taken + count]
    }

    fn drop_front(&mut self, count: usize) {
        self.taken += count;
    }

    fn clear(&mut self) {
        self.taken = self.bytes.len();
    }
}

/// One direction.
#[derive(Default)]
struct Pipe {
    bytes: Queue,
    capacity: usize,
    /// The sender said that no more will come.
    fin: bool,
}

/// One connection.
pub struct Conn {
    inward: Pipe,
    outward: Pipe,
    /// Who is at the other end.
    pub actor: usize,
    /// The other end's address.
    pub address: SocketAddr,
    reset_by_actor: bool,
    /// HALB was told of that reset; the kernel tells once.
    told: bool,
    reset_by_halb: bool,
    halb_closed: bool,
    /// HALB wants its close to be a reset.
    resets_at_close: bool,
    actor_closed: bool,
    /// Its packets vanish: nothing moves any more, either way.
    pub stalled: bool,
    /// HALB had closed it when a switch began.
    pub was_over: bool,
    /// It began at a listener that refused, and hears nothing but the end of its handshake.
    pub deaf: bool,
}

impl Conn {
    pub fn new(actor: usize, address: SocketAddr, capacity: usize) -> Conn {
        let pipe = || Pipe {
            bytes: Queue::default(),
            capacity,
            fin: false,
        };
        Conn {
            inward: pipe(),
            outward: pipe(),
            actor,
            address,
            reset_by_actor: false,
            told: false,
            reset_by_halb: false,
            halb_closed: false,
            resets_at_close: false,
            actor_closed: false,
            stalled: false,
            was_over: false,
            deaf: false,
        }
    }

    // HALB's end.

    pub fn can_receive(&self) -> bool {
        !self.stalled
            && !self.deaf
            && (!self.inward.bytes.is_empty() || self.inward.fin || self.reset_by_actor)
    }

    /// Bytes first, then what ended them, as Linux does it.
    pub fn receive(&mut self, room: &mut [u8]) -> Result<usize, Errno> {
        let count = room.len().min(self.inward.bytes.len());
        if count > 0 {
            room[..count].copy_from_slice(self.inward.bytes.front(count));
            self.inward.bytes.drop_front(count);
            return Ok(count);
        }
        if self.reset_by_actor && !self.told {
            self.told = true;
            return Err(Errno::ECONNRESET);
        }
        Ok(0)
    }

    pub fn can_send(&self) -> bool {
        let room = self.outward.bytes.len() < self.outward.capacity;
        !self.stalled && (room || self.is_gone())
    }

    /// What a poll sees: Linux says so only when a third of the room is free.
    pub fn is_writable(&self) -> bool {
        let room = self.outward.capacity - self.outward.bytes.len();
        self.can_send() && (room * 3 >= self.outward.capacity || self.is_gone())
    }

    fn is_gone(&self) -> bool {
        self.reset_by_actor || self.actor_closed
    }

    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        assert!(!self.outward.fin, "sent behind its own end of stream");
        if self.reset_by_actor {
            let error = if self.told {
                Errno::EPIPE
            } else {
                Errno::ECONNRESET
            };
            self.told = true;
            return Err(error);
        }
        if self.actor_closed {
            // The bytes leave; what comes back is a reset.
            self.reset_by_actor = true;
            return Ok(bytes.len());
        }
        let room = self.outward.capacity - self.outward.bytes.len();
        let count = bytes.len().min(room);
        self.outward.bytes.push(&bytes[..count]);
        Ok(count)
    }

    pub fn stop_sending(&mut self) {
        self.outward.fin = true;
    }

    pub fn reset_at_close(&mut self) {
        self.resets_at_close = true;
    }

    /// `lossy`: a reset overtakes what was sent before it.
    pub fn close_by_halb(&mut self, lossy: bool) {
        self.halb_closed = true;
        self.outward.fin = true;
        if !self.inward.bytes.is_empty() || self.resets_at_close {
            self.reset_by_halb = true;
            if lossy {
                self.outward.bytes.clear();
            }
        }
    }

    /// It was in a backlog that nobody empties any more.
    pub fn refuse(&mut self) {
        self.halb_closed = true;
        self.reset_by_halb = true;
    }

    /// Bytes, or the end, that the other end has still to get; what it has got, it has read here.
    pub fn is_unheard(&self) -> bool {
        assert!(self.outward.fin, "asked before the end was sent");
        !self.is_gone() && !self.outward.bytes.is_empty()
    }

    /// A client is at the other end.
    pub fn is_clients(&self) -> bool {
        matches!(self.address.ip(), IpAddr::V4(v4) if v4.octets()[..3] == [192, 0, 2])
    }

    pub fn is_closed_by_halb(&self) -> bool {
        self.halb_closed
    }

    /// Whether the kernel still knows the other end.
    pub fn is_connected(&self) -> bool {
        !self.reset_by_actor
    }

    // The actor's end.

    pub fn read(&mut self, most: usize) -> Seen {
        if self.stalled {
            return Seen::Nothing;
        }
        let count = most.min(self.outward.bytes.len());
        if count > 0 {
            let bytes = self.outward.bytes.front(count).to_vec();
            self.outward.bytes.drop_front(count);
            return Seen::Bytes(bytes);
        }
        if self.reset_by_halb {
            return Seen::Reset;
        }
        if self.outward.fin && self.outward.bytes.is_empty() {
            return Seen::End;
        }
        Seen::Nothing
    }

    /// How many bytes went; `None`: the other end is gone.
    pub fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.halb_closed {
            self.reset_by_halb = true;
            return None;
        }
        if self.stalled {
            return Some(0);
        }
        assert!(!self.inward.fin, "an actor writes behind its own end");
        let room = self.inward.capacity - self.inward.bytes.len();
        let count = bytes.len().min(room);
        self.inward.bytes.push(&bytes[..count]);
        Some(count)
    }

    /// What can be written at once.
    pub fn room(&self) -> usize {
        self.inward.capacity - self.inward.bytes.len()
    }

    /// There is room to write, or news of the end.
    pub fn has_room(&self) -> bool {
        !self.stalled && self.inward.bytes.len() < self.inward.capacity
    }

    /// There is something to read, or news of the end.
    pub fn has_bytes(&self) -> bool {
        let ended = self.outward.fin || self.reset_by_halb;
        !self.stalled && (!self.outward.bytes.is_empty() || ended)
    }

    /// What HALB sent and the actor has not read yet.
    pub fn unread(&self) -> usize {
        self.outward.bytes.len()
    }

    /// HALB has taken all that was written so far.
    pub fn is_taken(&self) -> bool {
        self.inward.bytes.is_empty()
    }

    pub fn shut(&mut self) {
        self.inward.fin = true;
    }

    /// Closes: a reset, when something was left unread.
    pub fn close(&mut self) {
        self.inward.fin = true;
        self.actor_closed = true;
        if !self.outward.bytes.is_empty() {
            self.outward.bytes.clear();
            self.reset_by_actor = true;
        }
    }

    /// `lossy`: the reset overtakes what was written before it.
    pub fn reset(&mut self, lossy: bool) {
        self.actor_closed = true;
        self.reset_by_actor = true;
        self.inward.fin = true;
        self.outward.bytes.clear();
        if lossy {
            self.inward.bytes.clear();
        }
    }
}
