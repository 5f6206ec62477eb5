//! Servers of a domain in one process, each with a runtime of its own, on loopback addresses of this process alone.

use std::future::pending;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::control::domain::Subject;
use crate::control::domain::stream::Member;
use crate::control::domain::stream::Members;
use crate::control::domain::stream::PROTOCOLS;
use crate::control::domain::stream::Protocols;
use crate::control::domain::stream::Setup;
use crate::control::domain::stream::Streams;
use crate::control::domain::stream::subject::Handlers;
use crate::control::domain::stream::subject::Happening;
use crate::control::domain::stream::subject::Unreachable;
use crate::control::serve::Served;
use crate::pair::node::NodeId;

/// Only so that a broken test fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(120);
pub const KEY: [u8; 32] = [42; 32];

/// An address that nobody else has.
pub fn address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = process::id().to_be_bytes();
    let last = NEXT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::new(Ipv4Addr::new(127, high | 0x40, low, last).into(), 7400)
}

pub fn member(name: &str, address: SocketAddr) -> Member {
    Member {
        name: name.to_owned(),
        addresses: vec![address],
    }
}

/// One server. Dropped, it is as after kill -9.
pub struct Node {
    pub streams: Arc<Streams>,
    pub happened: Receiver<Happening>,
    pub told: Receiver<Vec<u8>>,
    _served: Served,
}

pub struct Plan {
    pub name: &'static str,
    pub boot: u64,
    pub protocols: Protocols,
    pub key: [u8; 32],
    pub members: Members,
}

impl Plan {
    pub fn new(name: &'static str, address: SocketAddr, peers: Vec<Member>) -> Plan {
        Plan {
            name,
            boot: 1,
            protocols: PROTOCOLS,
            key: KEY,
            members: Members {
                addresses: vec![address],
                peers,
            },
        }
    }

    /// Starts it. It answers questions about `Remote` by their words in reverse, those about `File` never.
    pub fn start(self) -> Node {
        let (heard, told) = mpsc::channel();
        let (seen, happened) = mpsc::channel();
        let mut handlers = Handlers::default();
        handlers.on_ask(Subject::Remote, |_, mut body| async move {
            body.reverse();
            Ok(body)
        });
        handlers.on_ask(Subject::File, |_, _| pending());
        handlers.on_ask(Subject::Switch, |_, _| async { Err("not now".to_owned()) });
        // The test may have ended.
        handlers.on_tell(Subject::Mirror, move |_, body| drop(heard.send(body)));
        handlers.on_happening(move |happening| drop(seen.send(happening.clone())));
        let streams = Streams::new(Setup {
            name: self.name.to_owned(),
            boot: self.boot,
            release: 1,
            protocols: self.protocols,
            key: self.key,
            members: self.members,
            handlers,
        });
        let started = Arc::clone(&streams);
        let served = Served::run("streams", async move {
            started.start();
            pending::<()>().await;
        });
        Node {
            streams,
            happened,
            told,
            _served: served.unwrap(),
        }
    }
}

impl Node {
    pub fn ask(&self, of: &str, subject: Subject, body: &[u8]) -> Result<Vec<u8>, Unreachable> {
        self.ask_within(of, subject, body, PATIENCE)
    }

    pub fn ask_within(
        &self,
        of: &str,
        subject: Subject,
        body: &[u8],
        patience: Duration,
    ) -> Result<Vec<u8>, Unreachable> {
        ask(&self.streams, of, subject, body, patience)
    }

    pub fn next(&self) -> Happening {
        self.happened.recv_timeout(PATIENCE).expect("it happens")
    }

    /// There is a stream, and it stays.
    pub fn wait_for(&self, other: &str) {
        let there = |peers: Vec<_>| !peers.is_empty();
        wait_until(|| there(self.streams.peers()));
        assert!(self.ask(other, Subject::Remote, b"ab").is_ok());
    }
}

/// Asks, and waits for the answer.
pub fn ask(
    streams: &Streams,
    of: &str,
    subject: Subject,
    body: &[u8],
    patience: Duration,
) -> Result<Vec<u8>, Unreachable> {
    let runtime = Builder::new_current_thread().enable_time().build();
    let asked = streams.ask(NodeId::of(of), subject, body.to_vec(), patience);
    runtime.unwrap().block_on(asked)
}

/// Looks again and again.
pub fn wait_until(mut done: impl FnMut() -> bool) {
    let begun = crate::ring::clock::read().now;
    while !done() {
        let waited = crate::ring::clock::read().now.since(begun);
        assert!(waited < PATIENCE, "what is waited for comes true");
        std::thread::yield_now();
    }
}

/// Two servers that know each other. The first one dials, so that there never is a second stream.
pub fn two() -> (Node, Node) {
    let (one, two) = (address(), address());
    let first = Plan::new("lb1", one, vec![member("lb2", two)]).start();
    let mut nowhere = member("lb1", one);
    nowhere.addresses.clear();
    let second = Plan::new("lb2", two, vec![nowhere]).start();
    (first, second)
}
