//! Clients: what happens on their connections, from the first byte of a request to the close.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;

use crate::http::ending::Ending;
use crate::http::request;
use crate::model::time::Instant;
use crate::plane::Order;
use crate::plane::queue::WaitTicket;
use crate::ring::arena::Buffer;
use crate::ring::port::Arrival;
use crate::ring::port::Ring;
use crate::ring::port::Socket;
use crate::worker::Kind;
use crate::worker::Worker;
use crate::worker::handover::LINGER_BRIEFLY;
use crate::worker::hunger::Starved;
use crate::worker::idle::Links;
use crate::worker::record::LastWords;
use crate::worker::record::SlipNumber;
use crate::worker::stream::Arrived;
use crate::worker::stream::NEVER;
use crate::worker::stream::Sent;
use crate::worker::stream::Stream;
use crate::worker::table::Key;
use crate::worker::time::unschedule;
use crate::worker::transfer::Way;
use crate::worker::wheel::Owner;

/// How long a client gets to read our last words before the connection is closed for good.
const LINGER: Duration = Duration::from_secs(2);

/// One client's connection. Idle, this is all it costs: no buffer, one entry of the wheel.
pub struct Client {
    pub stream: Stream,
    pub phase: Phase,
    pub peer: IpAddr,
    pub port: u16,
    /// What the access log will say of its request.
    pub slip: Option<SlipNumber>,
    /// When the head of its last request had been read.
    pub asked: Instant,
    /// When it came in, as far as this worker knows.
    pub admitted: Instant,
    /// It holds a place under the maximum.
    pub placed: bool,
    /// It has had a response before: kept alive, not new.
    pub served: bool,
    /// Its neighbours among the idle kept-alive connections.
    pub links: Links,
}

impl Client {
    /// One that was just accepted.
    pub fn new(socket: Socket, peer: SocketAddr) -> Client {
        Client {
            stream: Stream::new(socket),
            phase: Phase::Waiting,
            peer: peer.ip().to_canonical(),
            port: peer.port(),
            slip: None,
            asked: Instant::ZERO,
            admitted: Instant::ZERO,
            placed: false,
            served: false,
            links: Links::default(),
        }
    }
}

/// What a client's connection is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Accepted; waits for a place under the maximum.
    Waiting,
    /// No byte of the next request has come.
    Idle,
    /// A part of a head has come.
    Reading,
    /// Its request waits for a place at an output.
    Queued(WaitTicket),
    /// A session is under way.
    Busy(Key),
    /// An answer of our own is on its way.
    Replying { close: bool },
    /// Our side is closed; what still comes is thrown away until the client has closed too.
    Lingering,
}

impl<R: Ring> Worker<R> {
    /// A receive on a client's connection has completed.
    pub(super) fn on_client_received(
        &mut self,
        key: Key,
        result: Result<u32, Errno>,
        buffer: Option<Buffer>,
    ) {
        let Some(client) = self.clients.get_mut(key) else {
            self.take_back(buffer);
            return;
        };
        if let Phase::Busy(session) = client.phase
            && let Some(session) = self.sessions.get_mut(session)
        {
            session.heard(result);
        }
        let arrived = client.stream.received(&mut self.ring, result, buffer);
        if client.stream.closed {
            self.forget_client_if_quiet(key);
            return;
        }
        match arrived {
            Arrived::Starved => self.starve(Starved::ClientReceive(key)),
            Arrived::Broken => self.on_client_broken(key),
            Arrived::Bytes | Arrived::End => self.on_client_input(key),
        }
    }

