//! What has happened, for people: each event is a line of the log, and the last ones can be looked up.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;

use crate::control::log;
use crate::model::output::OutputId;
use crate::ring::clock;

/// So many events are kept.
pub const KEPT: usize = 1000;

/// One thing that has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Counted from one.
    pub number: u64,
    /// Milliseconds since 1970 (UTC).
    pub unix_ms: u64,
    /// A word for programs: `up`, `down`, `switch`, `reload` …
    pub kind: &'static str,
    pub output: Option<OutputId>,
    /// In plain words.
    pub text: String,
}

/// Of one process. Control writes; nobody waits for the lock for longer than a copy.
#[derive(Default)]
pub struct Journal {
    events: Mutex<Events>,
    more: Notify,
}

#[derive(Default)]
struct Events {
    count: u64,
    kept: VecDeque<Event>,
}

impl Journal {
    /// Writes an event down, here and in the log.
    pub fn note(&self, kind: &'static str, output: Option<OutputId>, text: String) {
        match &output {
            Some(output) => {
                log::event(kind, &[("output", output as &dyn Display), ("text", &text)])
            }
            None => log::event(kind, &[("text", &text)]),
        }
        let mut events = self.lock();
        events.count += 1;
        let event = Event {
            number: events.count,
            unix_ms: clock::unix_ms(),
            kind,
            output,
            text,
        };
        if events.kept.len() == KEPT {
            events.kept.pop_front();
        }
        events.kept.push_back(event);
        drop(events);
        self.more.notify_waiters();
    }

    /// Those after event `number` that are still kept, oldest first; all with 0.
    pub fn since(&self, number: u64) -> Vec<Event> {
        let events = self.lock();
        let later = |event: &&Event| event.number > number;
        events.kept.iter().filter(later).cloned().collect()
    }

    /// Told of every event. To be asked for before looking.
    pub fn more(&self) -> &Notify {
        &self.more
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_under_their_numbers() {
        let journal = Journal::default();
        for number in 1..=KEPT + 2 {
            journal.note("up", OutputId::from_index(1), format!("event {number}"));
        }
        let all = journal.since(0);
        assert_eq!(all.len(), KEPT);
        assert_eq!((all[0].number, all[0].text.as_str()), (3, "event 3"));
        assert!(all.windows(2).all(|two| two[0].unix_ms <= two[1].unix_ms));
        let last = journal.since(KEPT as u64 + 1);
        assert_eq!(last.len(), 1);
        assert_eq!(last[0].output.map(|output| output.number()), Some(2));
    }
}
