//! Orders: finish what was begun, or stop at once.

use std::time::Duration;

use crate::http::ending::Ending;
use crate::plane::Order;
use crate::ring::port::InFlight;
use crate::ring::port::Ring;
use crate::worker::Progress;
use crate::worker::Worker;
use crate::worker::client::Client;
use crate::worker::client::Phase;
use crate::worker::handover;
use crate::worker::table::Key;

/// How long a connection that was accepted before a graceful stop may take to ask its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(2);
/// … and a kept-alive one its next: long enough for what the kernel has received already.
const NEXT_REQUEST: Duration = Duration::from_millis(100);

impl<R: Ring> Worker<R> {
    /// Does what control ordered, once.
    pub(super) fn obey(&mut self) {
        let ordered = self.plane.order();
        let late = self.stop_by.is_some_and(|by| by <= self.ring.now());
        let order = if late { Order::Stop } else { ordered };
        if order == self.order || self.order == Order::Stop {
            return; // a stop is the last word, also one that followed from a late finish
        }
        match order {
            Order::Run => {}
            Order::Finish => self.begin_to_finish(),
            Order::Stop => self.stop_now(),
        }
    }

    /// Whether anything is left.
    pub(super) fn progress(&mut self) -> Progress {
        if self.order == Order::Run {
            return Progress::Running;
        }
        self.adopt(); // handed over by one who had not heard of the order yet
        if self.order == Order::Stop {
            self.close_clients();
        }
        if self.clients.len() > 0 {
            return Progress::Running;
        }
        for key in self.upstreams.keys() {
            self.close_upstream(key);
        }
        let listening = self.listeners.iter().any(|listener| listener.accepting);
        if self.upstreams.len() > 0 || listening {
            return Progress::Running;
        }
        // Whoever finishes its last exchanges must not wait for us to hear what they teach.
        let (plane, ring) = (&self.plane, &mut self.ring);
        plane
            .inboxes()
            .close(self.index, |worker| ring.wake(worker));
        self.plane.page(self.index).handover.leave();
        Progress::Stopped
    }

    fn begin_to_finish(&mut self) {
        self.order = Order::Finish;
        self.stop_by = Some(self.ring.now() + self.plan.grace);
        self.close_listeners();
        self.await_last_requests();
    }

    /// Every connection without a request has a moment left to ask one.
    pub(super) fn await_last_requests(&mut self) {
        for key in self.clients.keys() {
            let idle = |client: &Client| client.phase == Phase::Idle;
            if self.clients.get(key).is_some_and(idle) {
                self.await_last_request(key);
            }
        }
    }

    /// Sets the deadline of a connection without a request while HALB is stopping, or hands the service over.
    pub(super) fn await_last_request(&mut self, key: Key) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let waited = self.ring.now().since(client.admitted);
        let patience = match self.hands_service_over() {
            _ if client.served => NEXT_REQUEST,
            // One that has not asked for long has had its time.
            true => handover::FIRST_REQUEST
                .saturating_sub(waited)
                .max(NEXT_REQUEST),
            false => FIRST_REQUEST,
        };
        let usual = self.plan.client_timeout;
        let deadline = self.now_plus(Some(usual.map_or(patience, |usual| usual.min(patience))));
        self.set_client_deadline(key, deadline);
    }

    fn stop_now(&mut self) {
        if self.order == Order::Run {
            self.close_listeners();
        }
        self.order = Order::Stop;
        self.stop_by = None;
        self.close_clients();
    }

    pub(super) fn close_clients(&mut self) {
        for key in self.clients.keys() {
            let phase = self.clients.get(key).map(|client| client.phase);
            if let Some(Phase::Busy(session)) = phase {
                self.fail(session, Ending::Stopping);
            }
            self.close_client(key);
        }
    }

    /// What the kernel has accepted for us is served; only then the listeners close. A listener that closes with
    /// connections in its backlog resets them.
    fn close_listeners(&mut self) {
        for index in 0..self.listeners.len() {
            if !self.listeners[index].closed {
                self.close_listener(index);
            }
        }
    }

    /// Takes in who is in the backlog; whether anybody was.
    pub(super) fn empty_backlog(&mut self, index: usize) -> bool {
        let mut anybody = false;
        while let Some(socket) = self.ring.accept_now(self.listeners[index].socket) {
            self.on_arrival(socket);
            anybody = true;
        }
        anybody
    }

    /// One that is open.
    pub(super) fn close_listener(&mut self, index: usize) {
        self.empty_backlog(index);
        let listener = &mut self.listeners[index];
        listener.closed = true;
        let in_flight = InFlight::any_if(listener.accepting);
        self.ring.close(listener.socket, in_flight);
    }
}
