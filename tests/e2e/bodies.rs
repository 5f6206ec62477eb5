//! Bodies: chunked, large, slow, early answers, and the memory they take.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;

use crate::backend::Backend;
use crate::backend::Connection;
use crate::client::Client;
use crate::node::Node;
use crate::process::Folder;
use crate::process::says;
use crate::python::Python;

const MEGABYTE: usize = 1 << 20;
const LARGE: usize = 64 * MEGABYTE;
/// The whole program, its buffers included, when it may take 96 MB (the test build is larger than the real one).
const PEAK_MOST_KB: u64 = 64 * 1024;

#[test]
fn chunked_answers_arrive_with_all_their_bytes() {
    let server = Python::start();
    let node = Node::start(&[server.address], "");
    let mut client = node.connect();
    for count in [0, 1, 300_000] {
        client.get(&format!("/chunked/{count}"));
        let response = client.response();
        assert_eq!(response.field("Transfer-Encoding"), Some("chunked"));
        assert_eq!(response.body, repeated(count));
    }
    drop(client);
    node.stop();
}

#[test]
fn uploads_arrive_with_all_their_bytes_whatever_their_framing() {
    let server = Python::start();
    let node = Node::start(&[server.address], "");
    let folder = Folder::new();
    let url = node.url("/hash");
    for count in [0, 1, 8192, 3_000_000] {
        let file = folder.write("body", &repeated(count));
        let hash = says("sha256sum", &[file.to_str().unwrap()]);
        let expected = format!("{count} {}", hash.split(' ').next().unwrap());
        let data = format!("@{}", file.display());
        let with_length = says("curl", &["-sf", "--data-binary", &data, &url]);
        assert_eq!(with_length, expected);
        let chunked = ["-sf", "-H", "Transfer-Encoding: chunked"];
        let chunked = [&chunked[..], &["--data-binary", &data, &url]].concat();
        assert_eq!(says("curl", &chunked), expected);
    }
    node.stop();
}

