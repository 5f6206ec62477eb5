//! Switches: what an operator orders takes effect, and outlives a restart.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;

use tokio::spawn;
use tokio::task::JoinHandle;
use tokio::task::spawn_blocking;

use crate::control::ctl::answer::Answer;
use crate::control::ctl::query::Target;
use crate::control::domain::Later;
use crate::control::domain::mirror::orders::Ordered;
use crate::control::domain::mirror::orders::Stamp;
use crate::control::domain::mirror::orders::Stamps;
use crate::control::log;
use crate::control::shared::Shared;
use crate::control::state;
use crate::control::state::Folder;
use crate::control::state::switches;
use crate::control::state::switches::Kept;
use crate::control::state::switches::word;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::plan::PlannedOutput;
use crate::model::standing::Standing;
use crate::model::standing::Switch;
use crate::pair::term::Term;

/// The one who carries out orders: the only writer of the switches.
pub struct Orders {
    held: Arc<Held>,
    /// In a domain.
    carrier: OnceLock<Arc<dyn Carrier>>,
}

/// What holds, and where it is kept.
struct Held {
    shared: Arc<Shared>,
    folder: Option<Arc<Folder>>,
    /// Held while switches change, so that both belong to each other; never for as long as a disk takes.
    stamps: Mutex<Stamps>,
    /// One file at a time.
    writing: tokio::sync::Mutex<()>,
}

/// Takes an order to the server that serves.
pub trait Carrier: Send + Sync {
    fn carry<'a>(
        &'a self,
        orders: &'a Orders,
        meant: &'a Target,
        to: Switch,
    ) -> Later<'a, Result<Answer, Answer>>;
}

impl Orders {
    /// `known`: from before this start.
    pub fn new(shared: Arc<Shared>, folder: Option<Arc<Folder>>, known: &[Ordered]) -> Orders {
        let held = Held {
            shared,
            folder,
            stamps: Mutex::new(known.iter().copied().collect()),
            writing: tokio::sync::Mutex::default(),
        };
        Orders {
            held: Arc::new(held),
            carrier: OnceLock::new(),
        }
    }

    /// From now on orders go where `carrier` takes them.
    pub fn carry_by(&self, carrier: Arc<dyn Carrier>) {
        // There is one domain, and it is there from the start.
        let _ = self.carrier.set(carrier);
    }

    /// Orders `to` for all outputs that are meant, on all servers of the domain.
    pub async fn set(&self, meant: &Target, to: Switch) -> Result<Answer, Answer> {
        match self.carrier.get() {
            Some(carrier) => carrier.carry(self, meant, to).await,
            None => self.set_here(meant, to).await,
        }
    }

    /// The same on this server alone. What is answered as done is on the disk.
    pub async fn set_here(&self, meant: &Target, to: Switch) -> Result<Answer, Answer> {
        self.held.set(meant, to)?;
        self.save().await;
        Ok(Answer::done())
    }

    /// Between two orders `change` is carried out: it gives the outputs that are others than before, or none any more.
    /// For them nothing has been ordered yet.
    pub async fn renew(&self, change: impl FnOnce() -> Vec<OutputId>) {
        if self.held.renew(change) {
            self.save().await;
        }
    }

    /// What holds for each output, and since which order.
    pub fn ordered(&self) -> Vec<Ordered> {
        self.held.ordered()
    }

    /// What was ordered on another server holds here, too, for each output whose order there is the later one; of equal
    /// ones that of the active. `true`: there is something to be saved.
    pub fn merge(&self, theirs: &[Ordered], is_active: bool) -> bool {
        self.held.merge(theirs, is_active)
    }

    /// Returns when it is on the disk. Who waits for it no longer does not end it: half a write would be in the way of
    /// the next one.
    pub async fn save(&self) {
        // It ends only with the process's own panic.
        let _ = self.save_meanwhile().await;
    }

    /// The same while this goes on.
    pub fn save_meanwhile(&self) -> JoinHandle<()> {
        let held = Arc::clone(&self.held);
        spawn(async move { held.save().await })
    }
}

impl Held {
    fn set(&self, meant: &Target, to: Switch) -> Result<(), Answer> {
        let mut stamps = self.stamps();
        let outputs = find(&self.shared.current().plan, meant)?;
        let wake = |worker| self.shared.hub.wake(worker);
        let set = |output: &&OutputId| self.shared.plane.set_switch(**output, to, wake);
        let changed: Vec<&OutputId> = outputs.iter().filter(set).collect();
        if changed.is_empty() {
            let names: Vec<String> = outputs.iter().map(OutputId::to_string).collect();
            let message = format!("already {}: {}", word(to), names.join(" "));
            return Err(Answer::not_done(&message));
        }
        let stamp = stamps.next(self.term());
        for output in changed {
            stamps.set(*output, stamp);
            let text = format!("{output} {}", word(to));
            self.shared.journal.note("switch", Some(*output), text);
        }
        Ok(())
    }

