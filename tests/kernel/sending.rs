//! Connecting and sending.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::fd::AsFd;

use halb::ring::arena::LARGE_BYTES;
use halb::ring::port::Arrival;
use halb::ring::port::InFlight;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use crate::rig::Rig;
use crate::rig::loopback;
use crate::rig::picked;
use crate::rig::reset;
use crate::rig::rest;
use crate::rig::token;

#[test]
fn the_part_of_a_buffer_that_is_asked_for_is_sent() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    let buffer = rig.filled(b"..hello..");
    rig.ring.send(socket, buffer, 2..7, token(1));
    let done = rig.wait(1);
    assert_eq!(done.result, Ok(5));
    assert!(done.last);
    rig.home(done);
    rig.ring.close(socket, InFlight::Nothing);
    rig.submit();
    assert_eq!(rest(&peer), b"hello");
    rig.finish();
}

#[test]
fn a_send_into_a_full_socket_completes_in_part() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    let mut buffer = rig.ring.lease(Size::Large).unwrap();
    let mut in_pieces = 0;
    let mut sent = 0;
    let mut read = 0;
    let mut heap = vec![0; LARGE_BYTES];
    while in_pieces == 0 {
        let asked = LARGE_BYTES - 17; // never a multiple of what the kernel reserves
        rig.ring.send(socket, buffer, 0..asked, token(1));
        while !rig.is_done(1) {
            read += peer.read(&mut heap).unwrap();
        }
        let done = rig.wait(1);
        let moved = done.result.unwrap() as usize;
        in_pieces += usize::from(moved < asked);
        sent += moved;
        buffer = done.buffer.unwrap();
        assert!(sent < 1 << 30, "every send completed whole");
    }
    rig.ring.give_back(buffer);
    rig.ring.close(socket, InFlight::Nothing);
    rig.submit();
    assert_eq!(read + rest(&peer).len(), sent, "each byte arrived once");
    rig.finish();
}

#[test]
fn a_send_that_waits_is_cancelled_with_its_buffer() {
    let mut rig = Rig::new();
    let (socket, _peer) = rig.pair();
    let buffer = rig.fill_up(socket);
    assert_eq!(buffer.len(), LARGE_BYTES, "it came back");
    rig.ring.give_back(buffer);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_send_after_a_reset_is_an_error_and_no_signal() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    reset(peer);
    let mut results = Vec::new();
    for slot in 1..=2 {
        let buffer = rig.filled(b"x");
        rig.ring.send(socket, buffer, 0..1, token(slot));
        let done = rig.wait(slot);
        results.push(done.result);
        rig.home(done);
    }
    // The first tells of the reset; from then on the pipe is broken, which without MSG_NOSIGNAL would kill.
    assert_eq!(results, [Err(Errno::ECONNRESET), Err(Errno::EPIPE)]);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_refused_connection_says_so() {
    let mut rig = Rig::new();
    let gone = TcpListener::bind(loopback()).unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let socket = rig.ring.open(&address).unwrap();
    rig.ring.connect(socket, &address, token(1));
    assert_eq!(rig.wait(1).result, Err(Errno::ECONNREFUSED));
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_connection_under_way_can_be_cancelled() {
    let mut rig = Rig::new();
    // A listener whose backlog is full answers no more: the connection stays under way.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&loopback().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let _first = TcpStream::connect(address).unwrap();
    let mut arrived = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut arrived, PollTimeout::from(10_000u16)), Ok(1));
    let socket = rig.ring.open(&address).unwrap();
    rig.ring.connect(socket, &address, token(1));
    assert!(!rig.is_done(1));
    rig.ring.cancel(socket);
    assert_eq!(rig.wait(1).result, Err(Errno::ECANCELED));
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn addresses_of_one_batch_are_read_when_it_is_submitted() {
    let mut rig = Rig::new();
    let listeners: Vec<_> = (0..8)
        .map(|_| TcpListener::bind(loopback()).unwrap())
        .collect();
    let mut sockets = Vec::new();
    for (slot, listener) in (0..).zip(&listeners) {
        let address = listener.local_addr().unwrap();
        let socket = rig.ring.open(&address).unwrap();
        rig.ring.connect(socket, &address, token(slot));
        sockets.push(socket);
    }
    for (slot, listener) in (0..).zip(&listeners) {
        assert_eq!(rig.wait(slot).result, Ok(0));
        let address = listener.local_addr().unwrap();
        assert_eq!(rig.ring.peer(sockets[slot as usize]), Some(address));
    }
    for socket in sockets {
        rig.ring.close(socket, InFlight::Nothing);
    }
    rig.finish();
}

#[test]
fn after_the_end_was_sent_receiving_goes_on() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    rig.pick(socket, Arrival::Later, 1);
    rig.submit();
    rig.ring.stop_sending(socket);
    assert_eq!(rest(&peer), b"", "the end arrived");
    peer.write_all(b"still here").unwrap();
    let done = rig.wait(1);
    assert_eq!(picked(&done), b"still here");
    rig.home(done);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn after_the_end_came_sending_goes_on() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    peer.shutdown(Shutdown::Write).unwrap();
    rig.pick(socket, Arrival::Later, 1);
    assert_eq!(rig.wait(1).result, Ok(0));
    for slot in 2..=3 {
        let buffer = rig.filled(b"still");
        rig.ring.send(socket, buffer, 0..5, token(slot));
        let done = rig.wait(slot);
        assert_eq!(done.result, Ok(5));
        rig.home(done);
    }
    rig.ring.stop_sending(socket);
    assert_eq!(rest(&peer), b"stillstill");
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_peer_that_reset_has_no_address() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    let address = peer.local_addr().unwrap();
    assert_eq!(rig.ring.peer(socket), Some(address));
    reset(peer);
    rig.pick(socket, Arrival::Later, 1);
    assert_eq!(rig.wait(1).result, Err(Errno::ECONNRESET));
    assert_eq!(rig.ring.peer(socket), None);
    rig.ring.stop_sending(socket);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}
