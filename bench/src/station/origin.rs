//! The origin: answers `GET /N` with a body of N bytes out of memory, at once, on kept-alive connections.
//!
//! Each connection has exactly one operation in flight, a `recv` or a `send`, so it can always be closed as
//! soon as that one has completed.

use halb::ring::arena::Buffer;
use halb::ring::arena::HEADROOM;
use halb::ring::arena::LARGE_BYTES;
use halb::ring::arena::SMALL_BYTES;
use halb::ring::port::Arrival;
use halb::ring::port::Completion;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use halb::ring::token::Token;
use memchr::memmem;
use nix::errno::Errno;

use crate::slots::Slots;
use crate::station::give_back;
use crate::station::pattern::PERIOD;
use crate::station::pattern::Pattern;

pub const ACCEPT: u8 = 0;
pub const RECV: u8 = 1;
pub const SEND: u8 = 2;

/// A large buffer holds one period, so a place in it always holds the same part of the sequence.
const _: () = assert!(LARGE_BYTES == PERIOD);
/// A request head longer than this is not one of ours.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The answer to one path, made once.
struct Answer {
    body_bytes: u64,
    /// Head and, when it fits a small buffer, body.
    start: Vec<u8>,
    head_bytes: usize,
}

/// What is being sent to one connection.
#[derive(Clone, Copy)]
struct Sending {
    answer: usize,
    /// Bytes of head and body already sent.
    done: u64,
    /// The request asked for the connection to be closed.
    close_after: bool,
}

struct Visitor {
    socket: Socket,
    /// A request head that did not come in one piece.
    partial: Vec<u8>,
    sending: Option<Sending>,
    /// For long bodies: the sequence, turned so that a head of so many bytes stands before it.
    large: Option<(Buffer, usize)>,
}

/// All connections of the origin.
pub struct Origin {
    listener: Socket,
    answers: Vec<Answer>,
    visitors: Slots<Visitor>,
    /// Requests that were not `GET /N`: whoever stands between changed them.
    pub faults: u64,
}

struct Request {
    body_bytes: u64,
    close: bool,
}

impl Origin {
    /// Begins to accept on `listener`.
    pub fn start<R: Ring>(ring: &mut R, listener: Socket) -> Origin {
        let origin = Origin {
            listener,
            answers: Vec::new(),
            visitors: Slots::new(),
            faults: 0,
        };
        origin.accept(ring);
        origin
    }

    fn accept<R: Ring>(&self, ring: &mut R) {
        let token = Token {
            kind: ACCEPT,
            slot: 0,
            generation: 0,
        };
        ring.accept(self.listener, token);
    }

    /// A completion of kind [`ACCEPT`].
    pub fn on_accept<R: Ring>(&mut self, ring: &mut R, completion: &Completion) {
        if let Ok(number) = completion.result {
            let socket = Socket(i32::try_from(number).unwrap_or(-1));
            let slot = self.visitors.insert(Visitor {
                socket,
                partial: Vec::new(),
                sending: None,
                large: None,
            });
            self.listen(ring, slot);
        }
        if completion.last {
            self.accept(ring);
        }
    }

    /// A completion of kind [`RECV`].
    pub fn on_recv<R: Ring>(&mut self, ring: &mut R, completion: Completion, pattern: &Pattern) {
        let slot = completion.token.slot;
        match (completion.result, completion.buffer) {
            (Ok(count), Some(buffer)) if count > 0 => {
                self.on_bytes(ring, slot, buffer, count as usize, pattern);
            }
            (Err(Errno::ENOBUFS), buffer) => {
                give_back(ring, buffer);
                self.listen(ring, slot);
            }
            (Ok(_) | Err(_), buffer) => {
                give_back(ring, buffer);
                self.close(ring, slot);
            }
        }
    }

    /// A completion of kind [`SEND`].
    pub fn on_send<R: Ring>(&mut self, ring: &mut R, completion: Completion, pattern: &Pattern) {
        let slot = completion.token.slot;
        let Some(buffer) = completion.buffer else {
            return self.close(ring, slot);
        };
        let (Ok(count), Some(visitor)) = (completion.result, self.visitors.at(slot)) else {
            ring.give_back(buffer);
            return self.close(ring, slot);
        };
        if let Some(sending) = visitor.sending.as_mut() {
            sending.done += u64::from(count);
        }
        self.send(ring, slot, buffer, pattern);
    }

