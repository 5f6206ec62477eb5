//! The station's end of the line to its crew: one line of JSON for each word, however long it is and however the
//! bytes come.

use std::collections::VecDeque;

use halb::ring::arena::HEADROOM;
use halb::ring::port::Arrival;
use halb::ring::port::Completion;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use halb::ring::token::Token;
use nix::errno::Errno;

use crate::station::give_back;
use crate::station::order::Said;
use crate::station::order::Told;
use crate::trouble::Trouble;
use crate::trouble::While;

pub const RECV: u8 = 6;
pub const SEND: u8 = 7;

/// The line, and what of it is on its way.
pub struct Line {
    socket: Socket,
    /// The beginning of a word that is not whole, and whole ones that were not asked for yet.
    received: Vec<u8>,
    outgoing: VecDeque<u8>,
    sending: bool,
}

/// What came of hearing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    Bytes,
    /// The crew has gone.
    End,
}

impl Line {
    pub fn new(socket: Socket) -> Line {
        Line {
            socket,
            received: Vec::new(),
            outgoing: VecDeque::new(),
            sending: false,
        }
    }

    /// Arms one receive; [`Line::on_bytes`] follows.
    pub fn listen<R: Ring>(&self, ring: &mut R) {
        ring.recv(self.socket, Into::Pick, Arrival::Later, own_token(RECV));
    }

    /// A completion of kind [`RECV`]. It listens again, unless the line has ended.
    pub fn on_bytes<R: Ring>(
        &mut self,
        ring: &mut R,
        completion: Completion,
    ) -> Result<Heard, Trouble> {
        let count = match completion.result {
            Err(Errno::ENOBUFS) => 0,
            result => {
                let count = result.during("hearing the crew")? as usize;
                if count == 0 {
                    give_back(ring, completion.buffer);
                    return Ok(Heard::End);
                }
                count
            }
        };
        if let Some(buffer) = completion.buffer {
            self.received
                .extend_from_slice(&buffer[HEADROOM..HEADROOM + count]);
            ring.give_back(buffer);
        }
        self.listen(ring);
        Ok(Heard::Bytes)
    }

    /// The next whole word of the crew, if there is one.
    pub fn next(&mut self) -> Result<Option<Told>, Trouble> {
        let Some(end) = memchr::memchr(b'\n', &self.received) else {
            return Ok(None);
        };
        let told = serde_json::from_slice(&self.received[..end]);
        self.received.drain(..=end);
        told.map(Some).during("understanding an order")
    }

    /// Writes one line to the crew.
    pub fn say<R: Ring>(&mut self, ring: &mut R, said: &Said) -> Result<(), Trouble> {
        let text = serde_json::to_vec(said).during("writing an answer")?;
        self.outgoing.extend(text);
        self.outgoing.push_back(b'\n');
        self.send(ring)
    }

    /// A completion of kind [`SEND`].
    pub fn on_sent<R: Ring>(
        &mut self,
        ring: &mut R,
        completion: Completion,
    ) -> Result<(), Trouble> {
        give_back(ring, completion.buffer);
        let count = completion.result.during("answering the crew")? as usize;
        self.outgoing.drain(..count);
        self.sending = false;
        self.send(ring)
    }

    fn send<R: Ring>(&mut self, ring: &mut R) -> Result<(), Trouble> {
        if self.sending || self.outgoing.is_empty() {
            return Ok(());
        }
        let buffer = ring.lease(Size::Large);
        let mut buffer = buffer.ok_or_else(|| Trouble::new("no buffer for an answer"))?;
        let count = self.outgoing.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(&self.outgoing) {
            *place = *byte;
        }
        self.sending = true;
        ring.send(self.socket, buffer, 0..count, own_token(SEND));
        Ok(())
    }
}

fn own_token(kind: u8) -> Token {
    Token {
        kind,
        slot: 0,
        generation: 0,
    }
}
