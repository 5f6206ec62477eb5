//! Two pair threads on one machine, with real sockets and files; no addresses move.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;

use nix::poll::poll;

use super::*;
use crate::pair::action::Outcome;
use crate::pair::action::Why;
use crate::pair::event::Domain;
use crate::pair::event::Member;
use crate::pair::event::Readiness;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::standby::ballot::Store;
use crate::standby::domain::Paths;
use crate::standby::handle::Handle;
use crate::standby::handle::Standing;
use crate::standby::handle::sides;
use crate::warden::wire;

/// So that a broken test ends.
const PATIENCE: Duration = Duration::from_secs(30);
const LINKS: usize = 2;

/// Loopback addresses of this process alone, and ports of one test each.
fn address(server: usize, link: usize, port: u16) -> SocketAddr {
    let id = std::process::id();
    let part = |shift: u32| (id >> shift) as u8;
    let ip = Ipv4Addr::new(127, 128 | part(16), part(8), part(0));
    let port = port + (server * LINKS + link) as u16;
    SocketAddr::new(IpAddr::V4(ip), port)
}

fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(7400);
    NEXT.fetch_add(8, Ordering::Relaxed)
}

/// A server of a domain of two.
struct Server {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    ballot: PathBuf,
}

impl Server {
    fn start(index: usize, port: u16) -> Server {
        let (handle, inside, setup, ballot) = parts(index, port);
        let thread = Some(start(setup, inside).unwrap());
        Server {
            handle,
            thread,
            ballot,
        }
    }

