//! How it stops, and what does not stop it.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::mpsc;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::signal::Signal;

use crate::backend::Backend;
use crate::client::Client;
use crate::node::Node;

/// Answers with as much of a body as is asked for: a piece for each word that comes through the channel.
fn slow() -> (Backend, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let backend = Backend::start(move |connection| {
        if connection.request().is_none() {
            return;
        }
        connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        let wait = wait.lock().unwrap();
        if wait.recv().is_ok() {
            connection.say("4\r\nlast\r\n0\r\n\r\n");
            connection.wait_for_close();
        }
    });
    (backend, go)
}

/// Answers without end, until the other side closes.
fn endless() -> Backend {
    Backend::start(|connection| {
        if connection.request().is_some() {
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst");
            connection.wait_for_close();
        }
    })
}

/// Waits until connections are refused. One that still got in is closed before long.
fn wait_until_refused(node: &Node) {
    for _ in 0..10_000 {
        match TcpStream::connect(node.address()) {
            Ok(stream) => drop(Client::of(stream).rest()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                return;
            }
        }
    }
    panic!("connections are still accepted");
}

#[test]
fn what_is_under_way_is_finished_and_nobody_new_is_let_in() {
    for signal in [Signal::SIGTERM, Signal::SIGUSR1] {
        let (backend, go) = slow();
        let node = Node::start(&[backend.address], "workers = 2");
        let mut idle = node.connect();
        let mut client = node.connect();
        client.get("/");
        client.head();
        assert_eq!(client.line(), "5\r\n");
        node.process.signal(signal);
        idle.is_closed(); // it carried nothing: it need not stay
        wait_until_refused(&node);
        go.send(()).unwrap();
        let rest = String::from_utf8(client.rest().unwrap()).unwrap();
        assert!(rest.ends_with("4\r\nlast\r\n0\r\n\r\n"), "{rest}");
        node.ends();
    }
}

#[test]
fn a_stop_right_after_the_start_is_graceful() {
    let backend = Backend::named("unused");
    for _ in 0..10 {
        Node::start(&[backend.address], "workers = 2").stop();
    }
}

#[test]
fn a_request_that_came_before_the_stop_is_served() {
    let backend = Backend::named("served");
    for workers in ["workers = 1", "workers = 2"] {
        let node = Node::start(&[backend.address], workers);
        let mut kept = node.connect();
        kept.get("/");
        assert_eq!(kept.response().text(), "served");
        // Asleep, it finds connections, requests and the order to stop all at once.
        node.process.signal(Signal::SIGSTOP);
        let mut clients: Vec<Client> = (0..20).map(|_| node.connect()).collect();
        for client in &mut clients {
            client.get("/");
        }
        kept.get("/");
        node.process.signal(Signal::SIGTERM);
        node.process.signal(Signal::SIGCONT);
        clients.push(kept);
        for client in &mut clients {
            assert_eq!(client.response().text(), "served");
            client.is_closed();
        }
        node.ends();
    }
}

#[test]
fn an_answer_without_end_is_cut_after_the_grace() {
    let backend = endless();
    let node = Node::start(&[backend.address], "grace = 0.5");
    let mut client = node.connect();
    client.get("/");
    client.head();
    node.process.signal(Signal::SIGTERM);
    // The close of a response that is not whole may well be a reset.
    let rest = client.rest();
    assert!(rest.is_err() || rest.is_ok_and(|rest| rest == b"first"));
    node.ends();
}

#[test]
fn a_second_signal_stops_at_once() {
    for second in [Signal::SIGTERM, Signal::SIGINT] {
        let backend = endless();
        let mut node = Node::start(&[backend.address], "grace = 3600");
        let mut client = node.connect();
        client.get("/");
        client.head();
        node.process.signal(Signal::SIGTERM);
        node.process.line("event=finishing");
        node.process.signal(second);
        node.ends();
        drop(client);
    }
}

#[test]
fn ctrl_c_stops_at_once() {
    let backend = endless();
    let node = Node::start(&[backend.address], "grace = 3600");
    let mut client = node.connect();
    client.get("/");
    client.head();
    node.process.signal(Signal::SIGINT);
    node.ends();
    drop(client);
}

#[test]
fn signals_that_mean_nothing_yet_end_nothing() {
    let backend = Backend::named("alive");
    let mut node = Node::start(&[backend.address], "");
    node.process.signal(Signal::SIGUSR2);
    node.process.line("event=ignored");
    assert_eq!(node.get("/"), "alive");
    node.stop();
}

#[test]
fn a_signal_never_runs_on_a_worker() {
    // There, the descriptor through which a handler wakes the main thread is something else.
    let backend = Backend::named("alive");
    let node = Node::start(&[backend.address], "workers = 3");
    let tasks = format!("/proc/{}/task", node.process.id());
    let mut workers = 0;
    for task in std::fs::read_dir(tasks).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        if !status.starts_with("Name:\thalb-worker-") {
            continue;
        }
        workers += 1;
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
        let blocked = u64::from_str_radix(blocked.unwrap().trim(), 16).unwrap();
        for signal in [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGUSR1,
        ] {
            assert_eq!(
                blocked >> (signal as i32 - 1) & 1,
                1,
                "{signal} of {status}"
            );
        }
    }
    assert_eq!(workers, 3);
    node.stop();
}

#[test]
fn a_storm_of_signals_disturbs_no_request() {
    let backend = Backend::named("alive");
    let mut node = Node::start(&[backend.address], "workers = 2");
    let mut client = node.connect();
    for _ in 0..200 {
        node.process.signal(Signal::SIGHUP);
        node.process.signal(Signal::SIGUSR2);
        client.get("/");
        assert_eq!(client.response().text(), "alive");
    }
    node.process.line("event=ignored");
    // Not a byte too many either.
    let mut sockets = [PollFd::new(client.stream.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut sockets, PollTimeout::ZERO), Ok(0));
    drop(client);
    node.stop();
}
