//! What a request takes: when each of its steps was, and how many bytes went either way. The moments are those of the
//! worker's turns, so that no clock is read for them.

use std::time::Duration;

use crate::model::time::Instant;
use crate::ring::port::Ring;
use crate::worker::Worker;
use crate::worker::session::Session;
use crate::worker::table::Key;
use crate::worker::transfer::Way;

/// Of one session.
#[derive(Clone, Copy, Debug)]
pub struct Measures {
    /// Its head had been read whole.
    pub asked: Instant,
    /// It had got its place at an output.
    pub placed: Instant,
    /// It had a connection there, the last one if several were tried.
    pub connected: Option<Instant>,
    /// The head of its response had been read whole.
    pub answered: Option<Instant>,
    /// The response's status.
    pub status: Option<u16>,
    /// Bytes sent to the output, heads included; also those of a try that was repeated.
    pub bytes_in: u64,
    /// Bytes that the client took, heads included.
    pub bytes_out: u64,
}

impl Measures {
    pub fn begin(asked: Instant, placed: Instant) -> Measures {
        Measures {
            asked,
            placed,
            connected: None,
            answered: None,
            status: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }
}

impl<R: Ring> Worker<R> {
    /// Bytes of a session have gone on, to its output (`Way::Up`) or to its client.
    pub(super) fn count_moved(&mut self, key: Key, way: Way, bytes: usize) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let (measures, bytes) = (&mut session.measures, bytes as u64);
        let output = session.output;
        match way {
            Way::Up => {
                measures.bytes_in += bytes;
                self.count_output(output, |counts| counts.bytes_in.add(bytes));
            }
            Way::Down => {
                measures.bytes_out += bytes;
                self.count_output(output, |counts| counts.bytes_out.add(bytes));
            }
        }
    }

    /// Bytes have gone to an output for a session that ended before this was known.
    pub(super) fn count_moved_late(&self, output: usize, bytes: usize) {
        self.count_output(output, |counts| counts.bytes_in.add(bytes as u64));
    }

    /// A session has its place.
    pub(super) fn note_placed(&self, session: &Session) {
        let waited = session.measures.placed.since(session.measures.asked);
        if waited > Duration::ZERO {
            self.count_output(session.output, |counts| counts.wait.note(waited));
        }
    }

    /// A session has its connection.
    pub(super) fn note_connected(&mut self, key: Key) {
        let now = self.ring.now();
        if let Some(session) = self.sessions.get_mut(key) {
            session.measures.connected = Some(now);
        }
    }

    /// The head of a session's response is there, and is its last one.
    pub(super) fn note_answered(&mut self, key: Key, status: u16) {
        let now = self.ring.now();
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        session.measures.answered = Some(now);
        session.measures.status = Some(status);
        let (output, took) = (session.output, now.since(session.measures.asked));
        self.count_output(output, |counts| {
            counts.response.note(took);
            let class = usize::from(status / 100).wrapping_sub(1);
            if let Some(count) = counts.classes.get(class) {
                count.add(1);
            }
            if status >= 500 {
                counts.response_errors.add(1);
            }
        });
    }

    /// A session has got all it asked for.
    pub(super) fn note_complete(&self, session: &Session) {
        let took = self.ring.now().since(session.measures.asked);
        self.count_output(session.output, |counts| {
            counts.sessions_total.add(1);
            counts.total.note(took);
        });
    }
}
