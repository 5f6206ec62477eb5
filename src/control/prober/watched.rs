//! One output, as the prober knows it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::control::probed::Probed;
use crate::control::shared::Shared;
use crate::model::output::OutputId;
use crate::model::plan::PlannedOutput;
use crate::model::standing::Health;
use crate::model::time::Instant;
use crate::probe::machine::Machine;
use crate::probe::machine::Pace;
use crate::probe::reason;
use crate::probe::reason::Outcome;
use crate::ring::clock;

/// One output under watch. When it goes, so does its probe.
pub struct Watched {
    pub id: OutputId,
    /// The revision of its place in the plan. A result of an earlier life is none of this one.
    pub life: u32,
    /// As configured, without its port.
    pub host: String,
    pub address: Option<SocketAddr>,
    pub machine: Machine,
    pub probe: Option<AbortHandle>,
    /// What the workers had counted when that was last looked at.
    pub suspicions: u64,
}

/// A probe that is over.
pub struct Done {
    pub id: OutputId,
    pub life: u32,
    outcome: Outcome,
    took: Duration,
}

impl Done {
    /// It began at `began` and is over now.
    pub fn new(id: OutputId, life: u32, outcome: Outcome, began: Instant) -> Done {
        Done {
            id,
            life,
            outcome,
            took: clock::read().now.since(began),
        }
    }
}

impl Watched {
    pub fn new(planned: &PlannedOutput, suspicions: u64, now: Instant) -> Watched {
        let name = planned.name.as_str();
        Watched {
            id: planned.id,
            life: planned.revision,
            host: name
                .rsplit_once(':')
                .map_or(name, |(host, _)| host)
                .to_owned(),
            address: planned.address,
            machine: Machine::new(now),
            probe: None,
            suspicions,
        }
    }

    /// Draws what follows from a result, and tells everybody.
    pub fn on_done(&mut self, done: &Done, pace: &Pace, shared: &Shared) {
        let now = clock::read().now;
        let good = done.outcome.is_good();
        let before = self.machine.health();
        let change = match &done.outcome {
            Outcome::Unknown(_) => {
                self.machine.on_nothing(now, pace);
                None
            }
            Outcome::Good(_) | Outcome::Bad(_) => self.machine.on_result(good, now, pace),
        };
        // In this order: who sees a health finds its reason, and who reads of it sees it.
        let lasted = self.show(done, before, change, shared);
        if good {
            shared.plane.prove(self.id);
        }
        if let Some(health) = change {
            let wake = |worker| shared.hub.wake(worker);
            shared.plane.set_health(self.id, health, wake);
            self.tell(done, before, health, lasted, shared);
        }
    }

    /// On the board. Gives how long the health before was what it was.
    fn show(
        &self,
        done: &Done,
        before: Health,
        change: Option<Health>,
        shared: &Shared,
    ) -> Duration {
        let unix_ms = clock::unix_ms();
        let mut lasted = Duration::ZERO;
        shared.probes.change(self.id, |state| {
            state.last = Some(Probed {
                unix_ms,
                ok: done.outcome.is_good(),
                text: done.outcome.to_string(),
                took: done.took,
            });
            state.failed += u64::from(matches!(done.outcome, Outcome::Bad(_)));
            if change.is_some() {
                lasted = Duration::from_millis(unix_ms.saturating_sub(state.since_unix_ms));
                state.since_unix_ms = unix_ms;
            }
            state.downs += u64::from(before == Health::Up && change == Some(Health::Down));
        });
        lasted
    }

    /// In the journal.
    fn tell(&self, done: &Done, before: Health, now: Health, lasted: Duration, shared: &Shared) {
        let (id, cause) = (self.id, done.outcome.with_time(done.took));
        let (kind, text) = match now {
            Health::Up if before == Health::Down => {
                let lasted = reason::length(lasted);
                ("up", format!("{id} up: {cause}; it was down for {lasted}"))
            }
            Health::Up => ("up", format!("{id} up: {cause}")),
            Health::Down => ("down", format!("{id} down: {cause}")),
            Health::Checking => return,
        };
        shared.journal.note(kind, Some(id), text);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(probe) = &self.probe {
            probe.abort();
        }
    }
}
