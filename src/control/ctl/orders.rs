//! Switches: what an operator orders takes effect, and outlives a restart.

use std::sync::Arc;
use std::sync::OnceLock;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::control::ctl::answer::Answer;
use crate::control::ctl::query::Target;
use crate::control::domain::Later;
use crate::control::domain::mirror::orders::Ordered;
use crate::control::domain::mirror::orders::Stamps;
use crate::control::log;
use crate::control::shared::Shared;
use crate::control::state;
use crate::control::state::Folder;
use crate::control::state::switches;
use crate::control::state::switches::Switches;
use crate::control::state::switches::word;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::plan::PlannedOutput;
use crate::model::standing::Standing;
use crate::model::standing::Switch;
use crate::pair::term::Term;

/// The one who carries out orders: the only writer of the switches.
pub struct Orders {
    shared: Arc<Shared>,
    folder: Option<Arc<Folder>>,
    /// One order at a time, its file included: what is answered as done is on the disk.
    turn: Mutex<Stamps>,
    /// In a domain.
    carrier: OnceLock<Arc<dyn Carrier>>,
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
    pub fn new(shared: Arc<Shared>, folder: Option<Arc<Folder>>) -> Orders {
        Orders {
            shared,
            folder,
            turn: Mutex::default(),
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

    /// The same on this server alone.
    pub async fn set_here(&self, meant: &Target, to: Switch) -> Result<Answer, Answer> {
        let mut stamps = self.turn.lock().await;
        let plan = Arc::clone(&self.shared.current().plan);
        let outputs = find(&plan, meant)?;
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
        self.save(&plan).await;
        Ok(Answer::done())
    }

    /// Between two orders `change` is carried out: it gives the outputs that are others than before, or none any more.
    /// For them nothing has been ordered yet.
    pub async fn renew(&self, change: impl FnOnce() -> Vec<OutputId>) {
        let mut stamps = self.turn.lock().await;
        let others = change();
        let stamp = stamps.next(self.term());
        for output in &others {
            stamps.set(*output, stamp);
        }
        let wake = |worker| self.shared.hub.wake(worker);
        let forget = |output: &&OutputId| {
            self.shared
                .plane
                .set_switch(**output, Switch::Enabled, wake)
        };
        if others.iter().filter(forget).count() > 0 {
            let plan = Arc::clone(&self.shared.current().plan);
            self.save(&plan).await;
        }
    }

    /// What holds for each output, and since which order.
    pub async fn ordered(&self) -> Vec<Ordered> {
        let stamps = self.turn.lock().await;
        let plan = Arc::clone(&self.shared.current().plan);
        let ordered = |output: &PlannedOutput| Ordered {
            output: output.id,
            switch: self.shared.plane.switch(output.id),
            stamp: stamps.of(output.id),
        };
        plan.outputs.iter().map(ordered).collect()
    }

    /// What was ordered on another server holds here, too, for each output whose order there is the later one; of equal
    /// ones that of the active.
    pub async fn merge(&self, theirs: &[Ordered], is_active: bool) {
        let mut stamps = self.turn.lock().await;
        let plan = Arc::clone(&self.shared.current().plan);
        let wake = |worker| self.shared.hub.wake(worker);
        let mut changed = false;
        for ordered in theirs {
            let is_there = plan.at(ordered.output.index()).is_some();
            if !is_there || !stamps.yields_to(ordered, is_active) {
                continue;
            }
            stamps.set(ordered.output, ordered.stamp);
            let (output, to) = (ordered.output, ordered.switch);
            if self.shared.plane.set_switch(output, to, wake) {
                let text = format!("{output} {} (ordered on another server)", word(to));
                self.shared.journal.note("switch", Some(output), text);
                changed = true;
            }
        }
        if changed {
            self.save(&plan).await;
        }
    }

    /// Under which orders are given.
    fn term(&self) -> Term {
        let domain = self.shared.domain();
        let standing = domain.and_then(|domain| domain.pair.standing());
        standing.map_or(Term::default(), |standing| standing.own.term)
    }

    /// What cannot be saved holds all the same until the end of this process.
    async fn save(&self, plan: &Plan) {
        let Some(folder) = self.folder.clone() else {
            return;
        };
        let ordered = |output: &PlannedOutput| {
            let switch = self.shared.plane.switch(output.id);
            (switch != Switch::Enabled).then(|| (state::name(output), switch))
        };
        let ordered: Switches = plan.outputs.iter().filter_map(ordered).collect();
        let write = move || folder.write(switches::FILE, &switches::encode(&ordered));
        if let Ok(Err(error)) = spawn_blocking(write).await {
            log::event(
                "state_not_saved",
                &[("file", &switches::FILE), ("cause", &error)],
            );
        }
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
pub fn read(folder: &Folder, plan: &Plan) -> Vec<(OutputId, Switch)> {
    let saved = folder
        .read(switches::FILE, switches::decode)
        .unwrap_or_default();
    let today = |output: &PlannedOutput| {
        let name = state::name(output);
        let (_, switch) = saved.iter().find(|(saved, _)| *saved == name)?;
        Some((output.id, *switch))
    };
    plan.outputs.iter().filter_map(today).collect()
}
