//! Two servers with real streams and real exchanges, and workers played by the test.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::balance::hash::SessionKey;
use crate::balance::table::LearnedSession;
use crate::balance::table::Trust;
use crate::control::ctl::answer::Answer;
use crate::control::ctl::orders;
use crate::control::ctl::orders::Orders;
use crate::control::ctl::query::Target;
use crate::control::domain::Domain;
use crate::control::domain::Later;
use crate::control::domain::Pair;
use crate::control::domain::mirror::Mirror;
use crate::control::domain::mirror::Setup;
use crate::control::domain::stream;
use crate::control::domain::stream::Member;
use crate::control::domain::stream::Members;
use crate::control::domain::stream::PROTOCOLS;
use crate::control::domain::stream::Streams;
use crate::control::domain::stream::subject::Handlers;
use crate::control::domain::stream::tests::rig::PATIENCE;
use crate::control::domain::stream::tests::rig::address;
use crate::control::domain::stream::tests::rig::wait_until;
use crate::control::figures::Figures;
use crate::control::memory::Copies;
use crate::control::probed::Probed;
use crate::control::serve::Served;
use crate::control::shared::Shared;
use crate::control::shared::tests::shared_of;
use crate::control::state::Folder;
use crate::control::state::tests::Scratch;
use crate::model::output::OutputId;
use crate::model::standing::Health;
use crate::model::standing::Standing as _;
use crate::model::standing::Switch;
use crate::pair::LINKS_MAX;
use crate::pair::SERVERS_MAX;
use crate::pair::action::Outcome;
use crate::pair::advert::Advert;
use crate::pair::event::Event;
use crate::pair::event::Order;
use crate::pair::event::Readiness;
use crate::pair::node::NodeId;
use crate::pair::standing::Peer;
use crate::pair::standing::Standing;
use crate::pair::state::State;
use crate::pair::term::Term;
use crate::plane::exchange::CAPACITY;
use crate::plane::inbox::Entry;

const NAMES: [&str; 2] = ["lb1", "lb2"];

/// A pair thread that says what the test wants.
#[derive(Default)]
struct Said {
    standing: Mutex<Option<Standing>>,
    readiness: Mutex<Readiness>,
}

impl Pair for Said {
    fn standing(&self) -> Option<Standing> {
        *self.standing.lock().unwrap()
    }

    fn tell(&self, event: Event) {
        if let Event::Readiness(readiness) = event {
            *self.readiness.lock().unwrap() = readiness;
        }
    }

    fn order(&self, _: Order) -> Later<'_, Option<Outcome>> {
        Box::pin(async { None })
    }
}

struct Server {
    shared: Arc<Shared>,
    said: Arc<Said>,
    orders: Arc<Orders>,
    streams: Arc<Streams>,
    copies: Arc<crate::plane::snapshot::Desk<LearnedSession>>,
    mirror: Arc<crate::control::domain::mirror::view::View>,
    _served: Option<Served>,
}

fn advert(name: &str, state: State, number: u64) -> Advert {
    Advert {
        from: NodeId::of(name),
        boot: 1,
        protocol: 1,
        release: 1,
        term: Term {
            number,
            main: false,
        },
        state,
        holds: state == State::Active,
        reaches_ping: true,
        able: true,
        ready: true,
        ..Advert::default()
    }
}

/// Both servers, of which the first one serves, at addresses that nobody else has.
fn world() -> [Server; 2] {
    world_in([None, None], [State::Active, State::Standby])
}

/// The same with what they keep from one start to the next.
fn world_in(folders: [Option<Arc<Folder>>; 2], states: [State; 2]) -> [Server; 2] {
    let addresses = [address(), address()];
    let servers = [0, 1].map(|index| Server::start(index, addresses, folders[index].clone()));
    roles(&servers, states, true);
    servers
}

/// What each server is, and whether they hear each other.
fn roles(servers: &[Server; 2], states: [State; 2], alive: bool) {
    for (index, server) in servers.iter().enumerate() {
        let term = |state| if state == State::Active { 2 } else { 1 };
        let mut peers = [None; SERVERS_MAX];
        let other = 1 - index;
        peers[0] = Some(Peer {
            advert: advert(NAMES[other], states[other], term(states[other])),
            heard: [None; LINKS_MAX],
            alive,
        });
        *server.said.standing.lock().unwrap() = Some(Standing {
            own: advert(NAMES[index], states[index], term(states[index])),
            peers,
            holds_since: None,
        });
    }
}

