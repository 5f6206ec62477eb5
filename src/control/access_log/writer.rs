//! The thread that writes the access log.

use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use crate::control::access_log::Form;
use crate::control::access_log::LAST_PATIENCE;
use crate::control::access_log::Opened;
use crate::control::access_log::Orders;
use crate::control::access_log::batch::Batch;
use crate::control::access_log::line::Line;
use crate::control::access_log::line::Scene;
use crate::control::access_log::sink::Sink;
use crate::control::log;
use crate::model::config::AccessLog as Target;
use crate::model::config::LogFormat;
use crate::model::time::Instant;
use crate::plane::Plane;
use crate::plane::record::Record;
use crate::ring::clock;

/// Lines wait so long for others to be written with them.
const GATHER: Duration = Duration::from_millis(200);
/// What could not be written is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// So much is written at a time …
const BATCH_BYTES: usize = 256 * 1024;
/// … and so many records are taken from a worker before it is the next one's turn.
const TAKE_MOST: usize = 256;

pub struct Writer {
    plane: Arc<Plane>,
    bell: UnixStream,
    orders: Arc<Orders>,
    form: Form,
    /// `None`: there is no log, or none that could be opened.
    sink: Option<Sink>,
    batch: Batch,
    scratch: Vec<u8>,
    /// It has failed, and that has been said.
    failing: bool,
    /// Lines dropped by then have been told of, …
    dropped: u64,
    /// … at that moment.
    told: Instant,
}

/// How far a round came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Round {
    /// There was nothing.
    Idle,
    /// Everything that was there has been written.
    Done,
    /// Nobody takes any more at the moment.
    Blocked,
    /// It cannot be written at all.
    Failed,
}

impl Writer {
    pub fn new(plane: Arc<Plane>, bell: UnixStream, orders: Arc<Orders>, opened: Opened) -> Writer {
        let Opened { form, sink } = opened;
        Writer {
            plane,
            bell,
            orders,
            form,
            sink,
            batch: Batch::default(),
            scratch: Vec::new(),
            failing: false,
            dropped: 0,
            told: Instant::ZERO,
        }
    }

    pub fn run(mut self) {
        loop {
            self.hear();
            let ordered = self.orders.take();
            for opened in ordered.changes {
                self.change(opened);
            }
            if ordered.reopen {
                self.reopen();
            }
            if ordered.stop {
                self.finish();
                return;
            }
            let round = self.round();
            self.tell_dropped();
            self.rest(round);
        }
    }

    /// Writes what there is.
    fn round(&mut self) -> Round {
        let mut round = Round::Idle;
        loop {
            if let Some(stuck) = self.flush() {
                return stuck;
            }
            if !self.gather() {
                return round;
            }
            round = Round::Done;
        }
    }

    /// Takes records and makes lines of them; `false`: there were none.
    fn gather(&mut self) -> bool {
        if self.form.target == Target::None {
            return false; // the workers have stopped to say anything, or are about to
        }
        let plane = Arc::clone(&self.plane);
        let is_haproxy = self.form.format == LogFormat::Haproxy;
        let scene = if is_haproxy {
            Scene::of(&plane)
        } else {
            Scene::EMPTY
        };
        let ahead = wall_clock_ahead();
        let Writer {
            form,
            batch,
            scratch,
            ..
        } = self;
        let mut found = true;
        let mut any = false;
        while found && batch.len() < BATCH_BYTES {
            found = false;
            for (worker, records) in plane.records() {
                let count = records.take(TAKE_MOST, scratch, |bytes| {
                    let Some((record, texts)) = Record::decode(bytes) else {
                        return;
                    };
                    let unix_us = (record.asked.as_nanos() / 1000).wrapping_add(ahead);
                    let line = Line {
                        record,
                        texts,
                        unix_us,
                        worker,
                    };
                    line.write(form.format, &scene, batch.end());
                });
                found |= count > 0;
            }
            any |= found;
        }
        any
    }

