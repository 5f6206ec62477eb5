//! Workers beside each other: waking, handing over, tables of their own.

use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc;

use halb::ring::inbox::Hub;
use halb::ring::port::Adopted;
use halb::ring::port::Arrival;
use halb::ring::port::InFlight;
use halb::ring::port::Ring;
use halb::ring::port::Socket;
use halb::ring::thread;

use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::alone;
use crate::rig::loopback;
use crate::rig::picked;
use crate::rig::rest;
use crate::rig::token;

#[test]
fn a_wake_from_another_thread_ends_a_wait() {
    alone();
    let hub = Arc::new(Hub::new(1).unwrap());
    let mut rig = Rig::of_hub(hub.clone(), 0, 64);
    for slot in 1..=3 {
        rig.ring.await_wake(token(slot));
        rig.submit();
        let hub = hub.clone();
        let waker = std::thread::spawn(move || hub.wake(0));
        let done = rig.wait(slot);
        assert_eq!((done.result, done.last), (Ok(0), true));
        waker.join().unwrap();
    }
    rig.finish();
}

#[test]
fn a_wake_before_the_wait_is_not_lost_and_many_are_one() {
    let mut rig = Rig::new();
    for _ in 0..5 {
        rig.ring.wake(0);
    }
    rig.ring.await_wake(token(1));
    assert_eq!(rig.wait(1).result, Ok(0));
    rig.ring.await_wake(token(2));
    assert!(!rig.is_done(2), "all five were taken at once");
    rig.ring.wake(0);
    assert_eq!(rig.wait(2).result, Ok(0));
    rig.finish();
}

#[test]
fn a_socket_changes_hands_between_private_tables() {
    alone();
    let hub = Arc::new(Hub::new(2).unwrap());
    let (address_out, address_in) = mpsc::channel();
    let giver = std::thread::spawn({
        let hub = hub.clone();
        move || {
            thread::own_table(&hub.descriptors()).unwrap();
            let mut rig = Rig::of_hub(hub, 0, 64);
            let (listener, address) = rig.listen();
            rig.ring.accept(listener, token(1));
            rig.submit();
            address_out.send(address).unwrap();
            let socket = Socket(rig.wait(1).result.unwrap() as i32);
            assert!(rig.ring.hand_over(socket, 1));
            rig.ring.wake(1);
            rig.ring.close(listener, InFlight::Any);
            assert!(rig.wait(1).last);
            rig.finish();
        }
    });
    let taker = std::thread::spawn({
        let hub = hub.clone();
        move || {
            thread::own_table(&hub.descriptors()).unwrap();
            let mut rig = Rig::of_hub(hub, 1, 64);
            rig.ring.await_wake(token(1));
            assert_eq!(rig.wait(1).result, Ok(0));
            let socket = adopted(&mut rig);
            assert_eq!(rig.ring.adopt(), None);
            rig.pick(socket, Arrival::Later, 2);
            let done = rig.wait(2);
            assert_eq!(picked(&done), b"who is there?");
            rig.home(done);
            let buffer = rig.filled(b"the other");
            rig.ring.send(socket, buffer, 0..9, token(3));
            let done = rig.wait(3);
            rig.home(done);
            rig.ring.close(socket, InFlight::Nothing);
            rig.finish();
        }
    });
    let mut client = TcpStream::connect(address_in.recv_timeout(PATIENCE).unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"who is there?").unwrap();
    assert_eq!(
        rest(&client),
        b"the other",
        "and the giver's copy is closed"
    );
    giver.join().unwrap();
    taker.join().unwrap();
}

#[test]
fn a_socket_stays_when_the_inbox_is_full() {
    alone();
    let hub = Arc::new(Hub::new(2).unwrap());
    let mut rig = Rig::of_hub(hub.clone(), 0, 64);
    let mut other = Rig::of_hub(hub, 1, 64);
    let mut peers = Vec::new();
    let kept = loop {
        let (socket, peer) = rig.pair();
        peers.push(peer);
        if !rig.ring.hand_over(socket, 1) {
            break socket;
        }
    };
    let mut peer = peers.pop().unwrap();
    rig.pick(kept, Arrival::Later, 1);
    peer.write_all(b"here").unwrap();
    let done = rig.wait(1);
    assert_eq!(picked(&done), b"here");
    rig.home(done);
    for _ in &peers {
        let socket = adopted(&mut other);
        other.ring.close(socket, InFlight::Nothing);
    }
    assert_eq!(other.ring.adopt(), None);
    assert!(rig.ring.hand_over(kept, 1), "there is room again");
    let socket = adopted(&mut other);
    other.ring.close(socket, InFlight::Nothing);
    rig.finish();
    other.finish();
}

#[test]
fn a_private_table_neither_gives_nor_takes_descriptors() {
    alone();
    let listener = TcpListener::bind(loopback()).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    let (ready_out, ready_in) = mpsc::channel();
    let (end_out, end_in) = mpsc::channel::<()>();
    let worker = std::thread::spawn(move || {
        thread::own_table(&[]).unwrap();
        let entries = std::fs::read_dir("/proc/thread-self/fd").unwrap();
        let open = entries.flatten().count();
        ready_out.send(open).unwrap();
        let ended = end_in.recv_timeout(PATIENCE);
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
    });
    let open = ready_in.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        open, 4,
        "the three standard ones, and the one that lists them"
    );
    accepted.write_all(b"mine").unwrap();
    drop(accepted); // ends the connection at once: the worker has no copy of it
    assert_eq!(rest(&client), b"mine");
    drop(end_out);
    worker.join().unwrap();
}

/// The socket that somebody handed over.
#[track_caller]
fn adopted(rig: &mut Rig) -> Socket {
    match rig.ring.adopt() {
        Some(Adopted::Socket(socket)) => socket,
        other => panic!("{other:?} instead of a socket"),
    }
}