impl Server {
    fn start(index: usize, addresses: [SocketAddr; 2], folder: Option<Arc<Folder>>) -> Server {
        let shared = shared_of("out1 = '10.0.0.1'\nout2 = '10.0.0.2'");
        shared.plane.open_exchange();
        let plan = Arc::clone(&shared.current().plan);
        let known: Vec<_> = folder
            .iter()
            .flat_map(|folder| orders::read(folder, &plan))
            .collect();
        for ordered in &known {
            let (output, to) = (ordered.output, ordered.switch);
            shared.plane.set_switch(output, to, |_| {});
        }
        let said = Arc::new(Said::default());
        let pair: Arc<dyn Pair> = Arc::clone(&said) as _;
        let domain = Arc::new(Domain::new(NAMES[index], pair));
        let _ = shared.domain.set(Arc::clone(&domain));
        let orders = Arc::new(Orders::new(Arc::clone(&shared), folder, &known));
        // One dials, so that there never is a second stream.
        let other = Member {
            name: NAMES[1 - index].to_owned(),
            addresses: if index == 0 {
                vec![addresses[1]]
            } else {
                Vec::new()
            },
        };
        let streams = Streams::new(stream::Setup {
            name: NAMES[index].to_owned(),
            boot: index as u64 + 1,
            release: 1,
            protocols: PROTOCOLS,
            key: [9; 32],
            members: Members {
                addresses: vec![addresses[index]],
                peers: vec![other],
            },
            handlers: Handlers::default(),
        });
        let copies = Arc::default();
        let mirror = Mirror::new(Setup {
            shared: Arc::clone(&shared),
            domain: Arc::clone(&domain),
            streams: Arc::clone(&streams),
            orders: Arc::clone(&orders),
            copies: Copies {
                desk: Arc::clone(&copies),
                room: 100,
            },
        });
        let started = Arc::clone(&streams);
        let served = Served::run("mirror", async move {
            started.start();
            mirror.run().await;
            pending::<()>().await;
        });
        Server {
            mirror: Arc::clone(&domain.mirror),
            shared,
            said,
            orders,
            streams,
            copies,
            _served: Some(served.unwrap()),
        }
    }

    fn learn(&self, entry: Entry) {
        self.shared.plane.exchange().unwrap().learned(0, entry);
    }

    /// The worker's turn: `known` is handed out if a copy is wanted; what other servers have learned is heard.
    fn turn(&self, known: &[Entry], heard: &mut Vec<Entry>) {
        if self.copies.is_wanted() {
            self.copies.put(|items| {
                items.extend(known.iter().map(session));
                true
            });
        }
        let exchange = self.shared.plane.exchange().unwrap();
        exchange.hear(0, |entry| heard.push(entry));
    }

    fn is_mirrored(&self) -> bool {
        self.said.readiness.lock().unwrap().mirrored && self.mirror.seen().is_whole
    }

    fn order(&self, output: &str, to: Switch) -> Result<Answer, Answer> {
        let runtime = Builder::new_current_thread().enable_time().build();
        let meant = Target::Channel(output.to_owned());
        runtime.unwrap().block_on(self.orders.set(&meant, to))
    }

    fn switch(&self, index: usize) -> Switch {
        self.shared.plane.switch(out(index))
    }
}

fn out(index: usize) -> OutputId {
    OutputId::from_index(index).unwrap()
}

fn entry(key: usize) -> Entry {
    Entry {
        key: key as u128,
        output: out(key % 2),
        what: 0,
    }
}

fn session(entry: &Entry) -> LearnedSession {
    LearnedSession {
        key: SessionKey(entry.key),
        output: entry.output,
        trust: Trust::Learned,
        idle: Duration::ZERO,
    }
}

/// Both workers' turns, until the standby has everything.
fn until_mirrored(servers: &[Server; 2], known: &[Entry], heard: &mut Vec<Entry>) {
    wait_until(|| {
        servers[0].turn(known, &mut Vec::new());
        servers[1].turn(&[], heard);
        servers[1].is_mirrored()
    });
}

