//! Closing and cancelling: what ends, in which order, and what a peer sees of it.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;

use halb::ring::arena::LARGE_BYTES;
use halb::ring::port::Arrival;
use halb::ring::port::InFlight;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::token::Token;
use nix::errno::Errno;

use crate::rig::Rig;
use crate::rig::picked;
use crate::rig::rest;
use crate::rig::token;

#[test]
fn closing_alone_ends_nothing_and_sends_no_end() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    rig.pick(socket, Arrival::Later, 1);
    rig.submit();
    rig.ring.close(socket, InFlight::Nothing); // which is the mistake: it is busy
    rig.submit();
    peer.set_nonblocking(true).unwrap();
    let nothing = peer.read(&mut [0; 1]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock, "no end was sent");
    peer.write_all(b"still received").unwrap();
    let done = rig.wait(1);
    assert_eq!(picked(&done), b"still received");
    rig.home(done);
    peer.set_nonblocking(false).unwrap();
    rig.finish();
}

#[test]
fn cancel_and_close_in_one_batch_send_the_end() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    rig.pick(socket, Arrival::Later, 1);
    rig.submit();
    let enters = rig.ring.counts().enters;
    rig.ring.close(socket, InFlight::Any);
    let done = rig.wait(1);
    assert_eq!(done.result, Err(Errno::ECANCELED));
    assert!(done.buffer.is_none());
    assert_eq!(rest(&peer), b"", "the end arrived");
    assert_eq!(rig.ring.counts().enters, enters + 1);
    assert_eq!(rig.ring.faults().refused, 0);
    rig.finish();
}

#[test]
fn an_operation_of_the_same_batch_is_ended_too() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    let buffer = rig.ring.lease(Size::Large).unwrap();
    let into = Into::Lease(buffer, 0..100);
    rig.ring.recv(socket, into, Arrival::Later, token(1));
    rig.ring.close(socket, InFlight::Any);
    let done = rig.wait(1);
    assert_eq!(done.result, Err(Errno::ECANCELED));
    assert!(done.buffer.is_some());
    rig.home(done);
    assert_eq!(rest(&peer), b"");
    rig.finish();
}

#[test]
fn a_picked_receive_is_ended_by_its_name_and_no_other_is() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    let (other, mut other_peer) = rig.pair();
    rig.pick(socket, Arrival::Later, 1);
    rig.pick(other, Arrival::Later, 2);
    rig.submit();
    rig.ring.close(socket, InFlight::Pick(token(1)));
    let done = rig.wait(1);
    assert_eq!(done.result, Err(Errno::ECANCELED));
    assert_eq!(rest(&peer), b"", "the end arrived");
    other_peer.write_all(b"still here").unwrap();
    let done = rig.wait(2);
    assert_eq!(picked(&done), b"still here");
    rig.home(done);
    rig.ring.close(other, InFlight::Nothing);
    assert_eq!(rig.ring.faults().refused, 0);
    rig.finish();
}

#[test]
fn a_picked_receive_of_the_same_batch_is_ended_by_its_name() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    rig.pick(socket, Arrival::Later, 1);
    rig.ring.close(socket, InFlight::Pick(token(1)));
    assert_eq!(rig.wait(1).result, Err(Errno::ECANCELED));
    assert_eq!(rest(&peer), b"", "the end arrived");
    rig.finish();
}

#[test]
fn a_name_that_completed_before_the_cancel_does_no_harm() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    peer.write_all(b"won").unwrap();
    rig.pick(socket, Arrival::Now, 1);
    rig.ring.close(socket, InFlight::Pick(token(1)));
    let done = rig.wait(1);
    assert_eq!(picked(&done), b"won");
    rig.home(done);
    rig.submit();
    assert_eq!(
        rig.ring.faults().refused,
        1,
        "there was nothing to cancel, and it says so"
    );
    rig.finish();
}

