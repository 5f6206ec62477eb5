//! What a client's and an output's connection have in common: a socket, what is in flight on it, the bytes
//! read from it that nobody used yet, and a deadline.

use std::ops::Range;

use nix::errno::Errno;

use crate::model::time::Instant;
use crate::ring::arena::Buffer;
use crate::ring::arena::HEADROOM;
use crate::ring::arena::TAILROOM;
use crate::ring::port::Arrival;
use crate::ring::port::InFlight;
use crate::ring::port::Into;
use crate::ring::port::Ring;
use crate::ring::port::Size;
use crate::ring::port::Socket;
use crate::ring::token::Token;

/// "No deadline".
pub const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// One side's connection.
pub struct Stream {
    pub socket: Socket,
    /// A receive is in flight.
    pub receiving: bool,
    /// … into a buffer that the kernel is to pick.
    picking: bool,
    /// A send (or the connect) is in flight.
    pub sending: bool,
    /// The socket is closed; what is in flight is still to come home.
    pub closed: bool,
    /// The other side sent its end of stream.
    pub ended: bool,
    /// The last receive filled its room, so the next one deserves more.
    plenty: bool,
    held: Option<Buffer>,
    start: u32,
    end: u32,
    unsent: Range<u32>,
    /// When what it keeps a buffer for last moved: a head began, a send began or got on.
    pub moved: Instant,
    /// When patience ends. It moves freely; the wheel looks when its entry comes due.
    pub deadline: Instant,
    /// What the wheel was last asked for.
    pub scheduled: Instant,
    /// The number of that entry; while `scheduled` is not [`NEVER`].
    pub entry: u32,
}

/// What a completed receive brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrived {
    Bytes,
    /// The end of the stream.
    End,
    /// There was no buffer to receive into; ask again.
    Starved,
    /// The connection is broken.
    Broken,
}

/// What a completed send says.
pub enum Sent {
    /// All of it has gone; the buffer is free.
    All(Buffer),
    /// A part has gone and the rest is on its way.
    Part,
    /// The connection is broken; the buffer is free.
    Broken(Buffer),
}

impl Stream {
    pub fn new(socket: Socket) -> Stream {
        Stream {
            socket,
            receiving: false,
            picking: false,
            sending: false,
            closed: false,
            ended: false,
            plenty: false,
            held: None,
            start: 0,
            end: 0,
            unsent: 0..0,
            moved: Instant::ZERO,
            deadline: NEVER,
            scheduled: NEVER,
            entry: 0,
        }
    }

    /// Nothing is in flight.
    pub fn is_quiet(&self) -> bool {
        !self.receiving && !self.sending
    }

    /// What is in flight, for closing the socket; `receive` is the token that receives on it have.
    pub fn in_flight(&self, receive: Token) -> InFlight {
        match (self.receiving, self.sending) {
            (false, false) => InFlight::Nothing,
            (true, false) if self.picking => InFlight::Pick(receive),
            _ => InFlight::Any,
        }
    }

    /// A buffer waits for the other side to take it.
    pub fn keeps_unsent(&self) -> bool {
        self.sending && !self.unsent.is_empty()
    }

    /// Bytes read and not used yet.
    pub fn has_bytes(&self) -> bool {
        self.held.is_some() && self.start < self.end
    }

    /// Bytes read and not used yet.
    pub fn bytes(&self) -> &[u8] {
        match &self.held {
            Some(buffer) => buffer.get(self.range()).unwrap_or(&[]),
            None => &[],
        }
    }

    /// The buffer that holds them and where they lie, to work on them in place.
    pub fn held_mut(&mut self) -> Option<(&mut Buffer, Range<usize>)> {
        let range = self.range();
        self.held.as_mut().map(|buffer| (buffer, range))
    }

    /// The first `count` bytes have been used. When none are left the buffer goes back.
    pub fn consume<R: Ring>(&mut self, ring: &mut R, count: usize) {
        let used = u32::try_from(count).unwrap_or(u32::MAX);
        self.start = self.start.saturating_add(used).min(self.end);
        if self.start == self.end
            && let Some(buffer) = self.take_held()
        {
            ring.give_back(buffer);
        }
    }

    /// Takes the buffer out, with what it holds.
    pub fn take_held(&mut self) -> Option<Buffer> {
        self.start = 0;
        self.end = 0;
        self.held.take()
    }

    /// Puts a buffer in whose `range` holds bytes to use.
    pub fn hold(&mut self, buffer: Buffer, range: Range<usize>) {
        debug_assert!(self.held.is_none(), "one buffer at a time");
        self.start = u32::try_from(range.start).unwrap_or(0);
        self.end = u32::try_from(range.end).unwrap_or(0);
        self.held = Some(buffer);
    }

    /// Takes out the bytes read and not used yet, with the buffer they lie in.
    pub fn take_bytes(&mut self) -> Option<(Buffer, Range<usize>)> {
        let range = self.range();
        let buffer = self.take_held()?;
        Some((buffer, range))
    }

    /// Asks to be told when a receive, or a pipe, would find something.
    pub fn await_readable<R: Ring>(&mut self, ring: &mut R, token: Token) {
        debug_assert!(!self.receiving && !self.closed, "as for a receive");
        self.receiving = true;
        self.picking = false;
        ring.await_readable(self.socket, token);
    }

