//! The origin: answers `GET /N` with a body of N bytes out of memory, on kept-alive connections; at once, or with
//! `?delay=MS`, `chunked` and `pace=BYTES` (a second) later, in chunks, slowly. `POST /N` is answered when the upload is
//! there whole; that has to be the sequence, too.
//!
//! Each connection has at most one operation in flight, a `recv` or a `send`, so it can always be closed as
//! soon as that one has completed; while it waits for its time it has none.

mod answer;
mod pace;
mod request;

use std::time::Duration;

use halb::model::time::Instant;
use halb::ring::arena::Buffer;
use halb::ring::arena::HEADROOM;
use halb::ring::arena::SMALL_BYTES;
use halb::ring::port::Arrival;
use halb::ring::port::Completion;
use halb::ring::port::InFlight;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use halb::ring::token::Token;
use nix::errno::Errno;

use crate::slots::Slots;
use crate::station::body::incoming::Incoming;
use crate::station::body::outgoing::Outgoing;
use crate::station::body::pattern::PERIOD;
use crate::station::body::pattern::Pattern;
use crate::station::body::response::Progress;
use crate::station::give_back;
use crate::station::origin::answer::Answer;
use crate::station::origin::answer::composed;
use crate::station::origin::answer::turned;
use crate::station::origin::pace::Dues;
use crate::station::origin::pace::Pace;
use crate::station::origin::request::NotOurs;
use crate::station::origin::request::Request;
use crate::station::origin::request::parse;

pub const ACCEPT: u8 = 0;
pub const RECV: u8 = 1;
pub const SEND: u8 = 2;

/// An upload with more than this to come is received in large buffers.
const SHORT_BYTES: u64 = 16 * 1024;
/// When no buffer is left, it is tried again after this.
const NO_BUFFER_PAUSE: Duration = Duration::from_millis(10);

/// What is being sent to one connection, when it is plain.
#[derive(Clone, Copy)]
struct Plain {
    answer: usize,
    /// Bytes of head and body already sent.
    done: u64,
}

/// What is being sent to one connection, when it is anything else.
struct Composed {
    outgoing: Outgoing,
    pace: Option<Pace>,
    /// What of the buffer in flight is not sent yet.
    next: usize,
    end: usize,
}

/// What a connection is at.
enum Doing {
    /// A request is awaited, or a part of its head is here.
    Listening,
    Uploading(Request, Incoming),
    /// The answer is due later.
    Waiting(Request),
    SendingPlain(Request, Plain),
    Sending(Request, Composed),
}

struct Visitor {
    socket: Socket,
    /// A request head that did not come in one piece.
    partial: Vec<u8>,
    doing: Doing,
    /// For long bodies: the sequence, turned so that a head of so many bytes stands before it.
    large: Option<(Buffer, usize)>,
}

/// All connections of the origin.
pub struct Origin {
    listener: Socket,
    answers: Vec<Answer>,
    visitors: Slots<Visitor>,
    dues: Dues,
    /// Requests that are none of the generator's, and uploads that are not the sequence: whoever stands between
    /// changed them.
    pub faults: u64,
}

