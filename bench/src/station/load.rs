//! Load: so many connections, each asking again as soon as it is answered (the closed loop), or whenever a request is
//! due and it is free (the open loop).

use std::ops::Range;
use std::time::Duration;

use halb::model::time::Instant;
use halb::ring::port::Arrival;
use halb::ring::port::Ring;
use hdrhistogram::Histogram;

use crate::station::clients::Clients;
use crate::station::clients::Event;
use crate::station::fault::Fault;
use crate::station::fault::Faults;
use crate::station::offered::Offered;
use crate::station::order::Gate;
use crate::station::order::Kind;
use crate::station::order::Load;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::station::order::Reading;
use crate::station::order::Said;
use crate::station::order::Window;
use crate::station::times;

/// Connections at a time that wait for their first answer. The kernel completes a handshake long before a
/// proxy accepts; without this bound the backlogs of the proxy and of the origin overflow, and what the kernel
/// drops then comes again only seconds later.
const UNTRIED_MAX: usize = 128;
/// All connections must stand within this, or the run is called off.
const OPENING_LIMIT: Duration = Duration::from_secs(20);
/// An answer that was due at the end and has not come after this is lost, and after the time that its body takes.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// The slowest that bodies are expected to come, all together.
const DRAIN_BYTES_S: u64 = 200_000_000;
/// Where answers take their time on purpose, so many connections begin to ask at a time, so long after each other: no
/// answer comes soon that could rouse the next.
const RAMP: (usize, Duration) = (UNTRIED_MAX, Duration::from_millis(10));
/// A run with so many faults is over: it measures nothing.
const FAULTS_MAX: u64 = 1000;

enum Phase {
    Opening {
        until: Instant,
    },
    /// Everything stands; the crew has not been told yet, or not said yet that it may go on.
    AtGate {
        told: bool,
    },
    Warming {
        until: Instant,
    },
    Measuring {
        until: Instant,
        start: Reading,
    },
    Draining {
        until: Instant,
    },
    Closing,
    Over,
}

/// One run.
pub struct LoadJob {
    order: Order,
    clients: Clients,
    phase: Phase,
    /// Connections that are not closed by us.
    active: usize,
    /// Connections that had their first answer and rest until all have.
    resting: Vec<u32>,
    /// When the next of those that rest begin to ask, where answers do not rouse them.
    ramp_at: Option<Instant>,
    /// Of the open loop.
    offered: Option<Offered>,
    /// Of the open loop: those that were due from here on, and before there, count.
    counted: Range<Instant>,
    unsent: u64,
    answered: u64,
    /// At the window's begin, and at its end.
    received_bytes: [u64; 2],
    latency: Histogram<u64>,
    faults: Faults,
    window: Window,
    failure: Option<String>,
}

impl LoadJob {
    pub fn start<R: Ring>(ring: &mut R, order: Order, clients: Clients) -> Result<LoadJob, String> {
        let latency = times::histogram()?;
        let offered = match order.kind {
            Kind::Offered => Some(Offered::new(order.rate)?),
            Kind::Keep | Kind::Fresh | Kind::Idle | Kind::Hold => None,
        };
        let mut job = LoadJob {
            order,
            clients,
            phase: Phase::Opening {
                until: ring.now() + OPENING_LIMIT,
            },
            active: 0,
            resting: Vec::new(),
            ramp_at: None,
            offered,
            counted: Instant::ZERO..Instant::ZERO,
            unsent: 0,
            answered: 0,
            received_bytes: [0; 2],
            latency,
            faults: Faults::default(),
            window: Window::default(),
            failure: None,
        };
        if job.order.kind != Kind::Fresh {
            job.top_up(ring);
        }
        Ok(job)
    }

    pub fn clients(&mut self) -> &mut Clients {
        &mut self.clients
    }

