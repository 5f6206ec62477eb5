//! HALB's own answers: what it refuses, what it waits for, and how it says so.

use std::sync::Mutex;
use std::sync::mpsc;

use crate::backend::Backend;
use crate::backend::Refusing;
use crate::client::Response;
use crate::node::Node;
use crate::node::SELDOM_PROBED;

/// What is wrong, and the status it is answered with.
const REFUSED: &[(&str, u16)] = &[
    ("GET / HTTP/1.1\r\n\r\n", 400), // no Host
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("nonsense\r\n\r\n", 400),
    ("GET / HTTP/1.1\nHost: a\n\n", 400), // bare LF
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400), // folded
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n", 400), // bare CR
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        501,
    ),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
    ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
];

fn answer(node: &Node, request: &[u8]) -> Response {
    let mut client = node.connect();
    client.say(request);
    let response = client.response();
    if response.field("Connection") == Some("close") {
        client.is_closed();
    }
    response
}

#[test]
fn requests_that_are_wrong_are_refused_and_reach_no_backend() {
    let backend = Backend::named("reached");
    let node = Node::start(&[backend.address], "");
    for (request, status) in REFUSED {
        let response = answer(&node, request.as_bytes());
        assert_eq!(response.status, *status, "{request:?}");
        assert_eq!(response.field("Connection"), Some("close"), "{request:?}");
        assert!(response.text().contains("<h1>"), "{request:?}");
        assert!(response.field("Date").is_some());
    }
    assert_eq!(backend.requests(), 0);
    assert_eq!(node.get("/"), "reached");
    node.stop();
}

#[test]
fn heads_that_are_too_long_are_refused() {
    let backend = Backend::named("reached");
    let node = Node::start(&[backend.address], "");
    let long = "x".repeat(20_000);
    let target = format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(answer(&node, target.as_bytes()).status, 414);
    let field = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n");
    assert_eq!(answer(&node, field.as_bytes()).status, 431);
    assert_eq!(backend.requests(), 0);
    node.stop();
}

#[test]
fn chunks_that_are_wrong_are_refused_once_they_come() {
    let backend = Backend::named("reached");
    let node = Node::start(&[backend.address], "");
    let request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n";
    assert_eq!(answer(&node, request.as_bytes()).status, 400);
    assert_eq!(backend.requests(), 0, "it never came whole");
    node.stop();
}

#[test]
fn half_a_head_is_answered_with_408() {
    let backend = Backend::named("reached");
    let node = Node::start(&[backend.address], "client_timeout = 1");
    let response = answer(&node, b"GET / HTTP/1.1\r\nHost:");
    assert_eq!(response.status, 408);
    assert_eq!(response.field("Connection"), Some("close"));
    node.stop();
}

#[test]
fn a_body_that_stops_is_answered_with_408() {
    let backend = Backend::named("reached");
    let node = Node::start(&[backend.address], "client_timeout = 1");
    let response = answer(
        &node,
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
    );
    assert_eq!(response.status, 408);
    node.stop();
}

#[test]
fn an_idle_connection_just_closes() {
    let backend = Backend::named("reached");
    let node = Node::start(&[backend.address], "client_timeout = 1");
    let mut fresh = node.connect();
    let mut used = node.connect();
    used.get("/");
    assert_eq!(used.response().text(), "reached");
    fresh.is_closed();
    used.is_closed();
    node.stop();
}

#[test]
fn an_answer_that_is_none_becomes_502() {
    let garbage = [
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\n",
        "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "",
    ];
    let backend = Backend::start(move |connection| {
        if let Some(request) = connection.request() {
            let number: usize = request.head[5..6].parse().unwrap();
            connection.say(garbage[number]);
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    for (number, said) in garbage.iter().enumerate() {
        client.get(&format!("/{number}"));
        let response = client.response();
        assert_eq!(response.status, 502, "{said:?}");
    }
    drop(client);
    node.stop();
}

#[test]
fn with_all_outputs_refusing_the_answer_is_503() {
    let none = [Refusing::new(), Refusing::new()];
    let doors = none.each_ref().map(Refusing::open);
    let node = Node::start(&[none[0].address, none[1].address], SELDOM_PROBED);
    drop(doors);
    for _ in 0..3 {
        let response = answer(&node, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(response.status, 503);
        assert!(response.field("Retry-After").is_some());
    }
    node.stop();
}

#[test]
fn a_backend_that_stays_silent_becomes_504() {
    let backend = Backend::start(|connection| connection.wait_for_close());
    let node = Node::start(&[backend.address], "server_timeout = 0.5");
    let mut client = node.connect();
    client.get("/");
    assert_eq!(client.response().status, 504);
    client.get("/"); // the connection goes on: the client has done nothing wrong
    assert_eq!(client.response().status, 504);
    drop(client);
    node.stop();
}

#[test]
fn the_answer_to_head_has_no_body() {
    let none = Refusing::new();
    let node = Node::start(&[none.address], "");
    let mut client = node.connect();
    for _ in 0..2 {
        client.say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response_to_head().status, 503);
    }
    for request in [
        "HEAD / HTTP/1.1\r\n\r\n",
        "\r\nHEAD / HTTP/1.1\r\nno field\r\n\r\n",
    ] {
        let mut client = node.connect();
        client.say(request);
        assert_eq!(client.response_to_head().status, 400);
        client.is_closed();
    }
    drop(client);
    node.stop();
}

#[test]
fn options_that_may_go_no_further_are_answered_here() {
    let backend = Backend::named("reached");
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    for _ in 0..2 {
        client.say("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (200, 0));
        assert!(response.field("Allow").is_some(), "{}", response.head);
    }
    assert_eq!(backend.requests(), 0);
    client.say("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert_eq!(backend.requests(), 1);
    drop(client);
    node.stop();
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let backends = ["one", "two", "three"].map(Backend::named);
    let addresses = backends.each_ref().map(|backend| backend.address);
    let node = Node::start(&addresses, "");
    let mut client = node.connect();
    client.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(9));
    let names: Vec<String> = (0..9).map(|_| client.response().text()).collect();
    let turn = &names[..3];
    assert_eq!(names.concat(), turn.concat().repeat(3));
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().status, 400);
    client.is_closed();
    node.stop();
}

#[test]
fn a_client_that_closes_its_half_still_gets_its_answer() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let backend = Backend::start(move |connection| {
        if connection.request().is_some() && wait.lock().unwrap().recv().is_ok() {
            connection.answer("late");
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    client.get("/");
    client.finish();
    go.send(()).unwrap();
    assert_eq!(client.response().text(), "late");
    client.is_closed();
    node.stop();
}
