//! One run: a world, the workers in it, an order to stop, and the accounts at the end.

use std::any::Any;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::Arc;

use halb::balance::hash::HashKey;
use halb::model::amount::Bandwidth;
use halb::model::output::OutputId;
use halb::model::plan::Affinity;
use halb::model::plan::Plan;
use halb::model::plan::PlannedOutput;
use halb::plane::Order;
use halb::plane::Plane;
use halb::plane::histogram::Histogram;
use halb::plane::histogram::Reading;
use halb::plane::page::Count;
use halb::plane::page::OutputCount;
use halb::ring::port::RingCounts;
use halb::ring::port::Socket;
use halb::worker::Learning;
use halb::worker::Progress;
use halb::worker::Worker;

use crate::flow::Flow;
use crate::handover::Switches;
use crate::ledger::Outcome;
use crate::lines;
use crate::port::Deed;
use crate::port::LISTENER;
use crate::profile::MILLISECOND;
use crate::profile::Profile;
use crate::profile::SECOND;
use crate::random::Random;
use crate::ring::SimRing;
use crate::ring::state;
use crate::scarcity::Scarcity;
use crate::ties::NAME;
use crate::tunnel::Tunnel;
use crate::world::NEVER;
use crate::world::World;

/// More turns than any sound run takes.
const TURNS_MAX: u64 = 2_000_000;
/// After so many nobody is lazy any more: naps are short, and a timeout of seconds would take very many.
const LAZY_TURNS: u64 = 100_000;
/// Clients that come when the faults are over, and what they ask.
const LATE_CLIENTS: usize = 2;
const LATE_REQUESTS: usize = 2;

/// What is tried out: HALB's worker, or a relay that shows what the simulator finds.
pub trait Subject {
    fn turn(&mut self) -> Progress;
}

impl Subject for Worker<SimRing> {
    fn turn(&mut self) -> Progress {
        Worker::turn(self)
    }
}

/// Makes the worker at an index.
pub type Maker = dyn Fn(SimRing, usize, &Arc<Plan>, &Arc<Plane>) -> Box<dyn Subject>;

/// What a sound run came to.
#[derive(Debug, Default)]
pub struct Report {
    pub exact: usize,
    pub requests: usize,
    /// Tunnels that were carried to their end.
    pub tunnels: usize,
    /// Requests that ended with a 408.
    pub too_slow: usize,
    /// What the rings did until the first clients had ended.
    pub counts: RingCounts,
    /// What left, while there was a limit.
    pub flow: Flow,
}

impl Report {
    /// Adds another run's.
    pub fn add(&mut self, other: &Report) {
        self.exact += other.exact;
        self.requests += other.requests;
        self.tunnels += other.tunnels;
        self.too_slow += other.too_slow;
        self.counts.polls += other.counts.polls;
    }
}

/// HALB's own worker.
pub fn halb(ring: SimRing, index: usize, plan: &Arc<Plan>, plane: &Arc<Plane>) -> Box<dyn Subject> {
    let listeners = vec![Socket(LISTENER)];
    let (plan, plane) = (Arc::clone(plan), Arc::clone(plane));
    Box::new(Worker::new(
        ring,
        index,
        listeners,
        plan,
        plane,
        Learning {
            hash: HashKey::from_bytes([7; HashKey::LENGTH]),
            capacity: 1000,
        },
    ))
}

/// Plays `profile`. A failure is told with its seed and the last things that happened.
pub fn play(profile: &Profile, maker: &Maker) -> Report {
    match attempt(profile, maker, false) {
        Ok(report) => report,
        Err((fault, _)) => panic!("{}", told(profile, maker, &fault)),
    }
}

/// What to print of a run that failed with `fault`: how to play it again, and its end.
pub fn told(profile: &Profile, maker: &Maker, fault: &str) -> String {
    let trace = match attempt(profile, maker, true) {
        Ok(_) => vec!["it does not happen again: the run is not deterministic".into()],
        Err((_, trace)) => trace,
    };
    let (seed, family) = (profile.seed, profile.family);
    let fault =
        format!("seed {seed} ({family:?}): {fault}\nreplay: SIM_SEED={seed} cargo test --test sim");
    tale(&fault, &trace)
}