fn keys(entries: &[Entry]) -> Vec<u128> {
    let mut keys: Vec<u128> = entries.iter().map(|entry| entry.key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[test]
fn what_was_known_and_what_is_learned_reaches_the_standby() {
    let servers = world();
    let (mut known, mut heard) = ((0..1200).map(entry).collect::<Vec<_>>(), Vec::new());
    until_mirrored(&servers, &known, &mut heard);
    assert_eq!(keys(&heard), (0..1200).collect::<Vec<u128>>());
    // Learned in bits, at most as much as control takes away in time.
    for piece in 0..100 {
        for key in 1200 + piece * 100..1300 + piece * 100 {
            servers[0].learn(entry(key));
            known.push(entry(key));
        }
        wait_until(|| {
            servers[1].turn(&[], &mut heard);
            heard.len() >= 1300 + piece * 100
        });
    }
    wait_until(|| {
        servers[1].turn(&[], &mut heard);
        keys(&heard).len() >= 11_200
    });
    assert_eq!(keys(&heard), (0..11_200).collect::<Vec<u128>>());
    let by_key = |entry: &Entry| entry.output == out(entry.key as usize % 2);
    assert!(heard.iter().all(by_key));
    assert_eq!(servers[1].mirror.seen().resyncs, 0);
    assert_eq!(servers[0].mirror.seen().dropped, 0);
    assert_eq!(servers[0].mirror.seen().followers.len(), 1);
}

#[test]
fn what_control_could_not_take_is_copied_again() {
    let servers = world();
    let mut heard = Vec::new();
    until_mirrored(&servers, &[], &mut heard);
    let known: Vec<Entry> = (0..3 * CAPACITY).map(entry).collect();
    // Faster than anybody looks, unless the machine rests in between: then again.
    wait_until(|| {
        known.iter().for_each(|entry| servers[0].learn(*entry));
        servers[1].turn(&[], &mut heard);
        servers[0].mirror.seen().dropped > 0
    });
    wait_until(|| {
        servers[0].turn(&known, &mut Vec::new());
        servers[1].turn(&[], &mut heard);
        let seen = servers[1].mirror.seen();
        seen.resyncs > 0 && seen.is_whole && keys(&heard).len() == known.len()
    });
}

/// What was learned between the beginning of a copy and the question for another one may be in neither.
#[test]
fn who_asks_anew_gets_a_copy_that_was_begun_after_it_asked() {
    let servers = world();
    let old: Vec<Entry> = (0..5).map(entry).collect();
    let new: Vec<Entry> = (0..9).map(entry).collect();
    let desk = &servers[0].copies;
    wait_until(|| desk.is_wanted());
    // The standby hears of no active for a moment, and then asks anew.
    roles(&servers, [State::Standby, State::Standby], true);
    wait_until(|| servers[0].mirror.seen().followers.is_empty());
    wait_until(|| servers[1].mirror.seen().following.is_none());
    roles(&servers, [State::Active, State::Standby], true);
    wait_until(|| servers[0].mirror.seen().followers.len() == 1);
    wait_until(|| servers[1].mirror.seen().following.is_some());
    let mut heard = Vec::new();
    servers[0].turn(&old, &mut Vec::new());
    until_mirrored(&servers, &new, &mut heard);
    assert_eq!(keys(&heard), (0..9).collect::<Vec<u128>>());
}

#[test]
fn an_order_holds_on_both_wherever_it_is_given() {
    let servers = world();
    until_mirrored(&servers, &[], &mut Vec::new());
    assert_eq!(
        servers[1].order("out1", Switch::Disabled),
        Ok(Answer::done())
    );
    assert_eq!(
        [0, 1].map(|at| servers[at].switch(0)),
        [Switch::Disabled; 2]
    );
    assert_eq!(
        servers[0].order("out2", Switch::Draining),
        Ok(Answer::done())
    );
    assert_eq!(
        [0, 1].map(|at| servers[at].switch(1)),
        [Switch::Draining; 2]
    );
    let again = servers[1].order("out1", Switch::Disabled).unwrap_err();
    assert_eq!(again, Answer::not_done("already disabled: out1"));
    let unknown = servers[1].order("out7", Switch::Disabled).unwrap_err();
    assert_eq!(unknown, Answer::not_done("out7 is not connected"));
}

#[test]
fn who_is_not_reached_is_named_and_who_is_alone_acts_alone() {
    let servers = world();
    until_mirrored(&servers, &[], &mut Vec::new());
    for server in &servers {
        server.streams.finish(PATIENCE);
    }
    let refused = servers[1].order("out1", Switch::Disabled).unwrap_err();
    let message = "lb1 serves and was not reached: it is not reached on any path";
    assert_eq!(
        refused,
        Answer::not_done(&message.replace("lb1", &NodeId::of("lb1").to_string()))
    );
    assert_eq!(servers[1].switch(0), Switch::Enabled);
    let half = servers[0].order("out1", Switch::Disabled).unwrap_err();
    assert!(half.message().starts_with("done here; "), "{half:?}");
    assert_eq!(half.code(), 10);
    assert_eq!(servers[0].switch(0), Switch::Disabled);
    // The other one is dead by all that is known.
    roles(&servers, [State::Active, State::Standby], false);
    assert_eq!(
        servers[0].order("out2", Switch::Disabled),
        Ok(Answer::done())
    );
    assert_eq!(
        servers[1].order("out2", Switch::Draining),
        Ok(Answer::done())
    );
}

#[test]
fn after_a_cut_the_order_of_the_higher_term_holds_on_both() {
    let servers = world();
    // Each hears nothing of the other: the first one serves by term 2, the second knows 1.
    roles(&servers, [State::Active, State::Standby], false);
    assert_eq!(
        servers[1].order("out1", Switch::Draining),
        Ok(Answer::done())
    );
    assert_eq!(
        servers[1].order("out2", Switch::Draining),
        Ok(Answer::done())
    );
    assert_eq!(
        servers[0].order("out1", Switch::Disabled),
        Ok(Answer::done())
    );
    roles(&servers, [State::Active, State::Standby], true);
    wait_until(|| {
        servers[0].turn(&[], &mut Vec::new());
        let switches = |at: usize| [servers[at].switch(0), servers[at].switch(1)];
        let expected = [Switch::Disabled, Switch::Draining];
        switches(0) == expected && switches(1) == expected
    });
}

#[test]
fn after_a_restart_of_both_the_later_order_holds_on_both() {
    let scratches = [Scratch::new(), Scratch::new()];
    let folders = scratches
        .each_ref()
        .map(|scratch| Some(Arc::new(Folder::open(&scratch.0).unwrap())));
    let servers = world_in(folders.clone(), [State::Active, State::Standby]);
    roles(&servers, [State::Active, State::Standby], false);
    let done = Ok(Answer::done());
    assert_eq!(servers[1].order("out1", Switch::Draining), done);
    assert_eq!(servers[0].order("out1", Switch::Disabled), done);
    // An order to enable is an order, too.
    assert_eq!(servers[1].order("out2", Switch::Disabled), done);
    assert_eq!(servers[0].order("out2", Switch::Disabled), done);
    assert_eq!(servers[0].order("out2", Switch::Enabled), done);
    drop(servers);
    // Now the one serves whose orders are older.
    let servers = world_in(folders, [State::Standby, State::Active]);
    let switches = |at: usize| [servers[at].switch(0), servers[at].switch(1)];
    let expected = [Switch::Disabled, Switch::Enabled];
    wait_until(|| {
        servers[1].turn(&[], &mut Vec::new());
        switches(0) == expected && switches(1) == expected
    });
}

#[test]
fn health_of_the_active_serves_until_the_own_is_known_and_counters_never_go_back() {
    let servers = world();
    for output in [0, 1] {
        servers[1]
            .shared
            .plane
            .set_health(out(output), Health::Checking, |_| {});
    }
    // Of the second one it has an answer of its own.
    servers[1]
        .shared
        .plane
        .set_health(out(1), Health::Up, |_| {});
    servers[1].shared.probes.change(out(1), |state| {
        state.last = Some(Probed {
            unix_ms: 1,
            ok: true,
            text: String::new(),
            took: Duration::ZERO,
        });
    });
    servers[0]
        .shared
        .plane
        .set_health(out(0), Health::Up, |_| {});
    servers[0]
        .shared
        .plane
        .set_health(out(1), Health::Down, |_| {});
    let count = |server: &Server, amount| {
        let page = server.shared.plane.page(0);
        page.outputs.of(out(0)).sessions_total.add(amount);
    };
    let sessions = |server: &Server| Figures::collect(&server.shared).outputs[0].sessions_total;
    count(&servers[0], 70);
    wait_until(|| {
        servers[0].turn(&[], &mut Vec::new());
        sessions(&servers[1]) == 70
    });
    assert_eq!(
        servers[1].shared.plane.health(out(0)),
        Health::Up,
        "from the active"
    );
    assert_eq!(
        servers[1].shared.plane.health(out(1)),
        Health::Up,
        "its own"
    );
    // The first one is still being probed here: what is found there goes on to count.
    servers[0]
        .shared
        .plane
        .set_health(out(0), Health::Down, |_| {});
    wait_until(|| {
        servers[0].turn(&[], &mut Vec::new());
        servers[1].shared.plane.health(out(0)) == Health::Down
    });
    // The other one serves from now on: what both have counted is counted once, on both.
    roles(&servers, [State::Standby, State::Active], true);
    count(&servers[1], 5);
    wait_until(|| {
        servers[1].turn(&[], &mut Vec::new());
        sessions(&servers[0]) == 75
    });
    assert_eq!(sessions(&servers[1]), 75);
    let all = Figures::collect(&servers[1].shared).sessions_total;
    assert_eq!(all, 75);
}
