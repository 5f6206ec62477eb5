//! A planned switch: the service goes to another server, and no request that came here is left without its answer.
//!
//! While it drains, every response says that it is the last on its connection, who is idle has a moment for one more
//! request, and nobody new can begin to connect; who was in the backlog, or half-way through the handshake, is served. What
//! takes too long for that is cut. Nothing of it is final: called off, all goes on as before.

use std::time::Duration;

use crate::model::time::Instant;
use crate::plane::Order;
use crate::plane::handover::Handover;
use crate::plane::handover::Wish;
use crate::ring::port::Ring;
use crate::ring::port::Socket;
use crate::worker::Worker;
use crate::worker::client::Client;
use crate::worker::client::Phase;
use crate::worker::table::Key;

/// So long a worker has had no client before it says so. A client that got our part of the handshake before new ones were
/// kept away counts itself as connected, and its first packet is a round trip behind: the public Internet seldom takes
/// longer than this. Whoever was kept away tries again a second after its first try (RFC 6298 §2), so that waiting
/// this long costs nobody anything.
const QUIET: Duration = Duration::from_millis(250);
/// How long a connection that was accepted may take to ask its first request: with the time above, and that of a handshake,
/// less than the second after which those who are kept away try again.
pub const FIRST_REQUEST: Duration = Duration::from_millis(500);
/// How long a client that got its last response, and the end of the stream behind it, may take to close its own.
pub const LINGER_BRIEFLY: Duration = Duration::from_millis(500);
/// So long after a listener refused nobody any more, connections may still come out of its backlog that began before.
const WELCOME: Duration = Duration::from_secs(1);
/// So often it is looked whether a client has got its last bytes.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What a worker has taken up, and since when it is empty.
#[derive(Default)]
pub struct Switching {
    wish: Wish,
    empty_since: Option<Instant>,
    /// Connections that had come by then.
    arrivals: u64,
    said: bool,
    /// Whoever comes until then may have inherited that a listener refused.
    welcomes_until: Option<Instant>,
}

impl Switching {
    /// When it has been empty for long enough.
    pub fn due(&self) -> Option<Instant> {
        let since = self.empty_since.filter(|_| !self.said)?;
        Some(since + QUIET)
    }
}

impl<R: Ring> Worker<R> {
    /// Whether clients shall go when they have what they came for: the service is handed over.
    pub(super) fn hands_service_over(&self) -> bool {
        self.switching.wish.handover() != Handover::None
    }

    /// Whether they shall go at once.
    pub(super) fn cuts(&self) -> bool {
        self.switching.wish.handover() == Handover::Cut
    }

    /// Takes up a new wish of the pair thread's, and says when nobody is left.
    pub(super) fn attend_handover(&mut self) {
        let wish = self.plane.wish();
        if wish != self.switching.wish {
            self.take_up_wish(wish);
        }
        if !self.hands_service_over() {
            return;
        }
        if self.cuts() {
            self.cut_clients();
        }
        self.watch_emptiness();
    }

    /// Closes a connection that lingers. While the service is handed over, only when the client has got all we said: what
    /// the kernel would still send for us ends with the address.
    pub(super) fn leave_off(&mut self, key: Key) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let socket = client.stream.socket;
        if self.hands_service_over() && !self.cuts() && self.ring.is_unheard(socket) {
            let deadline = self.now_plus(Some(LOOK_AGAIN));
            self.set_client_deadline(key, deadline);
        } else {
            self.close_client(key);
        }
    }

    /// Ends a connection without a request whose time has passed.
    pub(super) fn end_idle(&mut self, key: Key) {
        if self.hands_service_over() {
            self.close_politely(key, false);
            self.leave_off(key); // not before its last response, too, has been heard
        } else {
            self.close_client(key);
        }
    }

    /// A connection from one of our own listeners hears like any other.
    pub(super) fn welcome(&mut self, socket: Socket) {
        let until = self.switching.welcomes_until;
        if self.hands_service_over() || until.is_some_and(|until| self.ring.now() <= until) {
            self.ring.refuse_new(socket, false);
        }
    }

    fn take_up_wish(&mut self, wish: Wish) {
        let before = self.hands_service_over();
        self.switching = Switching {
            wish,
            ..Switching::default()
        };
        let after = self.hands_service_over();
        if before != after {
            for listener in self.listeners.iter().filter(|one| !one.closed) {
                self.ring.refuse_new(listener.socket, after);
            }
        }
        if after && !before {
            self.await_last_requests();
        }
        if before && !after {
            self.switching.welcomes_until = Some(self.ring.now() + WELCOME);
            self.empty_backlogs();
            self.let_idle_stay();
        }
        self.plane.page(self.index).handover.take_up(wish);
    }

    /// Connections without a request that were to go soon have their usual time again.
    fn let_idle_stay(&mut self) {
        if self.order != Order::Run {
            return;
        }
        let deadline = self.now_plus(self.plan.client_timeout);
        for key in self.clients.keys() {
            let idle = |client: &Client| client.phase == Phase::Idle && !client.stream.closed;
            if self.clients.get(key).is_some_and(idle) {
                self.set_client_deadline(key, deadline);
            }
        }
    }

    fn cut_clients(&mut self) {
        self.adopt();
        let mut cut = 0;
        for key in self.clients.keys() {
            cut += u64::from(self.lacks_its_answer(key));
        }
        self.plane.page(self.index).switch_cut.add(cut);
        self.close_clients();
    }

    fn lacks_its_answer(&mut self, key: Key) -> bool {
        let open = |client: &&Client| !client.stream.closed;
        let Some(client) = self.clients.get(key).filter(open) else {
            return false;
        };
        match client.phase {
            Phase::Idle => false,
            Phase::Lingering => self.ring.is_unheard(client.stream.socket),
            Phase::Waiting
            | Phase::Reading
            | Phase::Queued(_)
            | Phase::Busy(_)
            | Phase::Replying { .. } => true,
        }
    }

    fn watch_emptiness(&mut self) {
        let arrivals = self.plane.page(self.index).connections_total.get();
        let empty = self.clients.len() == 0 && self.plane.load(self.index) == 0;
        if !empty || arrivals != self.switching.arrivals || self.switching.empty_since.is_none() {
            self.switching.arrivals = arrivals;
            self.switching.empty_since = empty.then(|| self.ring.now());
            self.say_empty(false);
        }
        if self
            .switching
            .due()
            .is_some_and(|due| due <= self.ring.now())
        {
            // Also when accepting rests: who is in the backlog believes to be connected.
            let anybody = self.empty_backlogs();
            if !anybody {
                self.say_empty(true);
            }
        }
    }

    fn say_empty(&mut self, empty: bool) {
        if self.switching.said != empty {
            self.switching.said = empty;
            let wish = if empty {
                self.switching.wish
            } else {
                Wish::default()
            };
            self.plane.page(self.index).handover.say_empty(wish);
        }
    }

    /// Takes in who is in the backlog of a listener; whether anybody was.
    fn empty_backlogs(&mut self) -> bool {
        let mut anybody = false;
        for index in 0..self.listeners.len() {
            if !self.listeners[index].closed {
                anybody |= self.empty_backlog(index);
            }
        }
        anybody
    }
}