    /// A send to a client has completed.
    pub(super) fn on_client_sent(
        &mut self,
        key: Key,
        result: Result<u32, Errno>,
        buffer: Option<Buffer>,
    ) {
        let (Some(client), Some(buffer)) = (self.clients.get_mut(key), buffer) else {
            return;
        };
        let token = Kind::ClientSend.token(key);
        let sent = client.stream.sent(&mut self.ring, result, buffer, token);
        let (phase, closed) = (client.phase, client.stream.closed);
        if let Phase::Busy(session) = phase {
            if let Some(session) = self.sessions.get_mut(session) {
                session.told(result);
            }
            self.count_moved(session, Way::Down, result.unwrap_or(0) as usize);
        }
        match sent {
            Sent::Part => {
                if let Phase::Busy(session) = phase {
                    self.renew_deadlines(session);
                }
                return;
            }
            Sent::All(buffer) => self.ring.give_back(buffer),
            Sent::Broken(buffer) => {
                self.ring.give_back(buffer);
                if !closed {
                    self.on_client_broken(key);
                    return;
                }
            }
        }
        let Some(client) = self.clients.get(key) else {
            return;
        };
        if client.stream.closed {
            self.forget_client_if_quiet(key);
            return;
        }
        match client.phase {
            Phase::Busy(session) => self.pump_download(session),
            Phase::Replying { close: true } => self.close_politely(key, false),
            Phase::Replying { close: false } => self.await_request(key),
            Phase::Waiting | Phase::Idle | Phase::Reading | Phase::Queued(_) | Phase::Lingering => {
            }
        }
    }

