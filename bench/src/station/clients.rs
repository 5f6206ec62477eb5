//! The generator's connections: each asks, checks the answer, and says what happened. When to ask, and what
//! the answers are worth, is decided by the job above.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use halb::model::time::Instant;
use halb::ring::arena::Buffer;
use halb::ring::arena::HEADROOM;
use halb::ring::port::Arrival;
use halb::ring::port::Completion;
use halb::ring::port::InFlight;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use nix::errno::Errno;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::Domain;
use socket2::SockRef;
use socket2::Type;

use crate::slots::Slots;
use crate::station::body::outgoing::Outgoing;
use crate::station::body::pattern::Pattern;
use crate::station::body::response::Progress;
use crate::station::body::response::Response;
use crate::station::body::response::Wrong;
use crate::station::fault::Fault;
use crate::station::give_back;
use crate::station::order::Asked;
use crate::station::order::SOURCES_EACH;
use crate::station::question::Question;
use crate::station::question::expected;
use crate::station::question::request;
use crate::station::question::source;

pub const CONNECT: u8 = 3;
pub const RECV: u8 = 4;
pub const SEND: u8 = 5;

/// Answers longer than this are received in large buffers, as a browser would.
const SHORT_BYTES: u64 = 3 * 1024;

/// What happened on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    Connected(u32),
    /// The whole answer is here, so long after the question (or after `open`, for a connection's first).
    Answered {
        slot: u32,
        nanos: u64,
    },
    /// The first byte of a body is here, where it comes slowly ([`Asked::pace_bytes_s`]).
    Begun(u32),
    /// The other end closed, and nothing was due.
    Ended(u32),
    Failed(u32, Fault),
}

struct Client {
    socket: Socket,
    /// The descriptor, where it was opened here and not by the ring.
    own: Option<OwnedFd>,
    in_flight: u8,
    receiving: bool,
    closing: bool,
    waiting: bool,
    /// No answer has come on it yet.
    untried: bool,
    since: Instant,
    asked: Asked,
    /// An upload that is not handed over to the kernel yet, and what of the buffer in flight is not.
    upload: Option<Outgoing>,
    sending: Range<usize>,
    /// The answer was whole, so long after the question, while the end of the request was still in flight.
    answered: Option<u64>,
    begun: bool,
    response: Response,
    /// Kept for long answers.
    large: Option<Buffer>,
}

/// All connections of the generator.
pub struct Clients {
    question: Question,
    pattern: Rc<Pattern>,
    request: Vec<u8>,
    table: Slots<Client>,
    waiting: usize,
    untried: usize,
    received_bytes: u64,
    sources_used: u32,
}

impl Clients {
    pub fn new(question: Question, pattern: Rc<Pattern>) -> Clients {
        Clients {
            request: request(&question, &question.asked),
            question,
            pattern,
            table: Slots::new(),
            waiting: 0,
            untried: 0,
            received_bytes: 0,
            sources_used: 0,
        }
    }

    /// Connections that are not gone yet.
    pub fn live(&self) -> usize {
        self.table.live()
    }

    /// Bytes of answers so far, heads and all.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Questions without answer.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Connections on which no answer has come yet.
    pub fn untried(&self) -> usize {
        self.untried
    }

    /// The slots in use, in order.
    pub fn used(&self) -> Vec<u32> {
        self.table.used()
    }

    /// Opens one more connection; [`Event::Connected`] follows, or [`Event::Failed`].
    pub fn open<R: Ring>(&mut self, ring: &mut R, now: Instant) -> Result<(), Fault> {
        let (socket, own) = match self.source() {
            Some(source) => {
                let own = open_from(source).map_err(Fault::Open)?;
                (Socket(own.as_raw_fd()), Some(own))
            }
            None => (ring.open(&self.question.target).map_err(Fault::Open)?, None),
        };
        let slot = self.table.insert(Client {
            socket,
            own,
            in_flight: 1,
            receiving: false,
            closing: false,
            waiting: false,
            untried: true,
            since: now,
            asked: self.question.asked,
            upload: None,
            sending: 0..0,
            answered: None,
            begun: false,
            response: Response::expecting(expected(&self.question.asked)),
            large: None,
        });
        self.untried += 1;
        ring.connect(
            socket,
            &self.question.target,
            self.table.token(CONNECT, slot),
        );
        Ok(())
    }

    /// Where the next connection comes from; `None`: wherever the kernel likes.
    fn source(&mut self) -> Option<Ipv4Addr> {
        let first = self.question.first_source;
        if !self.question.fresh && first == 0 {
            return None;
        }
        self.sources_used = (self.sources_used + 1) % SOURCES_EACH;
        Some(source(first + self.sources_used))
    }

