//! HTTP/1.0 on either side.

use crate::backend::Backend;
use crate::node::Node;
use crate::process::says;
use crate::python::Python;

#[test]
fn a_backend_that_closes_each_time_serves_a_connection_that_stays() {
    let server = Python::files();
    server.folder.write("page", b"hello");
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    for _ in 0..5 {
        client.get("/page");
        let response = client.response();
        assert!(
            response.head.starts_with("HTTP/1.1 200 "),
            "{}",
            response.head
        );
        assert_eq!(response.text(), "hello");
    }
    drop(client);
    node.stop();
}

#[test]
fn a_client_of_1_0_gets_one_answer_and_a_close() {
    let server = Python::start();
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    client.say("GET /bytes/5 HTTP/1.0\r\n\r\n");
    let response = client.response();
    assert_eq!(response.text(), "00000");
    client.is_closed();
    node.stop();
}

#[test]
fn a_client_of_1_0_may_keep_its_connection() {
    let server = Python::start();
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    for _ in 0..3 {
        client.say("GET /bytes/5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response();
        let option = response.field("Connection").unwrap();
        assert!(option.eq_ignore_ascii_case("keep-alive"), "{option}");
        assert_eq!(response.text(), "00000");
    }
    drop(client);
    let url = node.url("/bytes/5");
    let curl = ["-sf", "--http1.0", "-w", " ", &url, &url];
    assert_eq!(says("curl", &curl), "00000 00000 ");
    node.stop();
}

#[test]
fn a_client_of_1_0_gets_no_chunks() {
    let server = Python::start();
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    client.say("GET /chunked/100000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!(response.field("Transfer-Encoding"), None);
    assert_eq!(response.body.len(), 100_000); // it ended with the connection
    node.stop();
}

#[test]
fn a_backend_gets_1_1_and_a_host_from_a_client_of_1_0() {
    let server = Python::start();
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    client.say("GET /head HTTP/1.0\r\n\r\n");
    let seen = client.response().text();
    assert!(seen.starts_with("GET /head HTTP/1.1\n"), "{seen}");
    let host = format!("Host: {}", server.address);
    assert!(seen.contains(&host), "{seen}");
    node.stop();
}

#[test]
fn an_answer_without_a_length_becomes_chunks() {
    let server = Python::speaking("1.0");
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    for _ in 0..2 {
        client.get("/until-close/100000");
        let response = client.response();
        assert_eq!(response.field("Transfer-Encoding"), Some("chunked"));
        assert_eq!(response.body.len(), 100_000);
    }
    drop(client);
    node.stop();
}

#[test]
fn an_answer_that_a_reset_cuts_short_is_not_passed_on_as_whole() {
    let backend = Backend::start(|connection| {
        if connection.request().is_some() {
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    client.get("/");
    assert_eq!(client.head().lines().next(), Some("HTTP/1.1 200 OK"));
    // A close or a reset before the length that was promised: both tell the client.
    let rest = client.rest().unwrap_or_default();
    assert!(rest.len() < 100);
    drop(client);
    node.stop();
}
