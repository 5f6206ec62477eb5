//! `[resources] bandwidth`. Only what no noise can change: how long it takes at least, that all of it arrives, and that
//! nothing is left. How exact it is, `tests/sim` and `scripts/trial bandwidth` show.

use std::thread;
use std::time::Duration;

use halb::ring::clock;
use nix::sys::signal::Signal;

use crate::backend::Backend;
use crate::client::Client;
use crate::node::Node;

const LOWEST: &str = "workers = 2
resources = { memory = \"96MB\", bandwidth = \"1Mbps\" }
client_timeout = 0.5
server_timeout = 0.5";
const BYTES_PER_SECOND: u32 = 125_000;
/// What may go at once.
const DEPTH: u32 = 16 * 1024;

/// Answers a POST with how long its body was, and everything else with so many bytes.
fn backend(bytes: usize) -> Backend {
    Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            let answer = match request.head.starts_with("POST") {
                true => request.body.len().to_string(),
                false => "x".repeat(bytes),
            };
            connection.answer(&answer);
        }
    })
}

/// Both ways, over all workers: three long bodies at a time. Each waits longer than every timeout allows for others.
#[test]
fn what_goes_out_takes_its_time() {
    const BYTES: u32 = 60_000;
    let backend = backend(BYTES as usize);
    let node = Node::start(&[backend.address], LOWEST);
    let address = node.address();
    let begin = clock::read().now;
    thread::scope(|scope| {
        let down = || {
            let mut client = Client::connect(address);
            client.get("/");
            assert_eq!(client.response().body.len(), BYTES as usize);
        };
        scope.spawn(down);
        scope.spawn(down);
        scope.spawn(|| {
            let mut client = Client::connect(address);
            client.say(format!(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {BYTES}\r\n\r\n"
            ));
            client.say("x".repeat(BYTES as usize));
            assert_eq!(client.response().text(), BYTES.to_string());
        });
    });
    let took = clock::read().now.since(begin);
    let least = Duration::from_secs(1) * (3 * BYTES - DEPTH) / BYTES_PER_SECOND;
    assert!(took >= least, "{took:?}, at least {least:?}");
    node.stop();
}

#[test]
fn a_graceful_stop_sends_all_of_it() {
    let backend = backend(50_000);
    let node = Node::start(&[backend.address], LOWEST);
    let mut client = node.connect();
    client.get("/");
    let head = client.head();
    node.process.signal(Signal::SIGTERM);
    assert!(head.contains("200"), "{head}");
    assert_eq!(client.exactly(50_000).len(), 50_000);
    drop(client);
    node.ends();
}

#[test]
fn whoever_leaves_while_it_waits_leaves_nothing() {
    let backend = backend(5_000_000);
    let node = Node::start(&[backend.address], LOWEST);
    let clients: Vec<_> = (0..20).map(|_| node.connect()).collect();
    for mut client in clients {
        client.get("/");
    }
    let mut patient = node.connect();
    patient.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(patient.response().text(), "3");
    drop(patient);
    let mut last = node.connect();
    last.get("/");
    last.head();
    node.process.signal(Signal::SIGINT); // at once, whatever waits
    node.ends();
    drop(last);
}
