//! What is done with the program: the loads of each check, one after the other.

use std::path::Path;

use crate::allotment::Allotment;
use crate::crew::Crew;
use crate::crew::Reply;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::record::check::Check;
use crate::station::order::Asked;
use crate::station::order::Gate;
use crate::station::order::Held;
use crate::station::order::Kind;
use crate::station::order::Load;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::trouble::Trouble;
use crate::verify::Plan;
use crate::verify::judge;
use crate::verify::judge::Came;
use crate::verify::judge::Holding;
use crate::verify::judge::Promise;
use crate::verify::judge::Seen;
use crate::verify::judge::grouped;
use crate::verify::judge::megabytes_each;
use crate::verify::subject::Subject;
use crate::verify::wanted::BODY_BYTES;
use crate::verify::wanted::CONNECTIONS;
use crate::verify::wanted::PACE_BYTES_S;

/// What [`Progress`] is told.
pub const STEPS: usize = 9;
/// Of the searches for the most; of the rates, what [`crate::verify::wanted::Wanted`] says.
const SEARCH_PART: u64 = 2;
/// The warm-up of a rate: connections to the output open, buffers become resident.
const WARM_MS: u64 = 1000;
/// Everybody asks within this, so that all wait at the same time, and is answered within it after that.
const ASKING_MS: u64 = 1000;
/// A small request, as the tables of `compare` have it.
const SMALL_BYTES: u64 = 128;
const HEAD_BYTES: usize = 200;
/// Before idling each connection has an exchange with a head of this size.
const IDLE_HEAD_BYTES: usize = 600;

/// All checks, and what they need. An answer of `None`: the person wants it to end.
pub struct Trial<'a> {
    pub plan: &'a Plan,
    /// Of the crew that holds sessions.
    pub stations: usize,
    pub folder: &'a Path,
    pub interrupt: &'a Interrupt,
    pub progress: Progress,
}

