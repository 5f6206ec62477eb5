//! The memory that workers and the control core share. Every word has exactly one writer, but for the
//! places under a maximum and the loads of workers, which are atomic counts.
//!
//! No worker, and not the pair thread, waits for a lock that control has: control may stand still anywhere.
//!
//! - `board`: the last word of one writer, for whoever looks; `hatch`: things that one thread gives another
//! - `handover`: what becomes of clients while the service goes to another server
//! - `page`: what a worker counts, `histogram`: how long things take; `places`: the places under `max_connections`
//! - `outputs`: the places at the outputs; `queue`: who waits for one, in lists of `chain`
//! - `bandwidth`: what may be sent, over all workers
//! - `inbox`: learned sessions from worker to worker; `outbox`: those on their way
//! - `exchange`: learned sessions between workers and control, for other servers
//! - `standing`: switches and health; `plans`: the plan in force
//! - `records`: what the access log says of requests, on its way to who writes it; `record`: its form
//! - `snapshot`: copies of what a worker has
//! - `sync`: the primitives; `tests/schedules` holds the models of what rests on them
#![forbid(unsafe_code)]

pub mod bandwidth;
pub mod board;
mod chain;
pub mod exchange;
pub mod handover;
pub mod hatch;
pub mod histogram;
pub mod inbox;
pub mod outbox;
pub mod outputs;
pub mod page;
pub mod places;
pub mod plans;
pub mod queue;
pub mod record;
pub mod records;
pub mod snapshot;
pub mod standing;
mod sync;

use std::sync::Arc;
use std::sync::OnceLock;

use crate::http::ending::REASONS;
use crate::model::amount::Bandwidth;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::standing::Health;
use crate::model::standing::Standing;
use crate::model::standing::Switch;
use crate::plane::bandwidth::Bucket;
use crate::plane::exchange::Exchange;
use crate::plane::handover::Handover;
use crate::plane::handover::Wish;
use crate::plane::handover::Wishes;
use crate::plane::inbox::Inboxes;
use crate::plane::outputs::OutputPlaces;
use crate::plane::page::Page;
use crate::plane::places::Places;
use crate::plane::plans::Plans;
use crate::plane::records::Records;
use crate::plane::standing::Standings;
use crate::plane::sync::AtomicU8;
use crate::plane::sync::AtomicU32;
use crate::plane::sync::Ordering;

/// What control wants of the workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Run,
    /// Accept no more, finish what was accepted, then stop.
    Finish,
    /// Stop at once.
    Stop,
}

/// How short memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shortage {
    None,
    /// Nobody accepts.
    New,
    /// It did not help: who keeps memory and does not move has to go.
    Lasting,
}

/// Shared by all threads of one process.
pub struct Plane {
    order: AtomicU8,
    shortage: AtomicU8,
    handover: Wishes,
    places: Places,
    outputs: OutputPlaces,
    standings: Standings,
    plans: Plans<Plan>,
    inboxes: Inboxes,
    /// In a domain only.
    exchange: OnceLock<Exchange>,
    /// No memory is taken for them before there is an access log.
    records: Vec<OnceLock<Records>>,
    pages: Vec<Page>,
    loads: Vec<Load>,
    bandwidth: Option<Arc<Bucket>>,
}

/// The most sessions that wait for a place at an output, at 128 bytes each; also when there is no other limit.
const WAITERS_MOST: u64 = 65_536;

/// Connections that a worker has or is about to be handed. On a cache line of its own.
#[repr(align(128))]
struct Load(AtomicU32);

impl Plane {
    /// For `workers` workers and at most `max_connections` connections at a time.
    pub fn new(workers: usize, max_connections: u64) -> Plane {
        Plane::with_inboxes(workers, max_connections, inbox::CAPACITY)
    }

    /// The same with inboxes of another capacity, for tests.
    pub fn with_inboxes(workers: usize, max_connections: u64, capacity: usize) -> Plane {
        let waiters = max_connections.min(WAITERS_MOST);
        Plane {
            order: AtomicU8::new(0),
            shortage: AtomicU8::new(0),
            handover: Wishes::default(),
            places: Places::new(max_connections),
            outputs: OutputPlaces::new(workers, OUTPUTS_MAX, waiters as usize),
            standings: Standings::new(OUTPUTS_MAX),
            plans: Plans::new(workers),
            inboxes: Inboxes::with_capacity(workers, capacity),
            exchange: OnceLock::new(),
            records: (0..workers).map(|_| OnceLock::new()).collect(),
            pages: (0..workers).map(|_| Page::new()).collect(),
            loads: (0..workers).map(|_| Load(AtomicU32::new(0))).collect(),
            bandwidth: None,
        }
    }