    /// Writes the lines that are there; what is in the way, if not all could be.
    fn flush(&mut self) -> Option<Round> {
        if self.batch.is_empty() {
            return None;
        }
        if self.sink.is_none() {
            self.reopen();
        }
        let Some(sink) = &mut self.sink else {
            return Some(Round::Failed);
        };
        match self.batch.flush(sink) {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    log::event("access_log_written_again", &[]);
                }
                None
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(Round::Blocked),
            Err(error) => {
                self.fail(&error);
                Some(Round::Failed)
            }
        }
    }

    /// Another form, from the next line on.
    fn change(&mut self, to: Opened) {
        self.round(); // under the old one
        Opened {
            form: self.form,
            sink: self.sink,
        } = to;
        self.batch.rewind();
        if self.form.target == Target::None {
            tell_unwritten(self.batch.give_up());
        }
    }

    /// Opens the file under its name again. When that fails the old one is written on.
    fn reopen(&mut self) {
        if self.sink.is_some() {
            self.round(); // what was said before goes where it belongs
        }
        match Sink::open(&self.form.target) {
            Ok(sink) => {
                self.sink = sink;
                self.batch.rewind();
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            log::event("access_log_failed", &[("cause", error)]);
        }
    }

    /// Everything is written, as long as somebody takes it.
    fn finish(&mut self) {
        let by = clock::read().now + LAST_PATIENCE;
        while self.round() == Round::Blocked {
            let left = by.since(clock::read().now);
            if left.is_zero() {
                break;
            }
            self.wait(Some(left.min(RETRY)), true);
        }
        self.told = Instant::ZERO;
        self.tell_dropped();
        let mut lost = self.batch.give_up();
        for (_, records) in self.plane.records() {
            lost += records.take(usize::MAX, &mut self.scratch, |_| {});
        }
        tell_unwritten(lost);
    }

    /// Says how many lines there was no room for, at most once a second.
    fn tell_dropped(&mut self) {
        let dropped = self.plane.log_dropped();
        let now = clock::read().now;
        if dropped > self.dropped && now.since(self.told) >= RETRY {
            let lines = dropped - self.dropped;
            log::event("access_log_dropped", &[("lines", &lines)]);
            (self.dropped, self.told) = (dropped, now);
        }
    }

    /// Until something is to be done again.
    fn rest(&mut self, round: Round) {
        match round {
            Round::Done => self.wait(Some(GATHER), false),
            Round::Blocked => self.wait(Some(RETRY), true),
            Round::Failed => self.wait(Some(RETRY), false),
            Round::Idle if self.form.target == Target::None => self.wait(None, false),
            Round::Idle => {
                let plane = Arc::clone(&self.plane);
                // All of them have to hear of it.
                let empty = plane.records().filter(|(_, records)| !records.rest());
                if empty.count() == 0 {
                    let untold = plane.log_dropped() > self.dropped;
                    self.wait(untold.then_some(RETRY), false);
                }
            }
        }
    }

    /// Until the bell rings, time is up, or (`room`) the sink takes more.
    fn wait(&self, most: Option<Duration>, room: bool) {
        let bell = PollFd::new(self.bell.as_fd(), PollFlags::POLLIN);
        let sink = self.sink.as_ref().filter(|_| room);
        let sink = sink.map(|sink| PollFd::new(sink.descriptor(), PollFlags::POLLOUT));
        let mut waited: Vec<PollFd<'_>> = [Some(bell), sink].into_iter().flatten().collect();
        let timeout = most.map_or(PollTimeout::NONE, |most| {
            PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut waited, timeout) {
            // Out of memory: as if time were up.
            Ok(_) | Err(Errno::EINTR | Errno::ENOMEM | Errno::EAGAIN) => {}
            Err(errno) => panic!("descriptors of ours cannot be waited for: {errno}"),
        }
    }

    /// Whoever has rung is being seen to.
    fn hear(&mut self) {
        let mut rings = [0; 64];
        while self
            .bell
            .read(&mut rings)
            .is_ok_and(|count| count == rings.len())
        {}
    }
}

fn tell_unwritten(lines: usize) {
    if lines > 0 {
        log::event("access_log_unwritten", &[("lines", &lines)]);
    }
}

/// Microseconds from the clock of records to that of people. It may be set while we run.
fn wall_clock_ahead() -> u64 {
    let unix_us = clock::unix_ms() * 1000;
    unix_us.wrapping_sub(clock::read().now.as_nanos() / 1000)
}
