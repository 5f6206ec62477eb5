//! Long bodies: through a pipe, from socket to socket, without being copied (`splice(2)`).
//!
//! It begins when what was read has been sent on and at least [`BULK_LEAST`] bytes are still to come. Everything
//! happens within the turn, a stretch at a time; when more could be moved at once, the transfer waits for its next
//! turn behind all others. Without a free pipe the body goes on being copied.

use nix::errno::Errno;

use crate::http::ending::Ending;
use crate::ring::port::PIPE_BYTES;
use crate::ring::port::Pipe;
use crate::ring::port::Ring;
use crate::ring::token::Token;
use crate::worker::Kind;
use crate::worker::Worker;
use crate::worker::session::Session;
use crate::worker::stream::Stream;
use crate::worker::table::Key;
use crate::worker::transfer::Way;
use crate::worker::transfer::ends;

/// Below this a pipe costs more calls than copying costs time (docs/performance.md).
const BULK_LEAST: u64 = 128 * 1024;
/// What one transfer may move before the others have their turn.
const VISIT_BYTES: usize = PIPE_BYTES;
/// What all transfers together may move in one turn: a fraction of a millisecond, so that small requests wait no longer.
const TURN_BYTES: usize = 1024 * 1024;

/// The pipe of one direction of a session.
pub struct Piped {
    pipe: Pipe,
    /// Bytes in it.
    inside: usize,
    /// Waits in the queue for its next turn.
    queued: bool,
}

/// What became of one stretch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stretch {
    /// Bytes came into the pipe.
    Filled,
    /// So many bytes left it.
    Emptied(usize),
    /// Nothing moves until the completion that was asked for.
    Waits,
    Ended(End),
}

/// How a transfer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The body has gone by.
    Done,
    /// The client takes nothing at the moment: nothing is read for it, and the pipe is for others.
    SinkFull,
    SourceEnded,
    SourceBroken,
    SinkBroken,
}

impl<R: Ring> Worker<R> {
    /// Puts a pipe between both ends, if what is left of the body is worth it. The source holds no bytes.
    pub(super) fn begin_bulk(&mut self, key: Key, way: Way) -> bool {
        if way == Way::Down && !self.plan.pipe_responses {
            return false;
        }
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        let (source, _) = ends(&mut self.clients, &mut self.upstreams, session, way);
        let quiet = source.is_some_and(|source| !source.receiving && !source.ended);
        let left = session.relay(way).and_then(|relay| relay.remaining());
        if !quiet || left.is_none_or(|left| left < BULK_LEAST) {
            return false;
        }
        let Some(pipe) = self.ring.lease_pipe() else {
            return false;
        };
        *session.pipe(way) = Some(Piped {
            pipe,
            inside: 0,
            queued: false,
        });
        self.move_bulk(key, way);
        true
    }

    /// Moves what can be moved of a body that has a pipe, and does what follows from it.
    pub(super) fn move_bulk(&mut self, key: Key, way: Way) {
        let mut moved = 0;
        loop {
            match self.stretch(key, way) {
                Stretch::Filled => {
                    if way == Way::Down {
                        self.release_upstream(key);
                    }
                }
                Stretch::Emptied(bytes) => {
                    moved += bytes;
                    self.count_moved(key, way, bytes);
                    if moved >= VISIT_BYTES {
                        self.bulk_moved += moved;
                        self.queue_bulk(key, way);
                        return;
                    }
                }
                Stretch::Waits => {
                    self.bulk_moved += moved;
                    return;
                }
                Stretch::Ended(end) => {
                    self.drop_pipe(key, way);
                    self.on_bulk_ended(key, way, end);
                    return;
                }
            }
        }
    }

    /// Lets those move on whose turn it is, as far as the turn allows.
    pub(super) fn continue_bulk(&mut self) {
        for _ in 0..self.bulk.len() {
            let Some((key, way)) = self.bulk.pop_front() else {
                break;
            };
            let session = self.sessions.get_mut(key);
            if let Some(piped) = session.and_then(|session| session.pipe(way).as_mut()) {
                piped.queued = false;
                self.pump(key, way);
            }
            if self.bulk_moved >= TURN_BYTES {
                break; // one at least, whatever completions have moved before
            }
        }
        self.bulk_moved = 0;
    }

    /// Takes both pipes home from a session that is over.
    pub(super) fn take_pipes_back(&mut self, session: &mut Session) {
        for way in [Way::Up, Way::Down] {
            if let Some(piped) = session.pipe(way).take() {
                self.ring.give_back_pipe(piped.pipe);
            }
        }
    }

    fn drop_pipe(&mut self, key: Key, way: Way) {
        let session = self.sessions.get_mut(key);
        if let Some(piped) = session.and_then(|session| session.pipe(way).take()) {
            self.ring.give_back_pipe(piped.pipe);
        }
    }

