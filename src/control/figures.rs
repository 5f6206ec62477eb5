//! One reading of everything that is counted: the one source of `ctl`, `ui`, `/metrics` and `mon`.

use crate::control::domain::mirror::counted;
use crate::control::probed::ProbeState;
use crate::control::shared::Shared;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;
use crate::model::plan::PlannedOutput;
use crate::model::standing::Health;
use crate::model::standing::Standing;
use crate::model::standing::Switch;
use crate::plane::histogram::Histogram;
use crate::plane::histogram::Reading;
use crate::plane::page::Count;
use crate::plane::page::OutputCount;
use crate::plane::page::Page;

/// The seed's outputs always have counters, also when they are disconnected.
const SEED_OUTPUTS: usize = 8;

/// `outX_status` [S]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Enabled and operational.
    Operational = 0,
    /// Enabled and not operational, also while its first probe is under way.
    NotOperational = 1,
    /// Not connected, or disabled.
    Disconnected = 100,
}

/// What a queue holds now, and the most it ever held.
pub use crate::plane::queue::Depth;

/// Of one output.
#[derive(Clone, Debug)]
pub struct OutputFigures {
    pub id: OutputId,
    /// What it is connected to; `None` when it is disconnected.
    pub planned: Option<PlannedOutput>,
    pub connected: bool,
    pub switch: Switch,
    /// Down while it has no address.
    pub health: Health,
    pub queue: Depth,
    pub sessions_active: u64,
    pub sessions_max: u64,
    /// Completed.
    pub sessions_total: u64,
    /// Failed probes.
    pub errors: u64,
    /// Times it went from up to down.
    pub downs: u64,
    /// What the last probe found, and since when its health is what it is.
    pub probe: ProbeState,
    /// Times it refused or reset a connection, or left one unanswered.
    pub suspicions: u64,
    pub connects_total: u64,
    pub connect_errors: u64,
    /// Responses with a status of 500 or more.
    pub response_errors: u64,
    /// Responses by the first digit of their status, from 1 to 5.
    pub classes: [u64; 5],
    /// Bytes of requests sent to it, and of its responses sent to clients.
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// How long those waited for a place who had to.
    pub wait: Reading,
    pub connect: Reading,
    pub response: Reading,
    pub total: Reading,
}

/// Over all outputs, and of the program.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Those that are connected, and the seed's eight, in order.
    pub outputs: Vec<OutputFigures>,
    /// Who waits for a place at an output, each counted once.
    pub queue: Depth,
    pub sessions_active: u64,
    /// The most at a time, over all outputs together.
    pub sessions_max: u64,
    pub sessions_total: u64,
    pub errors: u64,
    /// Connections of clients.
    pub connections_active: u64,
    pub connections_total: u64,
    /// … of which so many wait for a place under `max_connections`.
    pub connections_waiting: u64,
    pub requests_total: u64,
    /// Answers of HALB's own.
    pub replies_total: u64,
    /// How sessions ended, each way with its number.
    pub endings: Vec<(&'static str, u64)>,
    pub max_connections: u64,
    /// In the order of their numbers, from 0.
    pub workers: Vec<WorkerFigures>,
}

/// Of one worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WorkerFigures {
    /// Once around its loop, each.
    pub turns_total: u64,
    pub connections_active: u64,
    pub requests_total: u64,
}

impl Figures {
    /// With what other servers of the domain have counted, so that no counter goes back when another one serves.
    pub fn collect(shared: &Shared) -> Figures {
        let mut figures = Figures::collect_own(shared);
        if let Some(domain) = shared.domain() {
            counted::add(&mut figures, &domain.mirror.base());
        }
        figures
    }

    /// Of this process alone.
    pub fn collect_own(shared: &Shared) -> Figures {
        let plane = &shared.plane;
        let plan = &shared.current().plan;
        let every = || (0..OUTPUTS_MAX).filter_map(OutputId::from_index);
        let wanted = |id: &OutputId| id.number() <= SEED_OUTPUTS || plan.at(id.index()).is_some();
        let outputs: Vec<_> = every()
            .filter(wanted)
            .map(|id| OutputFigures::collect(shared, id, plan.at(id.index())))
            .collect();
        // Here and below also of outputs that are disconnected by now: what only grows must not fall.
        let sessions_total = |page: &Page| {
            page.outputs
                .iter()
                .map(|of| of.sessions_total.get())
                .sum::<u64>()
        };
        let pages = |count: fn(&Page) -> u64| plane.pages().iter().map(count).sum::<u64>();
        Figures {
            queue: plane.outputs().queue(),
            sessions_active: every().map(|id| plane.sessions_active(id)).sum(),
            sessions_max: plane.outputs().all_taken_most(),
            sessions_total: plane.pages().iter().map(sessions_total).sum(),
            errors: every().map(|id| shared.probes.get(id).failed).sum(),
            connections_active: pages(|page| page.connections_active.get()),
            connections_total: pages(|page| page.connections_total.get()),
            connections_waiting: pages(|page| page.waiting.get()),
            requests_total: pages(|page| page.requests_total.get()),
            replies_total: pages(|page| page.replies_total.get()),
            endings: plane.endings(),
            max_connections: plane.places().maximum(),
            workers: plane.pages().iter().map(WorkerFigures::collect).collect(),
            outputs,
        }
    }
}

impl WorkerFigures {
    fn collect(page: &Page) -> WorkerFigures {
        WorkerFigures {
            turns_total: page.turns.get(),
            connections_active: page.connections_active.get(),
            requests_total: page.requests_total.get(),
        }
    }
}

impl OutputFigures {
    fn collect(shared: &Shared, id: OutputId, planned: Option<&PlannedOutput>) -> OutputFigures {
        let plane = &shared.plane;
        let counts = || plane.pages().iter().map(|page| page.outputs.of(id));
        let sum = |count: fn(&OutputCount) -> &Count| counts().map(|of| count(of).get()).sum();
        let reading = |histogram: fn(&OutputCount) -> &Histogram| {
            let mut reading = Reading::default();
            counts().for_each(|of| histogram(of).add_to(&mut reading));
            reading
        };
        let probed = shared.probes.get(id);
        let has_address = planned.is_some_and(|output| output.address.is_some());
        OutputFigures {
            id,
            planned: planned.cloned(),
            connected: planned.is_some(),
            switch: plane.switch(id),
            health: if has_address {
                plane.health(id)
            } else {
                Health::Down
            },
            queue: plane.outputs().queue_of(id),
            sessions_active: plane.sessions_active(id),
            sessions_max: plane.outputs().taken_most(id),
            sessions_total: sum(|of| &of.sessions_total),
            errors: probed.failed,
            downs: probed.downs,
            probe: probed,
            suspicions: sum(|of| &of.suspicions),
            connects_total: sum(|of| &of.connects_total),
            connect_errors: sum(|of| &of.connect_errors),
            response_errors: sum(|of| &of.response_errors),
            classes: std::array::from_fn(|class| counts().map(|of| of.classes[class].get()).sum()),
            bytes_in: sum(|of| &of.bytes_in),
            bytes_out: sum(|of| &of.bytes_out),
            wait: reading(|of| &of.wait),
            connect: reading(|of| &of.connect),
            response: reading(|of| &of.response),
            total: reading(|of| &of.total),
        }
    }

    /// `outX_status`
    pub fn status(&self) -> Status {
        match (self.connected, self.switch, self.health) {
            (false, _, _) | (_, Switch::Disabled, _) => Status::Disconnected,
            (_, _, Health::Up) => Status::Operational,
            (_, _, Health::Checking | Health::Down) => Status::NotOperational,
        }
    }
}