#[test]
fn a_client_that_asks_before_it_sends_is_told_to_go_on() {
    let backend = Backend::start(|connection| {
        while let Some(head) = connection.head() {
            assert!(head.contains("100-continue"), "{head}");
            connection.say("HTTP/1.1 100 Continue\r\n\r\n");
            let body = connection.body(&head).unwrap();
            connection.answer(&String::from_utf8(body).unwrap());
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    for _ in 0..2 {
        client
            .say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(client.response().status, 100);
        client.say("body");
        assert_eq!(client.response().text(), "body");
    }
    drop(client);
    node.stop();
}

#[test]
fn an_answer_before_the_body_has_come_reaches_the_client() {
    let backend = Backend::start(|connection| {
        if connection.head().is_some() {
            connection.say(
                "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n",
            );
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 413);
    assert_eq!(response.field("Connection"), Some("close"));
    assert_eq!(response.text(), "no\n");
    drop(client);
    node.stop();
}

#[test]
fn what_a_backend_sends_bit_by_bit_arrives_bit_by_bit() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let backend = Backend::start(move |connection| {
        if connection.request().is_none() {
            return;
        }
        connection.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        let wait = wait.lock().unwrap();
        for number in 0..5 {
            connection.say(format!("data: {number}\n\n"));
            // The next only after the client has seen this one.
            if wait.recv().is_err() {
                return;
            }
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    client.get("/events");
    assert_eq!(client.head().lines().next(), Some("HTTP/1.1 200 OK"));
    for number in 0..5 {
        let event = format!("data: {number}\n\n");
        assert_eq!(client.line(), format!("{:x}\r\n", event.len()));
        assert_eq!(
            client.exactly(event.len() + 2),
            format!("{event}\r\n").into_bytes()
        );
        go.send(()).unwrap();
    }
    assert_eq!(client.line(), "0\r\n");
    drop(client);
    node.stop();
}

#[test]
fn a_large_download_takes_little_memory_though_the_client_is_slow() {
    let backend = Backend::start(|connection| {
        if connection.request().is_some() {
            say_large(connection);
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    client.get("/");
    client.head();
    for number in 0..LARGE / MEGABYTE {
        // Small reads and a comparison of each byte: slower than the backend writes.
        assert!(client.exactly(MEGABYTE) == piece(number), "piece {number}");
    }
    assert!(peak_kb(&node) < PEAK_MOST_KB, "{} kB", peak_kb(&node));
    drop(client);
    node.stop();
}

#[test]
fn a_large_upload_takes_little_memory_though_the_backend_is_slow() {
    let backend = Backend::start(|connection| {
        if connection.head().is_some() {
            for number in 0..LARGE / MEGABYTE {
                assert!(connection.exactly(MEGABYTE).unwrap() == piece(number));
            }
            connection.answer("all of it");
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    client.say(format!(
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"
    ));
    for number in 0..LARGE / MEGABYTE {
        client.say(piece(number));
    }
    assert_eq!(client.response().text(), "all of it");
    assert!(peak_kb(&node) < PEAK_MOST_KB, "{} kB", peak_kb(&node));
    drop(client);
    node.stop();
}

#[test]
fn a_client_that_does_not_read_holds_back_its_own_backend_only() {
    let backend = Backend::start(|connection| {
        while let Some(request) = connection.request() {
            if request.head.starts_with("GET /small") {
                connection.answer("small");
            } else if !say_large(connection) {
                return;
            }
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut stuck: Vec<Client> = (0..20).map(|_| node.connect()).collect();
    for client in &mut stuck {
        client.get("/large");
        client.head();
    }
    for _ in 0..100 {
        assert_eq!(node.get("/small"), "small");
    }
    assert!(peak_kb(&node) < PEAK_MOST_KB, "{} kB", peak_kb(&node));
    drop(stuck);
    node.stop();
}

#[test]
fn both_directions_flow_at_once() {
    let backend = Backend::start(|connection| {
        if connection.head().is_some() {
            connection.say(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"
            ));
            for _ in 0..LARGE / MEGABYTE {
                let bytes = connection.exactly(MEGABYTE).unwrap();
                connection.say(bytes);
            }
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    let mut sender = client.stream.try_clone().unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n");
    let sending = thread::spawn(move || {
        sender.write_all(head.as_bytes()).unwrap();
        for number in 0..LARGE / MEGABYTE {
            sender.write_all(piece(number)).unwrap();
        }
    });
    client.head();
    for number in 0..LARGE / MEGABYTE {
        assert!(client.exactly(MEGABYTE) == piece(number), "piece {number}");
    }
    sending.join().unwrap();
    drop(client);
    node.stop();
}

#[test]
fn a_client_that_goes_away_in_the_middle_leaves_nothing() {
    let server = Python::start();
    let node = Node::start(&[server.address], "");
    let leave = |address: SocketAddr, request: &str| {
        let mut client = Client::connect(address);
        client.say(request);
        let mut some = [0; 1000];
        let _ = client.stream.read(&mut some);
    };
    leave(
        node.address(),
        "GET /bytes/5000000 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    leave(
        node.address(),
        "GET /chunked/5000000 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    drop_in_body(node.address());
    assert_eq!(node.get("/bytes/3"), "000");
    node.stop();
}

fn drop_in_body(address: SocketAddr) {
    let mut client = Client::connect(address);
    client.say("POST /hash HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome");
}

/// What `backend.py` calls repeated.
fn repeated(count: usize) -> Vec<u8> {
    let pieces = (0..).flat_map(|number: u32| format!("{number:08x}").repeat(8192).into_bytes());
    pieces.take(count).collect()
}

/// The megabyte at that place, unlike its neighbours.
fn piece(number: usize) -> &'static [u8] {
    static PATTERN: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..251).cycle().take(MEGABYTE + 251).collect());
    &PATTERN[number % 251..][..MEGABYTE]
}

/// Says a large response; whether it could be said to its end.
fn say_large(connection: &mut Connection) -> bool {
    connection.say(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"
    )) && (0..LARGE / MEGABYTE).all(|number| connection.say(piece(number)))
}

/// The most memory that a HALB has had in use so far.
fn peak_kb(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}
