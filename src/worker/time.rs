//! Deadlines: setting them, and what happens when they pass.

use std::time::Duration;

use crate::model::time::Instant;
use crate::ring::port::Arrival;
use crate::ring::port::Ring;
use crate::worker::Worker;
use crate::worker::hunger::Starved;
use crate::worker::stream::NEVER;
use crate::worker::stream::Stream;
use crate::worker::table::Key;
use crate::worker::upstream::State;
use crate::worker::wheel::Due;
use crate::worker::wheel::Owner;
use crate::worker::wheel::Wheel;

/// Who found no buffer asks again after this. Asking again at once would keep a core busy for nothing.
const STARVED_PAUSE: Duration = Duration::from_millis(2);

impl<R: Ring> Worker<R> {
    /// So long from now; never, when there is no such length.
    pub(super) fn now_plus(&self, length: Option<Duration>) -> Instant {
        length.map_or(NEVER, |length| self.ring.now() + length)
    }

    pub(super) fn set_client_deadline(&mut self, key: Key, deadline: Instant) {
        if let Some(client) = self.clients.get_mut(key) {
            schedule(
                &mut self.wheel,
                &mut client.stream,
                Owner::Client(key),
                deadline,
            );
        }
    }

    pub(super) fn set_upstream_deadline(&mut self, key: Key, deadline: Instant) {
        if let Some(upstream) = self.upstreams.get_mut(key) {
            schedule(
                &mut self.wheel,
                &mut upstream.stream,
                Owner::Upstream(key),
                deadline,
            );
        }
    }

    /// Until when the ring may wait.
    pub(super) fn wake_time(&self) -> Option<Instant> {
        let at_once = !self.bulk.is_empty()
            || self.handing.is_wanted()
            || self.plane.outputs().has_calls(self.index);
        let at_once = at_once.then(|| self.ring.now());
        let times = [
            at_once,
            self.wheel.next(),
            self.accept_again_at,
            self.stop_by,
            self.switching.due(),
            self.feed_at,
        ];
        times.into_iter().flatten().min()
    }

    /// Calls everybody whose time has come.
    pub(super) fn expire(&mut self) {
        let now = self.ring.now();
        let mut due = std::mem::take(&mut self.due);
        self.wheel.expire(now, &mut due);
        for entry in due.drain(..) {
            self.on_due(entry, now);
        }
        self.due = due;
        if self.accept_again_at.is_some_and(|at| at <= now) {
            self.accept_again_at = None;
            self.accept_more();
        }
    }

    /// Somebody found no buffer: it is asked again after a pause.
    pub(super) fn starve(&mut self, who: Starved) {
        let now = self.ring.now();
        self.hunger.feel(who, now);
        if self.feed_at.is_none() {
            self.feed_at = Some(now + STARVED_PAUSE);
        }
    }

    /// Lets those try again who found no buffer.
    pub(super) fn feed_starved(&mut self) {
        let now = self.ring.now();
        if self.feed_at.is_none_or(|at| at > now) {
            return;
        }
        self.feed_at = None;
        if self.hunger.lasts() && self.ring.is_short() {
            self.shed();
        }
        let mut starved = std::mem::take(&mut self.starved);
        self.hunger.take_waiting(now, &mut starved);
        for who in starved.drain(..) {
            match who {
                Starved::ClientReceive(key) => self.receive_from_client_again(key),
                Starved::UpstreamReceive(key) => self.receive_from_upstream_again(key),
                Starved::Request(key) => self.read_request_again(key),
                Starved::Download(key) => self.forward_head_again(key),
            }
        }
    }

    /// It may have received since; then what it holds is looked at first, for a receive would take that along.
    fn receive_from_client_again(&mut self, key: Key) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        if client.stream.receiving || client.stream.closed {
            return;
        }
        if client.stream.has_bytes() {
            self.on_client_input(key);
        } else if !client.stream.ended {
            self.receive_from_client(key, Arrival::Now);
        }
    }

    /// The same for an output's connection.
    fn receive_from_upstream_again(&mut self, key: Key) {
        let Some(upstream) = self.upstreams.get(key) else {
            return;
        };
        if upstream.stream.receiving || upstream.stream.closed {
            return;
        }
        match upstream.state {
            State::Busy(session) if upstream.stream.has_bytes() => self.pump_download(session),
            _ if upstream.stream.ended => {}
            State::Busy(_) | State::Idle => self.receive_from_upstream(key, Arrival::Now),
            State::Connecting(_) | State::Closed => {}
        }
    }

    fn on_due(&mut self, due: Due, now: Instant) {
        let stream = match due.owner {
            Owner::Client(key) => self.clients.get_mut(key).map(|client| &mut client.stream),
            Owner::Upstream(key) => self
                .upstreams
                .get_mut(key)
                .map(|upstream| &mut upstream.stream),
        };
        let Some(stream) = stream else { return };
        if stream.scheduled != due.at {
            return; // it was put in again for something earlier
        }
        stream.scheduled = NEVER;
        if stream.closed {
            return;
        }
        if stream.deadline > now {
            let deadline = stream.deadline;
            schedule(&mut self.wheel, stream, due.owner, deadline);
            return;
        }
        if self.ring.waits(stream.socket) {
            stream.deadline = NEVER; // it is we who are late; its time begins when the send goes out
            return;
        }
        match due.owner {
            Owner::Client(key) => self.on_client_overdue(key),
            Owner::Upstream(key) => self.on_upstream_overdue(key),
        }
    }
}

/// Moves a deadline; the wheel hears of it only when it is earlier than what it knows.
fn schedule(wheel: &mut Wheel, stream: &mut Stream, owner: Owner, deadline: Instant) {
    stream.deadline = deadline;
    if deadline < stream.scheduled {
        if stream.scheduled != NEVER {
            wheel.remove(owner, stream.entry);
        }
        stream.scheduled = deadline;
        stream.entry = wheel.insert(owner, deadline);
    }
}

/// A stream that has closed waits for nothing.
pub(super) fn unschedule(wheel: &mut Wheel, stream: &mut Stream, owner: Owner) {
    stream.deadline = NEVER;
    if stream.scheduled != NEVER {
        stream.scheduled = NEVER;
        wheel.remove(owner, stream.entry);
    }
}
