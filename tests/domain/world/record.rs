//! What happened, and when: written by one thread, waited for and searched by the test.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;

use halb::model::time::Instant;
use halb::ring::clock;

/// Longer than anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    pub at: Instant,
    pub what: T,
}

/// Everything that happened so far. Copies are the same record.
pub struct Record<T>(Arc<Inner<T>>);

struct Inner<T> {
    entries: Mutex<Vec<Entry<T>>>,
    grown: Condvar,
}

impl<T> Clone for Record<T> {
    fn clone(&self) -> Record<T> {
        Record(Arc::clone(&self.0))
    }
}

impl<T: Clone> Record<T> {
    pub fn new() -> Record<T> {
        Record(Arc::new(Inner {
            entries: Mutex::new(Vec::new()),
            grown: Condvar::new(),
        }))
    }

    pub fn push(&self, what: T) {
        self.push_at(clock::read().now, what);
    }

    pub fn push_at(&self, at: Instant, what: T) {
        self.0.entries.lock().unwrap().push(Entry { at, what });
        self.0.grown.notify_all();
    }

    /// Where the next entry will be: what is waited for later may begin here.
    pub fn mark(&self) -> usize {
        self.0.entries.lock().unwrap().len()
    }

    pub fn all(&self) -> Vec<Entry<T>> {
        self.0.entries.lock().unwrap().clone()
    }

    pub fn last(&self) -> Option<Entry<T>> {
        self.0.entries.lock().unwrap().last().cloned()
    }

    /// Waits until `found` makes something of the entries; `None` when that takes too long.
    pub fn wait<R>(
        &self,
        patience: Duration,
        mut found: impl FnMut(&[Entry<T>]) -> Option<R>,
    ) -> Option<R> {
        let mut result = None;
        let entries = self.0.entries.lock().unwrap();
        let waited = self
            .0
            .grown
            .wait_timeout_while(entries, patience, |entries| {
                result = found(entries);
                result.is_none()
            });
        drop(waited.unwrap());
        result
    }
}

/// Waits for something that tells nobody when it comes, such as the content of a file.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    assert!(comes_true(is_so), "never: {what}");
}

/// The same; false when that takes too long.
pub fn comes_true(is_so: impl Fn() -> bool) -> bool {
    let nothing = Record::<()>::new();
    let begin = clock::read().now;
    while !is_so() {
        if clock::read().now.since(begin) >= PATIENCE {
            return false;
        }
        nothing.wait(GLANCE, |_| None::<()>);
    }
    true
}

/// How often it is looked at.
const GLANCE: Duration = Duration::from_millis(10);
