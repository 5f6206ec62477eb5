//! Connections to outputs: opened when none is idle, kept alive, reused, discarded.

use std::time::Duration;

use nix::errno::Errno;

use crate::http::ending::Ending;
use crate::model::time::Instant;
use crate::plane::Order;
use crate::ring::arena::Buffer;
use crate::ring::port::Arrival;
use crate::ring::port::Ring;
use crate::worker::Kind;
use crate::worker::Worker;
use crate::worker::hunger::Starved;
use crate::worker::stream::Arrived;
use crate::worker::stream::NEVER;
use crate::worker::stream::Sent;
use crate::worker::stream::Stream;
use crate::worker::table::Key;
use crate::worker::time::unschedule;
use crate::worker::transfer::Way;
use crate::worker::wheel::Owner;

/// An idle connection is closed after this; shorter than what backends usually keep theirs (nginx: 75 s), so
/// that we close first and no request meets a closing connection.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// A connection used within this time is as good as a fresh one for a request that may not be sent twice.
const JUST_USED: Duration = Duration::from_secs(1);
/// At most so many idle connections to one output, per worker: more than that are not missed.
const POOL_MOST: usize = 4096;

/// A connection to an output.
pub struct Upstream {
    pub stream: Stream,
    /// Its output's index.
    pub output: usize,
    pub state: State,
    /// The revision of its output that it leads to.
    pub revision: u32,
    /// It was reset, or failed otherwise; `stream.ended` is set too.
    pub broken: bool,
    /// When it last finished an exchange; before the first, when it was opened.
    used: Instant,
}

impl Upstream {
    /// It was reset, or failed otherwise: no more comes from it.
    pub fn break_off(&mut self) {
        self.stream.ended = true;
        self.broken = true;
    }
}

/// What a connection to an output is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Connecting(Key),
    /// In its output's pool, with a receive armed, so that a FIN or stray bytes remove it.
    Idle,
    /// It carries this session.
    Busy(Key),
    /// Closed; what is in flight is still to come home.
    Closed,
}

impl<R: Ring> Worker<R> {
    /// An idle connection to `output` for `session`; with `fresh_enough` only one that was just used.
    pub(super) fn take_idle(
        &mut self,
        output: usize,
        fresh_enough: bool,
        session: Key,
    ) -> Option<Key> {
        let key = *self.pools.get(output)?.last()?;
        let now = self.ring.now();
        let upstream = self.upstreams.get_mut(key)?;
        if fresh_enough && now.since(upstream.used) > JUST_USED {
            return None;
        }
        if !upstream.stream.receiving {
            return None; // it found no buffer, so its end or stray bytes could not be seen
        }
        upstream.state = State::Busy(session);
        self.pools[output].pop();
        Some(key)
    }

    /// Begins a connection to `output` for `session`. It fails at once or ends in `on_connected`.
    pub(super) fn open_upstream(&mut self, output: usize, session: Key) -> Result<Key, Errno> {
        let planned = self.plan.at(output).ok_or(Errno::EHOSTUNREACH)?;
        let address = planned.address.ok_or(Errno::EHOSTUNREACH)?;
        let revision = planned.revision;
        if self.upstreams.is_full() {
            return Err(Errno::ENFILE);
        }
        let socket = self.ring.open(&address)?;
        let mut stream = Stream::new(socket);
        stream.sending = true;
        let used = self.ring.now();
        let upstream = Upstream {
            stream,
            output,
            state: State::Connecting(session),
            revision,
            broken: false,
            used,
        };
        let key = self.upstreams.insert(upstream).ok_or(Errno::ENFILE)?;
        self.ring
            .connect(socket, &address, Kind::UpstreamConnect.token(key));
        Ok(key)
    }

    /// A connect has completed.
    pub(super) fn on_connected(&mut self, key: Key, result: Result<u32, Errno>) {
        let Some(upstream) = self.upstreams.get_mut(key) else {
            return;
        };
        upstream.stream.sending = false;
        let State::Connecting(session) = upstream.state else {
            self.forget_upstream_if_quiet(key);
            return;
        };
        let (output, opened) = (upstream.output, upstream.used);
        match result {
            Ok(_) => {
                upstream.state = State::Busy(session);
                self.chooser.clear(output);
                let took = self.ring.now().since(opened);
                self.count_output(output, |counts| {
                    counts.connects_total.add(1);
                    counts.connect.note(took);
                });
                self.note_connected(session);
                self.pump_upload(session);
            }
            Err(_) => {
                self.close_upstream(key);
                self.try_another(session, Ending::ConnectFailed);
            }
        }
    }

    /// A receive on an output's connection has completed.
    pub(super) fn on_upstream_received(
        &mut self,
        key: Key,
        result: Result<u32, Errno>,
        buffer: Option<Buffer>,
    ) {
        let Some(upstream) = self.upstreams.get_mut(key) else {
            self.take_back(buffer);
            return;
        };
        let arrived = upstream.stream.received(&mut self.ring, result, buffer);
        match (upstream.state, arrived) {
            (State::Closed, _) => self.forget_upstream_if_quiet(key),
            (_, Arrived::Starved) => self.starve(Starved::UpstreamReceive(key)),
            // Nobody asked it anything: its end, or bytes that belong to nothing.
            (State::Idle | State::Connecting(_), _) => self.close_upstream(key),
            (State::Busy(session), Arrived::Bytes | Arrived::End) => self.pump_download(session),
            (State::Busy(session), Arrived::Broken) => {
                upstream.break_off();
                self.pump_download(session);
            }
        }
    }