impl Origin {
    /// Begins to accept on `listener`.
    pub fn start<R: Ring>(ring: &mut R, listener: Socket) -> Origin {
        let origin = Origin {
            listener,
            answers: Vec::new(),
            visitors: Slots::new(),
            dues: Dues::default(),
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
                doing: Doing::Listening,
                large: None,
            });
            self.listen(ring, slot);
        }
        if completion.last {
            self.accept(ring);
        }
    }

    /// When [`Origin::on_time`] wants to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        self.dues.next_at()
    }

    /// Goes on with those whose time has come.
    pub fn on_time<R: Ring>(&mut self, ring: &mut R, pattern: &Pattern) {
        let now = ring.now();
        while let Some(token) = self.dues.next(now) {
            let Some(visitor) = self.visitors.find(token) else {
                continue; // it has gone meanwhile
            };
            let size = match &visitor.doing {
                Doing::Sending(_, composed) => composed.wants(now),
                _ => Size::Small,
            };
            let Some(buffer) = ring.lease(size) else {
                self.dues.add(now + NO_BUFFER_PAUSE, token);
                continue;
            };
            match &visitor.doing {
                Doing::Waiting(request) => {
                    let request = *request;
                    self.begin(ring, token.slot, buffer, request, pattern);
                }
                Doing::Sending(..) => self.proceed(ring, token.slot, buffer, pattern),
                _ => ring.give_back(buffer),
            }
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
        match &mut visitor.doing {
            Doing::SendingPlain(_, plain) => {
                plain.done += u64::from(count);
                self.send_plain(ring, slot, buffer, pattern);
            }
            Doing::Sending(_, composed) => {
                composed.next += count as usize;
                self.proceed(ring, slot, buffer, pattern);
            }
            Doing::Listening | Doing::Uploading(..) | Doing::Waiting(_) => ring.give_back(buffer),
        }
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
        let start = match buffer.size() {
            Size::Small => HEADROOM,
            Size::Large => 0,
        };
        match visitor.take(&buffer[start..start + count], pattern) {
            Ok(Some(request)) if request.delay_ms > 0 => {
                visitor.doing = Doing::Waiting(request);
                ring.give_back(buffer);
                let at = ring.now() + Duration::from_millis(request.delay_ms);
                self.dues.add(at, self.visitors.token(SEND, slot));
            }
            Ok(Some(request)) => self.begin(ring, slot, buffer, request, pattern),
            Ok(None) => {
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
    fn begin<R: Ring>(
        &mut self,
        ring: &mut R,
        slot: u32,
        mut buffer: Buffer,
        request: Request,
        pattern: &Pattern,
    ) {
        if request.chunked || request.pace_bytes_s > 0 {
            return self.compose(ring, slot, buffer, request, pattern);
        }
        let index = self.prepare(request.body_bytes, pattern);
        let answer = &self.answers[index];
        let Some(visitor) = self.visitors.at(slot) else {
            return ring.give_back(buffer);
        };
        let plain = Plain {
            answer: index,
            done: 0,
        };
        visitor.doing = Doing::SendingPlain(request, plain);
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
        self.send_plain(ring, slot, buffer, pattern);
    }

    fn compose<R: Ring>(
        &mut self,
        ring: &mut R,
        slot: u32,
        buffer: Buffer,
        request: Request,
        pattern: &Pattern,
    ) {
        let now = ring.now();
        let pace = (request.pace_bytes_s > 0).then(|| Pace::new(request.pace_bytes_s, slot, now));
        let Some(visitor) = self.visitors.at(slot) else {
            return ring.give_back(buffer);
        };
        let composed = Composed {
            outgoing: composed(&request),
            pace,
            next: 0,
            end: 0,
        };
        let wanted = composed.wants(now);
        visitor.doing = Doing::Sending(request, composed);
        let buffer = exchanged(ring, buffer, wanted);
        self.proceed(ring, slot, buffer, pattern);
    }

    /// Sends what is still to be sent of a composed answer, waits for its pace, or goes back to listening.
    fn proceed<R: Ring>(&mut self, ring: &mut R, slot: u32, mut buffer: Buffer, pattern: &Pattern) {
        let now = ring.now();
        let token = self.visitors.token(SEND, slot);
        let Some(visitor) = self.visitors.at(slot) else {
            return ring.give_back(buffer);
        };
        let Doing::Sending(_, composed) = &mut visitor.doing else {
            return ring.give_back(buffer);
        };
        if composed.next == composed.end {
            if composed.outgoing.is_over() {
                ring.give_back(buffer);
                return self.sent(ring, slot);
            }
            let most = composed.allowed(now);
            composed.next = 0;
            composed.end = composed.outgoing.next(&mut buffer, most, pattern);
        }
        if composed.end == 0 {
            ring.give_back(buffer);
            let at = composed.pace.map_or(now, |pace| pace.next_at(now));
            return self.dues.add(at, token);
        }
        ring.send(visitor.socket, buffer, composed.next..composed.end, token);
    }

    /// Sends what is still to be sent of a plain answer, or goes back to listening.
    fn send_plain<R: Ring>(
        &mut self,
        ring: &mut R,
        slot: u32,
        mut buffer: Buffer,
        pattern: &Pattern,
    ) {
        let token = self.visitors.token(SEND, slot);
        let Some(visitor) = self.visitors.at(slot) else {
            return ring.give_back(buffer);
        };
        let Doing::SendingPlain(_, plain) = visitor.doing else {
            return ring.give_back(buffer);
        };
        let answer = &self.answers[plain.answer];
        if plain.done == answer.total() {
            match buffer.size() {
                Size::Large => visitor.large = Some((buffer, answer.head_bytes)),
                Size::Small => ring.give_back(buffer),
            }
            return self.sent(ring, slot);
        }
        let length = buffer.len() as u64;
        let start = usize::try_from(plain.done % length).unwrap_or(0);
        let left = usize::try_from(answer.total() - plain.done).unwrap_or(usize::MAX);
        let end = start.saturating_add(left).min(buffer.len());
        if start == 0 && plain.done > 0 {
            // The head has gone; from the second lap on the sequence stands in its place.
            let head = answer.head_bytes;
            pattern.fill(&mut buffer[..head], PERIOD - head);
        }
        ring.send(visitor.socket, buffer, start..end, token);
    }

    /// An answer has gone out whole.
    fn sent<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        let Some(visitor) = self.visitors.at(slot) else {
            return;
        };
        match std::mem::replace(&mut visitor.doing, Doing::Listening) {
            Doing::SendingPlain(request, _) | Doing::Sending(request, _) if request.close => {
                self.close(ring, slot);
            }
            _ => self.listen(ring, slot),
        }
    }

    fn listen<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        let token = self.visitors.token(RECV, slot);
        let Some(visitor) = self.visitors.at(slot) else {
            return;
        };
        let large = match &visitor.doing {
            Doing::Uploading(_, body) if body.is_longer_than(SHORT_BYTES) => {
                ring.lease(Size::Large)
            }
            _ => None,
        };
        let (into, when) = match large {
            Some(buffer) => {
                let whole = 0..buffer.len();
                (Into::Lease(buffer, whole), Arrival::Now)
            }
            None => (Into::Pick, Arrival::Later),
        };
        ring.recv(visitor.socket, into, when, token);
    }

    fn close<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        if let Some(visitor) = self.visitors.remove(slot) {
            give_back(ring, visitor.large.map(|(buffer, _)| buffer));
            ring.close(visitor.socket, InFlight::Nothing);
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

impl Visitor {
    /// Looks at what arrived; a request when that is whole, with its upload.
    fn take(&mut self, piece: &[u8], pattern: &Pattern) -> Result<Option<Request>, NotOurs> {
        if let Doing::Uploading(request, body) = &mut self.doing {
            let progress = body.feed(piece, pattern).map_err(|_| NotOurs)?;
            return Ok((progress == Progress::Whole).then_some(*request));
        }
        let joined;
        let bytes = if self.partial.is_empty() {
            piece
        } else {
            let mut partial = std::mem::take(&mut self.partial);
            partial.extend_from_slice(piece);
            joined = partial;
            &joined
        };
        let Some(head) = parse(bytes)? else {
            self.partial = bytes.to_vec();
            return Ok(None);
        };
        let Some(mut body) = head.upload else {
            return Ok(Some(head.request));
        };
        let rest = &bytes[head.bytes..];
        let progress = body.feed(rest, pattern).map_err(|_| NotOurs)?;
        self.doing = Doing::Uploading(head.request, body);
        Ok((progress == Progress::Whole).then_some(head.request))
    }
}

impl Composed {
    /// Bytes of the body that may be put into the next piece.
    fn allowed(&self, now: Instant) -> u64 {
        let done = self.outgoing.done();
        let allowed = |pace: Pace| pace.allowed(now).saturating_sub(done);
        self.pace.map_or(u64::MAX, allowed)
    }

    /// The buffer that the next piece is worth.
    fn wants(&self, now: Instant) -> Size {
        let next = self.allowed(now).min(self.outgoing.left());
        if next > SMALL_BYTES as u64 / 2 {
            Size::Large
        } else {
            Size::Small
        }
    }
}

/// A buffer of the wanted size for this one, or this one when there is none.
fn exchanged<R: Ring>(ring: &mut R, buffer: Buffer, wanted: Size) -> Buffer {
    if buffer.size() == wanted {
        return buffer;
    }
    let Some(other) = ring.lease(wanted) else {
        return buffer;
    };
    ring.give_back(buffer);
    other
}
