//! What an operator wants to see at a glance: one reading of all figures, what has passed lately, how the outputs
//! stand and why. `ctl` answers with it, `ui` streams it.
//!
//! - `shape`: the overview itself, and its JSON
//! - `window`: what passed in the last ten seconds; `history`: the last hour
//!
//! Once a second, and when something has happened, the [`Recorder`] reads the figures and writes the text that all
//! watchers share; without watchers it only remembers.

pub mod history;
pub mod shape;
pub mod window;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Interval;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::control::figures::Figures;
use crate::control::overview::history::History;
use crate::control::overview::history::Sample;
use crate::control::overview::shape::Overview;
use crate::control::overview::window::Mark;
use crate::control::overview::window::Window;
use crate::control::shared::Shared;
use crate::model::time::Instant;
use crate::ring::clock;

/// How often figures are read.
pub const TICK: Duration = Duration::from_secs(1);

/// Keeps what has passed, and makes overviews of it. One for a process.
pub struct Recorder {
    shared: Arc<Shared>,
    node: String,
    memory: Mutex<Memory>,
    /// The newest text; a watcher that is slow misses some, and nothing piles up.
    newest: watch::Sender<Bytes>,
}

#[derive(Default)]
struct Memory {
    window: Window,
    history: History,
}

impl Recorder {
    pub fn new(shared: Arc<Shared>) -> Recorder {
        let domain = &shared.current().config.domain;
        let node = domain.as_ref().and_then(|domain| domain.node.clone());
        Recorder {
            node: node.unwrap_or_else(host_name),
            shared,
            memory: Mutex::default(),
            newest: watch::Sender::new(Bytes::new()),
        }
    }

    /// Reads the figures once a second, for ever.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let seen = self.shared.journal.more();
            let more = seen.notified();
            self.tick(clock::read().now);
            self.until_next(&mut ticks, more).await;
        }
    }

    /// Everything as it is now.
    pub fn overview(&self) -> Overview {
        let figures = Figures::collect_own(&self.shared);
        self.view(clock::read().now, figures)
    }

    /// The last hour, for charts.
    pub fn history(&self) -> Value {
        self.lock().history.json()
    }

    /// To be told of every new text: an overview as an event of a stream that the server sends. The first one is
    /// there at once.
    pub fn watch(&self) -> watch::Receiver<Bytes> {
        let is_first = self.newest.receiver_count() == 0;
        let mut receiver = self.newest.subscribe();
        if is_first {
            self.publish(&self.overview());
        }
        receiver.mark_changed(); // what others saw last is new to this one
        receiver
    }

    /// Waits for the next second. What happens before is published at once, but only the first of it: many events
    /// in a row are not many readings.
    async fn until_next(&self, ticks: &mut Interval, more: impl Future<Output = ()>) {
        tokio::select! {
            _ = ticks.tick() => return,
            () = more => {}
        }
        if self.newest.receiver_count() > 0 {
            self.publish(&self.overview());
        }
        ticks.tick().await;
    }

    fn tick(&self, now: Instant) {
        let figures = Figures::collect_own(&self.shared);
        self.lock().window.put(Mark::of(now, &figures));
        let overview = self.view(now, figures);
        let sample = Sample::of(&overview);
        self.lock().history.put(clock::unix_ms() / 1000, sample);
        if self.newest.receiver_count() > 0 {
            self.publish(&overview);
        }
    }

    fn view(&self, now: Instant, figures: Figures) -> Overview {
        let passed = self.lock().window.passed(now, &figures);
        Overview::new(&self.shared, &self.node, now, figures, passed)
    }

    fn publish(&self, overview: &Overview) {
        let text = format!("event: overview\ndata: {}\n\n", overview.json());
        self.newest.send_replace(Bytes::from(text));
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().ok();
    let name = name.and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "halb".to_owned())
}

#[cfg(test)]
mod tests;
