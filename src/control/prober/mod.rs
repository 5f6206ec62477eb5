//! Probes every output, and says what it found: to the workers, on the board, in the journal (SPEC 5).
//!
//! - `ask`: one probe; `names`: host names; `watched`: what is known of each output
//!
//! What a probe asks and what its answer means stands in [`crate::probe`]; here are the sockets and the clock.

mod ask;
pub mod names;
mod watched;

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::control::prober::ask::Asker;
use crate::control::prober::names::Names;
use crate::control::prober::names::Resolve;
use crate::control::prober::names::Resolved;
use crate::control::prober::watched::Done;
use crate::control::prober::watched::Watched;
use crate::control::shared::Current;
use crate::control::shared::Shared;
use crate::model::address::HostPort;
use crate::model::config::Config;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::time::Instant;
use crate::probe::machine::Pace;
use crate::probe::question;
use crate::probe::question::Question;
use crate::probe::reason::Failure;
use crate::probe::reason::Outcome;
use crate::ring::clock;

/// Between two resolutions of a host name (SPEC 2).
const NAMES_INTERVAL: Duration = Duration::from_secs(30);

/// The one who probes: the only one who says what health is.
pub struct Prober {
    shared: Arc<Shared>,
    current: Arc<Current>,
    asker: Asker,
    pace: Pace,
    /// By index.
    watched: Vec<Option<Watched>>,
    probes: JoinSet<Done>,
    names: Names,
    names_interval: Duration,
    names_due: Instant,
}

/// Whether this process may have a socket to probe any output with. One output that it cannot probe is down; when that
/// goes for all, nothing would ever be served.
pub fn check(config: &Config) -> io::Result<()> {
    // A name may lead to either family.
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let mut refused = Ok(());
    for output in config.out.values() {
        let address = output.address.socket().unwrap_or(any);
        match Socket::new(Domain::for_address(address), Type::STREAM, None) {
            Ok(_) => return Ok(()),
            Err(error) => refused = Err(error),
        }
    }
    refused
}

impl Prober {
    /// All outputs are new to it. Names are resolved every `names_interval`.
    pub fn new(shared: Arc<Shared>, resolve: Resolve, names_interval: Duration) -> Prober {
        let current = shared.current();
        let now = clock::read().now;
        let mut outputs = current.plan.outputs.iter();
        let all_addressed = outputs.all(|output| output.address.is_some());
        let mut prober = Prober {
            asker: asker(&current.config),
            pace: Pace::from_config(&current.config),
            watched: (0..OUTPUTS_MAX).map(|_| None).collect(),
            probes: JoinSet::new(),
            names: Names::new(resolve),
            names_interval,
            // One that has had no answer is asked for again at once.
            names_due: if all_addressed {
                now + names_interval
            } else {
                now
            },
            shared,
            current,
        };
        prober.watch_all(now);
        prober
    }

    /// The same as a program runs it.
    pub fn of(shared: Arc<Shared>) -> Prober {
        Prober::new(shared, Arc::new(names::system), NAMES_INTERVAL)
    }