    /// Without a farewell, as far as anybody else can see.
    fn kill(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    fn until(&self, what: &str, is_so: impl Fn(&Standing) -> bool) -> Standing {
        let begin = clock::read().now;
        loop {
            if let Some(standing) = self.handle.standing().filter(&is_so) {
                return standing;
            }
            let waited = clock::read().now.since(begin);
            assert!(
                waited < PATIENCE,
                "never: {what}: {:?}",
                self.handle.standing()
            );
            let _ = poll(&mut [], 2_u8);
        }
    }

    fn answer_to(&self, number: u32) -> Outcome {
        self.told("an answer", |told| match told {
            Told::Answer(to, outcome) if to == number => Some(outcome),
            _ => None,
        })
    }

    /// The next thing told that is wanted.
    fn told<T>(&self, what: &str, wanted: impl Fn(Told) -> Option<T>) -> T {
        let begin = clock::read().now;
        loop {
            match self.handle.take().map(&wanted) {
                Some(Some(told)) => return told,
                Some(None) => {}
                None => drop(poll(&mut [], 2_u8)),
            }
            assert!(
                clock::read().now.since(begin) < PATIENCE,
                "never told: {what}"
            );
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_file(&self.ballot);
    }
}

fn parts(index: usize, port: u16) -> (Handle, Inside, Setup, PathBuf) {
    let name = format!("halb-pair-{}-{port}-{index}", std::process::id());
    let ballot = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&ballot);
    let (scribe, _) = Scribe::start(&ballot).unwrap();
    let (handle, inside) = sides().unwrap();
    let ready = Readiness {
        mirrored: true,
        outputs_up: true,
        ..Readiness::default()
    };
    handle.report(Event::Readiness(ready)).unwrap();
    let setup = Setup {
        setting: setting(index, port),
        key: [9; 32],
        boot: u64::from(port) << 8 | index as u64,
        release: 1,
        ballot: Some(Ballot::default()),
        scribe,
        warden: None,
        // Without workers all of them make turns.
        plane: Arc::new(Plane::new(0, 10)),
        hub: Arc::new(Hub::new(0).unwrap()),
        end: || panic!("no warden, no death of one"),
    };
    (handle, inside, setup, ballot)
}

fn setting(index: usize, port: u16) -> Setting {
    let nodes = [NodeId::of("lb1"), NodeId::of("lb2")];
    let member = |node| {
        Some(Member {
            node,
            maintenance: false,
        })
    };
    let mut servers = [None; crate::pair::SERVERS_MAX];
    servers[0] = member(nodes[0]);
    servers[1] = member(nodes[1]);
    let addresses = |server| (0..LINKS).map(move |link| address(server, link, port));
    Setting {
        domain: Domain {
            me: nodes[index],
            hot_standby: true,
            main: nodes[0],
            backup: Some(nodes[1]),
            servers,
            has_addresses: false,
            has_ping: false,
            activate_backup_on_local_failure: true,
            switch_grace: Duration::from_secs(1),
            lease: Duration::from_secs(1),
        },
        own: addresses(index).collect(),
        peers: vec![Paths {
            node: nodes[1 - index],
            addresses: addresses(1 - index).map(Some).collect(),
        }],
        warden: wire::Setup::default(),
    }
}

fn is(state: State) -> impl Fn(&Standing) -> bool {
    move |standing| standing.own.state == state
}

#[test]
fn the_service_goes_where_it_is_ordered_and_where_somebody_is_left() {
    let port = port();
    let (main, mut backup) = (Server::start(0, port), Server::start(1, port));
    main.until("main serves", is(State::Active));
    let heard = |standing: &Standing| {
        let peer = standing.peers.iter().flatten().next();
        peer.is_some_and(|peer| peer.heard.iter().flatten().count() == LINKS)
    };
    main.until("both links are heard", heard);
    backup.until("the backup is ready", |standing| {
        let peer = standing.peers.iter().flatten().next();
        standing.own.ready && peer.is_some_and(|peer| peer.advert.state == State::Active)
    });
    let order = Order::Activate { cut: true };
    let number = backup.handle.order(order).unwrap();
    assert_eq!(backup.answer_to(number), Outcome::Done);
    backup.until("the backup serves", is(State::Active));
    let standby = main.until("main stands by", is(State::Standby));
    backup.kill();
    let active = main.until("main serves again", is(State::Active));
    assert!(active.own.term > standby.own.term, "terms never go back");
}

#[test]
fn an_active_leaves_when_the_other_one_serves() {
    let port = port();
    let (main, backup) = (Server::start(0, port), Server::start(1, port));
    main.until("main serves", is(State::Active));
    backup.until("the backup is ready", |standing| standing.own.ready);
    main.until("main knows that", |standing| {
        let peer = standing.peers.iter().flatten().next();
        peer.is_some_and(|peer| peer.advert.ready)
    });
    assert!(!main.handle.await_leave(Duration::ZERO), "nobody asked");
    main.handle.leave().unwrap();
    assert!(main.handle.await_leave(PATIENCE));
    backup.until("the backup serves", is(State::Active));
}

/// A control that takes nothing loses events, and nothing else.
#[test]
fn control_may_stall() {
    let port = port();
    let (main, backup) = (Server::start(0, port), Server::start(1, port));
    main.until("main serves", is(State::Active));
    let mut refused = 0;
    let begin = clock::read().now;
    while main.handle.lost() < 100 {
        // Each is answered, and nobody takes the answers.
        refused += u32::from(main.handle.order(Order::Acknowledge).is_err());
        let waited = clock::read().now.since(begin);
        assert!(
            waited < PATIENCE,
            "{} lost, {refused} refused",
            main.handle.lost()
        );
    }
    backup.until("the active is alive", |standing| {
        let peer = standing.peers.iter().flatten().next();
        peer.is_some_and(|peer| peer.alive && peer.advert.state == State::Active)
    });
    while main.handle.take().is_some() {}
    let number = loop {
        match main.handle.order(Order::Acknowledge) {
            Ok(number) => break number,
            Err(_) => drop(poll(&mut [], 2_u8)),
        }
    };
    assert_eq!(
        main.answer_to(number),
        Outcome::Done,
        "and it is there again"
    );
}

/// A link whose address another program has is down, and comes up when that has gone.
#[test]
fn a_link_that_cannot_be_opened_is_tried_again() {
    let port = port();
    let taken = std::net::UdpSocket::bind(address(1, 0, port)).unwrap();
    let (main, backup) = (Server::start(0, port), Server::start(1, port));
    main.until("main serves", is(State::Active));
    let heard = |link: usize| {
        move |standing: &Standing| {
            let peer = standing.peers.iter().flatten().next();
            peer.is_some_and(|peer| peer.heard[link].is_some())
        }
    };
    let seen = backup.until("the other link works", heard(1));
    assert!(!heard(0)(&seen), "that one does not");
    let trouble = backup.told("what is wrong with it", |told| match told {
        Told::Trouble(sentence) => Some(sentence),
        _ => None,
    });
    let shown = address(1, 0, port).to_string();
    assert!(
        trouble.contains(&shown) && trouble.contains("in use"),
        "{trouble}"
    );
    drop(taken);
    backup.until("it is up", heard(0));
}

/// As where the file system became read-only.
#[test]
fn why_the_disk_refuses_is_told() {
    let port = port();
    let (handle, inside, mut setup, ballot) = parts(0, port);
    let only_to_read = std::fs::File::open(&ballot).unwrap();
    setup.scribe = Scribe::of(Store::of(only_to_read)).unwrap();
    let main = Server {
        thread: Some(start(setup, inside).unwrap()),
        handle,
        ballot,
    };
    let backup = Server::start(1, port);
    let said = main.told("why", |told| match told {
        Told::Trouble(sentence) => Some(sentence),
        _ => None,
    });
    assert!(said.contains("cannot be written: EBADF"), "{said}");
    backup.until("the other one serves", is(State::Active));
}

/// Both servers in one thread, one turn after the other.
struct Beside(Vec<(Handle, Pair, PathBuf)>);

impl Beside {
    /// The first one serves, and the other one is ready to.
    fn serving() -> Beside {
        let port = port();
        let begun = (0..2).map(|index| {
            let (handle, inside, setup, ballot) = parts(index, port);
            (handle, Pair::new(setup, inside, clock::boot()), ballot)
        });
        let mut both = Beside(begun.collect());
        both.until(|both| {
            let follows = |standing: &Standing| {
                let peer = standing.peers.iter().flatten().next();
                standing.own.ready && peer.is_some_and(|peer| peer.advert.state == State::Active)
            };
            both.handle(1).standing().as_ref().is_some_and(follows)
        });
        for (handle, _, _) in &both.0 {
            while handle.take().is_some() {}
        }
        both
    }