impl Trial<'_> {
    /// Makes every check; those that were made stand in `checks` also when it ends early.
    pub fn all(&mut self, checks: &mut Vec<Check>) -> Result<Option<()>, Trouble> {
        // One station is the cheapest, as no two then wake each other.
        let mut crew = self.crew(1)?;
        for check in [Trial::requests, Trial::megabytes, Trial::outstanding] {
            let Some(check) = check(self, &mut crew)? else {
                return Ok(None);
            };
            checks.push(check);
        }
        drop(crew);
        let mut crew = self.crew(self.stations)?;
        for check in [Trial::idle, Trial::sessions] {
            let Some(check) = check(self, &mut crew)? else {
                return Ok(None);
            };
            checks.push(check);
        }
        Ok(Some(()))
    }

    fn requests(&mut self, crew: &mut Crew) -> Result<Option<Check>, Trouble> {
        let rate = self.plan.wanted.rate;
        let promise = Promise {
            name: format!("{} requests/s", grouped(rate)),
            allotment: self.plan.wanted.small,
            wanted: rate,
            unit: "requests/s",
        };
        self.rate(crew, &promise, 1.0, SMALL_BYTES)
    }

    fn megabytes(&mut self, crew: &mut Crew) -> Result<Option<Check>, Trouble> {
        let wanted = self.plan.wanted.megabytes;
        let promise = Promise {
            name: format!("{wanted} MB/s"),
            allotment: self.plan.wanted.small,
            wanted,
            unit: "MB/s",
        };
        self.rate(crew, &promise, megabytes_each(BODY_BYTES), BODY_BYTES)
    }

    /// Offers a rate, then looks for the most.
    fn rate(
        &mut self,
        crew: &mut Crew,
        promise: &Promise,
        each: f64,
        body_bytes: u64,
    ) -> Result<Option<Check>, Trouble> {
        self.progress
            .tell(&format!("{}, {}", promise.name, promise.allotment));
        let subject = self.subject(&promise.allotment, crew);
        let mut subject = match subject {
            Ok(subject) => subject,
            Err(reason) => {
                let check = judge::rate(promise, each, &Err(reason), None, &Seen::default());
                return Ok(self.unless_stopped(check));
            }
        };
        let measure_ms = self.plan.wanted.measure_ms;
        let mut order = Order {
            rate: promise.wanted / each,
            measure_ms,
            warm_ms: WARM_MS.min(measure_ms),
            ..order(Kind::Offered, CONNECTIONS, &subject)
        };
        order.asked.body_bytes = body_bytes;
        let Some(offered) = self.load(crew, &order)? else {
            return Ok(None);
        };
        let seen = subject.seen()?;
        self.progress
            .tell(&format!("the most {} there", promise.unit));
        order.kind = Kind::Keep;
        order.measure_ms = measure_ms.div_ceil(SEARCH_PART);
        let Some(most) = self.load(crew, &order)? else {
            return Ok(None);
        };
        Ok(Some(judge::rate(
            promise,
            each,
            &offered,
            Some(&most),
            &seen,
        )))
    }

    fn outstanding(&mut self, crew: &mut Crew) -> Result<Option<Check>, Trouble> {
        let wanted = self.plan.wanted;
        let promise = Promise {
            name: format!(
                "{} outstanding requests",
                grouped(wanted.outstanding as f64)
            ),
            allotment: wanted.small,
            wanted: wanted.outstanding as f64,
            unit: "requests",
        };
        self.progress
            .tell(&format!("{}, {}", promise.name, promise.allotment));
        let mut subject = match self.subject(&promise.allotment, crew) {
            Ok(subject) => subject,
            Err(reason) => {
                let check = judge::outstanding(&promise, &Err(reason), None, &Seen::default());
                return Ok(self.unless_stopped(check));
            }
        };
        let mut order = Order {
            // Nobody is answered twice in this time, so who is answered at all has waited beside all the others.
            measure_ms: wanted.delay_ms + ASKING_MS,
            ..order(Kind::Keep, wanted.outstanding, &subject)
        };
        order.asked.delay_ms = wanted.delay_ms;
        let Some(came) = self.load(crew, &order)? else {
            return Ok(None);
        };
        let seen = subject.seen()?;
        let more = wanted.more_outstanding;
        self.progress
            .tell(&format!("{} of them", grouped(more as f64)));
        order.connections = more;
        let Some(tried) = self.load(crew, &order)? else {
            return Ok(None);
        };
        Ok(Some(judge::outstanding(
            &promise,
            &came,
            Some((more, &tried)),
            &seen,
        )))
    }

    fn idle(&mut self, crew: &mut Crew) -> Result<Option<Check>, Trouble> {
        let wanted = self.plan.wanted;
        let sessions = grouped(wanted.sessions as f64);
        let megabytes = wanted.idle_bytes >> 20;
        let promise = Promise {
            name: format!("{sessions} idle in {megabytes} MB"),
            allotment: wanted.large,
            wanted: megabytes as f64,
            unit: "MB",
        };
        self.progress
            .tell(&format!("{}, {}", promise.name, promise.allotment));
        let Some(kept) = self.hold(crew, &promise.allotment, 0)? else {
            return Ok(None);
        };
        let holding = Holding {
            sessions: wanted.sessions,
            moving: 0,
            came: &kept.came,
            rss_bytes: kept.rss_bytes,
            group_bytes: kept.group_bytes,
        };
        Ok(Some(judge::idle(&promise, &holding, &kept.seen)))
    }

    fn sessions(&mut self, crew: &mut Crew) -> Result<Option<Check>, Trouble> {
        let mut tight = None;
        let wanted = self.plan.wanted;
        // The headroom first: it is part of the other's verdict.
        for allotment in [wanted.tight, wanted.large] {
            let (sessions, moving) = (wanted.sessions as f64, wanted.moving as f64);
            let promise = Promise {
                name: format!(
                    "{} sessions, {} in transfer",
                    grouped(sessions),
                    grouped(moving)
                ),
                allotment,
                wanted: sessions,
                unit: "sessions",
            };
            self.progress
                .tell(&format!("{}, {allotment}", promise.name));
            let Some(kept) = self.hold(crew, &allotment, wanted.moving)? else {
                return Ok(None);
            };
            let holding = Holding {
                sessions: wanted.sessions,
                moving: wanted.moving,
                came: &kept.came,
                rss_bytes: kept.rss_bytes,
                group_bytes: kept.group_bytes,
            };
            tight = Some(judge::sessions(
                &promise,
                &holding,
                &kept.seen,
                tight.as_ref(),
            ));
        }
        Ok(tight)
    }

    /// Holds all sessions, so many of them in transfer; also says how large the program was then.
    fn hold(
        &mut self,
        crew: &mut Crew,
        allotment: &Allotment,
        moving: usize,
    ) -> Result<Option<Kept>, Trouble> {
        let mut subject = match self.subject(allotment, crew) {
            Ok(subject) => subject,
            Err(reason) => return Ok(self.unless_stopped(Kept::nothing(reason))),
        };
        let kind = if moving > 0 { Kind::Hold } else { Kind::Idle };
        let mut order = Order {
            moving,
            measure_ms: self.plan.wanted.transfer_s * 1000,
            ..order(kind, self.plan.wanted.sessions, &subject)
        };
        order.asked.head_bytes = IDLE_HEAD_BYTES;
        order.asked.pace_bytes_s = if moving > 0 { PACE_BYTES_S } else { 0 };
        let (mut rss_bytes, mut group_bytes) = (0, 0);
        let mut at_gate = |gate: Gate| {
            if gate == Gate::Filled {
                rss_bytes = subject.memory().rss_bytes;
                group_bytes = subject.group_memory();
            }
            Ok(())
        };
        let reply = crew.order(&order, &mut at_gate, self.interrupt)?;
        let came = match reply {
            Reply::Interrupted => return Ok(None),
            Reply::Done(Outcome::Held(held)) => Ok(held),
            Reply::Done(Outcome::Failed(reason)) => Err(reason),
            Reply::Done(Outcome::Load(_)) => return Err(another_job()),
        };
        let seen = subject.seen()?;
        Ok(Some(Kept {
            came,
            rss_bytes,
            group_bytes,
            seen,
        }))
    }

    fn load(&self, crew: &mut Crew, order: &Order) -> Result<Option<Came<Load>>, Trouble> {
        match crew.order(order, &mut |_| Ok(()), self.interrupt)? {
            Reply::Interrupted => Ok(None),
            Reply::Done(Outcome::Load(load)) => Ok(Some(Ok(*load))),
            Reply::Done(Outcome::Failed(reason)) => Ok(Some(Err(reason))),
            Reply::Done(Outcome::Held(_)) => Err(another_job()),
        }
    }

    fn crew(&self, stations: usize) -> Result<Crew, Trouble> {
        Crew::start(self.plan.load_core, stations, self.folder, self.interrupt)
    }

    /// A program that does not start in its allotment has failed the check: that is a verdict.
    fn subject(&self, allotment: &Allotment, crew: &Crew) -> Came<Subject> {
        let (program, cores) = (&self.plan.program, &self.plan.cores);
        let started = Subject::start(program, allotment, cores, crew.origin, self.folder);
        started.map_err(|trouble| trouble.to_string())
    }

    fn unless_stopped<T>(&self, value: T) -> Option<T> {
        (!self.interrupt.seen()).then_some(value)
    }
}

/// What came of holding sessions.
struct Kept {
    came: Came<Held>,
    rss_bytes: u64,
    group_bytes: u64,
    seen: Seen,
}

impl Kept {
    fn nothing(reason: String) -> Kept {
        Kept {
            came: Err(reason),
            rss_bytes: 0,
            group_bytes: 0,
            seen: Seen::default(),
        }
    }
}

/// An order like any other of a small request, to be filled in.
pub fn order(kind: Kind, connections: usize, subject: &Subject) -> Order {
    Order {
        target: subject.target,
        kind,
        connections,
        asked: Asked {
            body_bytes: SMALL_BYTES,
            head_bytes: HEAD_BYTES,
            ..Asked::default()
        },
        rate: 0.0,
        moving: 0,
        first_source: 0,
        warm_ms: 0,
        measure_ms: 0,
        watch: subject.processes.clone(),
        crew: Vec::new(),
    }
}

fn another_job() -> Trouble {
    Trouble::new("the station did another job")
}
