//! The ring's own bookkeeping. What the kernel does is in `tests/kernel.rs`.

use super::*;

fn ring() -> KernelRing {
    KernelRing::new(RingSetup {
        small_buffers: 64,
        large_buffers: 2,
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
    ring.close(socket, false);
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
    ring.close(listener, false);
    ring.turn(Some(Instant::ZERO), &mut Vec::new());
}