    /// A send to an output has completed.
    pub(super) fn on_upstream_sent(
        &mut self,
        key: Key,
        result: Result<u32, Errno>,
        buffer: Option<Buffer>,
    ) {
        let (Some(upstream), Some(buffer)) = (self.upstreams.get_mut(key), buffer) else {
            return;
        };
        if let State::Busy(session) = upstream.state
            && let Some(session) = self.sessions.get_mut(session)
        {
            session.begun |= matches!(result, Ok(1..));
        }
        let token = Kind::UpstreamSend.token(key);
        let sent = upstream.stream.sent(&mut self.ring, result, buffer, token);
        let state = upstream.state;
        let (output, bytes) = (upstream.output, result.unwrap_or(0) as usize);
        match state {
            State::Busy(session) => self.count_moved(session, Way::Up, bytes),
            _ => self.count_moved_late(output, bytes),
        }
        match (state, sent) {
            (State::Busy(session), Sent::Part) => self.renew_deadlines(session),
            (_, Sent::Part) => {}
            (State::Busy(session), Sent::All(buffer)) => self.on_uploaded(session, buffer, true),
            (State::Busy(session), Sent::Broken(buffer)) => {
                self.on_uploaded(session, buffer, false)
            }
            (_, Sent::All(buffer) | Sent::Broken(buffer)) => {
                self.ring.give_back(buffer);
                self.forget_upstream_if_quiet(key);
            }
        }
    }

    /// An output's connection is ready for a pipe: to give bytes (`Way::Down`) or to take some.
    pub(super) fn on_upstream_ready(&mut self, key: Key, way: Way) {
        let Some(upstream) = self.upstreams.get_mut(key) else {
            return;
        };
        match way {
            Way::Up => upstream.stream.sending = false,
            Way::Down => upstream.stream.receiving = false,
        }
        match upstream.state {
            State::Busy(session) => self.pump(session, way),
            State::Connecting(_) | State::Idle | State::Closed => {
                self.forget_upstream_if_quiet(key);
            }
        }
    }

    /// Asks for bytes from an output, if that has not been done already.
    pub(super) fn receive_from_upstream(&mut self, key: Key, when: Arrival) {
        let Some(upstream) = self.upstreams.get_mut(key) else {
            return;
        };
        if upstream.stream.receiving || upstream.stream.closed {
            return;
        }
        let token = Kind::UpstreamReceive.token(key);
        if !upstream.stream.receive(&mut self.ring, when, token) {
            self.starve(Starved::UpstreamReceive(key));
        }
    }

    /// The exchange on it is over and left nothing behind: it waits in the pool for the next.
    pub(super) fn shelve_upstream(&mut self, key: Key) {
        let now = self.ring.now();
        let Some(upstream) = self.upstreams.get(key) else {
            return;
        };
        let output = upstream.output;
        let pool = self.pools.get(output);
        let full = pool.is_none_or(|pool| pool.len() >= POOL_MOST);
        let spoiled = upstream.stream.ended || upstream.stream.has_bytes();
        if full || spoiled || !self.is_current(upstream) || self.order != Order::Run {
            self.close_upstream(key);
            return;
        }
        let Some(upstream) = self.upstreams.get_mut(key) else {
            return;
        };
        upstream.state = State::Idle;
        upstream.used = now;
        let held = upstream.stream.take_held();
        self.pools[output].push(key);
        self.take_back(held);
        self.set_upstream_deadline(key, now + IDLE_FOR);
        self.receive_from_upstream(key, Arrival::Later);
    }

    /// Closes it, whatever it was doing; its slot lives until what is in flight has come home.
    pub(super) fn close_upstream(&mut self, key: Key) {
        let Some(upstream) = self.upstreams.get_mut(key) else {
            return;
        };
        if upstream.state == State::Closed {
            return;
        }
        if upstream.state == State::Idle
            && let Some(pool) = self.pools.get_mut(upstream.output)
            && let Some(position) = pool.iter().rposition(|other| *other == key)
        {
            pool.remove(position);
        }
        upstream.state = State::Closed;
        upstream.stream.closed = true;
        unschedule(&mut self.wheel, &mut upstream.stream, Owner::Upstream(key));
        let in_flight = upstream.stream.in_flight(Kind::UpstreamReceive.token(key));
        self.ring.close(upstream.stream.socket, in_flight);
        let held = upstream.stream.take_held();
        self.take_back(held);
        self.forget_upstream_if_quiet(key);
    }

    /// Its deadline has passed.
    pub(super) fn on_upstream_overdue(&mut self, key: Key) {
        let Some(upstream) = self.upstreams.get_mut(key) else {
            return;
        };
        upstream.stream.deadline = NEVER;
        match upstream.state {
            State::Connecting(session) => self.on_connect_unanswered(key, session),
            State::Busy(session) => self.on_output_silent(session),
            State::Idle => self.close_upstream(key),
            State::Closed => {}
        }
    }

    /// Others are preferred to its output from now on; this request goes on waiting until its time is over.
    fn on_connect_unanswered(&mut self, key: Key, session: Key) {
        let now = self.ring.now();
        let Some(by) = self.sessions.get(session).map(|one| one.connect_by) else {
            return;
        };
        if now < by {
            if let Some(output) = self.upstreams.get(key).map(|upstream| upstream.output) {
                self.suspect(output);
            }
            self.set_upstream_deadline(key, by);
        } else {
            self.close_upstream(key);
            self.try_another(session, Ending::ConnectTimeout);
        }
    }

    fn forget_upstream_if_quiet(&mut self, key: Key) {
        if self
            .upstreams
            .get(key)
            .is_some_and(|u| u.state == State::Closed && u.stream.is_quiet())
        {
            self.upstreams.remove(key);
        }
    }
}
