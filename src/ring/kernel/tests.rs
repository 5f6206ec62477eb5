//! The ring's own bookkeeping. What the kernel does is in `tests/kernel.rs`.

use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;

use io_uring::IoUring;

use super::*;
use crate::ring::arena::HEADROOM;

fn ring() -> KernelRing {
    KernelRing::new(RingSetup {
        small_buffers: 64,
        large_buffers: 2,
        pipes: 1,
        socket_bytes: None,
        hub: Arc::new(Hub::new(1).unwrap()),
        index: 0,
    })
    .unwrap()
}

fn token(slot: u32) -> Token {
    Token {
        kind: 1,
        slot,
        generation: 9,
    }
}

#[test]
fn a_new_ring_has_nothing_away() {
    let mut ring = ring();
    assert_eq!(ring.counts(), RingCounts::default());
    ring.enter(Wait::No);
    assert_eq!(ring.counts().buffers, 0, "published buffers are not away");
    assert_eq!(ring.picks.published(), 32, "half of the arena's");
    let held = ring.lease(Size::Large).unwrap();
    assert_eq!(ring.counts().buffers, 1);
    ring.give_back(held);
    assert_eq!(ring.counts().buffers, 0);
}

#[test]
fn a_turn_whose_time_has_come_does_not_wait() {
    let mut ring = ring();
    let before = ring.now();
    let mut completions = Vec::new();
    ring.turn(Some(before), &mut completions);
    assert!(ring.now() >= before);
    assert!(completions.is_empty());
    let until = ring.now() + Duration::from_millis(5);
    ring.turn(Some(until), &mut completions);
    assert!(ring.now() >= until, "it waited for the moment it was told");
    assert!(completions.is_empty());
    assert_eq!(ring.counts().enters, 1, "the first had nothing to do");
}

#[test]
fn more_than_a_batch_is_submitted_in_between() {
    let mut ring = ring();
    let target = SocketAddr::from(([127, 0, 0, 1], 1));
    let many = SUBMISSION_ENTRIES + 10;
    let socket = ring.open(&target).unwrap();
    for slot in 0..many {
        ring.recv(socket, Into::Pick, Arrival::Now, token(slot)); // ENOTCONN
    }
    let mut completions = Vec::new();
    while completions.len() < many as usize {
        ring.turn(None, &mut completions);
    }
    assert!(
        completions
            .iter()
            .all(|done| done.result == Err(Errno::ENOTCONN) && done.last)
    );
    assert_eq!(ring.counts().in_flight, 0);
    assert_eq!(ring.counts().recvs, u64::from(many));
    assert!(ring.counts().enters >= 2);
    ring.close(socket, InFlight::Nothing);
    ring.turn(Some(Instant::ZERO), &mut completions);
    assert_eq!(ring.counts().sockets, 0);
    assert_eq!(ring.faults(), Faults::default());
}

#[test]
fn dropping_a_ring_ends_what_is_in_flight() {
    let mut ring = ring();
    let listener = ring.listen(&SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    ring.accept(listener, token(1));
    ring.await_wake(token(2));
    ring.turn(Some(Instant::ZERO), &mut Vec::new());
    assert_eq!(ring.counts().in_flight, 2);
    assert!(ring.drain());
    assert_eq!(ring.counts().in_flight, 0);
    ring.picks.forget(ring.gate.submitter(), &mut ring.arena);
    assert_eq!(ring.arena.away(), 0);
    ring.close(listener, InFlight::Nothing);
    ring.turn(Some(Instant::ZERO), &mut Vec::new());
}

/// A connection whose ring side waits for bytes.
fn waiting(ring: &mut KernelRing) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = ring.open(&address).unwrap();
    ring.connect(socket, &address, token(1));
    let mut completions = Vec::new();
    ring.turn(None, &mut completions);
    assert_eq!(completions[0].result, Ok(0));
    let (peer, _) = listener.accept().unwrap();
    ring.recv(socket, Into::Pick, Arrival::Later, token(2));
    ring.enter(Wait::No);
    (socket, peer)
}

