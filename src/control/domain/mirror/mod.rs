//! The mirror: what the active knows reaches the other servers, so that one of them can go on where it ended: learned
//! sessions, switches, health, and what was counted.
//!
//! - `follower` and `leader`: the two sides as machines; `message`: what they say
//! - `inflow` and `outflow`: sessions on their way to workers here, and to other servers
//! - `orders`: which of two orders holds; `carry`: orders that are given anywhere
//! - `totals` and `counted`: counters that do not go back; `view`: how all of it is doing

pub mod carry;
pub mod counted;
mod follower;
mod inflow;
mod leader;
mod message;
pub mod orders;
mod outflow;
pub mod totals;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::balance::table::LearnedSession;
use crate::balance::table::News;
use crate::balance::table::What as Said;
use crate::control::ctl::orders::Orders;
use crate::control::domain::Domain;
use crate::control::domain::Subject;
use crate::control::domain::mirror::carry::Carry;
use crate::control::domain::mirror::follower::Follower;
use crate::control::domain::mirror::follower::Heard;
use crate::control::domain::mirror::inflow::Inflow;
use crate::control::domain::mirror::message::Message;
use crate::control::domain::mirror::message::What;
use crate::control::domain::mirror::outflow::Outflow;
use crate::control::domain::mirror::totals::Process;
use crate::control::domain::mirror::totals::Totals;
use crate::control::domain::mirror::view::View;
use crate::control::domain::stream::Streams;
use crate::control::domain::stream::subject::Handlers;
use crate::control::domain::stream::subject::Sender;
use crate::control::figures::Figures;
use crate::control::memory::Copies;
use crate::control::shared::Shared;
use crate::model::output::OutputId;
use crate::model::standing::Health;
use crate::model::standing::Standing as _;
use crate::model::time::Instant;
use crate::pair::node::NodeId;
use crate::pair::standing::Standing;
use crate::pair::state::State;
use crate::ring::clock;
use crate::worker;

/// How often what was learned is looked for, and told. Half of the lag that is allowed, at most.
const LOOK: Duration = Duration::from_millis(20);
/// Counters are told, and that nothing is missing, each so many looks …
const ALIVE_LOOKS: u64 = 25;
/// … and switches and health whenever they change, at the latest then.
const STATE_LOOKS: u64 = 5;
/// What comes from other servers and waits for the mirror.
const COMING_MOST: usize = 4096;

/// What it works on.
pub struct Setup {
    pub shared: Arc<Shared>,
    pub domain: Arc<Domain>,
    pub streams: Arc<Streams>,
    pub orders: Arc<Orders>,
    pub copies: Copies,
}

/// One for a process, on control's thread.
pub struct Mirror {
    setup: Setup,
    view: Arc<View>,
    coming: mpsc::Receiver<(Sender, Vec<u8>)>,
    follower: Follower,
    inflow: Inflow,
    /// The last message whose sessions are in `inflow` or further.
    taken: Option<(u64, u64)>,
    outflow: Outflow,
    totals: Totals,
    /// What of them all who follow have been told.
    told: Totals,
    /// When workers were asked last for what they had learned.
    looked: Instant,
    looks: u64,
    /// What was told last.
    state: Value,
}

/// Where streams put in what is for the mirror.
fn entrance(handlers: &mut Handlers) -> mpsc::Receiver<(Sender, Vec<u8>)> {
    let (put, coming) = mpsc::channel(COMING_MOST);
    // What finds no room is missed: its sequence is.
    handlers.on_tell(Subject::Mirror, move |sender, body| {
        let _ = put.try_send((sender, body));
    });
    coming
}

impl Mirror {
    /// From here on orders about outputs go where they belong. Before the streams start.
    pub fn new(setup: Setup) -> Mirror {
        let workers = setup.shared.hub.workers();
        let mut coming = None;
        setup.streams.listen(|handlers| {
            coming = Some(entrance(handlers));
            let (domain, orders) = (Arc::clone(&setup.domain), Arc::clone(&setup.orders));
            handlers.on_ask(Subject::Switch, move |from, body| {
                carry::answer(Arc::clone(&domain), Arc::clone(&orders), from, body)
            });
        });
        setup.orders.carry_by(Arc::new(Carry {
            shared: Arc::clone(&setup.shared),
            domain: Arc::clone(&setup.domain),
            streams: Arc::clone(&setup.streams),
        }));
        Mirror {
            // Numbers of two processes do not meet.
            follower: Follower::new(setup.streams.boot() >> 1),
            inflow: Inflow::new(workers, setup.copies.room),
            view: Arc::clone(&setup.domain.mirror),
            coming: coming.expect("the entrance was made"),
            taken: None,
            outflow: Outflow::default(),
            totals: Totals::default(),
            told: Totals::default(),
            looked: clock::read().now,
            looks: 0,
            state: Value::Null,
            setup,
        }
    }