    /// Probes for ever.
    pub async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut follow = shared.follow();
        follow.mark_changed();
        loop {
            let now = clock::read().now;
            self.hear_suspicions(now);
            self.begin_what_is_due(now);
            let next = self.next_due();
            tokio::select! {
                Some(done) = self.probes.join_next() => {
                    // A probe that was called off has no result.
                    if let Ok(done) = done {
                        self.on_done(&done);
                    }
                }
                _ = follow.changed() => {
                    let current = Arc::clone(&follow.borrow_and_update());
                    self.on_current(current);
                }
                // What was rung for shows in the counts, whoever is heard first.
                () = shared.rung.notified() => {}
                () = shared.took_service.notified() => self.look_again(),
                (name, resolved) = self.names.answer() => self.on_name(&name, &resolved),
                () = sleep(next.since(now)) => {}
            }
        }
    }

    /// Another configuration or plan is in force.
    fn on_current(&mut self, current: Arc<Current>) {
        let now = clock::read().now;
        let before = std::mem::replace(&mut self.current, current);
        let changed = asks(&before.config) != asks(&self.current.config);
        if changed {
            self.asker = asker(&self.current.config);
            self.pace = Pace::from_config(&self.current.config);
            for watched in self.watched.iter_mut().flatten() {
                watched.machine.on_change(now);
            }
        }
        self.watch_all(now);
    }

    /// Watches what the plan has, and nothing else. What leads to another server is another output.
    fn watch_all(&mut self, now: Instant) {
        let plan = Arc::clone(&self.current.plan);
        for id in (0..OUTPUTS_MAX).filter_map(OutputId::from_index) {
            let seat = &mut self.watched[id.index()];
            let planned = plan.at(id.index());
            match (planned, &seat) {
                (None, _) => *seat = None,
                (Some(planned), Some(watched)) if watched.life == planned.revision => {}
                (Some(planned), _) => {
                    let suspicions = suspicions(&self.shared, id);
                    *seat = Some(Watched::new(planned, suspicions, now));
                    let since = clock::unix_ms();
                    self.shared.probes.change(id, |state| {
                        state.since_unix_ms = since;
                        state.last = None;
                    });
                }
            }
        }
    }

    /// Workers count what makes them suspect an output.
    fn hear_suspicions(&mut self, now: Instant) {
        for watched in self.watched.iter_mut().flatten() {
            let count = suspicions(&self.shared, watched.id);
            if std::mem::replace(&mut watched.suspicions, count) != count {
                watched.machine.on_suspicion(now);
            }
        }
    }

    /// What a server that stood by has found down may be up: at its start, or when its own cable was out, it was the cause.
    fn look_again(&mut self) {
        let now = clock::read().now;
        for watched in self.watched.iter_mut().flatten() {
            watched.machine.on_doubt(now);
        }
    }

    fn begin_what_is_due(&mut self, now: Instant) {
        let mut known = Vec::new();
        for watched in self.watched.iter_mut().flatten() {
            if watched.machine.due().is_none_or(|due| due > now) {
                continue;
            }
            watched.machine.begin(now);
            match watched.address {
                Some(address) => {
                    let (asker, id, life) = (self.asker.clone(), watched.id, watched.life);
                    let probe = async move {
                        let outcome = asker.ask(address).await;
                        Done::new(id, life, outcome, now)
                    };
                    watched.probe = Some(self.probes.spawn(probe));
                }
                None => {
                    let outcome = Outcome::Bad(Failure::Unresolved(watched.host.clone()));
                    known.push(Done::new(watched.id, watched.life, outcome, now));
                }
            }
        }
        known.iter().for_each(|done| self.on_done(done));
        if self.names_due <= now {
            self.names.ask(&self.current.config);
            self.names_due = now + self.names_interval;
        }
    }

    fn next_due(&self) -> Instant {
        let outputs = self.watched.iter().flatten();
        let due = outputs.filter_map(|watched| watched.machine.due()).min();
        due.map_or(self.names_due, |due| due.min(self.names_due))
    }

    fn on_done(&mut self, done: &Done) {
        let Some(watched) = &mut self.watched[done.id.index()] else {
            return;
        };
        if watched.life == done.life {
            watched.on_done(done, &self.pace, &self.shared);
        }
    }

    /// What became of a name: where an address is another now, another plan is in force.
    fn on_name(&mut self, name: &HostPort, resolved: &Resolved) {
        // A reload may have been quicker.
        self.shared.put_in_force(|Current { config, plan }| {
            let next = names::with(plan, config, name, resolved)?;
            self.note_moves(name, plan, &next);
            Some(Current {
                config: Arc::clone(config),
                plan: Arc::new(next),
            })
        });
    }

    /// A name that leads nowhere any more is its outputs' next failure, and is told as such.
    fn note_moves(&self, name: &HostPort, before: &Plan, next: &Plan) {
        for output in next.outputs.iter() {
            let before = before.at(output.id.index());
            let before = before.and_then(|before| before.address);
            if let Some(address) = output.address.filter(|_| output.address != before) {
                let text = match before {
                    Some(before) => {
                        format!("{} moved from {before} to {address} ({name})", output.id)
                    }
                    None => format!("{} is at {address} ({name})", output.id),
                };
                self.shared.journal.note("address", Some(output.id), text);
            }
        }
    }
}

fn asker(config: &Config) -> Asker {
    Asker::new(Question::from_config(config), question::limit(config))
}

/// Everything that makes a probe what it is.
fn asks(config: &Config) -> impl PartialEq {
    (
        (config.healthcheck_method, config.healthcheck_url.clone()),
        config.healthcheck_agent.clone(),
        config.healthcheck_regexp.clone(),
        Pace::from_config(config),
        question::limit(config),
        config.max_head_bytes,
    )
}

/// What all workers have counted.
fn suspicions(shared: &Shared, id: OutputId) -> u64 {
    let pages = shared.plane.pages().iter();
    let counts = pages.map(|page| page.outputs.of(id).suspicions.get());
    counts.fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests;
