//! A session: one exchange, from a request's head to the end of its response.

use std::time::Duration;

use nix::errno::Errno;

use crate::balance::choice::Tie;
use crate::balance::set::Set;
use crate::http::body::Framing;
use crate::http::body::Relay;
use crate::http::ending::Ending;
use crate::http::ending::Refusal;
use crate::http::forward;
use crate::http::forward::RequestRules;
use crate::http::request::Method;
use crate::http::request::Request;
use crate::http::request::Version;
use crate::http::writer::Full;
use crate::http::writer::Writer;
use crate::model::time::Instant;
use crate::plane::outbox::EntryNumber;
use crate::ring::arena::Buffer;
use crate::ring::port::Ring;
use crate::ring::port::Size;
use crate::worker::Worker;
use crate::worker::affinity::Brought;
use crate::worker::bulk::Piped;
use crate::worker::choosing::Taken;
use crate::worker::client::Phase;
use crate::worker::hunger::Starved;
use crate::worker::measure::Measures;
use crate::worker::pace::Pace;
use crate::worker::stream::NEVER;
use crate::worker::table::Key;
use crate::worker::transfer::Way;
use crate::worker::tunnel::Ended;

/// An output that leaves a connection unanswered for so long is suspect (SPEC 5).
const SUSPECT_AFTER: Duration = Duration::from_secs(1);

/// One exchange.
pub struct Session {
    pub client: Key,
    pub upstream: Option<Key>,
    /// The index of the output it occupies.
    pub output: usize,
    pub method: Method,
    pub version: Version,
    /// The client may ask again on its connection, maybe before it has read this response.
    pub asks_more: bool,
    /// The client will take another response on its connection.
    pub persistent: bool,
    pub upload: Relay,
    pub first: First,
    /// The client named no host, so the head names the output.
    pub names_output: bool,
    /// The whole request lies in the first buffer: it can be sent again.
    pub whole: bool,
    pub download: Download,
    /// The output will take another request on its connection.
    pub reusable: bool,
    /// Establishing a connection may take until then, over all tries.
    pub connect_by: Instant,
    pub tries: u8,
    pub tried: Set,
    /// It was sent once more already, on a fresh connection.
    pub resent: bool,
    /// A byte of it has gone to an output.
    pub begun: bool,
    /// What ties it to an output.
    pub tie: Tie,
    /// It was redispatched.
    pub moved: bool,
    /// What its response teaches, on its way to the other workers.
    pub taught: Option<EntryNumber>,
    /// The client keeps its body until it hears that it may send (RFC 9110 §10.1.1): nobody waits for it before.
    pub awaits_continue: bool,
    /// The client asked to switch protocols.
    pub asks_switch: bool,
    pub upload_pace: Pace,
    pub download_pace: Pace,
    pub measures: Measures,
    upload_pipe: Option<Piped>,
    download_pipe: Option<Piped>,
}

/// The request's head as the output gets it, with as much of the body as lay beside it.
pub enum First {
    /// To be sent.
    Ready(Buffer, usize),
    /// On its way.
    Flying(usize),
    /// Sent, and kept in case it has to be sent again.
    Kept(Buffer, usize),
    Gone,
}

/// How far the response is.
pub enum Download {
    /// Its head has not come.
    Awaited,
    /// The head has gone to the client; the body follows.
    Under(Relay),
    /// The protocol was switched; what has ended of it.
    Tunnel(Ended),
}

impl Session {
    /// Whether the request may be sent once more, should its connection turn out to be dead.
    pub fn may_resend(&self) -> bool {
        self.whole && !self.resent && (self.method.is_idempotent() || !self.begun)
    }

    /// A receive from the client has completed.
    pub fn heard(&mut self, result: Result<u32, Errno>) {
        if let Ok(bytes @ 1..) = result {
            self.awaits_continue = false;
            self.upload_pace.moved(u64::from(bytes));
        }
    }

    /// A send to the client has completed.
    pub fn told(&mut self, result: Result<u32, Errno>) {
        self.download_pace.moved(u64::from(result.unwrap_or(0)));
    }

    /// The body of one direction; none before there is one.
    pub fn relay(&mut self, way: Way) -> Option<&mut Relay> {
        match (way, &mut self.download) {
            (Way::Up, _) => Some(&mut self.upload),
            (Way::Down, Download::Under(relay)) => Some(relay),
            (Way::Down, Download::Awaited | Download::Tunnel(_)) => None,
        }
    }

    /// The pipe of one direction.
    pub fn pipe(&mut self, way: Way) -> &mut Option<Piped> {
        match way {
            Way::Up => &mut self.upload_pipe,
            Way::Down => &mut self.download_pipe,
        }
    }

    /// The whole request has been read from its client, and none of it is still in a pipe.
    pub fn upload_gone(&self) -> bool {
        self.upload.finished() && self.upload_pipe.is_none()
    }

    /// Takes the first buffer out, wherever it is in its life.
    pub fn take_first(&mut self) -> Option<Buffer> {
        match std::mem::replace(&mut self.first, First::Gone) {
            First::Ready(buffer, _) | First::Kept(buffer, _) => Some(buffer),
            First::Flying(_) | First::Gone => None,
        }
    }
}