    /// When [`LoadJob::on_time`] wants to be called next, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::AtGate { told: false } => Some(Instant::ZERO),
            Phase::AtGate { told: true } => None,
            Phase::Opening { until } => Some(until),
            Phase::Warming { until } | Phase::Measuring { until, .. } => {
                let due = self.offered.as_ref().and_then(Offered::next_at);
                due.into_iter().chain(self.ramp_at).chain([until]).min()
            }
            Phase::Draining { .. } if self.clients.waiting() == 0 => Some(Instant::ZERO),
            Phase::Draining { until } => Some(until),
            Phase::Closing if self.clients.live() == 0 => Some(Instant::ZERO),
            Phase::Closing | Phase::Over => None,
        }
    }

    pub fn on_event<R: Ring>(&mut self, ring: &mut R, event: Event) {
        match event {
            Event::Connected(slot) if !self.running() => self.close(ring, slot),
            Event::Connected(slot) => match (&self.phase, &mut self.offered) {
                (Phase::Warming { .. } | Phase::Measuring { .. }, Some(offered)) => {
                    offered.free(slot, ring.now());
                }
                (Phase::Opening { .. } | Phase::AtGate { .. }, _) => {
                    // That it stands is to be known soon, however slow answers are to be later.
                    let asked = self.order.asked.at_once();
                    self.clients.ask_other(ring, slot, ring.now(), &asked);
                }
                _ => self.clients.ask(ring, slot, ring.now()),
            },
            Event::Answered { slot, nanos } => self.on_answer(ring, slot, nanos),
            Event::Begun(_) => {}
            Event::Ended(slot) => {
                // Expected where each request has its own connection, and only there.
                if self.order.kind != Kind::Fresh {
                    self.faults.add(Fault::Ended);
                }
                self.close(ring, slot);
                self.top_up(ring);
            }
            Event::Failed(slot, fault) => {
                self.fault(ring, fault);
                self.close(ring, slot);
                self.top_up(ring);
            }
        }
    }

    /// Called after every turn: phases follow one another here.
    pub fn on_time<R: Ring>(&mut self, ring: &mut R) -> Option<Said> {
        let now = ring.now();
        self.send_due(ring, now);
        self.ramp(ring, now);
        match &self.phase {
            Phase::Opening { until } => self.opened(ring, now, *until),
            Phase::AtGate { told: false } => {
                self.phase = Phase::AtGate { told: true };
                return Some(Said::Reached(Gate::Ready));
            }
            Phase::Warming { until } if now >= *until && self.resting.is_empty() => self.begin(now),
            Phase::Measuring { until, start } if now >= *until => {
                match Reading::take(&self.order) {
                    Ok(end) => self.window = Window::between(start, &end),
                    Err(trouble) => self.failure = Some(trouble.to_string()),
                }
                self.received_bytes[1] = self.clients.received_bytes();
                self.count_unsent();
                self.drain(ring);
            }
            Phase::Draining { until } if now >= *until || self.clients.waiting() == 0 => {
                self.settle(ring);
            }
            Phase::Closing if self.clients.live() == 0 => return Some(Said::Done(self.finish())),
            Phase::AtGate { told: true }
            | Phase::Warming { .. }
            | Phase::Measuring { .. }
            | Phase::Draining { .. }
            | Phase::Closing
            | Phase::Over => {}
        }
        None
    }

    /// Sends what is due, as far as connections are free for it.
    fn send_due<R: Ring>(&mut self, ring: &mut R, now: Instant) {
        let until = match &self.phase {
            Phase::Warming { .. } => now,
            Phase::Measuring { until, .. } => now.min(*until),
            _ => return,
        };
        let Some(offered) = &mut self.offered else {
            return;
        };
        while let Some((slot, due)) = offered.next(until) {
            self.clients.ask(ring, slot, due);
        }
    }

    /// What was due and is not sent at the end has waited at least until then.
    fn count_unsent(&mut self) {
        let Some(offered) = &self.offered else {
            return;
        };
        for due in offered.overdue(self.counted.end) {
            self.unsent += 1;
            if self.counted.contains(&due) {
                let waited = self.counted.end.since(due).as_nanos();
                let waited = u64::try_from(waited).unwrap_or(u64::MAX);
                self.latency.saturating_record(waited);
            }
        }
    }

    fn opened<R: Ring>(&mut self, ring: &mut R, now: Instant, until: Instant) {
        let untried = self.clients.untried();
        let all = self.active >= self.order.connections;
        // Where every request has its own connection, none is needed before.
        if self.order.kind == Kind::Fresh || all && untried == 0 {
            self.phase = Phase::AtGate { told: false };
        } else if now >= until {
            let (wanted, stood) = (self.order.connections, self.active - untried);
            self.failure = Some(format!("{stood} of {wanted} connections stood"));
            self.drain(ring);
        }
    }

    /// The crew lets it begin.
    pub fn pass<R: Ring>(&mut self, ring: &mut R) {
        let Phase::AtGate { .. } = self.phase else {
            return;
        };
        self.phase = Phase::Warming {
            until: ring.now() + Duration::from_millis(self.order.warm_ms),
        };
        if let Some(offered) = &mut self.offered {
            for slot in self.resting.drain(..) {
                offered.free(slot, ring.now());
            }
            return offered.begin(ring.now());
        }
        self.top_up(ring);
        if self.order.asked.at_once() == self.order.asked {
            for _ in 0..UNTRIED_MAX {
                self.rouse(ring);
            }
        } else {
            self.ramp_at = Some(ring.now());
        }
    }

    fn ramp<R: Ring>(&mut self, ring: &mut R, now: Instant) {
        if !self.running() || self.ramp_at.is_none_or(|at| now < at) {
            return;
        }
        for _ in 0..RAMP.0 {
            self.rouse(ring);
        }
        self.ramp_at = (!self.resting.is_empty()).then(|| now + RAMP.1);
    }

    /// The crew ends it.
    pub fn stop<R: Ring>(&mut self, ring: &mut R) {
        if self.running() {
            self.failure = Some("stopped".to_owned());
            self.drain(ring);
        }
    }

    /// Sets one more resting connection to work. Each answer rouses another, so that the load doubles with
    /// every exchange instead of coming all at once.
    fn rouse<R: Ring>(&mut self, ring: &mut R) {
        if let Some(slot) = self.resting.pop() {
            self.clients.ask(ring, slot, ring.now());
        }
    }

    fn begin(&mut self, now: Instant) {
        match Reading::take(&self.order) {
            Ok(start) => {
                self.answered = 0;
                self.received_bytes[0] = self.clients.received_bytes();
                self.latency.reset();
                if let Some(offered) = &mut self.offered {
                    offered.reset();
                }
                let until = now + Duration::from_millis(self.order.measure_ms);
                self.counted = now..until;
                self.phase = Phase::Measuring { until, start };
            }
            Err(trouble) => {
                self.failure = Some(trouble.to_string());
                self.phase = Phase::Draining { until: now };
            }
        }
    }

    fn on_answer<R: Ring>(&mut self, ring: &mut R, slot: u32, nanos: u64) {
        let measuring = matches!(self.phase, Phase::Measuring { .. });
        self.answered += u64::from(measuring);
        let counts = match self.offered {
            // It counts in the window in which it was due, whenever the answer comes.
            Some(_) => {
                let now = ring.now().as_nanos();
                let due = Instant::from_nanos(now.saturating_sub(nanos));
                self.counted.contains(&due)
            }
            None => measuring,
        };
        if counts {
            self.latency.saturating_record(nanos);
        }
        if self.order.kind == Kind::Fresh {
            // The answer said that the connection ends; it is over when it has.
            return self.clients.listen(ring, slot, Arrival::Now);
        }
        match self.phase {
            Phase::Opening { .. } | Phase::AtGate { .. } => {
                self.resting.push(slot);
                self.top_up(ring);
            }
            Phase::Warming { .. } | Phase::Measuring { .. }
                if let Some(offered) = &mut self.offered =>
            {
                offered.free(slot, ring.now());
            }
            Phase::Warming { .. } => {
                self.clients.ask(ring, slot, ring.now());
                self.rouse(ring);
            }
            Phase::Measuring { .. } => self.clients.ask(ring, slot, ring.now()),
            Phase::Draining { .. } | Phase::Closing | Phase::Over => self.close(ring, slot),
        }
    }

    fn running(&self) -> bool {
        match self.phase {
            Phase::Opening { .. }
            | Phase::AtGate { .. }
            | Phase::Warming { .. }
            | Phase::Measuring { .. } => true,
            Phase::Draining { .. } | Phase::Closing | Phase::Over => false,
        }
    }

    fn fault<R: Ring>(&mut self, ring: &mut R, fault: Fault) {
        self.faults.add(fault);
        if self.faults.total() >= FAULTS_MAX && self.running() {
            self.failure = Some(format!("{FAULTS_MAX} faults"));
            self.drain(ring);
        }
    }

    fn top_up<R: Ring>(&mut self, ring: &mut R) {
        while self.running()
            && self.active < self.order.connections
            && (self.order.kind == Kind::Fresh || self.clients.untried() < UNTRIED_MAX)
        {
            match self.clients.open(ring, ring.now()) {
                Ok(()) => self.active += 1,
                Err(fault) => self.fault(ring, fault),
            }
        }
    }

    fn close<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        self.clients.close(ring, slot);
        self.active -= 1;
        self.resting.retain(|resting| *resting != slot);
        if let Some(offered) = &mut self.offered {
            offered.gone(slot);
        }
    }

    fn drain<R: Ring>(&mut self, ring: &mut R) {
        let left = self.order.asked.body_bytes * self.clients.waiting() as u64;
        self.phase = Phase::Draining {
            until: ring.now()
                + DRAIN_LIMIT
                + self.order.asked.least()
                + Duration::from_secs(left / DRAIN_BYTES_S),
        };
    }

    /// Closes what is left; whoever still waits for an answer has lost it.
    fn settle<R: Ring>(&mut self, ring: &mut R) {
        let lost = self.clients.waiting() as u64;
        self.faults.add_named(&format!("{:?}", Fault::Lost), lost);
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
        Outcome::Load(Box::new(Load {
            others: 0.0,
            answered: self.answered,
            received_bytes: self.received_bytes[1] - self.received_bytes[0],
            faults,
            window: std::mem::take(&mut self.window),
            latency: times::quantiles(&self.latency),
            spectrum: times::spectrum(&self.latency),
            unsent: self.unsent,
            late_p99_us: self.offered.as_ref().map_or(0.0, Offered::late_p99_us),
        }))
    }
}