    fn handle(&self, index: usize) -> &Handle {
        &self.0[index].0
    }

    fn turn(&mut self) {
        for (_, pair, _) in &mut self.0 {
            assert!(pair.turn());
        }
    }

    fn until(&mut self, is_so: impl Fn(&Beside) -> bool) {
        let begin = clock::read().now;
        while !is_so(self) {
            self.turn();
            assert!(clock::read().now.since(begin) < PATIENCE);
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        for (_, _, ballot) in &self.0 {
            let _ = std::fs::remove_file(ballot);
        }
    }
}

#[test]
fn nothing_is_allocated_in_the_steady_state() {
    let mut both = Beside::serving();
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| both.turn()));
    assert_eq!(counted.count_total, 0);
}

/// Two operators want the same: who comes second is refused, and who came first hears what becomes of it.
#[test]
fn each_order_has_its_own_answer() {
    let mut both = Beside::serving();
    let order = Order::Activate { cut: true };
    let [first, second] = [(); 2].map(|()| both.handle(1).order(order).unwrap());
    let serves = |both: &Beside| {
        let standing = both.handle(1).standing();
        standing.as_ref().is_some_and(is(State::Active))
    };
    both.until(serves);
    let told = std::iter::from_fn(|| both.handle(1).take());
    let answers: Vec<_> = told
        .filter_map(|told| match told {
            Told::Answer(number, outcome) => Some((number, outcome)),
            _ => None,
        })
        .collect();
    let refused = Outcome::Refused(Why::AlreadySwitching);
    assert_eq!(answers, [(second, refused), (first, Outcome::Done)]);
}