    /// A client's connection is ready for a pipe: to give bytes (`Way::Up`) or to take some.
    pub(super) fn on_client_ready(&mut self, key: Key, way: Way) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        match way {
            Way::Up => client.stream.receiving = false,
            Way::Down => client.stream.sending = false,
        }
        if client.stream.closed {
            self.forget_client_if_quiet(key);
            return;
        }
        match client.phase {
            Phase::Busy(session) => self.pump(session, way),
            // Asked for by an upload that has ended since: what comes is thrown away like all the rest.
            Phase::Lingering => self.drain_client(key),
            Phase::Waiting
            | Phase::Idle
            | Phase::Reading
            | Phase::Queued(_)
            | Phase::Replying { .. } => {}
        }
    }

    /// The connection waits for its next request, or goes on with one that has already come.
    pub(super) fn await_request(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.phase = Phase::Idle;
        if self.order != Order::Run {
            self.close_politely(key, false);
            return;
        }
        if self.hands_service_over() {
            self.await_last_request(key); // the last response did not say that it was the last
        } else {
            let deadline = self.now_plus(self.plan.client_timeout);
            self.set_client_deadline(key, deadline);
        }
        self.read_request(key);
    }

    /// Reads a request head from what has come, or asks for more.
    pub(super) fn read_request(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if !client.stream.has_bytes() {
            if client.stream.ended {
                self.close_politely(key, false);
            } else {
                client.phase = Phase::Idle;
                self.enter_idle(key);
                self.receive_from_client(key, Arrival::Later);
                self.relieve(); // who began to wait after the last response's head had gone
            }
            return;
        }
        let limit = self.plan.max_head_bytes;
        match request::parse(client.stream.bytes(), limit, &mut self.fields) {
            Ok(Some(request)) => self.begin_session(key, &request),
            Ok(None) if client.stream.ended => self.close_politely(key, false),
            Ok(None) => {
                let begins = client.phase == Phase::Idle;
                client.phase = Phase::Reading;
                if begins {
                    client.stream.moved = self.ring.now();
                }
                if begins && (self.order != Order::Run || self.hands_service_over()) {
                    // It was to begin soon; now that it has, it may take its time.
                    let deadline = self.now_plus(self.plan.client_timeout);
                    self.set_client_deadline(key, deadline);
                }
                self.receive_from_client(key, Arrival::Now);
            }
            Err(refusal) => {
                let head_only = request::is_head(client.stream.bytes());
                self.reply(key, Ending::Refused(refusal), head_only, true);
            }
        }
    }

    /// Tries once more to begin a request for which there was no buffer.
    pub(super) fn read_request_again(&mut self, key: Key) {
        let reading = |c: &Client| matches!(c.phase, Phase::Idle | Phase::Reading);
        if self
            .clients
            .get(key)
            .is_some_and(|c| reading(c) && !c.stream.closed)
        {
            self.read_request(key);
        }
    }

    /// Asks for bytes from a client, if that has not been done already.
    pub(super) fn receive_from_client(&mut self, key: Key, when: Arrival) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.stream.receiving || client.stream.closed {
            return;
        }
        let token = Kind::ClientReceive.token(key);
        if !client.stream.receive(&mut self.ring, when, token) {
            self.starve(Starved::ClientReceive(key));
        }
    }

    /// A client's deadline has passed.
    pub(super) fn on_client_overdue(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.stream.deadline = NEVER;
        match client.phase {
            Phase::Waiting => self.reply(key, Ending::QueueTimeout, false, true),
            Phase::Reading => {
                let head_only = request::is_head(client.stream.bytes());
                self.reply(key, Ending::RequestTimeout, head_only, true);
            }
            Phase::Queued(ticket) => {
                self.leave_queue(ticket);
                self.refuse_queued(key, Ending::QueueTimeout);
            }
            Phase::Busy(session) => {
                let stalled = client.stream.sending;
                let ending = if stalled {
                    Ending::ClientStalled
                } else {
                    Ending::RequestTimeout
                };
                self.fail(session, ending);
            }
            Phase::Lingering => self.leave_off(key),
            Phase::Idle => self.end_idle(key),
            Phase::Replying { .. } => self.close_client(key),
        }
    }

    /// Closes after a last response: at once when it was the `last` also for the client and nothing came behind
    /// it, else only our side first. What has not been read yet, such as a pipelined request, would make the close
    /// a reset that takes the response with it (RFC 9112 §9.6).
    pub(super) fn close_politely(&mut self, key: Key, last: bool) {
        let handed_over = self.hands_service_over();
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let stream = &mut client.stream;
        let nothing_more = stream.ended || (last && stream.receiving && !stream.has_bytes());
        if nothing_more && !handed_over {
            self.close_client(key);
            return;
        }
        client.phase = Phase::Lingering;
        self.ring.stop_sending(stream.socket);
        // It has had all it will get: whoever waits need not wait for its close as well.
        if std::mem::take(&mut client.placed) {
            self.give_place_back();
        }
        let linger = if handed_over { LINGER_BRIEFLY } else { LINGER };
        let deadline = self.now_plus(Some(linger));
        self.set_client_deadline(key, deadline);
        self.drain_client(key);
    }

    /// Closes the connection; its slot lives until what is in flight has come home.
    pub(super) fn close_client(&mut self, key: Key) {
        self.leave_idle(key);
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.stream.closed {
            return;
        }
        client.stream.closed = true;
        let queued = match client.phase {
            Phase::Queued(ticket) => Some(ticket),
            _ => None,
        };
        unschedule(&mut self.wheel, &mut client.stream, Owner::Client(key));
        let in_flight = client.stream.in_flight(Kind::ClientReceive.token(key));
        self.ring.close(client.stream.socket, in_flight);
        let (held, placed) = (client.stream.take_held(), client.placed);
        let slip = client.slip;
        self.take_back(held);
        self.on_client_left(placed);
        if let Some(ticket) = queued {
            self.leave_queue(ticket);
        }
        if queued.is_some() || slip.is_some() {
            let ending = match self.order {
                Order::Stop => Ending::Stopping,
                Order::Run | Order::Finish if self.cuts() => Ending::Stopping,
                Order::Run | Order::Finish => Ending::ClientGone,
            };
            self.end_request(key, ending, LastWords::NONE);
        }
        self.forget_client_if_quiet(key);
    }

    /// Goes on with what a client has sent.
    pub(super) fn on_client_input(&mut self, key: Key) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        match client.phase {
            Phase::Idle | Phase::Reading => {
                self.leave_idle(key);
                self.read_request(key);
            }
            Phase::Busy(session) => self.pump_upload(session),
            Phase::Lingering => self.drain_client(key),
            // Kept for later: the next request, or nothing.
            Phase::Replying { .. } | Phase::Waiting | Phase::Queued(_) => {}
        }
    }

    /// The connection is broken: nobody is left to answer.
    fn on_client_broken(&mut self, key: Key) {
        match self.clients.get(key).map(|client| client.phase) {
            Some(Phase::Busy(session)) => self.fail(session, Ending::ClientGone),
            Some(_) => self.close_client(key),
            None => {}
        }
    }

    /// Throws away what a lingering client still sends.
    fn drain_client(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let (held, ended) = (client.stream.take_held(), client.stream.ended);
        self.take_back(held);
        if ended {
            self.leave_off(key);
        } else {
            self.receive_from_client(key, Arrival::Later);
        }
    }

    fn forget_client_if_quiet(&mut self, key: Key) {
        if self
            .clients
            .get(key)
            .is_some_and(|c| c.stream.closed && c.stream.is_quiet())
        {
            self.clients.remove(key);
        }
    }
}