/// A fault, and the last things that happened before it: `SIM_LINES` of them.
pub fn tale(fault: &str, trace: &[String]) -> String {
    let lines = std::env::var("SIM_LINES").ok();
    let shown = lines.and_then(|text| text.parse().ok()).unwrap_or(60);
    let start = trace.len().saturating_sub(shown);
    format!("{fault}\n{}", trace[start..].join("\n"))
}

/// What a panic said.
pub fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    text.unwrap_or_else(|| "a panic without words".into())
}

/// Plays `profile`; what went wrong, if anything did.
pub fn attempt(
    profile: &Profile,
    maker: &Maker,
    traced: bool,
) -> Result<Report, (String, Vec<String>)> {
    let world = Rc::new(RefCell::new(World::new(profile.clone(), traced)));
    let run = AssertUnwindSafe(|| Run::new(&world, maker).play());
    catch_unwind(run).map_err(|panic| {
        let trace = match world.try_borrow() {
            Ok(world) => world.trace().cloned().unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        (words(&*panic), trace)
    })
}

pub struct Run {
    pub world: Rc<RefCell<World>>,
    workers: Vec<Option<Box<dyn Subject>>>,
    pub plane: Arc<Plane>,
    /// The plan in force.
    pub plan: Arc<Plan>,
    turns: u64,
    /// Chance of the run's own.
    pub random: Random,
    /// When an output is switched next.
    pub next_flip: u64,
    pub scarcity: Scarcity,
    pub switches: Switches,
    /// An output whose first probe has yet to say something.
    pub checking: Option<usize>,
    moment: u64,
    counts: RingCounts,
}

impl Run {
    fn new(world: &Rc<RefCell<World>>, maker: &Maker) -> Run {
        let profile = world.borrow().profile.clone();
        let plan = Arc::new(plan(&world.borrow()));
        let (workers, most) = (profile.workers, profile.max_connections);
        let limit = profile.bandwidth;
        let limit = limit.map(|bits_per_second| Bandwidth { bits_per_second });
        let plane = Plane::with_inboxes(workers, most, profile.inbox);
        let plane = Arc::new(plane.limited(limit));
        plane.set_maxima(&plan);
        let make = |index| Some(maker(SimRing::new(world, index), index, &plan, &plane));
        Run {
            world: Rc::clone(world),
            workers: (0..profile.workers).map(make).collect(),
            plane,
            plan,
            turns: 0,
            random: Random::of(profile.seed, 0xF11B),
            next_flip: match profile.flips {
                true => 0,
                false => NEVER,
            },
            scarcity: Scarcity::new(profile.seed, profile.scarce),
            switches: Switches::new(profile.seed, profile.switched),
            checking: None,
            moment: NEVER,
            counts: RingCounts::default(),
        }
    }

    fn play(mut self) -> Report {
        let profile = self.world.borrow().profile.clone();
        match profile.stop {
            Some((order, moment)) => {
                let moment = self.world.borrow().now + moment;
                self.until(moment);
                self.stop(order);
            }
            None => {
                self.until(NEVER);
                self.counts = counts(&self.world.borrow());
                self.recover();
                self.stop(Order::Finish);
            }
        }
        self.leave();
        at_rest(&self.plane);
        self.account(&profile)
    }

    /// Turns until every client has ended, or until `moment`.
    fn until(&mut self, moment: u64) {
        self.moment = moment;
        self.set_alarm();
        while self.world.borrow().busy_clients > 0 && self.world.borrow().now < moment {
            self.turn();
        }
        self.world.borrow_mut().alarm = NEVER;
    }

    pub fn set_alarm(&mut self) {
        let next = self
            .next_flip
            .min(self.scarcity.next)
            .min(self.switches.next);
        self.world.borrow_mut().alarm = self.moment.min(next);
    }

    /// The faults are over, what they left behind times out, and then everything has to work.
    fn recover(&mut self) {
        self.settle();
        self.end_of_scarcity();
        self.end_of_switches();
        let rest = {
            let mut world = self.world.borrow_mut();
            world.calm_down();
            world.note(|| "the faults are over".into());
            let rest = world.profile.patience();
            for _ in 0..LATE_CLIENTS {
                world.add_client(LATE_REQUESTS, rest);
            }
            world.now + rest
        };
        self.until(rest);
        self.until(NEVER);
    }

    fn stop(&mut self, order: Order) {
        self.settle();
        self.scarcity.next = NEVER; // as it is: what has come is served, memory or not
        self.plane.set_order(order);
        let limit = {
            let mut world = self.world.borrow_mut();
            world.note(|| format!("order: {order:?}"));
            for index in 0..self.workers.len() {
                world.wake(index);
            }
            let grace = match order {
                Order::Finish => world.profile.grace.as_nanos() as u64,
                Order::Run | Order::Stop => 0,
            };
            world.now + grace + 5 * SECOND
        };
        self.moment = limit;
        self.set_alarm();
        while self.workers.iter().any(Option::is_some) {
            self.turn();
            let world = self.world.borrow();
            assert!(
                world.now < limit,
                "the order {order:?} is not carried out in time: {}",
                state(&world)
            );
        }
    }

    /// Clients see the end.
    fn leave(&mut self) {
        let mut world = self.world.borrow_mut();
        world.alarm = NEVER;
        while world.busy_clients > 0 {
            assert!(world.advance(NEVER), "clients wait for nobody");
        }
    }

    /// One turn of one worker.
    fn turn(&mut self) {
        self.turns += 1;
        assert!(
            self.turns < TURNS_MAX,
            "the run does not end: {}",
            state(&self.world.borrow())
        );
        self.flip();
        self.ration();
        self.hand_over();
        let live: Vec<usize> = (0..self.workers.len())
            .filter(|index| self.workers[*index].is_some())
            .collect();
        let index = self.next_of(&live);
        let worker = self.workers[index].as_mut().expect("it is live");
        if worker.turn() == Progress::Stopped {
            let mut world = self.world.borrow_mut();
            world.note(|| format!("worker {index} has stopped"));
            world.ports[index].stopped = true;
            world.ports[index].listens = false;
            self.workers[index] = None;
            home(&world, index);
        }
        self.nobody_waits_in_vain();
    }

    /// Whose turn it is. While the lazy one is passed over, time goes on for all others.
    fn next_of(&mut self, live: &[usize]) -> usize {
        let mut world = self.world.borrow_mut();
        let index = world.random.pick(live);
        let industry = world.profile.industry;
        let lazy = Some(index) == world.profile.lazy && self.turns < LAZY_TURNS;
        if !lazy || live.len() == 1 || self.random.chance(industry) {
            return index;
        }
        let until = world.now + self.random.below(MILLISECOND);
        world.ports[index].idle = Some(until);
        let others: Vec<usize> = live.iter().copied().filter(|one| *one != index).collect();
        self.random.pick(&others)
    }

    fn account(&self, profile: &Profile) -> Report {
        let world = self.world.borrow();
        let calm = profile.calmed();
        let mut report = Report {
            counts: self.counts,
            flow: world.flow.clone(),
            ..Report::default()
        };
        for (id, outcome) in &world.ledger.outcomes {
            let late = *id >= (profile.clients * 1000) as u64 && profile.stop.is_none();
            let judged_by = if late && *id / 1000 >= profile.clients as u64 {
                &calm
            } else {
                profile
            };
            world.ledger.judge(judged_by, *id, outcome);
            report.requests += 1;
            let exact = *outcome == Outcome::Exact;
            let granted = Tunnel::of(profile, *id).is_some_and(|tunnel| tunnel.granted);
            report.exact += usize::from(exact);
            report.tunnels += usize::from(exact && granted);
            report.too_slow += usize::from(*outcome == Outcome::Own(408));
        }
        report
    }
}

fn counts(world: &World) -> RingCounts {
    let mut sum = RingCounts::default();
    for port in &world.ports {
        sum.recvs += port.counts.recvs;
        sum.sends += port.counts.sends;
        sum.accepts += port.counts.accepts;
        sum.connects += port.counts.connects;
        sum.polls += port.counts.polls;
        sum.others += port.counts.others;
    }
    sum
}

/// Everything the worker at `index` had has come back.
pub fn home(world: &World, index: usize) {
    let port = &world.ports[index];
    let operations = port.operations.iter();
    let in_flight = operations
        .filter(|one| !matches!(one.deed, Deed::Wake))
        .count();
    assert_eq!(
        in_flight,
        0,
        "stopped with operations in flight: {}",
        state(world)
    );
    assert!(
        port.table.is_empty(),
        "stopped with open sockets: {}",
        state(world)
    );
    assert_eq!(
        port.arena.away(),
        0,
        "stopped with buffers away: {}",
        state(world)
    );
    assert_eq!(
        port.pipes.away(),
        0,
        "stopped with pipes away: {}",
        state(world)
    );
    assert!(
        port.inbox.is_empty(),
        "stopped over a full inbox: {}",
        state(world)
    );
}

/// Nothing is counted as under way any more, by nobody.
pub fn at_rest(plane: &Plane) {
    for (index, page) in plane.pages().iter().enumerate() {
        assert_eq!(plane.load(index), 0, "worker {index} counts a load");
        let active = page.connections_active.get();
        assert_eq!(active, 0, "worker {index} counts connections");
        let sessions: u64 = page.outputs.iter().map(|o| o.sessions_active.get()).sum();
        assert_eq!(sessions, 0, "worker {index} counts sessions");
        page.outputs.iter().for_each(adds_up);
    }
    lines::agree_with_counters(plane);
}

/// What is counted in several ways is the same in all of them.
fn adds_up(counts: &OutputCount) {
    let count_of = |histogram: &Histogram| {
        let mut reading = Reading::default();
        histogram.add_to(&mut reading);
        reading.count()
    };
    assert_eq!(count_of(&counts.total), counts.sessions_total.get());
    assert_eq!(count_of(&counts.connect), counts.connects_total.get());
    let classes: u64 = counts.classes.iter().map(Count::get).sum();
    assert_eq!(count_of(&counts.response), classes);
    assert!(classes >= counts.sessions_total.get());
    // The shortest head there is.
    assert!(counts.bytes_out.get() >= counts.sessions_total.get() * 19);
    assert!(counts.bytes_in.get() >= counts.sessions_total.get() * 18);
}

fn affinity(profile: &Profile) -> Affinity {
    Affinity {
        mode: profile.mode.unwrap_or_default(),
        cookie_name: profile.mode.map_or_else(String::new, |_| NAME.into()),
        cookie_check_length: 32,
        ..Affinity::default()
    }
}

pub fn plan(world: &World) -> Plan {
    let profile = &world.profile;
    let outputs = world.servers.iter().enumerate();
    let outputs = outputs.map(|(index, server)| PlannedOutput {
        id: OutputId::from_index(index).expect("few servers"),
        name: server.name.clone(),
        address: (profile.plain || index >= profile.unresolved).then_some(server.address),
        weight: 1,
        max_connections: profile.output_places,
        backup: false,
        born: 0,
        revision: 0,
    });
    Plan {
        outputs: outputs.collect(),
        client_timeout: Some(profile.client_timeout),
        server_timeout: Some(profile.server_timeout),
        conn_timeout: Some(profile.conn_timeout),
        queue_timeout: Some(profile.queue_timeout),
        tunnel_timeout: Some(profile.tunnel_timeout),
        grace: profile.grace,
        max_head_bytes: 16_384,
        max_connections: profile.max_connections,
        forwarded: !profile.plain,
        affinity: affinity(profile),
        access_log: true,
        ..Plan::empty()
    }
}
