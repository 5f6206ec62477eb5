//! The way of lines to stderr: at once, or through a queue whose thread alone waits for whoever reads.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use crate::control::log;
use crate::control::log::limit::Limit;
use crate::control::log::limit::Suppressed;
use crate::control::log::limit::What;
use crate::model::time::Instant;
use crate::ring::clock;

/// Lines wait for their writer; more than these are lost, and counted.
const LINES_MOST: usize = 1000;
/// At the end lines are waited for so long.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// One for a process.
pub struct Door {
    state: Mutex<State>,
    /// There is something to write, or it was written.
    changed: Condvar,
    /// Writes lines; may take as long as it likes.
    put: fn(&str),
}

struct State {
    way: Way,
    limit: Limit,
    lines: VecDeque<String>,
    /// The thread is writing.
    writing: bool,
    /// Lines for which there was no room.
    lost: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// Whoever says something writes it.
    AtOnce,
    /// A thread writes.
    Queue,
    /// That thread is to end.
    Ending,
    /// Nobody reads: nothing is written any more, so that the process can end.
    Nowhere,
}

impl Door {
    pub fn new(put: fn(&str)) -> Door {
        Door {
            state: Mutex::new(State {
                way: Way::AtOnce,
                limit: Limit::default(),
                lines: VecDeque::new(),
                writing: false,
                lost: 0,
            }),
            changed: Condvar::new(),
            put,
        }
    }

    pub fn say(&self, what: &What, line: String) {
        let mut state = self.lock();
        match state.way {
            // Under the lock, so that lines stay apart.
            Way::AtOnce => (self.put)(&line),
            Way::Queue | Way::Ending => {
                state.queue(what, line, clock::read().now);
                self.changed.notify_all();
            }
            Way::Nowhere => {}
        }
    }

    /// Starts the thread.
    pub fn serve(door: &Arc<Door>) -> io::Result<()> {
        let theirs = Arc::clone(door);
        let mut state = door.lock();
        thread::Builder::new()
            .name("halb-own-log".to_owned())
            .spawn(move || theirs.write_all())?;
        state.way = Way::Queue;
        Ok(())
    }

    /// Ends the thread, when it has written everything.
    pub fn finish(&self) {
        let mut state = self.lock();
        if state.way != Way::Queue {
            return;
        }
        state.way = Way::Ending;
        state.tell_all();
        self.changed.notify_all();
        let unfinished = |state: &mut State| state.writing || !state.lines.is_empty();
        let waited = self
            .changed
            .wait_timeout_while(state, LAST_PATIENCE, unfinished);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        state.way = match waited.timed_out() {
            true => Way::Nowhere,
            false => Way::AtOnce,
        };
        self.changed.notify_all();
    }

    fn write_all(&self) {
        let mut state = self.lock();
        while matches!(state.way, Way::Queue | Way::Ending) {
            let now = clock::read().now;
            state.tell_due(now);
            if state.lines.is_empty() {
                state = self.wait(state, now);
                continue;
            }
            let lines = state.take();
            state.writing = true;
            drop(state);
            (self.put)(&lines);
            state = self.lock();
            state.writing = false;
            self.changed.notify_all();
        }
    }

    /// Until something is said, or something that was suppressed is to be told.
    fn wait<'s>(&'s self, state: MutexGuard<'s, State>, now: Instant) -> MutexGuard<'s, State> {
        match state.limit.next_due() {
            None => self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(due) => {
                let waited = self.changed.wait_timeout(state, due.since(now));
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn queue(&mut self, what: &What, line: String, now: Instant) {
        let (suppressed, admitted) = self.limit.admit(what, now);
        self.lines.extend(suppressed.map(told));
        if !admitted {
            return;
        }
        if self.lines.len() >= LINES_MOST {
            self.lost += 1;
            return;
        }
        self.lines.push_back(line);
    }

    /// All lines, and how many more there were.
    fn take(&mut self) -> String {
        let mut lines: String = self.lines.drain(..).collect();
        let times = std::mem::take(&mut self.lost);
        if times > 0 {
            lines.push_str(&format!("event=lost times={times}\n"));
        }
        lines
    }

    fn tell_due(&mut self, now: Instant) {
        let State { limit, lines, .. } = self;
        lines.extend(limit.due(now).map(told));
    }

    fn tell_all(&mut self) {
        let State { limit, lines, .. } = self;
        lines.extend(limit.all().map(told));
    }
}

fn told(suppressed: Suppressed) -> String {
    let Suppressed { what, times } = suppressed;
    let mut fields: Vec<(&str, &dyn Display)> = vec![("kind", &what.event)];
    fields.extend(what.output.iter().map(|o| ("output", o as &dyn Display)));
    fields.push(("times", &times));
    log::line("suppressed", &fields)
}

#[cfg(test)]
mod tests;
