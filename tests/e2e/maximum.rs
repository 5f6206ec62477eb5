//! `max_connections`: who waits, who goes first, and who gives way.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;

use crate::backend::Backend;
use crate::client::Client;
use crate::node::Node;

/// Answers each request when a word comes through the channel.
fn held() -> (Backend, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel();
    let wait = Arc::new(Mutex::new(wait));
    let backend = Backend::start(move |connection| {
        while connection.request().is_some() {
            if wait.lock().unwrap().recv().is_err() {
                return;
            }
            connection.answer("served");
        }
    });
    (backend, go)
}

/// Connections with one request each, begun in this order.
fn clients(node: &Node, count: usize) -> Vec<Client> {
    let ask = || {
        let mut client = node.connect();
        client.get("/");
        client
    };
    std::iter::repeat_with(ask).take(count).collect()
}

#[test]
fn the_third_waits_and_is_served_when_a_place_comes_free() {
    let (backend, go) = held();
    let node = Node::start(&[backend.address], "max_connections = 2\nworkers = 2");
    let mut clients = clients(&node, 3);
    for _ in 0..3 {
        go.send(()).unwrap();
    }
    for client in &mut clients {
        let response = client.response();
        assert_eq!((response.status, response.text().as_str()), (200, "served"));
    }
    drop(clients);
    node.stop();
}

#[test]
fn who_waits_too_long_is_told_to_come_back() {
    let (backend, go) = held();
    let node = Node::start(
        &[backend.address],
        "max_connections = 2\nqueue_timeout = 0.5",
    );
    let mut clients = clients(&node, 3);
    let mut third = clients.pop().unwrap();
    let response = third.response();
    assert_eq!(response.status, 503);
    assert!(response.field("Retry-After").is_some());
    assert_eq!(response.field("Connection"), Some("close"));
    third.is_closed();
    go.send(()).unwrap();
    go.send(()).unwrap();
    for client in &mut clients {
        assert_eq!(client.response().text(), "served");
    }
    drop(clients);
    node.stop();
}

#[test]
fn a_kept_alive_connection_without_work_gives_way() {
    let backend = Backend::named("served");
    for workers in ["workers = 1", "workers = 2"] {
        let node = Node::start(
            &[backend.address],
            &format!("max_connections = 2\n{workers}"),
        );
        let mut first = node.connect();
        first.get("/");
        assert_eq!(first.response().text(), "served");
        let mut second = node.connect();
        second.get("/");
        assert_eq!(second.response().text(), "served");
        // Both places are taken by idle connections; the one that has been idle longest goes.
        assert_eq!(node.get("/"), "served");
        if workers == "workers = 1" {
            first.is_closed();
        }
        drop((first, second));
        node.stop();
    }
}

#[test]
fn who_began_to_wait_during_an_answer_is_let_in_when_it_ends() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let backend = Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.head.starts_with("GET /short") {
                connection.answer("served");
                continue;
            }
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nser");
            if wait.lock().unwrap().recv().is_err() {
                return;
            }
            connection.say("ved");
        }
    });
    let node = Node::start(&[backend.address], "max_connections = 1");
    let mut first = node.connect();
    first.get("/long");
    // The head has gone, without `Connection: close`, when the next one comes.
    assert!(!first.head().contains("close"));
    let mut second = node.connect();
    second.get("/short");
    go.send(()).unwrap();
    assert_eq!(first.rest().unwrap(), b"served");
    assert_eq!(second.response().text(), "served");
    drop(second);
    node.stop();
}

#[test]
fn a_hundred_share_two_places_and_all_are_served() {
    let backend = Backend::named("served");
    let node = Node::start(&[backend.address], "max_connections = 2\nworkers = 2");
    let mut clients = clients(&node, 100);
    for client in &mut clients {
        assert_eq!(client.response().text(), "served");
    }
    drop(clients);
    node.stop();
}

#[test]
fn who_leaves_while_waiting_takes_no_place_along() {
    let (backend, go) = held();
    let node = Node::start(&[backend.address], "max_connections = 1");
    let mut first = clients(&node, 1);
    drop(clients(&node, 5));
    let mut last = clients(&node, 1);
    go.send(()).unwrap();
    assert_eq!(first[0].response().text(), "served");
    // Those that left may still have been asked for; nobody knows that before their turn comes.
    drop(first);
    for _ in 0..6 {
        go.send(()).unwrap();
    }
    assert_eq!(last[0].response().text(), "served");
    drop(last);
    node.stop();
}
