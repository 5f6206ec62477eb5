//! `max_connections` of an output: never one too many, and who came first goes first.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;

use crate::backend::Backend;
use crate::client::Client;
use crate::client::field;
use crate::node::Node;
use crate::process::PATIENCE;

const CLIENTS: usize = 64;
const PLACES: usize = 4;
/// More than workers, so that each worker has some of them.
const PROBES: usize = 16;

/// Tells the number of each request that arrives, and answers it when a word comes.
struct Gate {
    /// Ahead of the backend: it ends when nobody can say a word any more.
    go: mpsc::Sender<()>,
    backend: Backend,
    arrived: mpsc::Receiver<usize>,
    inside: Arc<Mutex<(usize, usize)>>,
}

impl Gate {
    fn new() -> Gate {
        let (say, arrived) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let (say, wait) = (Mutex::new(say), Mutex::new(wait));
        let inside = Arc::new(Mutex::new((0, 0)));
        let counts = Arc::clone(&inside);
        let backend = Backend::start(move |connection| {
            while let Some(request) = connection.request() {
                {
                    let mut counts = counts.lock().unwrap();
                    counts.0 += 1;
                    counts.1 = counts.1.max(counts.0);
                }
                let number = field(&request.head, "Number").unwrap().parse().unwrap();
                say.lock().unwrap().send(number).unwrap();
                if wait.lock().unwrap().recv().is_err() {
                    return;
                }
                // Before the answer: HALB may bring the next one as soon as it has it.
                counts.lock().unwrap().0 -= 1;
                connection.answer("served");
            }
        });
        Gate {
            backend,
            arrived,
            go,
            inside,
        }
    }

    fn node(&self, properties: &str) -> Node {
        let address = self.backend.address;
        Node::from_text(&format!(
            "{properties}\nout1 = {{ address = \"{address}\", max_connections = {PLACES} }}"
        ))
    }

    /// The number of the next request that arrives.
    fn next(&self) -> usize {
        self.arrived.recv_timeout(PATIENCE).unwrap()
    }

    /// So many may go on.
    fn open(&self, count: usize) {
        for _ in 0..count {
            self.go.send(()).unwrap();
        }
    }

    /// Clients who have all places.
    fn full(&self, node: &Node) -> Vec<Client> {
        let mut clients = probed(node, PLACES);
        for client in &mut clients {
            ask(client, 0);
            self.next();
        }
        clients
    }

    fn most(&self) -> usize {
        self.inside.lock().unwrap().1
    }
}

/// An exchange that needs no output: its answer shows that the worker has read all that came before.
fn probe(client: &mut Client) {
    client.say("OPTIONS / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n");
    assert_eq!(client.response().status, 200);
}

fn probed(node: &Node, count: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| node.connect()).collect();
    clients.iter_mut().for_each(probe);
    clients
}

fn ask(client: &mut Client, number: usize) {
    client.say(format!(
        "GET / HTTP/1.1\r\nHost: a.test\r\nNumber: {number}\r\n\r\n"
    ));
}

/// Each of them is answered, and leaves.
fn served(clients: impl IntoIterator<Item = Client>) {
    for mut client in clients {
        assert_eq!(client.response().text(), "served");
    }
}

fn counters(node: &Node) -> String {
    let mut client = Client::connect(node.ctl);
    let host = node.ctl;
    client.say(format!(
        "GET /api/counters HTTP/1.1\r\nHost: {host}\r\n\r\n"
    ));
    client.response().text()
}

/// Clients of four workers ask one after the other: each when all workers have seen the one before.
fn in_order(node: &Node) -> Vec<Client> {
    let mut probes = probed(node, PROBES);
    let mut clients = probed(node, CLIENTS);
    for (number, client) in clients.iter_mut().enumerate() {
        ask(client, number);
        probes.iter_mut().for_each(probe);
    }
    clients
}

#[test]
fn sixty_four_share_four_places_in_the_order_they_came() {
    let gate = Gate::new();
    let node = gate.node("workers = 4");
    let clients = in_order(&node);
    let mut first: Vec<usize> = (0..PLACES).map(|_| gate.next()).collect();
    first.sort_unstable();
    assert_eq!(first, [0, 1, 2, 3]);
    let waiting = CLIENTS - PLACES;
    for (counter, value) in [
        ("out1_queue", waiting),
        ("out1_queue_max", waiting),
        ("queue", waiting),
        ("out1_sessions_active", PLACES),
        ("out1_sessions_max", PLACES),
    ] {
        let counters = counters(&node);
        assert!(
            counters.contains(&format!("\"{counter}\":{value},"))
                || counters.contains(&format!("\"{counter}\":{value}}}")),
            "{counter} is not {value} in {counters}"
        );
    }
    // Who is let in is served some time; whose place it gets is the next one's in the queue.
    for number in PLACES..CLIENTS {
        gate.open(1);
        assert_eq!(gate.next(), number, "it was not its turn");
    }
    gate.open(PLACES);
    served(clients);
    assert_eq!(gate.most(), PLACES);
    node.stop();
}

#[test]
fn never_a_fifth_is_inside_while_all_press_at_once() {
    let gate = Gate::new();
    let node = gate.node("workers = 4");
    let mut clients = probed(&node, CLIENTS);
    for round in 0..10 {
        for client in &mut clients {
            ask(client, round);
        }
        for _ in 0..CLIENTS {
            gate.next();
            gate.open(1);
        }
        for client in &mut clients {
            assert_eq!(client.response().text(), "served");
        }
    }
    assert_eq!(gate.most(), PLACES);
    drop(clients);
    node.stop();
}

#[test]
fn who_waits_longer_than_queue_timeout_gets_503_and_leaves_its_place_in_the_queue() {
    let gate = Gate::new();
    let node = gate.node("workers = 4\nqueue_timeout = 0.5");
    let clients = gate.full(&node);
    let mut waiting = probed(&node, 8);
    for client in &mut waiting {
        ask(client, 1);
    }
    for client in &mut waiting {
        let response = client.response();
        assert_eq!(response.status, 503);
        assert!(response.field("Retry-After").is_some());
    }
    gate.open(1);
    let mut last = probed(&node, 1);
    ask(&mut last[0], 2);
    assert_eq!(gate.next(), 2);
    gate.open(PLACES);
    served(clients.into_iter().chain(last));
    drop(waiting);
    node.stop();
}

#[test]
fn who_leaves_the_queue_takes_no_place_along() {
    let gate = Gate::new();
    let node = gate.node("workers = 4");
    let clients = gate.full(&node);
    let mut leaving = probed(&node, 8);
    leaving.iter_mut().for_each(|client| ask(client, 1));
    drop(leaving);
    let mut last = probed(&node, 1);
    ask(&mut last[0], 2);
    // Whether one that left is still asked for, nobody knows before its turn comes.
    gate.open(PLACES + 8 + 1);
    served(clients.into_iter().chain(last));
    node.stop();
}
