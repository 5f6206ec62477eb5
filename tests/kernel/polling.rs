//! Waiting for readiness without moving anything.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;

use halb::ring::port::Arrival;
use halb::ring::port::InFlight;
use halb::ring::port::Ring;
use halb::ring::port::Socket;
use nix::errno::Errno;

use crate::rig::Rig;
use crate::rig::picked;
use crate::rig::reset;
use crate::rig::rest;
use crate::rig::token;

/// A socket that waits for bytes (1) and for room (2), neither of which there is.
fn waits(rig: &mut Rig) -> (Socket, TcpStream) {
    let (socket, peer) = rig.pair();
    let buffer = rig.fill_up(socket);
    rig.ring.give_back(buffer);
    rig.ring.await_readable(socket, token(1));
    rig.ring.await_writable(socket, token(2));
    (socket, peer)
}

#[test]
fn bytes_are_announced_and_stay() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    rig.ring.await_readable(socket, token(1));
    assert!(!rig.is_done(1), "there is nothing yet");
    peer.write_all(b"here").unwrap();
    rig.ready(1);
    rig.ring.await_readable(socket, token(2));
    rig.ready(2); // what waits already is announced
    rig.pick(socket, Arrival::Now, 3);
    let done = rig.wait(3);
    assert_eq!(picked(&done), b"here");
    rig.home(done);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn the_end_is_announced_to_readers() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    rig.ring.await_readable(socket, token(1));
    rig.submit();
    peer.shutdown(Shutdown::Write).unwrap();
    rig.ready(1);
    rig.pick(socket, Arrival::Now, 2);
    assert_eq!(rig.wait(2).result, Ok(0), "it is the end");
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_reset_is_announced_to_readers_and_writers_and_is_still_there() {
    let mut rig = Rig::new();
    let (socket, peer) = waits(&mut rig);
    assert!(!rig.is_done(1) && !rig.is_done(2));
    reset(peer);
    rig.ready(1);
    rig.ready(2);
    rig.pick(socket, Arrival::Now, 3);
    assert_eq!(rig.wait(3).result, Err(Errno::ECONNRESET));
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn room_is_announced_once_the_other_end_has_read() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    rig.ring.await_writable(socket, token(1));
    rig.ready(1); // there is room
    let buffer = rig.fill_up(socket);
    rig.ring.await_writable(socket, token(2));
    assert!(!rig.is_done(2), "there is none");
    let mut heap = vec![0; 64 * 1024];
    while !rig.is_done(2) {
        assert!(peer.read(&mut heap).unwrap() > 0);
    }
    rig.ready(2);
    rig.ring.give_back(buffer);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn both_waits_end_at_a_close() {
    let mut rig = Rig::new();
    let (socket, peer) = waits(&mut rig);
    rig.submit();
    rig.ring.close(socket, InFlight::Any);
    for slot in 1..=2 {
        let done = rig.wait(slot);
        assert_eq!((done.result, done.last), (Err(Errno::ECANCELED), true));
    }
    assert!(!rest(&peer).is_empty(), "what was sent, and the end");
    rig.finish();
}

#[test]
fn a_wait_can_be_cancelled_and_begun_again() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    rig.ring.await_readable(socket, token(1));
    rig.submit();
    rig.ring.cancel(socket);
    assert_eq!(rig.wait(1).result, Err(Errno::ECANCELED));
    rig.ring.await_readable(socket, token(2));
    peer.write_all(b"x").unwrap();
    rig.ready(2);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}