    /// Sends the question and listens for the answer; the time counts from `since`.
    pub fn ask<R: Ring>(&mut self, ring: &mut R, slot: u32, since: Instant) {
        let asked = self.question.asked;
        self.begin(slot, since, asked);
        if asked.upload_bytes > 0 {
            let head = self.request.clone();
            return self.send_message(ring, slot, head, &asked);
        }
        let Some(client) = self.table.at(slot).filter(|client| client.waiting) else {
            return;
        };
        let Some(mut buffer) = ring.lease(Size::Small) else {
            unreachable!("the station has a small buffer for every connection");
        };
        buffer[..self.request.len()].copy_from_slice(&self.request);
        client.in_flight += 1;
        client.sending = 0..self.request.len();
        let (socket, range) = (client.socket, client.sending.clone());
        ring.send(socket, buffer, range, self.table.token(SEND, slot));
        self.listen(ring, slot, Arrival::Later);
    }

    /// The same with another question, for once.
    pub fn ask_other<R: Ring>(&mut self, ring: &mut R, slot: u32, since: Instant, asked: &Asked) {
        self.begin(slot, since, *asked);
        let head = request(&self.question, asked);
        self.send_message(ring, slot, head, asked);
    }

    fn begin(&mut self, slot: u32, since: Instant, asked: Asked) {
        let Some(client) = self.table.at(slot).filter(|client| !client.closing) else {
            return;
        };
        if !self.question.fresh {
            client.since = since;
        }
        client.asked = asked;
        client.begun = false;
        client.response.again(expected(&asked));
        client.waiting = true;
        self.waiting += 1;
    }

    /// Begins a request that may have a body.
    fn send_message<R: Ring>(&mut self, ring: &mut R, slot: u32, head: Vec<u8>, asked: &Asked) {
        let Some(client) = self.table.at(slot).filter(|client| client.waiting) else {
            return;
        };
        let bytes = asked.upload_bytes;
        client.upload = Some(Outgoing::new(
            head,
            bytes,
            asked.upload_chunked && bytes > 0,
        ));
        let size = if bytes > SHORT_BYTES {
            Size::Large
        } else {
            Size::Small
        };
        let buffer = ring.lease(size).or_else(|| ring.lease(Size::Small));
        let Some(buffer) = buffer else {
            unreachable!("the station has a small buffer for every connection");
        };
        self.send_piece(ring, slot, buffer);
        self.listen(ring, slot, Arrival::Later);
    }

    fn send_piece<R: Ring>(&mut self, ring: &mut R, slot: u32, mut buffer: Buffer) {
        let token = self.table.token(SEND, slot);
        let Some(client) = self.table.at(slot) else {
            return ring.give_back(buffer);
        };
        if let Some(upload) = &mut client.upload {
            let end = upload.next(&mut buffer, u64::MAX, &self.pattern);
            client.sending = 0..end;
            if upload.is_over() {
                client.upload = None;
            }
        }
        client.in_flight += 1;
        ring.send(client.socket, buffer, client.sending.clone(), token);
    }

    /// Listens, if it does not already: for an answer, or on an idle connection for its end.
    pub fn listen<R: Ring>(&mut self, ring: &mut R, slot: u32, when: Arrival) {
        let token = self.table.token(RECV, slot);
        let Some(client) = self.table.at(slot) else {
            return;
        };
        if client.receiving || client.closing {
            return;
        }
        client.receiving = true;
        client.in_flight += 1;
        // A slow body comes in small pieces, and from thousands at once.
        let small = client.asked.body_bytes <= SHORT_BYTES || client.asked.pace_bytes_s > 0;
        let into = if small {
            Into::Pick
        } else {
            match client.large.take().or_else(|| ring.lease(Size::Large)) {
                Some(buffer) => {
                    let whole = 0..buffer.len();
                    Into::Lease(buffer, whole)
                }
                None => Into::Pick,
            }
        };
        ring.recv(client.socket, into, when, token);
    }