#[test]
fn deferred_work_is_announced_and_a_turn_that_does_not_wait_runs_it() {
    let mut ring = ring();
    let (socket, mut peer) = waiting(&mut ring);
    peer.write_all(b"x").unwrap();
    let deadline = clock::read().now + LAST_WAIT;
    while !ring.gate.has_work() {
        assert!(clock::read().now < deadline, "IORING_SQ_TASKRUN never came");
        std::thread::yield_now();
    }
    assert!(!ring.gate.has_completions(), "nothing is completed unasked");
    let mut completions = Vec::new();
    ring.turn(Some(Instant::ZERO), &mut completions);
    assert_eq!(completions.len(), 1);
    ring.discard(completions.remove(0));
    ring.close(socket, InFlight::Nothing);
}

#[test]
fn a_buffer_ring_goes_round_longer_than_its_tail_counts() {
    let mut ring = ring();
    let (socket, mut peer) = waiting(&mut ring);
    let mut completions = Vec::new();
    for round in 0..=u32::from(u16::MAX) {
        peer.write_all(&round.to_le_bytes()).unwrap();
        while completions.is_empty() {
            ring.turn(None, &mut completions);
        }
        let done = completions.remove(0);
        assert_eq!(done.result, Ok(4));
        let buffer = done.buffer.unwrap();
        assert_eq!(buffer[HEADROOM..HEADROOM + 4], round.to_le_bytes());
        ring.give_back(buffer);
        ring.recv(socket, Into::Pick, Arrival::Now, token(2));
    }
    assert_eq!(ring.counts().starved, 0);
    ring.close(socket, InFlight::Any);
}

#[test]
fn starving_publishes_more_up_to_half_of_the_arena() {
    let mut arena = Arena::new(2048, 1).unwrap();
    let gate = Gate::new().unwrap();
    let mut picks = Picks::new(gate.submitter(), 2048).unwrap();
    let mut levels = Vec::new();
    for _ in 0..4 {
        picks.refill(&mut arena);
        levels.push(picks.published());
        picks.starved();
    }
    assert_eq!(levels, [256, 512, 1024, 1024]);
    assert_eq!(arena.away(), 1024);
    picks.forget(gate.submitter(), &mut arena);
    assert_eq!(arena.away(), 0);
}

#[test]
fn a_full_completion_queue_ends_an_accept_and_loses_nobody() {
    // As small as it gets: two completions fit.
    let small = IoUring::builder()
        .setup_cqsize(2)
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .build(1)
        .unwrap();
    let mut gate = Gate::of(small);
    let listener = socket::listener(&SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket::local_address(listener.as_fd()).unwrap();
    let clients: Vec<_> = (0..6)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut accepted = Vec::new();
    let mut ends = 0;
    let mut armed = false;
    while accepted.len() < clients.len() {
        if !armed {
            let number = listener.as_raw_fd();
            gate.push(&opcode::AcceptMulti::new(Fd(number)).build());
            armed = true;
        }
        gate.enter(Wait::Until(clock::read().now + LAST_WAIT));
        let before = accepted.len();
        while let Some(entry) = gate.next() {
            accepted.push(reap::result(entry.result()).unwrap());
            armed = cqueue::more(entry.flags());
            ends += u32::from(!armed);
        }
        assert!(accepted.len() > before, "someone was lost");
    }
    assert!(
        ends > 0,
        "the queue was too small for all, and that ended it"
    );
    for socket in accepted {
        nix::unistd::close(socket as i32).unwrap();
    }
}

#[test]
fn what_the_kernel_refuses_of_the_rings_own_is_counted() {
    let mut ring = ring();
    ring.counts.sockets = 1;
    ring.close(Socket(i32::MAX), InFlight::Nothing); // never ours: the one way to see a refusal
    ring.enter(Wait::No);
    let mut completions = Vec::new();
    ring.reap(&mut completions);
    assert!(completions.is_empty(), "it is not the caller's");
    assert_eq!(ring.faults().refused, 1);
}