    /// For as long as control runs. Nothing in it waits for a disk or for another server: what is learned meanwhile would
    /// wait, too.
    pub async fn run(mut self) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                coming = self.coming.recv() => match coming {
                    Some((from, body)) => self.on(from, &body),
                    None => return, // the streams have gone
                },
                _ = ticks.tick() => self.look(),
            }
            self.pass_on();
        }
    }

    fn on(&mut self, from: Sender, body: &[u8]) {
        // Of another release: what it says is not missed, or its sequence is.
        let Ok(message) = Message::decode(body) else {
            return;
        };
        match &message.what {
            What::Follow(known) => self.on_follow(from, message.number, known),
            What::Have => self.outflow.on_have(from, &message, clock::read().now),
            _ => self.on_leader(from, message),
        }
    }

    fn on_follow(&mut self, from: Sender, number: u64, known: &Value) {
        if !self.is_active() {
            return; // it asks again
        }
        self.totals.merge(&Totals::decode(&known["totals"]));
        self.merge_orders(&known["orders"], false);
        self.outflow.follow(from, number, clock::read().now);
        // So that all of it is told at once.
        self.state = Value::Null;
        self.told = Totals::default();
    }

    /// The active says something.
    fn on_leader(&mut self, from: Sender, message: Message) {
        let now = clock::read().now;
        match self.follower.on_message(from, &message, now) {
            Heard::Pass => return,
            Heard::Again => return self.follow(),
            Heard::Take => {}
        }
        let (number, sequence) = (message.number, message.sequence);
        match message.what {
            What::Learned(entries) | What::Known(entries) => {
                if !self.inflow.add(&entries) {
                    self.follower.on_leader(None, now);
                }
            }
            What::State(state) => self.take_state(&state),
            What::Whole | What::Alive | What::Follow(_) | What::Have => {}
        }
        self.taken = Some((number, sequence));
    }

    fn take_state(&mut self, state: &Value) {
        self.merge_orders(&state["orders"], true);
        self.totals.merge(&Totals::decode(&state["totals"]));
        let health = decode_health(&state["health"]);
        let shared = &self.setup.shared;
        let plan = &shared.current().plan;
        let is_there = |(output, _): &&(OutputId, Health)| plan.at(output.index()).is_some();
        for (output, health) in health.iter().filter(is_there) {
            // Until its own first probe is over, the active knows better.
            let is_checking = shared.plane.health(*output) == Health::Checking;
            if is_checking || shared.probes.get(*output).last.is_none() {
                let wake = |worker| shared.hub.wake(worker);
                shared.plane.set_health(*output, *health, wake);
            }
        }
        self.show_base();
    }

    /// What another server has ordered, or, `is_active`, has heard of.
    fn merge_orders(&self, value: &Value, is_active: bool) {
        let orders = &self.setup.orders;
        if orders.merge(&orders::decode(value), is_active) {
            drop(orders.save_meanwhile());
        }
    }

    /// Everything that comes round by itself.
    fn look(&mut self) {
        let now = clock::read().now;
        let standing = self.setup.domain.pair.standing();
        let learned = self.take_learned();
        self.looks += 1;
        if is_active(standing.as_ref()) {
            self.follower.on_leader(None, now);
            self.lead(&learned, now);
        } else {
            self.outflow.forget_all();
            let leader = standing.as_ref().and_then(active_peer);
            let sender = leader.and_then(|node| self.setup.streams.sender(node));
            if self.follower.on_leader(sender, now) || self.follower.on_tick(now) {
                self.follow();
            }
            // Where nobody serves, nobody knows more.
            let is_whole = leader.is_none() || self.follower.is_whole(now);
            self.setup
                .domain
                .readiness
                .mirrored(is_whole && self.inflow.is_empty());
        }
        self.looked = now;
        self.show(now);
    }

    fn lead(&mut self, learned: &Learned, now: Instant) {
        let streams = &self.setup.streams;
        self.setup.domain.readiness.mirrored(true);
        // Whose stream has ended begins anew over another one.
        self.outflow
            .keep(|sender| streams.sender(sender.node) == Some(*sender));
        // What was learned since the last look may be as old as that.
        let since = self.looked;
        if !learned.is_whole {
            self.view.change(|seen| seen.dropped += 1);
            self.outflow.lost(since);
        }
        if self.outflow.is_empty() {
            return;
        }
        self.outflow.learned(&learned.entries, since, streams);
        self.copy(now);
        if self.looks.is_multiple_of(STATE_LOOKS) || self.state.is_null() {
            self.tell_state(now);
        }
        if self.looks.is_multiple_of(ALIVE_LOOKS) {
            self.outflow.alive(now, &self.setup.streams);
        }
    }

    /// What was learned before somebody followed.
    fn copy(&mut self, now: Instant) {
        let Copies { desk, room } = &self.setup.copies;
        if self.outflow.awaits_copy()
            && let Some(sessions) = desk.take()
        {
            self.outflow.copied(sessions.iter().map(known).collect());
        }
        // One that is under way for somebody who has begun anew since may lack what was learned before that.
        if !desk.is_wanted() && self.outflow.wants_copy() {
            desk.ask(*room);
            self.setup.shared.hub.wake(0);
        }
        self.outflow.go_on(now, &self.setup.streams);
    }

    fn tell_state(&mut self, now: Instant) {
        let is_due = self.looks.is_multiple_of(ALIVE_LOOKS) || self.state.is_null();
        let ordered = self.setup.orders.ordered();
        let health = encode_health(&self.setup.shared);
        let mut state = json!({"orders": orders::encode(&ordered), "health": health});
        if state == self.state && !is_due {
            return;
        }
        self.state = state.clone();
        if is_due {
            self.count();
            state["totals"] = self.totals.since(&self.told).encode();
            self.told = self.totals.clone();
        }
        self.outflow.state(&state, now, &self.setup.streams);
    }

    fn follow(&mut self) {
        let Some(leader) = self.follower.leader() else {
            return;
        };
        self.count();
        self.taken = None;
        let ordered = self.setup.orders.ordered();
        let known = json!({"orders": orders::encode(&ordered), "totals": self.totals.encode()});
        self.say(leader, self.follower.number(), 0, What::Follow(known));
    }

    /// To workers what they have room for; and the active hears of it when they have everything.
    fn pass_on(&mut self) {
        let shared = &self.setup.shared;
        if let Some(exchange) = shared.plane.exchange() {
            self.inflow
                .pass_on(exchange, |worker| shared.hub.wake(worker));
        }
        if self.inflow.is_empty()
            && let Some((number, sequence)) = self.taken.take()
            && let Some(leader) = self.follower.leader()
        {
            self.say(leader, number, sequence, What::Have);
        }
    }

    fn say(&self, to: Sender, number: u64, sequence: u64, what: What) {
        let message = Message {
            number,
            sequence,
            what,
        };
        // What was not told is missed there, or asked again after a while.
        let _ = self
            .setup
            .streams
            .tell(to.node, Subject::Mirror, &message.encode());
    }

    fn take_learned(&self) -> Learned {
        let mut entries = Vec::new();
        let exchange = self.setup.shared.plane.exchange();
        let is_whole = exchange.is_none_or(|exchange| exchange.take(|entry| entries.push(entry)));
        Learned { entries, is_whole }
    }

    /// What this process has counted until now.
    fn count(&mut self) {
        let counted = counted::counted(&Figures::collect_own(&self.setup.shared));
        self.totals.note(self.process(), &counted);
        self.show_base();
    }

    fn show_base(&self) {
        let base = self.totals.besides(self.process());
        self.view.change(|seen| seen.base = base);
    }

    fn process(&self) -> Process {
        Process {
            node: self.setup.domain.node,
            boot: self.setup.streams.boot(),
        }
    }

    fn show(&self, now: Instant) {
        let following = self.follower.leader().map(|leader| leader.node);
        let is_whole = self.follower.is_whole(now) && self.inflow.is_empty();
        let followers = self.outflow.lags(now);
        let resyncs = self.follower.resyncs();
        self.view.change(|seen| {
            seen.following = following;
            seen.is_whole = is_whole;
            seen.followers = followers;
            seen.resyncs = resyncs;
        });
    }

    fn is_active(&self) -> bool {
        is_active(self.setup.domain.pair.standing().as_ref())
    }
}