    /// Closes a connection; its slot is free once everything in flight has come back.
    pub fn close<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        let Some(client) = self.table.at(slot) else {
            return;
        };
        if client.closing {
            return;
        }
        client.closing = true;
        self.waiting -= usize::from(std::mem::take(&mut client.waiting));
        self.untried -= usize::from(std::mem::take(&mut client.untried));
        match &client.own {
            None => ring.close(client.socket, InFlight::any_if(client.in_flight > 0)),
            // It closes when it is dropped, and that is when nothing of it is in flight.
            Some(own) if client.receiving && client.in_flight == 1 => {
                // The receive completes at once. To cancel it, the kernel would look through all that are armed, which
                // for tens of thousands of connections takes half a minute.
                let _gone_already = SockRef::from(own).shutdown(Shutdown::Both);
            }
            Some(_) if client.in_flight > 0 => ring.cancel(client.socket),
            Some(_) => {}
        }
        self.reap(ring, slot);
    }

    /// A completion of kind [`CONNECT`], [`RECV`] or [`SEND`].
    pub fn on_completion<R: Ring>(
        &mut self,
        ring: &mut R,
        completion: Completion,
    ) -> Option<Event> {
        let slot = completion.token.slot;
        let Some(client) = self.table.find(completion.token) else {
            unreachable!("a slot lives until its last completion has come");
        };
        client.in_flight -= 1;
        if client.closing {
            give_back(ring, completion.buffer);
            self.reap(ring, slot);
            return None;
        }
        match completion.token.kind {
            CONNECT => Some(match completion.result {
                Ok(_) => Event::Connected(slot),
                Err(errno) => Event::Failed(slot, Fault::Connect(errno)),
            }),
            RECV => self.on_recv(ring, completion),
            _ => self.on_send(ring, completion),
        }
    }

    fn on_send<R: Ring>(&mut self, ring: &mut R, completion: Completion) -> Option<Event> {
        let slot = completion.token.slot;
        let (client, buffer) = (self.table.at(slot)?, completion.buffer?);
        let count = match completion.result {
            Ok(count) => count as usize,
            Err(errno) => {
                ring.give_back(buffer);
                return Some(Event::Failed(slot, Fault::Send(errno)));
            }
        };
        client.sending.start += count;
        if !client.sending.is_empty() {
            client.in_flight += 1;
            let (socket, rest) = (client.socket, client.sending.clone());
            ring.send(socket, buffer, rest, self.table.token(SEND, slot));
            return None;
        }
        if client.upload.is_some() {
            self.send_piece(ring, slot, buffer);
            return None;
        }
        ring.give_back(buffer);
        let nanos = client.answered.take()?;
        Some(self.answered(slot, nanos))
    }

    /// The answer is whole, and so is the request.
    fn answered(&mut self, slot: u32, nanos: u64) -> Event {
        self.waiting -= 1;
        if let Some(client) = self.table.at(slot) {
            client.waiting = false;
            self.untried -= usize::from(std::mem::take(&mut client.untried));
        }
        Event::Answered { slot, nanos }
    }

    fn on_recv<R: Ring>(&mut self, ring: &mut R, completion: Completion) -> Option<Event> {
        let slot = completion.token.slot;
        let client = self.table.at(slot)?;
        client.receiving = false;
        let (count, buffer) = match (completion.result, completion.buffer) {
            (Ok(count), Some(buffer)) if count > 0 => (count as usize, buffer),
            (Err(Errno::ENOBUFS), buffer) => {
                give_back(ring, buffer);
                self.listen(ring, slot, Arrival::Later);
                return None;
            }
            (Ok(_), buffer) => {
                give_back(ring, buffer);
                return Some(if client.waiting {
                    Event::Failed(slot, Fault::Ended)
                } else {
                    Event::Ended(slot)
                });
            }
            (Err(errno), buffer) => {
                give_back(ring, buffer);
                return Some(Event::Failed(slot, Fault::Receive(errno)));
            }
        };
        if !client.waiting {
            ring.give_back(buffer);
            return Some(Event::Failed(slot, Fault::Wrong(Wrong::Excess)));
        }
        let start = match buffer.size() {
            Size::Small => HEADROOM,
            Size::Large => 0,
        };
        self.received_bytes += count as u64;
        let piece = &buffer[start..start + count];
        let progress = client.response.feed(piece, &self.pattern);
        match buffer.size() {
            Size::Small => ring.give_back(buffer),
            Size::Large => client.large = Some(buffer),
        }
        self.judge(ring, slot, progress)
    }

    fn judge<R: Ring>(
        &mut self,
        ring: &mut R,
        slot: u32,
        progress: Result<Progress, Wrong>,
    ) -> Option<Event> {
        let client = self.table.at(slot)?;
        match progress {
            Ok(Progress::More) => {
                let slow = client.asked.pace_bytes_s > 0;
                let begins = slow && !client.begun && client.response.has_begun();
                client.begun |= begins;
                let when = if slow { Arrival::Later } else { Arrival::Now };
                self.listen(ring, slot, when);
                begins.then_some(Event::Begun(slot))
            }
            Ok(Progress::Whole) if client.upload.is_some() => {
                Some(Event::Failed(slot, Fault::Wrong(Wrong::Early)))
            }
            Ok(Progress::Whole) => {
                let since = client.since.as_nanos();
                let nanos = ring.now().as_nanos().saturating_sub(since);
                if client.sending.is_empty() {
                    return Some(self.answered(slot, nanos));
                }
                client.answered = Some(nanos);
                None
            }
            Err(wrong) => Some(Event::Failed(slot, Fault::Wrong(wrong))),
        }
    }

    /// Frees the slot of a closed connection when nothing of it is in flight.
    fn reap<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        let gone = self
            .table
            .at(slot)
            .is_some_and(|client| client.in_flight == 0);
        if gone && let Some(client) = self.table.remove(slot) {
            give_back(ring, client.large);
        }
    }
}

/// A socket bound to `from`, its port chosen when it connects.
fn open_from(from: Ipv4Addr) -> Result<OwnedFd, Errno> {
    let errno = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(0));
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None);
    let socket = socket.map_err(errno)?;
    socket.set_tcp_nodelay(true).map_err(errno)?;
    setsockopt(&socket, IpBindAddressNoPort, &true)?;
    let address = SocketAddr::new(IpAddr::V4(from), 0);
    socket.bind(&address.into()).map_err(errno)?;
    Ok(socket.into())
}