    fn on_bytes<R: Ring>(
        &mut self,
        ring: &mut R,
        slot: u32,
        buffer: Buffer,
        count: usize,
        pattern: &Pattern,
    ) {
        let Some(visitor) = self.visitors.at(slot) else {
            return ring.give_back(buffer);
        };
        let piece = &buffer[HEADROOM..HEADROOM + count];
        let request = if visitor.partial.is_empty() {
            parse(piece)
        } else {
            visitor.partial.extend_from_slice(piece);
            parse(&visitor.partial)
        };
        match request {
            Ok(Some(request)) => {
                visitor.partial.clear();
                visitor.sending = Some(Sending {
                    answer: usize::MAX,
                    done: 0,
                    close_after: request.close,
                });
                self.answer(ring, slot, buffer, request.body_bytes, pattern);
            }
            Ok(None) => {
                if visitor.partial.is_empty() {
                    visitor.partial = piece.to_vec();
                }
                ring.give_back(buffer);
                self.listen(ring, slot);
            }
            Err(NotOurs) => {
                self.faults += 1;
                ring.give_back(buffer);
                self.close(ring, slot);
            }
        }
    }

    /// Begins an answer; a short one goes out in the buffer that the request came in.
    fn answer<R: Ring>(
        &mut self,
        ring: &mut R,
        slot: u32,
        mut buffer: Buffer,
        body_bytes: u64,
        pattern: &Pattern,
    ) {
        let index = self.prepare(body_bytes, pattern);
        let answer = &self.answers[index];
        let Some(visitor) = self.visitors.at(slot) else {
            return ring.give_back(buffer);
        };
        if let Some(sending) = visitor.sending.as_mut() {
            sending.answer = index;
        }
        if answer.total() > SMALL_BYTES as u64 {
            let held = visitor.large.take();
            ring.give_back(buffer);
            let Some(turned) = turned(ring, held, answer, pattern) else {
                return self.close(ring, slot);
            };
            buffer = turned;
        } else {
            buffer[..answer.start.len()].copy_from_slice(&answer.start);
        }
        self.send(ring, slot, buffer, pattern);
    }

    /// Sends what is still to be sent, or goes back to listening.
    fn send<R: Ring>(&mut self, ring: &mut R, slot: u32, mut buffer: Buffer, pattern: &Pattern) {
        let token = self.visitors.token(SEND, slot);
        let sending = self.visitors.at(slot).and_then(|visitor| visitor.sending);
        let Some(sending) = sending else {
            return ring.give_back(buffer);
        };
        let answer = &self.answers[sending.answer];
        if sending.done == answer.total() {
            return self.sent(ring, slot, buffer);
        }
        let length = buffer.len() as u64;
        let start = usize::try_from(sending.done % length).unwrap_or(0);
        let left = usize::try_from(answer.total() - sending.done).unwrap_or(usize::MAX);
        let end = start.saturating_add(left).min(buffer.len());
        if start == 0 && sending.done > 0 {
            // The head has gone; from the second lap on the sequence stands in its place.
            let head = answer.head_bytes;
            pattern.fill(&mut buffer[..head], PERIOD - head);
        }
        let Some(visitor) = self.visitors.at(slot) else {
            return ring.give_back(buffer);
        };
        ring.send(visitor.socket, buffer, start..end, token);
    }

    /// An answer has gone out whole.
    fn sent<R: Ring>(&mut self, ring: &mut R, slot: u32, buffer: Buffer) {
        let Some(visitor) = self.visitors.at(slot) else {
            return ring.give_back(buffer);
        };
        let sending = visitor.sending.take();
        match (buffer.size(), &sending) {
            (Size::Large, Some(sending)) => {
                visitor.large = Some((buffer, self.answers[sending.answer].head_bytes));
            }
            (Size::Large, None) | (Size::Small, _) => ring.give_back(buffer),
        }
        if sending.is_some_and(|sending| sending.close_after) {
            self.close(ring, slot);
        } else {
            self.listen(ring, slot);
        }
    }