#[test]
fn both_directions_end_at_a_close() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    let buffer = rig.fill_up(socket);
    rig.pick(socket, Arrival::Later, 1);
    rig.ring.send(socket, buffer, 0..LARGE_BYTES, token(2));
    rig.submit();
    rig.ring.close(socket, InFlight::Any);
    assert_eq!(rig.wait(1).result, Err(Errno::ECANCELED));
    let done = rig.wait(2);
    // A late acknowledgement may have let a part of it go.
    assert!(matches!(done.result, Ok(1..) | Err(Errno::ECANCELED)));
    assert!(done.buffer.is_some());
    rig.home(done);
    assert!(
        !rest(&peer).is_empty(),
        "what was sent arrives, then the end"
    );
    rig.finish();
}

#[test]
fn closing_an_idle_socket_as_a_busy_one_does_no_harm() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    rig.ring.close(socket, InFlight::Any);
    rig.submit();
    assert_eq!(rest(&peer), b"");
    rig.submit();
    assert_eq!(
        rig.ring.faults().refused,
        0,
        "nothing to cancel is a success with ALL"
    );
    rig.finish();
}

#[test]
fn a_late_completion_carries_the_token_of_the_connection_that_is_gone() {
    let mut rig = Rig::new();
    let (socket, _peer) = rig.pair();
    rig.pick(socket, Arrival::Later, 1);
    rig.submit();
    rig.ring.close(socket, InFlight::Any);
    rig.submit();
    let (newer, mut peer) = rig.pair();
    assert_eq!(newer, socket, "the number is used again");
    let younger = Token {
        generation: 6,
        ..token(2)
    };
    rig.ring.recv(newer, Into::Pick, Arrival::Later, younger);
    peer.write_all(b"new").unwrap();
    let done = rig.wait(2);
    assert_eq!((done.token, picked(&done)), (younger, &b"new"[..]));
    rig.home(done);
    let late = rig.wait(1);
    assert_eq!((late.token, late.result), (token(1), Err(Errno::ECANCELED)));
    rig.ring.close(newer, InFlight::Nothing);
    rig.finish();
}

#[test]
fn what_completed_before_the_cancel_keeps_its_result() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    peer.write_all(b"won").unwrap();
    rig.pick(socket, Arrival::Now, 1);
    rig.ring.close(socket, InFlight::Any);
    let done = rig.wait(1);
    assert_eq!(picked(&done), b"won");
    rig.home(done);
    rig.finish();
}

#[test]
fn cancelling_leaves_other_sockets_alone() {
    let mut rig = Rig::new();
    let (one, _first) = rig.pair();
    let (two, mut second) = rig.pair();
    rig.pick(one, Arrival::Later, 1);
    rig.pick(two, Arrival::Later, 2);
    rig.submit();
    rig.ring.cancel(one);
    assert_eq!(rig.wait(1).result, Err(Errno::ECANCELED));
    second.write_all(b"mine").unwrap();
    let done = rig.wait(2);
    assert_eq!(picked(&done), b"mine");
    rig.home(done);
    rig.ring.close(one, InFlight::Nothing);
    rig.ring.close(two, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_close_can_be_a_reset() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    rig.ring.reset_at_close(socket);
    rig.ring.close(socket, InFlight::Nothing);
    rig.submit();
    let error = peer.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    rig.finish();
}

#[test]
fn a_reset_ends_what_is_in_flight_in_the_same_batch() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    let buffer = rig.fill_up(socket);
    rig.pick(socket, Arrival::Later, 1);
    rig.ring.send(socket, buffer, 0..LARGE_BYTES, token(2));
    rig.submit();
    rig.ring.reset_at_close(socket);
    rig.ring.close(socket, InFlight::Any);
    assert_eq!(rig.wait(1).result, Err(Errno::ECANCELED));
    let done = rig.wait(2);
    assert!(matches!(done.result, Ok(1..) | Err(Errno::ECANCELED)));
    rig.home(done);
    let end = peer.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset, "and no end");
    rig.finish();
}
