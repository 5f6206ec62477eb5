//! Who comes in: accepting, spreading over workers, places under the maximum.

use std::net::SocketAddr;

use nix::errno::Errno;

use crate::plane::Order;
use crate::plane::Shortage;
use crate::plane::places::Ticket;
use crate::ring::port::Adopted;
use crate::ring::port::Arrival;
use crate::ring::port::InFlight;
use crate::ring::port::Ring;
use crate::ring::port::Socket;
use crate::worker::Kind;
use crate::worker::Worker;
use crate::worker::client::Client;
use crate::worker::client::Phase;
use crate::worker::table::Key;

use std::time::Duration;

/// After the kernel refused a new connection (no descriptors, no memory): so long until the next try, unless a
/// connection closes earlier.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// At least so many connections may be held while they wait for a place; beyond, the kernel's backlog holds.
const HELD_LEAST: u64 = 1000;
/// … and at most this share of the maximum.
const HELD_SHARE: u64 = 10;

/// One listening socket.
pub struct Listener {
    pub socket: Socket,
    /// As in the plan; `None`: it is not to be changed.
    pub address: Option<SocketAddr>,
    /// An accept is in flight.
    pub accepting: bool,
    pub closed: bool,
}

impl<R: Ring> Worker<R> {
    /// Accepts on every listener that is not accepting already, if there is room.
    pub(super) fn accept_more(&mut self) {
        if self.order != Order::Run || self.paused {
            return;
        }
        for (slot, listener) in (0..).zip(self.listeners.iter_mut()) {
            if !listener.accepting && !listener.closed {
                listener.accepting = true;
                let token = Kind::Accept.token(Key {
                    slot,
                    generation: 0,
                });
                self.ring.accept(listener.socket, token);
            }
        }
    }

    /// A connection has come, or accepting has ended.
    pub(super) fn on_accept(&mut self, slot: u32, result: Result<u32, Errno>, last: bool) {
        let Some(listener) = self.listeners.get_mut(slot as usize) else {
            return;
        };
        listener.accepting &= !last;
        match result.map(i32::try_from) {
            Ok(Ok(descriptor)) => self.on_arrival(Socket(descriptor)),
            Ok(Err(_)) | Err(Errno::ECANCELED | Errno::ECONNABORTED | Errno::EINTR) => {}
            Err(_) => {
                // No descriptors or no memory: nothing is lost, the connection stays in the backlog.
                self.accept_again_at = Some(self.ring.now() + ACCEPT_PAUSE);
                return;
            }
        }
        if last {
            self.accept_more();
        }
    }

    /// A connection from one of our own listeners.
    pub(super) fn on_arrival(&mut self, socket: Socket) {
        self.plane.add_load(self.index);
        self.welcome(socket);
        if self.order == Order::Run
            && !self.hands_service_over()
            && let Some(home) = self.plane.better_home(self.index)
        {
            self.plane.add_load(home);
            if self.ring.hand_over(socket, home) {
                self.plane.sub_load(self.index);
                self.ring.wake(home);
                return;
            }
            self.plane.sub_load(home);
        }
        self.settle(socket);
    }

    /// Connections that other workers handed over, places that came free, orders: whatever a wake is for.
    pub(super) fn on_wake(&mut self) {
        self.ring.await_wake(Kind::Wake.token(Key {
            slot: 0,
            generation: 0,
        }));
        self.adopt();
        self.admit_waiting();
        self.relieve();
        self.resume_telling();
        self.pause_or_resume();
        if self.plane.shortage() == Shortage::Lasting {
            self.shed_for_memory(); // control wakes us for it again and again
        }
    }

    /// Takes in what other workers handed over.
    pub(super) fn adopt(&mut self) {
        while let Some(adopted) = self.ring.adopt() {
            match adopted {
                Adopted::Socket(socket) => self.settle(socket),
                Adopted::Lost => self.plane.sub_load(self.index),
            }
        }
    }

