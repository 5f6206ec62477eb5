//! In front of three nginx, with curl: what passes through unchanged.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::nginx::Nginx;
use crate::node::Node;
use crate::process::Folder;
use crate::process::noise;
use crate::process::run;
use crate::process::says;

fn three() -> [Nginx; 3] {
    ["one", "two", "three"].map(Nginx::start)
}

fn addresses(servers: &[Nginx]) -> Vec<SocketAddr> {
    servers.iter().map(|server| server.address).collect()
}

#[test]
fn requests_are_spread_evenly_over_the_outputs() {
    let servers = three();
    let node = Node::start(&addresses(&servers), "");
    let url = node.url("/");
    let mut counts = BTreeMap::new();
    for _ in 0..12 {
        *counts.entry(says("curl", &["-sf", &url])).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [4, 4, 4]);
    node.stop();
}

#[test]
fn one_connection_carries_many_requests_over_all_outputs() {
    let servers = three();
    let node = Node::start(&addresses(&servers), "workers = 2");
    let url = node.url("/");
    let counted = ["-sf", "-w", "%{num_connects} ", &url, &url, &url];
    let said = says("curl", &counted);
    let connects = said.split_whitespace().filter(|word| *word == "1").count();
    assert_eq!(connects, 1, "{said}");
    for name in ["one", "two", "three"] {
        assert!(said.contains(name), "{said}");
    }
    node.stop();
}

#[test]
fn head_has_the_length_and_no_body() {
    let server = Nginx::start("one");
    server.file("page.html", &noise(5000));
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    client.say("HEAD /files/page.html HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.response_to_head();
    assert_eq!(response.status, 200);
    assert_eq!(response.field("Content-Length"), Some("5000"));
    client.get("/"); // and the connection goes on
    assert_eq!(client.response().text(), "one\n");
    drop(client);
    node.stop();
}

#[test]
fn an_answer_of_404_passes_as_it_is() {
    let server = Nginx::start("one");
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    client.get("/files/none");
    let response = client.response();
    assert_eq!(response.status, 404);
    assert!(response.field("Server").unwrap().starts_with("nginx"));
    assert!(response.text().contains("nginx"));
    client.get("/");
    assert_eq!(client.response().status, 200);
    drop(client);
    node.stop();
}

#[test]
fn a_conditional_get_is_answered_with_304() {
    let server = Nginx::start("one");
    server.file("page.html", b"<p>hello");
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    client.get("/files/page.html");
    let first = client.response();
    let tag = first.field("ETag").unwrap();
    client.say(format!(
        "GET /files/page.html HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n"
    ));
    let second = client.response();
    assert_eq!((second.status, second.body.len()), (304, 0));
    assert_eq!(second.field("ETag"), Some(tag));
    client.get("/");
    assert_eq!(client.response().text(), "one\n");
    drop(client);
    node.stop();
}

#[test]
fn ranges_are_answered_with_206() {
    let server = Nginx::start("one");
    let content = noise(10_000);
    server.file("data", &content);
    let node = Node::start(&[server.address], "");
    let url = node.url("/files/data");
    let part = run("curl", &["-sf", "-r", "100-4099", &url]).stdout;
    assert_eq!(part, content[100..4100]);
    let status = [
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-r",
        "9-",
        &url,
    ];
    assert_eq!(says("curl", &status), "206");
    node.stop();
}

#[test]
fn compressed_bodies_pass_untouched() {
    let server = Nginx::start("one");
    let text = "all work and no play makes a dull text\n".repeat(500);
    server.file("text.txt", text.as_bytes());
    let node = Node::start(&[server.address], "");
    let url = node.url("/files/text.txt");
    assert_eq!(says("curl", &["-sf", "--compressed", &url]), text);
    let packed = run("curl", &["-sf", "-H", "Accept-Encoding: gzip", &url]).stdout;
    assert!(packed.starts_with(&[0x1f, 0x8b]) && packed.len() < text.len() / 4);
    node.stop();
}

#[test]
fn files_of_all_sizes_arrive_as_they_are() {
    let server = Nginx::start("one");
    let node = Node::start(&[server.address], "");
    let folder = Folder::new();
    for size in [0, 1, 4095, 65_536, 1 << 20] {
        let content = noise(size);
        server.file("data", &content);
        let got = folder.path("got");
        let to = got.to_str().unwrap();
        run("curl", &["-sf", "-o", to, &node.url("/files/data")]);
        let arrived = std::fs::read(&got).unwrap_or_default();
        assert!(arrived == content, "{size} bytes differ");
    }
    node.stop();
}

#[test]
fn ninety_fields_and_a_head_of_eight_kilobytes_pass() {
    let server = Nginx::start("one");
    let node = Node::start(&[server.address], "");
    let cookie = "c=".to_owned() + &"x".repeat(6000);
    let fields: String = (0..90)
        .map(|n| format!("X-Field-{n}: value of {n}\r\n"))
        .collect();
    let mut client = node.connect();
    client.say(format!(
        "GET /cookies HTTP/1.1\r\nHost: a\r\n{fields}Cookie: {cookie}\r\n\r\n"
    ));
    let response = client.response();
    assert_eq!(response.field("X-Cookie"), Some(cookie.as_str()));
    assert_eq!(response.text(), cookie);
    drop(client);
    node.stop();
}