/// What workers have learned since the last look.
struct Learned {
    entries: Vec<crate::plane::inbox::Entry>,
    is_whole: bool,
}

fn is_active(standing: Option<&Standing>) -> bool {
    standing.is_some_and(|standing| standing.own.state == State::Active)
}

/// The other server that serves: of several the one whose claim holds.
pub(super) fn active_peer(standing: &Standing) -> Option<NodeId> {
    let peers = standing.peers.iter().flatten();
    let active = peers.filter(|peer| peer.alive && peer.advert.state == State::Active);
    let highest = active.max_by_key(|peer| peer.advert.claim());
    highest.map(|peer| peer.advert.from)
}

/// One from before: whoever knows a newer one keeps that.
fn known(session: &LearnedSession) -> crate::plane::inbox::Entry {
    worker::affinity::entry(News {
        key: session.key,
        output: session.output,
        what: Said::InUse(session.trust),
    })
}

fn encode_health(shared: &Shared) -> Value {
    let plan = &shared.current().plan;
    let one = |output: OutputId| match shared.plane.health(output) {
        Health::Checking => None,
        Health::Up => Some(json!([output.index(), true])),
        Health::Down => Some(json!([output.index(), false])),
    };
    let outputs = plan.outputs.iter().filter_map(|output| one(output.id));
    outputs.collect()
}

/// What cannot be read is left out.
fn decode_health(value: &Value) -> Vec<(OutputId, Health)> {
    let one = |value: &Value| {
        let index = usize::try_from(value.get(0)?.as_u64()?).ok()?;
        let is_up = value.get(1)?.as_bool()?;
        let health = if is_up { Health::Up } else { Health::Down };
        Some((OutputId::from_index(index)?, health))
    };
    let all = value.as_array().into_iter().flatten();
    all.filter_map(one).collect()
}

#[cfg(test)]
mod tests;
