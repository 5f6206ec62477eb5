//! Rotation is even, whatever the number of workers and connections, and follows weights.

use std::net::SocketAddr;
use std::thread;

use crate::backend::Backend;
use crate::client::Client;
use crate::node::Node;

const REQUESTS: usize = 8000;
const THREADS: usize = 8;

/// Each as far from its share as 2 % of it, at most.
fn has_shares(counts: &[usize], weights: &[usize]) {
    let sum: usize = weights.iter().sum();
    for (count, weight) in counts.iter().zip(weights) {
        let share = REQUESTS * weight / sum;
        let most = share / 50;
        assert!(
            count.abs_diff(share) <= most,
            "{counts:?}: {share} ± {most} expected for weight {weight}"
        );
    }
    assert_eq!(counts.iter().sum::<usize>(), REQUESTS);
}

/// Does `each` for each thread's part of the requests.
fn by_threads(each: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| each(REQUESTS / THREADS));
        }
    });
}

fn over_short_connections(address: SocketAddr) {
    by_threads(|requests| {
        for _ in 0..requests {
            let mut client = Client::connect(address);
            client.say("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
            assert_eq!(client.response().status, 200);
        }
    });
}

/// Two for each thread.
fn over_long_connections(address: SocketAddr) {
    by_threads(|requests| {
        let mut clients: [Client; 2] = std::array::from_fn(|_| Client::connect(address));
        for request in 0..requests {
            let client = &mut clients[request % 2];
            client.get("/");
            assert_eq!(client.response().status, 200);
        }
    });
}

fn try_shares(weights: &[usize]) {
    for ask in [over_short_connections, over_long_connections] {
        let backends: Vec<Backend> = weights.iter().map(|_| Backend::named("x")).collect();
        let mut text = "workers = 4\n".to_owned();
        for (number, (backend, weight)) in (1..).zip(backends.iter().zip(weights)) {
            let address = backend.address;
            text += &format!("out{number} = {{ address = \"{address}\", weight = {weight} }}\n");
        }
        let node = Node::from_text(&text);
        ask(node.address());
        let counts: Vec<usize> = backends.iter().map(Backend::requests).collect();
        has_shares(&counts, weights);
        node.stop();
    }
}

#[test]
fn eight_outputs_get_an_eighth_each() {
    try_shares(&[1; 8]);
}

#[test]
fn weights_are_followed() {
    try_shares(&[5, 3, 1]);
}
