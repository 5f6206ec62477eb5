//! Receiving: picked and leased buffers, and what an empty ring of buffers hides.

use std::io::Write;
use std::net::Shutdown;

use halb::ring::arena::Buffer;
use halb::ring::port::Arrival;
use halb::ring::port::InFlight;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use nix::errno::Errno;

use crate::rig::Rig;
use crate::rig::picked;
use crate::rig::reset;
use crate::rig::token;

/// A rig whose only buffer for picking is held, and the socket it came from.
fn starved() -> (Rig, Buffer, Buffer, Socket) {
    let mut rig = Rig::with_buffers(2);
    let (socket, mut peer) = rig.pair();
    rig.pick(socket, Arrival::Later, 1);
    peer.write_all(b"x").unwrap();
    let held = rig.wait(1).buffer.unwrap();
    let other = rig.ring.lease(Size::Small).unwrap();
    (rig, held, other, socket)
}

#[test]
fn a_waiting_receive_holds_no_buffer_and_gets_one_when_bytes_come() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    for when in [Arrival::Later, Arrival::Now] {
        rig.pick(socket, when, 1);
        assert!(!rig.is_done(1), "{when:?}: it waits");
        assert_eq!(rig.ring.counts().buffers, 0, "{when:?}");
        peer.write_all(b"hello").unwrap();
        let done = rig.wait(1);
        assert!(done.last);
        assert_eq!(picked(&done), b"hello");
        assert_eq!(rig.ring.counts().buffers, 1);
        rig.home(done);
    }
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn bytes_that_wait_already_are_received_with_either_arrival() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    for when in [Arrival::Later, Arrival::Now] {
        peer.write_all(b"early").unwrap();
        rig.pick(socket, when, 1);
        let done = rig.wait(1);
        assert_eq!(picked(&done), b"early", "{when:?}");
        rig.home(done);
    }
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn the_end_of_the_stream_takes_no_buffer() {
    let mut rig = Rig::with_buffers(2);
    let (socket, peer) = rig.pair();
    drop(peer);
    for slot in 1..4 {
        rig.pick(socket, Arrival::Now, slot);
        let done = rig.wait(slot);
        assert_eq!(done.result, Ok(0));
        assert!(done.buffer.is_none());
    }
    assert_eq!(
        rig.ring.counts().starved,
        0,
        "the one buffer is still there"
    );
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_reset_is_an_error_and_takes_no_buffer() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    rig.pick(socket, Arrival::Later, 1);
    rig.submit();
    reset(peer);
    let done = rig.wait(1);
    assert_eq!(done.result, Err(Errno::ECONNRESET));
    assert!(done.buffer.is_none());
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn without_a_buffer_a_receive_fails_at_once_unless_it_waits_first() {
    let (mut rig, held, other, socket) = starved();
    let (idle, mut peer) = rig.pair();
    rig.pick(idle, Arrival::Now, 2);
    assert_eq!(
        rig.wait(2).result,
        Err(Errno::ENOBUFS),
        "though nothing came"
    );
    rig.pick(idle, Arrival::Later, 3);
    assert!(!rig.is_done(3), "this one waits for bytes");
    peer.write_all(b"kept").unwrap();
    assert_eq!(rig.wait(3).result, Err(Errno::ENOBUFS));
    assert_eq!(rig.ring.counts().starved, 2);
    rig.ring.give_back(held);
    rig.ring.give_back(other);
    rig.pick(idle, Arrival::Now, 4);
    let done = rig.wait(4);
    assert_eq!(picked(&done), b"kept", "the bytes stayed in the socket");
    rig.home(done);
    rig.ring.close(idle, InFlight::Nothing);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn without_a_buffer_the_end_of_the_stream_is_hidden() {
    let (mut rig, held, other, socket) = starved();
    let (ending, peer) = rig.pair();
    peer.shutdown(Shutdown::Write).unwrap();
    rig.pick(ending, Arrival::Later, 2);
    assert_eq!(rig.wait(2).result, Err(Errno::ENOBUFS));
    rig.ring.give_back(held);
    rig.pick(ending, Arrival::Later, 3);
    assert_eq!(rig.wait(3).result, Ok(0));
    rig.ring.give_back(other);
    rig.ring.close(ending, InFlight::Nothing);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_leased_buffer_takes_bytes_in_the_part_it_was_given_for() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    let mut buffer = rig.ring.lease(Size::Large).unwrap();
    buffer.fill(b'.');
    let into = Into::Lease(buffer, 10..14);
    rig.ring.recv(socket, into, Arrival::Later, token(1));
    rig.submit();
    peer.write_all(b"abcdef").unwrap();
    let done = rig.wait(1);
    assert_eq!(done.result, Ok(4));
    let buffer = done.buffer.unwrap();
    assert_eq!(&buffer[8..16], b"..abcd..");
    let into = Into::Lease(buffer, 0..100);
    rig.ring.recv(socket, into, Arrival::Now, token(2));
    let done = rig.wait(2);
    assert_eq!(done.result, Ok(2), "the rest, and no waiting for more");
    rig.home(done);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_leased_buffer_comes_back_whatever_the_result() {
    let mut rig = Rig::new();
    let (socket, peer) = rig.pair();
    drop(peer);
    let buffer = rig.ring.lease(Size::Large).unwrap();
    let into = Into::Lease(buffer, 0..8);
    rig.ring.recv(socket, into, Arrival::Now, token(1));
    let done = rig.wait(1);
    assert_eq!(done.result, Ok(0));
    assert!(done.buffer.is_some());
    rig.home(done);
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}

#[test]
fn no_operation_starts_a_kernel_thread() {
    let mut rig = Rig::new();
    let (socket, mut peer) = rig.pair();
    rig.ring.await_wake(token(7));
    rig.ring.await_readable(socket, token(2));
    rig.ring.await_writable(socket, token(3));
    rig.pick(socket, Arrival::Later, 1);
    rig.submit();
    peer.write_all(b"x").unwrap();
    for slot in 1..=3 {
        let done = rig.wait(slot);
        rig.home(done);
    }
    let ours = format!("iou-wrk-{}", nix::unistd::gettid());
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let name = std::fs::read_to_string(task.unwrap().path().join("comm"));
        assert_ne!(name.unwrap_or_default().trim(), ours);
    }
    rig.ring.wake(0);
    assert_eq!(rig.wait(7).result, Ok(0));
    rig.ring.close(socket, InFlight::Nothing);
    rig.finish();
}