impl<R: Ring> Worker<R> {
    /// A request's head has been read whole.
    pub(super) fn begin_session(&mut self, key: Key, request: &Request) {
        self.open_record(key, request);
        let head_only = request.method == Method::Head;
        if request.last_hop {
            self.count_request();
            self.consume_head(key, request);
            self.reply_to(key, Ending::LastHop, head_only, request);
            return;
        }
        if let Some(client) = self.clients.get_mut(key) {
            client.asked = self.ring.now();
        }
        let brought = self.read_tie(key);
        match self.take_output(brought.tie, Set::EMPTY) {
            Taken::Output(output) => self.begin_at(key, request, &brought, output),
            Taken::Wait(wants, epoch) => self.line_up(key, request, &brought, wants, epoch),
            Taken::None => {
                self.count_request();
                self.consume_head(key, request);
                self.reply_to(key, Ending::NoOutput, head_only, request);
            }
        }
    }

    /// It begins at `output`, where it has a place.
    pub(super) fn begin_at(
        &mut self,
        key: Key,
        request: &Request,
        brought: &Brought,
        output: usize,
    ) {
        let Some((buffer, length)) = self.compose(key, request, output) else {
            self.give_output_back(output);
            return;
        };
        let asked = self
            .clients
            .get(key)
            .map_or(Instant::ZERO, |client| client.asked);
        self.tie_unknown(brought, output);
        self.count_request();
        self.consume_head(key, request);
        let session = Session {
            client: key,
            upstream: None,
            output,
            method: request.method,
            version: request.version,
            asks_more: request.persistent,
            persistent: request.persistent,
            upload: Relay::new(request.body, request.body),
            first: First::Ready(buffer, length),
            names_output: forward::names_output(request),
            whole: false,
            download: Download::Awaited,
            reusable: false,
            connect_by: self.now_plus(self.plan.conn_timeout),
            tries: 0,
            tried: Set::EMPTY,
            resent: false,
            begun: false,
            tie: brought.tie,
            moved: false,
            taught: None,
            awaits_continue: request.expects_continue && request.body != Framing::None,
            asks_switch: request.upgrade,
            upload_pace: Pace::default(),
            download_pace: Pace::default(),
            measures: Measures::begin(asked, self.ring.now()),
            upload_pipe: None,
            download_pipe: None,
        };
        self.note_placed(&session);
        // There are never more sessions than clients, whose table is bounded alike.
        let Some(session_key) = self.sessions.insert(session) else {
            self.give_output_back(output);
            return;
        };
        self.occupy(output);
        if let Some(client) = self.clients.get_mut(key) {
            client.phase = Phase::Busy(session_key);
            client.served = true;
        }
        // The request is there; while a connection to the output opens, nobody waits for the client.
        self.set_client_deadline(key, NEVER);
        self.add_body_to_first(session_key);
        self.connect(session_key);
    }

    /// Finds a connection for a session: an idle one, or a new one.
    pub(super) fn connect(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let output = session.output;
        let (once_only, fresh) = (!session.method.is_idempotent(), session.resent);
        let idle = if fresh {
            None
        } else {
            self.take_idle(output, once_only, key)
        };
        let connected = match idle {
            Some(upstream) => {
                self.note_connected(key);
                Ok(upstream)
            }
            None => self.open_upstream(output, key),
        };
        match connected {
            Ok(upstream) => {
                if let Some(session) = self.sessions.get_mut(key) {
                    session.upstream = Some(upstream);
                    let by = session.connect_by.min(self.ring.now() + SUSPECT_AFTER);
                    self.set_upstream_deadline(upstream, by);
                }
                self.pump_upload(key);
            }
            // It is we who are short of something, and would be at another output, too.
            Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS) => {
                self.fail(key, Ending::NoDescriptor);
            }
            Err(_) => self.try_another(key, Ending::ConnectFailed),
        }
    }

    fn count_request(&self) {
        self.plane.page(self.index).requests_total.add(1);
    }

    /// The head as the output gets it. `None`: it has been seen to otherwise.
    fn compose(&mut self, key: Key, request: &Request, output: usize) -> Option<(Buffer, usize)> {
        for size in [Size::Small, Size::Large] {
            let client = self.clients.get(key)?;
            let planned = self.plan.at(output)?;
            let Some(mut buffer) = self.ring.lease(size) else {
                self.starve(Starved::Request(key));
                return None;
            };
            let rules = RequestRules {
                client: client.peer,
                forwarded: self.plan.forwarded,
                trusted: self.plan.trusts(client.peer),
                via: self.plan.via,
                default_host: &planned.name,
            };
            let mut writer = Writer::new(&mut buffer);
            let written = forward::request(
                request,
                &self.fields,
                client.stream.bytes(),
                &self.affinity.edits,
                &rules,
                &mut writer,
            );
            let length = writer.used();
            match written {
                Ok(()) => return Some((buffer, length)),
                Err(Full) => self.ring.give_back(buffer),
            }
        }
        let head_only = request.method == Method::Head;
        self.reply(key, Ending::Refused(Refusal::HeadTooLong), head_only, true);
        None
    }

    fn consume_head(&mut self, key: Key, request: &Request) {
        if let Some(client) = self.clients.get_mut(key) {
            client.stream.consume(&mut self.ring, request.head_bytes);
        }
    }
}