    fn queue_bulk(&mut self, key: Key, way: Way) {
        let session = self.sessions.get_mut(key);
        if let Some(piped) = session.and_then(|session| session.pipe(way).as_mut()) {
            piped.queued = true;
            self.bulk.push_back((key, way));
        }
    }

    fn on_bulk_ended(&mut self, key: Key, way: Way, end: End) {
        match (way, end) {
            (Way::Down, End::Done | End::SinkFull) => self.relay_response(key),
            (Way::Down, End::SourceEnded) => self.end_response(key),
            (Way::Down, End::SourceBroken) => {
                let upstream = self.sessions.get(key).and_then(|session| session.upstream);
                if let Some(upstream) = upstream.and_then(|key| self.upstreams.get_mut(key)) {
                    upstream.break_off();
                }
                self.end_response(key);
            }
            (Way::Up, End::Done | End::SinkFull) => self.after_upload(key, true),
            (Way::Up, End::SinkBroken) => self.after_upload(key, false),
            (Way::Down, End::SinkBroken) | (Way::Up, End::SourceEnded | End::SourceBroken) => {
                self.fail(key, Ending::ClientGone);
            }
        }
    }

    /// The pipe's bytes go to the sink; when it is empty, it is filled again.
    fn stretch(&mut self, key: Key, way: Way) -> Stretch {
        let Some(session) = self.sessions.get_mut(key) else {
            return Stretch::Waits;
        };
        match session.pipe(way) {
            Some(piped) if piped.queued => Stretch::Waits,
            Some(piped) if piped.inside > 0 => self.empty_pipe(key, way),
            Some(_) => self.fill_pipe(key, way),
            None => Stretch::Waits,
        }
    }

    fn empty_pipe(&mut self, key: Key, way: Way) -> Stretch {
        let Some(session) = self.sessions.get_mut(key) else {
            return Stretch::Waits;
        };
        let token = writable_token(session, way);
        let (_, sink) = ends(&mut self.clients, &mut self.upstreams, session, way);
        let (Some(token), Some(sink), Some(piped)) = (token, sink, session.pipe(way)) else {
            return Stretch::Ended(End::SinkBroken);
        };
        if sink.sending {
            return Stretch::Waits;
        }
        let moved = self
            .ring
            .empty_rationed(&piped.pipe, sink.socket, piped.inside, token);
        let Some(moved) = moved else {
            sink.sending = true;
            return Stretch::Waits;
        };
        match moved {
            Ok(bytes @ 1..) => {
                piped.inside -= bytes;
                sink.moved = self.ring.now();
                if way == Way::Down {
                    session.download_pace.moved(bytes as u64);
                }
                Stretch::Emptied(bytes)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {
                sink.await_writable(&mut self.ring, token);
                Stretch::Waits
            }
            Ok(0) | Err(_) => Stretch::Ended(End::SinkBroken),
        }
    }

    fn fill_pipe(&mut self, key: Key, way: Way) -> Stretch {
        let Some(session) = self.sessions.get_mut(key) else {
            return Stretch::Waits;
        };
        let left = session.relay(way).and_then(|relay| relay.remaining());
        let most = usize::try_from(left.unwrap_or(0)).map_or(PIPE_BYTES, |n| n.min(PIPE_BYTES));
        if most == 0 {
            return Stretch::Ended(End::Done);
        }
        let token = readable_token(session, way);
        let (source, sink) = ends(&mut self.clients, &mut self.upstreams, session, way);
        let (Some(token), Some(source), Some(piped)) = (token, source, session.pipe(way)) else {
            return Stretch::Ended(End::SourceBroken);
        };
        if source.receiving {
            return Stretch::Waits;
        }
        let full = |sink: &mut Stream| !self.ring.takes_more(sink.socket);
        if way == Way::Down && sink.is_some_and(full) {
            return Stretch::Ended(End::SinkFull);
        }
        match self.ring.fill(&piped.pipe, source.socket, most) {
            Ok(0) => {
                source.ended = true;
                Stretch::Ended(End::SourceEnded)
            }
            Ok(bytes) => {
                piped.inside = bytes;
                if let Some(relay) = session.relay(way) {
                    relay.went_by(bytes);
                }
                if way == Way::Up {
                    session.upload_pace.moved(bytes as u64);
                }
                Stretch::Filled
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {
                source.await_readable(&mut self.ring, token);
                Stretch::Waits
            }
            Err(_) => Stretch::Ended(End::SourceBroken),
        }
    }
}

/// For a poll of the side that the bytes come from.
fn readable_token(session: &Session, way: Way) -> Option<Token> {
    match way {
        Way::Up => Some(Kind::ClientReadable.token(session.client)),
        Way::Down => session
            .upstream
            .map(|key| Kind::UpstreamReadable.token(key)),
    }
}

/// For a poll of the side that they go to.
fn writable_token(session: &Session, way: Way) -> Option<Token> {
    match way {
        Way::Up => session
            .upstream
            .map(|key| Kind::UpstreamWritable.token(key)),
        Way::Down => Some(Kind::ClientWritable.token(session.client)),
    }
}