    /// Whether there is something to be saved.
    fn renew(&self, change: impl FnOnce() -> Vec<OutputId>) -> bool {
        let mut stamps = self.stamps();
        let others = change();
        let stamp = stamps.next(self.term());
        let wake = |worker| self.shared.hub.wake(worker);
        for output in &others {
            stamps.set(*output, stamp);
            self.shared.plane.set_switch(*output, Switch::Enabled, wake);
        }
        !others.is_empty()
    }

    fn ordered(&self) -> Vec<Ordered> {
        let stamps = self.stamps();
        let plan = Arc::clone(&self.shared.current().plan);
        let ordered = |output: &PlannedOutput| Ordered {
            output: output.id,
            switch: self.shared.plane.switch(output.id),
            stamp: stamps.of(output.id),
        };
        plan.outputs.iter().map(ordered).collect()
    }

    fn merge(&self, theirs: &[Ordered], is_active: bool) -> bool {
        let mut stamps = self.stamps();
        let plan = Arc::clone(&self.shared.current().plan);
        let wake = |worker| self.shared.hub.wake(worker);
        let mut changed = false;
        for ordered in theirs {
            let is_there = plan.at(ordered.output.index()).is_some();
            if !is_there || !stamps.yields_to(ordered, is_active) {
                continue;
            }
            changed |= stamps.of(ordered.output) != ordered.stamp;
            stamps.set(ordered.output, ordered.stamp);
            let (output, to) = (ordered.output, ordered.switch);
            if self.shared.plane.set_switch(output, to, wake) {
                let text = format!("{output} {} (ordered on another server)", word(to));
                self.shared.journal.note("switch", Some(output), text);
                changed = true;
            }
        }
        changed
    }

    /// Under which orders are given.
    fn term(&self) -> Term {
        let domain = self.shared.domain();
        let standing = domain.and_then(|domain| domain.pair.standing());
        standing.map_or(Term::default(), |standing| standing.own.term)
    }

    /// What holds when its turn comes. What cannot be saved holds all the same until the end of this process.
    async fn save(&self) {
        let Some(folder) = self.folder.clone() else {
            return;
        };
        let _turn = self.writing.lock().await;
        let bytes = switches::encode(&self.kept());
        let write = move || folder.write(switches::FILE, &bytes);
        if let Ok(Err(error)) = spawn_blocking(write).await {
            log::event(
                "state_not_saved",
                &[("file", &switches::FILE), ("cause", &error)],
            );
        }
    }

    /// What is not as it would be without any order.
    fn kept(&self) -> Vec<Kept> {
        let plan = Arc::clone(&self.shared.current().plan);
        let said = self.ordered().into_iter().filter(|ordered| {
            ordered.switch != Switch::Enabled || ordered.stamp != Stamp::default()
        });
        let kept = |ordered: Ordered| {
            Some(Kept {
                name: state::name(plan.at(ordered.output.index())?),
                switch: ordered.switch,
                stamp: ordered.stamp,
            })
        };
        said.filter_map(kept).collect()
    }

    fn stamps(&self) -> MutexGuard<'_, Stamps> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outputs that are meant; none is a mistake of the one who asks.
fn find(plan: &Plan, meant: &Target) -> Result<Vec<OutputId>, Answer> {
    let is_meant = |output: &&PlannedOutput| match meant {
        Target::Channel(name) => OutputId::from_name(name) == Some(output.id),
        Target::Address(address) => output
            .address
            .is_some_and(|connected| connected.ip().to_canonical() == *address),
    };
    let outputs = plan.outputs.iter().filter(is_meant);
    let outputs: Vec<OutputId> = outputs.map(|output| output.id).collect();
    if !outputs.is_empty() {
        return Ok(outputs);
    }
    Err(Answer::not_done(&match meant {
        Target::Channel(name) => format!("{name} is not connected"),
        Target::Address(address) => format!("no output is connected to {address}"),
    }))
}

/// What was ordered before, for the outputs that there are today.
pub fn read(folder: &Folder, plan: &Plan) -> Vec<Ordered> {
    let saved = folder
        .read(switches::FILE, switches::decode)
        .unwrap_or_default();
    let today = |output: &PlannedOutput| {
        let name = state::name(output);
        let kept = saved.iter().find(|kept| kept.name == name)?;
        Some(Ordered {
            output: output.id,
            switch: kept.switch,
            stamp: kept.stamp,
        })
    };
    plan.outputs.iter().filter_map(today).collect()
}
