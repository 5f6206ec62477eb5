//! Switches: what an operator orders takes effect, and outlives a restart.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::control::ctl::answer::Answer;
use crate::control::ctl::query::Target;
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

/// The one who carries out orders: the only writer of the switches.
pub struct Orders {
    shared: Arc<Shared>,
    folder: Option<Arc<Folder>>,
    /// One order at a time, its file included: what is answered as done is on the disk.
    turn: Mutex<()>,
}

impl Orders {
    pub fn new(shared: Arc<Shared>, folder: Option<Arc<Folder>>) -> Orders {
        Orders {
            shared,
            folder,
            turn: Mutex::new(()),
        }
    }

    /// Orders `to` for all outputs that are meant.
    pub async fn set(&self, meant: &Target, to: Switch) -> Result<Answer, Answer> {
        let _turn = self.turn.lock().await;
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
        for output in changed {
            let text = format!("{output} {}", word(to));
            self.shared.journal.note("switch", Some(*output), text);
        }
        self.save(&plan).await;
        Ok(Answer::done())
    }

    /// Between two orders `change` is carried out: it gives the outputs that are others than before, or none any more.
    /// For them nothing has been ordered yet.
    pub async fn renew(&self, change: impl FnOnce() -> Vec<OutputId>) {
        let _turn = self.turn.lock().await;
        let others = change();
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
