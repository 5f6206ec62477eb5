//! A new configuration takes the place of the old one while everything runs: all of it, or nothing (SPEC 11).
//!
//! - `changes`: what it says otherwise, in words; what waits for a restart
//! - `parts`: what has to be opened before anything is changed
//! - `names`: host names that were not known before

pub mod changes;
mod names;
pub mod parts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex as Held;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::control;
use crate::control::ctl::orders::Orders;
use crate::control::log;
use crate::control::reload::names::Names;
use crate::control::reload::parts::Commit;
use crate::control::reload::parts::Part;
use crate::control::shared::Current;
use crate::control::shared::Shared;
use crate::control::state::Folder;
use crate::control::state::whereabouts;
use crate::control::systemd::Notifier;
use crate::control::systemd::turns;
use crate::model::config::Config;
use crate::model::load::Loaded;
use crate::model::load::finding::Finding;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::standing::Health;
use crate::plane::Order;
use crate::ring::socket::Reservation;

/// Reads the configuration from where this process had it; else a line for each mistake and warning.
pub type Source = Arc<dyn Fn() -> Result<Loaded, Vec<String>> + Send + Sync>;

/// Reads a text as the configuration of this server, in place of what is in its file; else the same.
pub type Trial = Arc<dyn Fn(&[u8]) -> Result<Loaded, Vec<String>> + Send + Sync>;

/// Between two looks at workers that have not taken up a plan.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// They take it up in microseconds; who takes longer is waited for so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// What became of a reload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reloaded {
    Done(Report),
    /// Nothing is changed, and why: a line for each mistake and warning.
    Refused(Vec<String>),
    /// The end has begun: nothing is changed any more.
    Finishing,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// In plain words: `out3 added (10.0.0.3:80)`.
    pub changes: Vec<String>,
    /// What only a restart can change, and is as it was.
    pub restart: Vec<String>,
    pub warnings: Vec<String>,
}

impl Report {
    /// All in one sentence.
    pub fn sentence(&self) -> String {
        let mut text = match self.changes.as_slice() {
            [] => "nothing changed".to_owned(),
            changes => changes.join(", "),
        };
        if !self.restart.is_empty() {
            text.push_str("; needs a restart: ");
            text.push_str(&self.restart.join(", "));
        }
        text
    }
}

/// What a reload works on.
pub struct Setup {
    pub shared: Arc<Shared>,
    pub source: Source,
    pub orders: Arc<Orders>,
    pub parts: Vec<Box<dyn Part>>,
    pub notifier: Arc<Notifier>,
    pub maximum: Maximum,
    /// Where it is written down where `ctl` is asked.
    pub folder: Option<Arc<Folder>>,
}

/// How many connections memory and descriptors allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Maximum {
    /// While no sessions are learned …
    pub plain: u64,
    /// … and beside the tables that hold them.
    pub learning: u64,
}

impl Maximum {
    pub fn of(self, config: &Config) -> u64 {
        if config.learns() {
            self.learning
        } else {
            self.plain
        }
    }
}

/// The one who reloads.
pub struct Reloader {
    setup: Setup,
    /// One at a time.
    turn: Mutex<()>,
    /// Of the last one: by the next, the workers have long been listening there.
    reserved: Held<Vec<Reservation>>,
}

/// What can no longer fail.
struct Prepared {
    config: Config,
    listen: Vec<SocketAddr>,
    reserved: Vec<Reservation>,
    commits: Vec<Commit>,
}

impl Reloader {
    pub fn new(setup: Setup) -> Reloader {
        Reloader {
            setup,
            turn: Mutex::new(()),
            reserved: Held::default(),
        }
    }

    /// Reloads whenever `hung_up` says so. Several orders during one reload are one after it.
    pub async fn listen(&self, hung_up: &Notify) {
        loop {
            hung_up.notified().await;
            self.reload().await;
        }
    }

    /// One reload, after those that were asked for before it. When it returns, every worker has taken it up.
    pub async fn reload(&self) -> Reloaded {
        self.take(self.read()).await
    }

    /// The same by what `read` gives when its turn has come, in place of what is in the file.
    pub async fn take(&self, read: impl Future<Output = Result<Loaded, Vec<String>>>) -> Reloaded {
        let _turn = self.turn.lock().await;
        let Setup {
            shared, notifier, ..
        } = &self.setup;
        if shared.plane.order() != Order::Run {
            log::event("ignored", &[("order", &"reload"), ("cause", &"finishing")]);
            return Reloaded::Finishing;
        }
        notifier.reloading();
        let (reloaded, text) = match self.attempt(read).await {
            Ok(report) => {
                let text = report.sentence();
                for warning in &report.warnings {
                    log::event("reload_warning", &[("text", warning)]);
                }
                (Reloaded::Done(report), text)
            }
            Err(lines) => {
                let text = format!("refused, nothing is changed: {}", lines.join("; "));
                (Reloaded::Refused(lines), text)
            }
        };
        if shared.plane.order() == Order::Run {
            notifier.ready(&format!("reload: {text}"));
        }
        shared.journal.note("reload", None, text);
        reloaded
    }

    /// Whether this could be taken into force now: everything that can fail is done, and nothing changes.
    pub async fn try_out(&self, loaded: Loaded) -> Result<(), Vec<String>> {
        let _turn = self.turn.lock().await;
        let mut config = loaded.config;
        let before = self.setup.shared.current();
        let _ = changes::hold_back(&before.config, &mut config);
        self.prepare(&before, config).map(drop)
    }

