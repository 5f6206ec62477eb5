//! Connections that are held: warm up with a few, open the many with one exchange each, wait while the crew reads
//! the memory, and let every one of them answer once more, so that nobody can win by closing.

use std::collections::HashSet;
use std::time::Duration;

use halb::model::time::Instant;
use halb::ring::port::Arrival;
use halb::ring::port::Ring;

use crate::station::clients::Clients;
use crate::station::clients::Event;
use crate::station::clients::Fault;
use crate::station::clients::Faults;
use crate::station::order::Gate;
use crate::station::order::Held;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::station::order::Said;

/// Connections of the warm-up, and exchanges at a time later: pools and tables reach their size before the
/// first reading.
pub const WARM: usize = 64;
/// Each phase must end within this; waiting for the crew is none.
const PHASE_LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Warming {
        until: Instant,
    },
    /// The warm-up's last answers are due.
    Resting,
    /// The crew has not been told yet, or not said yet that it may go on.
    AtGate {
        gate: Gate,
        told: bool,
    },
    Filling,
    AskingAgain,
    Closing,
    Over,
}

/// One measurement of connections that are held.
pub struct HeldJob {
    order: Order,
    clients: Clients,
    phase: Phase,
    limit: Instant,
    opening: usize,
    opened: usize,
    warm: HashSet<u32>,
    again: Vec<u32>,
    result: Held,
    faults: Faults,
    failure: Option<String>,
}

impl HeldJob {
    pub fn start<R: Ring>(ring: &mut R, order: Order, clients: Clients) -> HeldJob {
        let now = ring.now();
        let mut job = HeldJob {
            phase: Phase::Warming {
                until: now + Duration::from_millis(order.warm_ms),
            },
            limit: now + PHASE_LIMIT,
            order,
            clients,
            opening: 0,
            opened: 0,
            warm: HashSet::new(),
            again: Vec::new(),
            result: Held::default(),
            faults: Faults::default(),
            failure: None,
        };
        for _ in 0..WARM {
            job.open(ring);
        }
        job
    }

    pub fn clients(&mut self) -> &mut Clients {
        &mut self.clients
    }

