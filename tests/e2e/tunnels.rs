//! Connections that become tunnels: WebSocket with a real server and a real client, and any other protocol.

use std::process::Command;
use std::sync::mpsc;

use crate::backend::Backend;
use crate::backend::Connection;
use crate::client::Client;
use crate::client::field;
use crate::node::Node;
use crate::process::PATIENCE;
use crate::process::Process;
use crate::process::noise;
use crate::python::DEBIAN_PYTHON;
use crate::python::Python;
use crate::python::script;

const LARGE: usize = 8 << 20;

#[test]
fn websocket_messages_of_all_sizes_come_back_as_they_were() {
    let server = Python::websocket();
    for workers in ["workers = 1", "workers = 2"] {
        let node = Node::start(&[server.address], workers);
        let mut talks: Vec<Process> = (0..3).map(|_| talk(&node, 300)).collect();
        for talk in &mut talks {
            assert_eq!(talk.line("messages "), "300");
            assert_eq!(talk.line("frame "), "True");
            assert_eq!(talk.line("fragments "), "True");
            assert_eq!(talk.line("closed "), "1000");
            assert!(talk.end().success(), "{}", talk.history());
        }
        node.stop();
    }
}

#[test]
fn websocket_close_is_answered_after_the_client_has_closed_its_half() {
    let server = Python::websocket();
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    client.say(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // The answer to this key (RFC 6455, 4.2.2).
    let accepted = field(&head, "Sec-WebSocket-Accept");
    assert_eq!(accepted, Some("ICX+Yqv66kxgM0FcWaLWlFLwTAI="));
    // Text, masked with four zeros, which leave it as it is.
    client.say(b"\x81\x84\0\0\0\0last");
    assert_eq!(client.exactly(6), b"\x81\x04last");
    client.say(b"\x88\x82\0\0\0\0\x03\xe8");
    client.finish();
    assert_eq!(client.rest().unwrap(), b"\x88\x02\x03\xe8");
    node.stop();
}

#[test]
fn a_tunnel_goes_on_when_the_client_has_closed_its_half() {
    let backend = Backend::start(|connection| {
        switch(connection);
        let content = connection.rest();
        connection.say(format!("{} bytes\n", content.len()));
        connection.say(content);
    });
    let node = Node::start(&[backend.address], "");
    let mut client = tunnel(&node);
    let content = noise(LARGE);
    client.say(&content);
    client.finish();
    assert_eq!(client.line(), format!("{LARGE} bytes\n"));
    assert!(client.rest().unwrap() == content);
    node.stop();
}

#[test]
fn a_tunnel_goes_on_when_the_backend_has_closed_its_half() {
    let (tell, told) = mpsc::channel();
    let backend = Backend::start(move |connection| {
        switch(connection);
        connection.say("all I say");
        connection.finish();
        let _ = tell.send(connection.rest()); // the test may have failed and gone
    });
    let node = Node::start(&[backend.address], "");
    let mut client = tunnel(&node);
    assert_eq!(client.rest().unwrap(), b"all I say");
    let content = noise(LARGE);
    client.say(&content);
    client.finish();
    assert!(told.recv_timeout(PATIENCE).unwrap() == content);
    node.stop();
}

#[test]
fn what_follows_the_101_at_once_belongs_to_the_tunnel() {
    let backend = Backend::start(|connection| {
        connection.head();
        connection.say(format!("{SWITCHING}GET / HTTP/1.1\r\n\r\n"));
        connection.wait_for_close();
    });
    let node = Node::start(&[backend.address], "");
    let mut client = tunnel(&node);
    assert_eq!(client.line(), "GET / HTTP/1.1\r\n");
    assert_eq!(client.line(), "\r\n");
    drop(client);
    node.stop();
}

#[test]
fn a_backend_that_does_not_switch_just_answers() {
    let backend = Backend::named("no");
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    for _ in 0..2 {
        client.say(SWITCH);
        assert_eq!(client.response().text(), "no");
    }
    assert_eq!(backend.connections(), 1, "its connection was not kept");
    drop(client);
    node.stop();
}

#[test]
fn tunnels_whose_clients_go_away_leave_nothing() {
    let backend = Backend::start(|connection| {
        switch(connection);
        connection.say(noise(LARGE));
    });
    let node = Node::start(&[backend.address], "");
    let mut clients: Vec<Client> = (0..10).map(|_| tunnel(&node)).collect();
    for client in &mut clients {
        client.exactly(1000); // of eight million: more is on its way, and these go
    }
    drop(clients);
    node.stop();
}

const SWITCH: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: other/1\r\n\r\n";
const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other/1\r\n\r\n";

/// A connection that became a tunnel.
fn tunnel(node: &Node) -> Client {
    let mut client = node.connect();
    client.say(SWITCH);
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(field(&head, "Upgrade"), Some("other/1"));
    client
}

/// The backend's side of it.
fn switch(connection: &mut Connection) {
    let head = connection.head().unwrap_or_default();
    assert_eq!(field(&head, "Upgrade"), Some("other/1"), "{head}");
    connection.say(SWITCHING);
}

/// A real client that says so many messages.
fn talk(node: &Node, count: u32) -> Process {
    let mut command = Command::new(DEBIAN_PYTHON);
    command.arg(script("websocket.py")).arg("talk");
    command.arg(format!("ws://{}/", node.address()));
    Process::start(command.arg(count.to_string()))
}