    /// Asks to be told when the other side takes bytes again.
    pub fn await_writable<R: Ring>(&mut self, ring: &mut R, token: Token) {
        debug_assert!(!self.sending && !self.closed, "as for a send");
        self.sending = true;
        ring.await_writable(self.socket, token);
    }

    /// Whether more is worth looking for at once: the last receive filled its room.
    pub fn next_arrival(&self) -> Arrival {
        if self.plenty {
            Arrival::Now
        } else {
            Arrival::Later
        }
    }

    /// Asks for more bytes: behind those that are held, or into a fresh buffer. `false`: no room for more.
    pub fn receive<R: Ring>(&mut self, ring: &mut R, when: Arrival, token: Token) -> bool {
        debug_assert!(
            !self.receiving && !self.closed,
            "one receive at a time, on an open socket"
        );
        let into = match self.held.take() {
            Some(buffer) => match self.room_behind(ring, buffer) {
                Some((buffer, room)) => Into::Lease(buffer, room),
                None => return false,
            },
            None => self.fresh(ring, when),
        };
        self.receiving = true;
        self.picking = matches!(into, Into::Pick);
        ring.recv(self.socket, into, when, token);
        true
    }

    /// A receive has completed.
    pub fn received<R: Ring>(
        &mut self,
        ring: &mut R,
        result: Result<u32, Errno>,
        buffer: Option<Buffer>,
    ) -> Arrived {
        self.receiving = false;
        let count = result.unwrap_or(0);
        self.end += count;
        if let Some(buffer) = buffer {
            self.plenty = self.end as usize + TAILROOM == buffer.len();
            if self.start < self.end && !self.closed {
                self.held = Some(buffer);
            } else {
                ring.give_back(buffer);
            }
        }
        match result {
            Ok(0) => {
                self.ended = true;
                Arrived::End
            }
            Ok(_) => Arrived::Bytes,
            Err(Errno::ENOBUFS) => Arrived::Starved,
            Err(_) => Arrived::Broken,
        }
    }

    /// Sends `buffer[range]`.
    pub fn send<R: Ring>(
        &mut self,
        ring: &mut R,
        buffer: Buffer,
        range: Range<usize>,
        token: Token,
    ) {
        debug_assert!(
            !self.sending && !self.closed,
            "one send at a time, on an open socket"
        );
        self.sending = true;
        self.moved = ring.now();
        self.unsent =
            u32::try_from(range.start).unwrap_or(0)..u32::try_from(range.end).unwrap_or(0);
        ring.send(self.socket, buffer, range, token);
    }

    /// A send has completed. A part that is left goes out at once.
    pub fn sent<R: Ring>(
        &mut self,
        ring: &mut R,
        result: Result<u32, Errno>,
        buffer: Buffer,
        token: Token,
    ) -> Sent {
        self.sending = false;
        let Ok(count) = result else {
            return Sent::Broken(buffer);
        };
        self.unsent.start = self.unsent.start.saturating_add(count);
        if self.unsent.is_empty() {
            return Sent::All(buffer);
        }
        if self.closed || count == 0 {
            return Sent::Broken(buffer);
        }
        let rest = self.unsent.start as usize..self.unsent.end as usize;
        self.send(ring, buffer, rest, token);
        Sent::Part
    }

    fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// A fresh buffer for what arrives: large only while bytes come in plenty, since a large one is taken for
    /// the whole wait.
    fn fresh<R: Ring>(&mut self, ring: &mut R, when: Arrival) -> Into {
        self.start = HEADROOM as u32;
        self.end = HEADROOM as u32;
        if self.plenty
            && when == Arrival::Now
            && let Some(buffer) = ring.lease(Size::Large)
        {
            let room = HEADROOM..buffer.len() - TAILROOM;
            return Into::Lease(buffer, room);
        }
        Into::Pick
    }

    /// Room behind the held bytes; they are moved to the front, or to a larger buffer, when there is none.
    /// `None` (the bytes stay held) when no larger buffer is to be had.
    fn room_behind<R: Ring>(
        &mut self,
        ring: &mut R,
        mut buffer: Buffer,
    ) -> Option<(Buffer, Range<usize>)> {
        let held = self.range();
        let limit = buffer.len() - TAILROOM;
        if held.end < limit {
            return Some((buffer, held.end..limit));
        }
        let length = held.len();
        if held.start > HEADROOM {
            buffer.copy_within(held, HEADROOM);
        } else {
            let larger = if buffer.size() == Size::Small {
                ring.lease(Size::Large)
            } else {
                None
            };
            let Some(mut larger) = larger else {
                self.held = Some(buffer);
                return None;
            };
            larger[HEADROOM..HEADROOM + length].copy_from_slice(&buffer[held]);
            ring.give_back(std::mem::replace(&mut buffer, larger));
        }
        self.start = HEADROOM as u32;
        self.end = (HEADROOM + length) as u32;
        let room = self.end as usize..buffer.len() - TAILROOM;
        Some((buffer, room))
    }
}
