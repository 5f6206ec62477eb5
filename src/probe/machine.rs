//! The health of one output, from the results of its probes: checking, then up or down.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::model::config::Config;
use crate::model::standing::Health;
use crate::model::time::Instant;

/// Between the probes of an output while successes or failures are being counted.
const COUNTING_INTERVAL: Duration = Duration::from_secs(1);
/// The least between two probes of an output, whatever asks for them.
const GAP: Duration = Duration::from_millis(100);

/// How often, and how many results it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// `healthcheck_interval`
    pub interval: Duration,
    /// `healthcheck_rise`
    pub rise: u64,
    /// `healthcheck_fall`
    pub fall: u64,
}

impl Pace {
    pub fn from_config(config: &Config) -> Pace {
        Pace {
            interval: config.healthcheck_interval,
            rise: config.healthcheck_rise,
            fall: config.healthcheck_fall,
        }
    }
}

/// One output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    health: Health,
    /// Results in a row that speak against `health`.
    against: u64,
    /// Down, but what was found then may not hold any more: the next result decides alone.
    doubted: bool,
    probe: Probe,
}

/// There is never more than one probe of an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Probe {
    /// The next one begins then; the last one began then.
    Due { at: Instant, last: Option<Instant> },
    /// One is under way since then. `again`: something happened that it may not have seen.
    Runs { since: Instant, again: bool },
}

impl Machine {
    /// An output that is new: its first probe is due, and decides alone.
    pub fn new(now: Instant) -> Machine {
        Machine {
            health: Health::Checking,
            against: 0,
            doubted: false,
            probe: Probe::Due {
                at: now,
                last: None,
            },
        }
    }

    pub fn health(&self) -> Health {
        self.health
    }

    /// When the next probe is to begin. `None`: one is under way.
    pub fn due(&self) -> Option<Instant> {
        match self.probe {
            Probe::Due { at, .. } => Some(at),
            Probe::Runs { .. } => None,
        }
    }

    /// A probe begins.
    pub fn begin(&mut self, now: Instant) {
        assert!(self.due().is_some(), "one probe at a time");
        self.probe = Probe::Runs {
            since: now,
            again: false,
        };
    }

    /// The probe under way has a result. Gives the health that begins with it, if one does.
    pub fn on_result(&mut self, good: bool, now: Instant, pace: &Pace) -> Option<Health> {
        let next = self.judge(good, pace);
        // What was under way when the doubt came up may have found what was before.
        self.doubted &= self.probe_is_asked_again();
        if let Some(health) = next {
            self.health = health;
            self.against = 0;
            self.doubted = false;
        }
        self.rest(now, pace);
        next
    }

    /// The probe under way could not be made, for a reason of our own: it says nothing about the output.
    pub fn on_nothing(&mut self, now: Instant, pace: &Pace) {
        self.rest(now, pace);
        if let Probe::Due { at, .. } = &mut self.probe {
            *at = (*at).min(now + COUNTING_INTERVAL.min(pace.interval));
        }
    }

    /// The data plane found the output refusing, resetting or silent: a probe goes out at once. One that is down
    /// or checking has nothing to lose by it.
    pub fn on_suspicion(&mut self, now: Instant) {
        if self.health == Health::Up {
            self.hurry(now);
        }
    }

    /// Whoever found the output down may have been the cause, and all rests on it now: a probe goes out at once, and
    /// decides alone as the first one does. One that is up or checking has nothing to win by it.
    pub fn on_doubt(&mut self, now: Instant) {
        if self.health == Health::Down {
            self.doubted = true;
            self.hurry(now);
        }
    }

    /// What is asked, or how, has changed.
    pub fn on_change(&mut self, now: Instant) {
        self.hurry(now);
    }

    /// What a result makes of health.
    fn judge(&mut self, good: bool, pace: &Pace) -> Option<Health> {
        let (found, needed) = if good {
            (Health::Up, pace.rise)
        } else {
            (Health::Down, pace.fall)
        };
        if self.health == found {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let is_first = self.health == Health::Checking || self.doubted;
        let decided = is_first || self.against >= needed;
        decided.then_some(found)
    }

    /// The probe is over; the next one gets its time.
    fn rest(&mut self, now: Instant, pace: &Pace) {
        let Probe::Runs { since, again } = self.probe else {
            panic!("a result belongs to a probe");
        };
        let wait = match (again, self.against) {
            (true, _) => GAP,
            (false, 0) => pace.interval,
            (false, _) => pace.interval.min(COUNTING_INTERVAL),
        };
        self.probe = Probe::Due {
            at: (since + wait).max(now + GAP),
            last: Some(since),
        };
    }

    fn probe_is_asked_again(&self) -> bool {
        matches!(self.probe, Probe::Runs { again: true, .. })
    }

    fn hurry(&mut self, now: Instant) {
        match &mut self.probe {
            Probe::Runs { again, .. } => *again = true,
            Probe::Due { at, last } => {
                let soonest = last.map_or(now, |last| now.max(last + GAP));
                *at = soonest.min(*at);
            }
        }
    }
}