    fn listen<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        let token = self.visitors.token(RECV, slot);
        if let Some(visitor) = self.visitors.at(slot) {
            ring.recv(visitor.socket, Into::Pick, Arrival::Later, token);
        }
    }

    fn close<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        if let Some(visitor) = self.visitors.remove(slot) {
            give_back(ring, visitor.large.map(|(buffer, _)| buffer));
            ring.close(visitor.socket, false);
        }
    }

    fn prepare(&mut self, body_bytes: u64, pattern: &Pattern) -> usize {
        let known = self
            .answers
            .iter()
            .position(|answer| answer.body_bytes == body_bytes);
        known.unwrap_or_else(|| {
            self.answers.push(Answer::new(body_bytes, pattern));
            self.answers.len() - 1
        })
    }
}

impl Answer {
    /// The head has the fields that real origins send; its values never change, so that runs are alike.
    fn new(body_bytes: u64, pattern: &Pattern) -> Answer {
        let head = format!(
            "HTTP/1.1 200 OK\r\nServer: halb-bench\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {body_bytes}\r\n\r\n"
        );
        let mut start = head.into_bytes();
        let head_bytes = start.len();
        let total = head_bytes as u64 + body_bytes;
        if total <= SMALL_BYTES as u64 {
            start.resize(usize::try_from(total).unwrap_or(head_bytes), 0);
            pattern.fill(&mut start[head_bytes..], 0);
        }
        Answer {
            body_bytes,
            start,
            head_bytes,
        }
    }

    fn total(&self) -> u64 {
        self.head_bytes as u64 + self.body_bytes
    }
}

/// A large buffer with the head at its beginning and the sequence behind it; `None` when there is none left.
fn turned<R: Ring>(
    ring: &mut R,
    held: Option<(Buffer, usize)>,
    answer: &Answer,
    pattern: &Pattern,
) -> Option<Buffer> {
    let head = answer.head_bytes;
    let mut buffer = match held {
        Some((buffer, turned_by)) if turned_by == head => buffer,
        other => {
            let mut buffer = match other {
                Some((buffer, _)) => buffer,
                None => ring.lease(Size::Large)?,
            };
            pattern.fill(&mut buffer[head..], 0);
            buffer
        }
    };
    buffer[..head].copy_from_slice(&answer.start[..head]);
    Some(buffer)
}

/// Not a request the generator made.
#[derive(Debug, PartialEq, Eq)]
struct NotOurs;

/// `Ok(None)`: the head is not whole yet.
fn parse(bytes: &[u8]) -> Result<Option<Request>, NotOurs> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX {
            Err(NotOurs)
        } else {
            Ok(None)
        };
    };
    let path = bytes.strip_prefix(b"GET /").ok_or(NotOurs)?;
    let length = memchr::memchr(b' ', path).ok_or(NotOurs)?;
    let digits = std::str::from_utf8(&path[..length]).map_err(|_| NotOurs)?;
    let body_bytes = digits.parse().map_err(|_| NotOurs)?;
    if end + 4 != bytes.len() {
        return Err(NotOurs);
    }
    Ok(Some(Request {
        body_bytes,
        // Either spelling of the field's first letter; what the value may be is ours to know.
        close: memmem::find(bytes, b"onnection: close\r\n").is_some(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_and_close(text: &str) -> Result<Option<(u64, bool)>, NotOurs> {
        let request = parse(text.as_bytes())?;
        Ok(request.map(|request| (request.body_bytes, request.close)))
    }

    #[test]
    fn requests_of_the_generator_are_understood() {
        let plain = "GET /128 HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(size_and_close(plain), Ok(Some((128, false))));
        let closing = "GET /0 HTTP/1.1\r\nHost: a\r\nconnection: close\r\n\r\n";
        assert_eq!(size_and_close(closing), Ok(Some((0, true))));
        assert_eq!(size_and_close("GET /128 HT"), Ok(None));
        assert_eq!(size_and_close("GET / HTTP/1.1\r\n\r\n"), Err(NotOurs));
        assert_eq!(size_and_close("PUT /1 HTTP/1.1\r\n\r\n"), Err(NotOurs));
        assert_eq!(size_and_close("GET /1 HTTP/1.1\r\n\r\nmore"), Err(NotOurs));
    }

    #[test]
    fn an_answer_is_its_head_and_the_sequence() {
        let pattern = Pattern::new();
        let answer = Answer::new(128, &pattern);
        assert_eq!(answer.total(), answer.start.len() as u64);
        assert!(answer.start.ends_with(&{
            let mut body = vec![0; 128];
            pattern.fill(&mut body, 0);
            body
        }));
        let long = Answer::new(1 << 20, &pattern);
        assert_eq!(long.start.len(), long.head_bytes);
    }
}
