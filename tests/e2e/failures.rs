//! Backends that fail: what the client does not notice, and what is not done twice.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use crate::backend::Backend;
use crate::backend::Refusing;
use crate::nginx::Nginx;
use crate::node::Node;
use crate::node::SELDOM_PROBED;
use crate::process::PATIENCE;
use crate::process::run;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

#[test]
fn when_one_of_three_is_killed_no_get_fails() {
    let mut servers = ["one", "two", "three"].map(Nginx::start);
    let addresses = servers.each_ref().map(|server| server.address);
    let node = Node::start(&addresses, "workers = 2");
    let mut clients: Vec<_> = (0..8).map(|_| node.connect()).collect();
    let mut names = Vec::new();
    for round in 0..60 {
        if round == 20 {
            servers[1].kill();
            names.clear();
        }
        for client in &mut clients {
            client.get("/");
        }
        for client in &mut clients {
            let response = client.response();
            assert_eq!(response.status, 200, "in round {round}");
            names.push(response.text());
        }
    }
    assert!(!names.contains(&"two\n".to_owned()));
    drop(clients);
    node.stop();
}

#[test]
fn a_backend_killed_under_load_costs_no_get() {
    let mut servers = ["one", "two", "three"].map(Nginx::start);
    let addresses = servers.each_ref().map(|server| server.address);
    let node = Node::start(&addresses, "workers = 2");
    let url = node.url("/");
    std::thread::scope(|scope| {
        let load = scope.spawn(|| run("h2load", &["--h1", "-n", "6000", "-c", "16", &url]));
        // In the middle of it: some answers have come by now, and thousands have not.
        for _ in 0..20 {
            node.get("/");
        }
        servers[0].kill();
        let said = String::from_utf8(load.join().unwrap().stdout).unwrap();
        assert!(
            said.contains("6000 succeeded, 0 failed, 0 errored"),
            "{said}"
        );
        assert!(said.contains("status codes: 6000 2xx"), "{said}");
    });
    node.stop();
}

#[test]
fn a_refused_connection_is_tried_on_another_output_at_once() {
    let none = [Refusing::new(), Refusing::new()];
    let backend = Backend::named("there");
    let addresses = [none[0].address, none[1].address, backend.address];
    let doors = none.each_ref().map(Refusing::open);
    let node = Node::start(&addresses, SELDOM_PROBED);
    drop(doors);
    let mut client = node.connect();
    for _ in 0..6 {
        for request in [GET, POST] {
            client.say(request);
            assert_eq!(client.response().text(), "there");
        }
    }
    drop(client);
    node.stop();
}

#[test]
fn backups_serve_only_when_nobody_else_does() {
    let (first, spare) = (Backend::named("first"), Backend::named("spare"));
    let none = Refusing::new();
    let backup = "backup_outputs = \"out2\"";
    let node = Node::start(&[first.address, spare.address], backup);
    for _ in 0..5 {
        assert_eq!(node.get("/"), "first");
    }
    node.stop();
    let door = none.open();
    let properties = format!("{backup}\n{SELDOM_PROBED}");
    let node = Node::start(&[none.address, spare.address], &properties);
    drop(door);
    for _ in 0..5 {
        assert_eq!(node.get("/"), "spare", "refused, and not yet down");
    }
    node.stop();
}

#[test]
fn weights_are_kept() {
    let backends = ["one", "two"].map(Backend::named);
    let [one, two] = backends.each_ref().map(|backend| backend.address);
    let outputs = format!("out1 = \"{one}\"\nout2 = {{ address = \"{two}\", weight = 3 }}");
    let node = Node::from_text(&outputs);
    let mut client = node.connect();
    let mut twos = 0;
    for _ in 0..40 {
        client.get("/");
        twos += usize::from(client.response().text() == "two");
    }
    assert_eq!(twos, 30);
    drop(client);
    node.stop();
}

/// Answers the first request of its first connection, reads the next one, and closes without a word.
fn forgetful() -> Backend {
    Backend::start(|connection| {
        if connection.number > 0 {
            while connection.request().is_some() {
                connection.answer("again");
            }
        } else if connection.request().is_some() {
            connection.answer("first");
            connection.request();
        }
    })
}

#[test]
fn a_get_that_meets_a_closing_connection_is_sent_again() {
    let backend = forgetful();
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    client.say(GET);
    assert_eq!(client.response().text(), "first");
    client.say(GET);
    assert_eq!(client.response().text(), "again");
    assert_eq!(backend.requests(), 3);
    drop(client);
    node.stop();
}

#[test]
fn a_connection_closed_while_idle_loses_nothing() {
    let backend = Backend::start(|connection| {
        if connection.request().is_some() {
            connection.answer("closes"); // without saying so
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    for number in 1..=20 {
        client.say(GET);
        assert_eq!(client.response().text(), "closes");
        assert_eq!(backend.requests(), number);
    }
    drop(client);
    node.stop();
}

#[test]
fn a_post_is_not_sent_twice() {
    let posts = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&posts);
    let backend = Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.head.starts_with("POST") {
                assert_eq!(request.body, b"abc");
                seen.fetch_add(1, Ordering::SeqCst);
                return;
            }
            connection.answer("got");
        }
    });
    let node = Node::start(&[backend.address, backend.address], "");
    let mut client = node.connect();
    for number in 1..=5 {
        client.say(GET);
        assert_eq!(client.response().text(), "got");
        client.say(POST);
        assert_eq!(client.response().status, 502);
        assert_eq!(posts.load(Ordering::SeqCst), number);
    }
    drop(client);
    node.stop();
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_with_a_reset() {
    let (tell, told) = mpsc::channel();
    let backend = Backend::start(move |connection| {
        connection.request();
        connection.say("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        // Neither side holds so much: it ends when HALB has lost patience and closed this connection.
        while connection.say([b'x'; 65536]) {}
        let _ = tell.send(()); // the test may have failed and gone
    });
    let node = Node::start(&[backend.address], "client_timeout = 0.2");
    let mut client = node.connect();
    client.say(GET);
    told.recv_timeout(PATIENCE).unwrap();
    // Behind a FIN, the kernel would go on keeping what was sent.
    let broken = client.rest().err().map(|error| error.kind());
    assert_eq!(broken, Some(ErrorKind::ConnectionReset));
    node.stop();
}

#[test]
fn connections_to_backends_are_used_again() {
    let backend = Backend::named("one");
    let node = Node::start(&[backend.address], "");
    for _ in 0..20 {
        assert_eq!(node.get("/"), "one");
    }
    assert_eq!((backend.requests(), backend.connections()), (20, 1));
    node.stop();
}