    /// The connection stays with this worker.
    fn settle(&mut self, socket: Socket) {
        let peer = if self.clients.is_full() {
            None
        } else {
            self.ring.peer(socket)
        };
        let Some(peer) = peer else {
            self.ring.close(socket, InFlight::Nothing); // it has gone already, or there is no slot to keep it in
            self.plane.sub_load(self.index);
            return;
        };
        let ticket = self.plane.places().draw();
        let Some(key) = self.clients.insert(Client::new(socket, peer)) else {
            return;
        };
        let page = self.plane.page(self.index);
        page.connections_total.add(1);
        page.connections_active.add(1);
        if self.waiting.is_empty() && self.plane.places().admits(ticket) {
            self.admit(key);
        } else {
            self.hold(ticket, key);
        }
    }

    fn admit(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.phase = Phase::Idle;
        client.placed = true;
        client.admitted = self.ring.now();
        if self.order == Order::Run && !self.hands_service_over() {
            let deadline = self.now_plus(self.plan.client_timeout);
            self.set_client_deadline(key, deadline);
        } else {
            self.await_last_request(key); // from another worker, or after a wait for its place
        }
        self.receive_from_client(key, Arrival::Now);
    }

    /// Accepted, but its processing waits until another closes.
    fn hold(&mut self, ticket: Ticket, key: Key) {
        let deadline = self.now_plus(self.plan.queue_timeout);
        self.set_client_deadline(key, deadline);
        self.waiting.push_back((ticket, key));
        self.plane
            .page(self.index)
            .waiting
            .set(self.waiting.len() as u64);
        // A place may have come free between the look and the word that says we wait.
        self.admit_waiting();
        self.relieve();
        if self.plane.anyone_waits() {
            self.wake_others(|_| true); // they may have idle connections to close
        }
        self.pause_or_resume();
    }

    /// Lets in who may go in, in the order of arrival.
    pub(super) fn admit_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        while let Some((ticket, key)) = self.waiting.front().copied() {
            if !self.plane.places().admits(ticket) {
                break;
            }
            self.waiting.pop_front();
            let still_waits = |c: &Client| c.phase == Phase::Waiting && !c.stream.closed;
            if self.clients.get(key).is_some_and(still_waits) {
                self.admit(key);
            } else {
                self.give_place_back(); // it gave up; its place is free now that its turn has come
            }
        }
        self.plane
            .page(self.index)
            .waiting
            .set(self.waiting.len() as u64);
        self.pause_or_resume();
    }

    /// While somebody waits, the longest-idle kept-alive connections give up their places.
    pub(super) fn relieve(&mut self) {
        while self.plane.anyone_waits() {
            let Some(key) = self.longest_idle() else {
                break;
            };
            self.close_client(key);
        }
    }

    /// A client's connection has been closed. One that never had a place leaves its ticket in the queue.
    pub(super) fn on_client_left(&mut self, placed: bool) {
        self.plane.sub_load(self.index);
        self.plane.page(self.index).connections_active.sub(1);
        if placed {
            self.give_place_back();
        }
        if self.accept_again_at.take().is_some() {
            self.accept_more();
        }
    }

    pub(super) fn give_place_back(&mut self) {
        if !self.plane.places().give_back() {
            return;
        }
        self.places_freed = true; // our own queue is looked at once, at the end of the turn
        self.wake_others(|waiting| waiting > 0);
    }

    fn wake_others(&mut self, wanted: impl Fn(u64) -> bool) {
        for (worker, page) in self.plane.pages().iter().enumerate() {
            if worker != self.index && wanted(page.waiting.get()) {
                self.ring.wake(worker);
            }
        }
    }

    /// Too many wait, or memory is short: the kernel's backlog has to hold the rest.
    pub(super) fn pause_or_resume(&mut self) {
        let most = (self.plan.max_connections / HELD_SHARE).max(HELD_LEAST);
        let held = self.waiting.len() as u64;
        self.crowded = if self.crowded {
            held > most / 2
        } else {
            held >= most
        };
        let pause = self.crowded || self.plane.shortage() != Shortage::None;
        if pause == self.paused {
            return;
        }
        self.paused = pause;
        if pause {
            for listener in self.listeners.iter().filter(|l| l.accepting && !l.closed) {
                self.ring.cancel(listener.socket);
            }
        } else {
            self.accept_more();
        }
    }
}