    /// When [`HeldJob::on_time`] wants to be called next, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Warming { until } => Some(until),
            Phase::Resting if self.clients.waiting() == 0 => Some(Instant::ZERO),
            Phase::Closing if self.clients.live() == 0 => Some(Instant::ZERO),
            Phase::AtGate { told: false, .. } => Some(Instant::ZERO),
            Phase::Resting | Phase::Filling | Phase::AskingAgain => Some(self.limit),
            Phase::AtGate { .. } | Phase::Closing | Phase::Over => None,
        }
    }

    pub fn on_event<R: Ring>(&mut self, ring: &mut R, event: Event) {
        match event {
            Event::Connected(slot) => {
                self.opening -= 1;
                self.clients.ask(ring, slot, ring.now());
            }
            Event::Answered { slot, .. } => {
                if let Phase::Warming { .. } = self.phase {
                    self.clients.ask(ring, slot, ring.now());
                } else {
                    self.clients.listen(ring, slot, Arrival::Later);
                }
                if self.phase == Phase::AskingAgain && !self.warm.contains(&slot) {
                    self.result.answered_again += 1;
                }
            }
            Event::Ended(slot) => {
                self.faults.add(Fault::Ended);
                self.clients.close(ring, slot);
            }
            Event::Failed(slot, fault) => {
                if let Fault::Connect(_) = fault {
                    self.opening -= 1;
                }
                self.faults.add(fault);
                self.clients.close(ring, slot);
            }
        }
    }

    /// Called after every turn: phases follow one another here.
    pub fn on_time<R: Ring>(&mut self, ring: &mut R) -> Option<Said> {
        let now = ring.now();
        let quiet = self.opening == 0 && self.clients.waiting() == 0;
        match self.phase {
            Phase::Warming { until } if now >= until => self.enter(ring, Phase::Resting),
            Phase::Resting if quiet => {
                self.warm = self.clients.used().into_iter().collect();
                self.opened = 0;
                self.reach(Gate::Ready);
            }
            Phase::Filling => self.fill(ring, quiet),
            Phase::AskingAgain => self.ask_again(ring, quiet),
            Phase::Closing if self.clients.live() == 0 => return Some(Said::Done(self.finish())),
            Phase::AtGate { .. }
            | Phase::Warming { .. }
            | Phase::Resting
            | Phase::Closing
            | Phase::Over => {}
        }
        if let Phase::AtGate { gate, told: false } = self.phase {
            self.phase = Phase::AtGate { gate, told: true };
            return Some(Said::Reached(gate));
        }
        let late = self.bounded() && now >= self.limit;
        if self.open_still() && (self.failure.is_some() || late) {
            let failure = self.failure.take();
            let reason = failure.unwrap_or_else(|| format!("not done after {PHASE_LIMIT:?}"));
            self.failure = Some(reason);
            self.close_all(ring);
        }
        None
    }

    /// The crew lets it go on.
    pub fn pass<R: Ring>(&mut self, ring: &mut R) {
        match self.phase {
            Phase::AtGate {
                gate: Gate::Ready, ..
            } => self.enter(ring, Phase::Filling),
            Phase::AtGate {
                gate: Gate::Filled, ..
            } => {
                let used = self.clients.used();
                let held = used.iter().filter(|slot| !self.warm.contains(slot));
                self.result.held = held.count() as u64;
                self.again = used;
                self.enter(ring, Phase::AskingAgain);
            }
            Phase::Warming { .. }
            | Phase::Resting
            | Phase::Filling
            | Phase::AskingAgain
            | Phase::Closing
            | Phase::Over => {}
        }
    }

    /// The crew ends it.
    pub fn stop<R: Ring>(&mut self, ring: &mut R) {
        if self.open_still() {
            self.failure = Some("stopped".to_owned());
            self.close_all(ring);
        }
    }

    fn open_still(&self) -> bool {
        self.phase != Phase::Closing && self.phase != Phase::Over
    }

    fn bounded(&self) -> bool {
        !matches!(self.phase, Phase::AtGate { .. })
    }

    fn reach(&mut self, gate: Gate) {
        self.phase = Phase::AtGate { gate, told: false };
    }

    fn fill<R: Ring>(&mut self, ring: &mut R, quiet: bool) {
        while self.opened < self.order.connections
            && self.opening + self.clients.waiting() < WARM
            && self.failure.is_none()
        {
            self.open(ring);
        }
        if quiet && self.opened == self.order.connections {
            self.reach(Gate::Filled);
        }
    }

    fn ask_again<R: Ring>(&mut self, ring: &mut R, quiet: bool) {
        while self.clients.waiting() < WARM {
            let Some(slot) = self.again.pop() else {
                break;
            };
            self.clients.ask(ring, slot, ring.now());
        }
        if quiet && self.again.is_empty() {
            self.close_all(ring);
        }
    }

    fn open<R: Ring>(&mut self, ring: &mut R) {
        match self.clients.open(ring, ring.now()) {
            Ok(()) => self.opening += 1,
            Err(fault) => self.failure = Some(format!("opening a connection: {fault:?}")),
        }
        self.opened += 1;
    }

    fn enter<R: Ring>(&mut self, ring: &mut R, phase: Phase) {
        self.phase = phase;
        self.limit = ring.now() + PHASE_LIMIT;
        // The next phase begins to work at once, not at the next completion.
        match phase {
            Phase::Filling => self.fill(ring, false),
            Phase::AskingAgain => self.ask_again(ring, false),
            Phase::Warming { .. }
            | Phase::Resting
            | Phase::AtGate { .. }
            | Phase::Closing
            | Phase::Over => {}
        }
    }

    fn close_all<R: Ring>(&mut self, ring: &mut R) {
        for slot in self.clients.used() {
            self.clients.close(ring, slot);
        }
        self.phase = Phase::Closing;
    }

    fn finish(&mut self) -> Outcome {
        self.phase = Phase::Over;
        let faults = std::mem::take(&mut self.faults).into_map();
        if let Some(failure) = self.failure.take() {
            return Outcome::Failed(format!("{failure}; faults: {faults:?}"));
        }
        self.result.faults = faults;
        Outcome::Held(std::mem::take(&mut self.result))
    }
}
