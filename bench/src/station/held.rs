//! Connections that are held: warm up with a few, open the many with one exchange each, wait while the crew reads
//! the memory, and let every one of them answer once more, so that nobody can win by closing.
//!
//! Of `Hold` some have a response under way meanwhile: at the pace that the order names, and as long as it measures.

use std::collections::HashSet;
use std::time::Duration;

use halb::model::time::Instant;
use halb::ring::port::Arrival;
use halb::ring::port::Ring;

use crate::station::clients::Clients;
use crate::station::clients::Event;
use crate::station::fault::Fault;
use crate::station::fault::Faults;
use crate::station::order::Asked;
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

const ENDED_EARLY: &str = "a response under way ended before all connections stood";

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
    /// Those that are to have a response under way are asked for it.
    SettingOut,
    /// Their responses come to their end.
    Arriving,
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
    /// Whom to ask next.
    next: Vec<u32>,
    /// Asked for a slow response whose first byte is not here.
    setting_out: HashSet<u32>,
    /// Those with a response under way.
    moving: HashSet<u32>,
    result: Held,
    faults: Faults,
    failure: Option<String>,
}

impl HeldJob {
    pub fn start<R: Ring>(ring: &mut R, order: Order, clients: Clients) -> Result<HeldJob, String> {
        let now = ring.now();
        if order.moving > 0 && order.asked.pace_bytes_s == 0 {
            return Err("a response that is to be under way needs a pace".to_owned());
        }
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
            next: Vec::new(),
            setting_out: HashSet::new(),
            moving: HashSet::new(),
            result: Held::default(),
            faults: Faults::default(),
            failure: None,
        };
        for _ in 0..WARM {
            job.open(ring);
        }
        Ok(job)
    }

    /// What those are asked that are to have a response under way for as long as the order measures.
    fn slow(&self) -> Asked {
        let seconds = self.order.measure_ms.div_ceil(1000).max(1);
        Asked {
            body_bytes: self.order.asked.pace_bytes_s.saturating_mul(seconds),
            ..self.order.asked
        }
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
            Phase::Arriving if self.clients.waiting() == 0 => Some(Instant::ZERO),
            Phase::Resting
            | Phase::Filling
            | Phase::SettingOut
            | Phase::Arriving
            | Phase::AskingAgain => Some(self.limit),
            Phase::AtGate { .. } | Phase::Closing | Phase::Over => None,
        }
    }

    pub fn on_event<R: Ring>(&mut self, ring: &mut R, event: Event) {
        match event {
            Event::Connected(slot) => {
                self.opening -= 1;
                self.clients.ask(ring, slot, ring.now());
            }
            Event::Answered { slot, .. } => self.on_answer(ring, slot),
            Event::Begun(slot) => {
                self.setting_out.remove(&slot);
            }
            Event::Ended(slot) => self.fail(ring, slot, Fault::Ended),
            Event::Failed(slot, fault) => {
                if let Fault::Connect(_) = fault {
                    self.opening -= 1;
                }
                self.fail(ring, slot, fault);
            }
        }
    }

    fn on_answer<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        if let Phase::Warming { .. } = self.phase {
            return self.clients.ask(ring, slot, ring.now());
        }
        self.clients.listen(ring, slot, Arrival::Later);
        self.setting_out.remove(&slot);
        if self.moving.remove(&slot) {
            if self.phase == Phase::Arriving {
                self.result.moved += 1;
            } else {
                self.faults.add_named(ENDED_EARLY, 1);
            }
        } else if self.phase == Phase::AskingAgain && !self.warm.contains(&slot) {
            self.result.answered_again += 1;
        }
    }

    fn fail<R: Ring>(&mut self, ring: &mut R, slot: u32, fault: Fault) {
        self.faults.add(fault);
        self.setting_out.remove(&slot);
        self.moving.remove(&slot);
        self.clients.close(ring, slot);
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
            Phase::SettingOut => self.set_out(ring),
            Phase::Arriving if quiet => {
                self.next = self.clients.used();
                self.enter(ring, Phase::AskingAgain);
            }
            Phase::AskingAgain => self.ask_again(ring, quiet),
            Phase::Closing if self.clients.live() == 0 => return Some(Said::Done(self.finish())),
            Phase::AtGate { .. }
            | Phase::Warming { .. }
            | Phase::Resting
            | Phase::Arriving
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
                self.result.held = self.many().len() as u64;
                self.enter(ring, Phase::Arriving);
            }
            Phase::Warming { .. }
            | Phase::Resting
            | Phase::Filling
            | Phase::SettingOut
            | Phase::Arriving
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
            let many = self.many();
            let first = many.len().saturating_sub(self.order.moving);
            self.next = many[first..].to_vec();
            self.enter(ring, Phase::SettingOut);
        }
    }

    /// Those that are open, without those that warmed up.
    fn many(&self) -> Vec<u32> {
        let mut used = self.clients.used();
        used.retain(|slot| !self.warm.contains(slot));
        used
    }

    fn set_out<R: Ring>(&mut self, ring: &mut R) {
        let slow = self.slow();
        while self.setting_out.len() < WARM
            && let Some(slot) = self.next.pop()
        {
            self.setting_out.insert(slot);
            self.moving.insert(slot);
            self.clients.ask_other(ring, slot, ring.now(), &slow);
        }
        if self.setting_out.is_empty() {
            self.reach(Gate::Filled);
        }
    }

    fn ask_again<R: Ring>(&mut self, ring: &mut R, quiet: bool) {
        while self.clients.waiting() < WARM {
            let Some(slot) = self.next.pop() else {
                break;
            };
            self.clients.ask(ring, slot, ring.now());
        }
        if quiet && self.next.is_empty() {
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
        if phase == Phase::Arriving {
            self.limit = self.limit + Duration::from_millis(self.order.measure_ms);
        }
        // The next phase begins to work at once, not at the next completion.
        match phase {
            Phase::Filling => self.fill(ring, false),
            Phase::SettingOut => self.set_out(ring),
            Phase::AskingAgain => self.ask_again(ring, false),
            Phase::Warming { .. }
            | Phase::Resting
            | Phase::Arriving
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
