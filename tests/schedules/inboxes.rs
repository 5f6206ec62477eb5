//! Learned sessions from worker to worker.

use std::sync::Arc;

use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering;
use loom::thread;

use crate::Bells;
use crate::model::output::OutputId;
use crate::plane::inbox::Entry;
use crate::plane::inbox::Inboxes;
use crate::plane::outbox::Outbox;
use crate::try_all_orders;

fn entry(number: usize) -> Entry {
    Entry {
        key: (number as u128) << 64 | number as u128,
        output: OutputId::from_index(number).unwrap(),
        what: 0,
    }
}

/// One worker's part: tells `entries` to all others and holds each response back until they have it.
fn learn(inboxes: &Inboxes, bells: &Bells, worker: usize, entries: impl Iterator<Item = Entry>) {
    let mut outbox = Outbox::new(worker);
    for entry in entries {
        let number = outbox.tell(inboxes, entry, |taker| bells.wake(taker));
        while !outbox.is_told(number) {
            bells.sleep(worker);
            outbox.resume(inboxes, |taker| bells.wake(taker));
        }
    }
}

/// The other part: sleeps until somebody finds its inbox full, and empties it.
fn take(inboxes: &Inboxes, bells: &Bells, worker: usize, into: &mut Vec<Entry>) {
    inboxes.empty(
        worker,
        |entry| into.push(entry),
        |sender| bells.wake(sender),
    );
}

#[test]
fn nothing_is_lost_or_doubled_and_the_order_is_kept() {
    try_all_orders(2, || pass_on(1));
    try_all_orders(2, || pass_on(2));
}

/// Three entries through an inbox for so many.
fn pass_on(capacity: usize) {
    const ENTRIES: usize = 3;
    let inboxes = Arc::new(Inboxes::with_capacity(2, capacity));
    let bells = Bells::new(2);
    let (theirs, their_bells) = (Arc::clone(&inboxes), Arc::clone(&bells));
    let learner = thread::spawn(move || {
        learn(&theirs, &their_bells, 0, (0..ENTRIES).map(entry));
    });
    let mut taken = Vec::new();
    take(&inboxes, &bells, 1, &mut taken); // a turn that came by itself
    // What is left when the last of these were taken has room.
    while taken.len() < ENTRIES - capacity {
        bells.sleep(1);
        take(&inboxes, &bells, 1, &mut taken);
    }
    learner.join().unwrap();
    take(&inboxes, &bells, 1, &mut taken);
    assert_eq!(taken, (0..ENTRIES).map(entry).collect::<Vec<_>>());
}

#[test]
fn who_sees_the_response_finds_the_session_on_every_worker() {
    try_all_orders(2, || {
        let inboxes = Arc::new(Inboxes::with_capacity(3, 1));
        let bells = Bells::new(3);
        let response = Arc::new(AtomicBool::new(false));
        let learners = [0, 1].map(|worker| {
            let (inboxes, bells) = (Arc::clone(&inboxes), Arc::clone(&bells));
            let response = Arc::clone(&response);
            thread::spawn(move || {
                learn(&inboxes, &bells, worker, [entry(worker)].into_iter());
                if worker == 0 {
                    response.store(true, Ordering::Release);
                }
            })
        });
        // A turn; what comes after it is found in a later one.
        let mut taken = Vec::new();
        take(&inboxes, &bells, 2, &mut taken);
        if response.load(Ordering::Acquire) {
            take(&inboxes, &bells, 2, &mut taken);
            assert!(taken.contains(&entry(0)), "the client may bring it now");
        }
        for learner in learners {
            learner.join().unwrap();
        }
        take(&inboxes, &bells, 2, &mut taken);
        taken.sort_by_key(|entry| entry.key);
        assert_eq!(taken, [entry(0), entry(1)]);
    });
}

#[test]
fn nobody_waits_for_one_who_has_stopped() {
    try_all_orders(2, || {
        let inboxes = Arc::new(Inboxes::with_capacity(2, 1));
        let bells = Bells::new(2);
        let (theirs, their_bells) = (Arc::clone(&inboxes), Arc::clone(&bells));
        let learner = thread::spawn(move || {
            learn(&theirs, &their_bells, 0, (0..3).map(entry));
        });
        inboxes.close(1, |sender| bells.wake(sender));
        learner.join().unwrap();
    });
}