    async fn attempt(
        &self,
        read: impl Future<Output = Result<Loaded, Vec<String>>>,
    ) -> Result<Report, Vec<String>> {
        let shared = &self.setup.shared;
        let loaded = read.await?;
        let mut config = loaded.config;
        let before = shared.current();
        let restart = changes::hold_back(&before.config, &mut config);
        let mut report = Report {
            changes: changes::changes(&before.config, &config),
            restart,
            warnings: loaded.warnings.iter().map(warning).collect(),
        };
        let names = Names::resolve(&before.config, &config).await;
        let prepared = self.prepare(&before, config)?;
        let missing = self.missing();
        self.carry_out(prepared, &names).await;
        if self.missing() > missing {
            let text = "a worker could not open its listener: the others serve its address";
            report.warnings.push(text.to_owned());
        }
        Ok(report)
    }

    /// Listeners that workers wanted and could not open, so far.
    fn missing(&self) -> u64 {
        let pages = self.setup.shared.plane.pages().iter();
        pages.map(|page| page.listeners_missing.get()).sum()
    }

    /// The file may lie where reading takes long.
    async fn read(&self) -> Result<Loaded, Vec<String>> {
        let source = Arc::clone(&self.setup.source);
        let read = spawn_blocking(move || source()).await;
        read.unwrap_or_else(|error| Err(vec![error.to_string()]))
    }

    /// Everything that can fail.
    fn prepare(&self, before: &Current, config: Config) -> Result<Prepared, Vec<String>> {
        let mut refusals = Vec::new();
        let mut commits = Vec::new();
        for part in &self.setup.parts {
            match part.prepare(&before.config, &config) {
                Ok(commit) => commits.extend(commit),
                Err(refusal) => refusals.push(refusal),
            }
        }
        match parts::inputs(before, &config) {
            Ok((listen, reserved)) if refusals.is_empty() => Ok(Prepared {
                config,
                listen,
                reserved,
                commits,
            }),
            Ok(_) => Err(refusals),
            Err(refusal) => {
                refusals.push(refusal);
                Err(refusals)
            }
        }
    }

    async fn carry_out(&self, prepared: Prepared, names: &Names) {
        let Setup { shared, orders, .. } = &self.setup;
        let ctl = (
            control::ctl_address(&shared.current().config),
            control::ctl_address(&prepared.config),
        );
        let Prepared {
            config,
            listen,
            reserved,
            commits,
        } = prepared;
        if config != *shared.current().config {
            let put = || self.put_in_force(config, listen, names);
            orders.renew(put).await;
        }
        *self.reserved.lock().unwrap_or_else(PoisonError::into_inner) = reserved;
        if ctl.0 != ctl.1
            && let Some(folder) = self.setup.folder.clone()
        {
            let _ = spawn_blocking(move || whereabouts::write(&folder, ctl.1)).await;
        }
        self.await_workers().await;
        // Now: what workers said of requests that ended before belongs into the log as it was.
        commits.into_iter().for_each(|commit| commit());
    }

    /// The outputs that are new or gone: what was ordered for them was for others.
    fn put_in_force(
        &self,
        config: Config,
        listen: Vec<SocketAddr>,
        names: &Names,
    ) -> Vec<OutputId> {
        let Setup {
            shared, maximum, ..
        } = &self.setup;
        // What is in force now: a name may have moved since the preparation.
        let before = shared.current();
        shared.put_in_force(|now| {
            let plan = Plan {
                listen,
                pipe_responses: now.plan.pipe_responses,
                ..Plan::from_config(
                    &config,
                    |name| names.address(now, name),
                    maximum.of(&config),
                )
            };
            Some(Current {
                config: Arc::new(config),
                plan: Arc::new(plan),
            })
        });
        let plan = Arc::clone(&shared.current().plan);
        let is_gone =
            |id: &OutputId| before.plan.at(id.index()).is_some() && plan.at(id.index()).is_none();
        let is_born = |id: &OutputId| {
            plan.at(id.index())
                .is_some_and(|output| output.born == plan.number)
        };
        let ids = || (0..OUTPUTS_MAX).filter_map(OutputId::from_index);
        let wake = |worker| shared.hub.wake(worker);
        for id in ids().filter(is_gone) {
            // Who still waits for it chooses anew.
            shared.plane.set_health(id, Health::Down, wake);
        }
        ids().filter(|id| is_gone(id) || is_born(id)).collect()
    }

    /// Until every worker has begun a turn after this, and ended it.
    async fn await_workers(&self) {
        let Shared { plane, hub, .. } = &*self.setup.shared;
        let since = turns(plane);
        let all = async {
            loop {
                let now = turns(plane);
                // The turn that is under way, and the one after it.
                let behind = (0..since.len()).filter(|i| now[*i].wrapping_sub(since[*i]) < 2);
                let behind: Vec<usize> = behind.collect();
                if behind.is_empty() {
                    return;
                }
                behind.into_iter().for_each(|worker| hub.wake(worker));
                sleep(LOOK_AGAIN).await;
            }
        };
        // One that hangs is the watchdog's business.
        let _late = timeout(PATIENCE, all).await;
    }
}

/// As `halb check` says it.
fn warning(finding: &Finding) -> String {
    let marked = Finding {
        origin: finding.origin.clone(),
        message: format!("warning: {}", finding.message),
    };
    marked.to_string()
}

#[cfg(test)]
mod tests;