    /// The same with a limit to what all workers send together (`[resources] bandwidth`).
    pub fn limited(self, bandwidth: Option<Bandwidth>) -> Plane {
        let bucket = |limit: Bandwidth| Arc::new(Bucket::new(limit.bits_per_second / 8));
        Plane {
            bandwidth: bandwidth.map(bucket),
            ..self
        }
    }

    /// The maxima of a plan's outputs; before the workers start.
    pub fn set_maxima(&self, plan: &Plan) {
        for output in plan.outputs.iter() {
            self.outputs.set_maximum(output.id, output.max_connections);
        }
    }

    /// Control's order; a worker looks after each wake.
    pub fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Run,
            1 => Order::Finish,
            _ => Order::Stop,
        }
    }

    /// Written by control only. The workers have to be woken after it.
    pub fn set_order(&self, order: Order) {
        let word = match order {
            Order::Run => 0,
            Order::Finish => 1,
            Order::Stop => 2,
        };
        self.order.store(word, Ordering::Release);
    }

    /// How short memory is; a worker looks after each wake.
    pub fn shortage(&self) -> Shortage {
        match self.shortage.load(Ordering::Acquire) {
            0 => Shortage::None,
            1 => Shortage::New,
            _ => Shortage::Lasting,
        }
    }

    /// Written by control only. The workers have to be woken after it.
    pub fn set_shortage(&self, shortage: Shortage) {
        let word = match shortage {
            Shortage::None => 0,
            Shortage::New => 1,
            Shortage::Lasting => 2,
        };
        self.shortage.store(word, Ordering::Release);
    }

    /// By the pair thread only. `wake` is called for every worker, unless it was so already.
    pub fn set_handover(&self, handover: Handover, wake: impl FnMut(usize)) {
        if self.handover.put(handover) {
            (0..self.pages.len()).for_each(wake);
        }
    }

    /// What workers do about their clients while the service goes to another server.
    pub fn handover(&self) -> Handover {
        self.handover.now().handover()
    }

    /// The same with its number; a worker looks in each turn.
    pub fn wish(&self) -> Wish {
        self.handover.now()
    }

    /// Whether nobody has a client any more: every worker has taken up the wish in force, and has had none for a while
    /// (`worker::handover` says for how long, and why).
    pub fn drained(&self) -> bool {
        let wish = self.handover.now();
        if wish.handover() == Handover::None {
            return false;
        }
        // In this order: who has taken it up hands nothing over any more, and what was handed over before is in the load
        // of who gets it.
        self.pages.iter().all(|page| page.handover.has_taken(wish))
            && (0..self.pages.len()).all(|worker| self.load(worker) == 0)
            && self.pages.iter().all(|page| page.handover.is_empty(wish))
    }

    /// Whether every worker listens on every address of the plan in force.
    pub fn listens(&self) -> bool {
        let mut pages = self.pages.iter();
        pages.all(|page| page.listeners_lacking.get() == 0)
    }

    /// Clients that were cut off when the service was handed over, over all workers.
    pub fn switch_cut(&self) -> u64 {
        self.pages.iter().map(|page| page.switch_cut.get()).sum()
    }

    /// The places under `max_connections`.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The places at the outputs, and who waits for one.
    pub fn outputs(&self) -> &OutputPlaces {
        &self.outputs
    }

    /// Switches and health.
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// By the one who carries out orders. `false`: it was so already. `wake` is called for each worker that does not
    /// know yet that there is something new.
    pub fn set_switch(&self, output: OutputId, to: Switch, wake: impl FnMut(usize)) -> bool {
        let epoch = self.standings.set_switch(output, to);
        if let Some(epoch) = epoch {
            self.outputs.reexamine(epoch, wake);
        }
        epoch.is_some()
    }

    /// By the one who probes; otherwise as [`Plane::set_switch`].
    pub fn set_health(&self, output: OutputId, to: Health, wake: impl FnMut(usize)) -> bool {
        let epoch = self.standings.set_health(output, to);
        if let Some(epoch) = epoch {
            self.outputs.reexamine(epoch, wake);
        }
        epoch.is_some()
    }

    /// By control: from now on `plan` is in force. All who wait choose again, by the new plan. Every worker is woken.
    pub fn set_plan(&self, plan: Arc<Plan>, mut wake: impl FnMut(usize)) {
        for output in (0..OUTPUTS_MAX).filter_map(OutputId::from_index) {
            let planned = plan.at(output.index());
            let maximum = planned.map_or(0, |planned| planned.max_connections);
            self.outputs.set_maximum(output, maximum);
        }
        self.places.set_maximum(plan.max_connections);
        self.plans.put(&plan);
        // After plan and maxima: whoever collects what follows from this epoch finds them.
        self.outputs.reexamine(self.standings.advance(), &mut wake);
        (0..self.pages.len()).for_each(wake);
    }

    /// The plan in force.
    pub fn plans(&self) -> &Plans<Plan> {
        &self.plans
    }

    /// What all workers may send together; `None`: as much as goes.
    pub fn bandwidth(&self) -> Option<&Arc<Bucket>> {
        self.bandwidth.as_ref()
    }

    /// By the one who probes: a probe of it has succeeded, so nobody suspects it any longer.
    pub fn prove(&self, output: OutputId) {
        self.standings.prove(output);
    }

    /// Learned sessions on their way to other workers.
    pub fn inboxes(&self) -> &Inboxes {
        &self.inboxes
    }

    /// From now on control takes part in what workers learn. Before they start.
    pub fn open_exchange(&self) {
        let exchange = || Exchange::new(self.pages.len(), exchange::CAPACITY);
        self.exchange.get_or_init(exchange);
    }

    /// Learned sessions to control and from it, if it takes part.
    pub fn exchange(&self) -> Option<&Exchange> {
        self.exchange.get()
    }

    /// Where worker `index` puts what the access log shall say; by that worker, which takes the memory for it at
    /// the first call.
    pub fn open_records(&self, index: usize) -> &Records {
        self.records[index].get_or_init(|| Records::with_capacity(records::CAPACITY))
    }

    /// The same for all workers that have had something to say, for who writes the access log.
    pub fn records(&self) -> impl Iterator<Item = (usize, &Records)> {
        let all = self.records.iter().enumerate();
        all.filter_map(|(worker, records)| Some((worker, records.get()?)))
    }

    /// Lines that never came into the access log: nobody took them in time.
    pub fn log_dropped(&self) -> u64 {
        self.pages.iter().map(|page| page.log_dropped.get()).sum()
    }

    /// The page that worker `index` writes.
    pub fn page(&self, index: usize) -> &Page {
        &self.pages[index]
    }

    /// All pages, to sum them up.
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// How sessions ended, over all workers: each way's word, and how many.
    pub fn endings(&self) -> Vec<(&'static str, u64)> {
        let mut sums: Vec<(&str, u64)> = REASONS.iter().map(|reason| (*reason, 0)).collect();
        for page in &self.pages {
            for (sum, count) in sums.iter_mut().zip(page.endings.iter()) {
                sum.1 += count.get();
            }
        }
        sums
    }

    /// Whether somebody waits for a place.
    pub fn anyone_waits(&self) -> bool {
        self.places.is_short()
    }

    /// A connection came to worker `index`, or is on its way there.
    pub fn add_load(&self, index: usize) {
        self.loads[index].0.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection of worker `index` has gone, or was passed on.
    pub fn sub_load(&self, index: usize) {
        let before = self.loads[index].0.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "what was added is subtracted once");
    }

    /// Connections of worker `index`, those on their way to it included.
    pub fn load(&self, index: usize) -> u32 {
        self.loads[index].0.load(Ordering::Relaxed)
    }

    /// The worker that should take a connection which came to `index`: itself, unless another one has
    /// markedly fewer. The kernel's spreading over listeners is by hash: even for many connections, not for
    /// the few long-lived ones of a proxy in front of us.
    pub fn better_home(&self, index: usize) -> Option<usize> {
        let least = (0..self.loads.len()).min_by_key(|worker| self.load(*worker))?;
        let margin = LOAD_MARGIN + self.load(least) / LOAD_MARGIN_SHARE;
        (self.load(index) > self.load(least) + margin).then_some(least)
    }
}

impl Standing for Plane {
    fn switch(&self, output: OutputId) -> Switch {
        self.standings.switch(output)
    }

    fn health(&self, output: OutputId) -> Health {
        self.standings.health(output)
    }

    fn has_place(&self, output: OutputId) -> bool {
        self.outputs.has_place(output)
    }

    fn proofs(&self, output: OutputId) -> u64 {
        self.standings.proofs(output)
    }

    fn sessions_active(&self, output: OutputId) -> u64 {
        self.outputs.taken(output)
    }
}

/// A difference of so many connections is left alone …
const LOAD_MARGIN: u32 = 1;
/// … and so is one of an eighth: handing over costs two system calls.
const LOAD_MARGIN_SHARE: u32 = 8;

#[cfg(test)]
mod tests;
