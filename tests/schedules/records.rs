//! Records on their way to the access log.

use std::sync::Arc;

use loom::thread;

use crate::Bells;
use crate::plane::records::Put;
use crate::plane::records::Records;
use crate::try_all_orders;

const LOG: usize = 0;

/// What a worker does for each request.
fn put(records: &Records, bells: &Bells, record: &[u8]) -> bool {
    let put = records.put(record);
    if put == Put::StoredWake {
        bells.wake(LOG);
    }
    put != Put::Dropped
}

fn record(number: u8) -> Vec<u8> {
    vec![number; 4 + usize::from(number)]
}

/// What the log's thread does in a turn.
fn take(records: &Records, into: &mut Vec<Vec<u8>>) {
    let mut scratch = Vec::new();
    records.take(usize::MAX, &mut scratch, |record| {
        into.push(record.to_vec())
    });
}

#[test]
fn who_rests_is_woken_for_whatever_comes() {
    const COUNT: u8 = 3;
    try_all_orders(2, || {
        let bells = Bells::new(1);
        let records = Arc::new(Records::with_capacity(16));
        let (theirs, wakes) = (Arc::clone(&records), Arc::clone(&bells));
        let worker = thread::spawn(move || {
            for number in 0..COUNT {
                assert!(put(&theirs, &wakes, &record(number)), "there is room");
            }
        });
        let mut taken = Vec::new();
        while taken.len() < usize::from(COUNT) {
            take(&records, &mut taken);
            if taken.len() < usize::from(COUNT) && records.rest() {
                bells.sleep(LOG);
            }
        }
        worker.join().unwrap();
        assert_eq!(taken, (0..COUNT).map(record).collect::<Vec<_>>());
    });
}

#[test]
fn what_is_taken_is_whole_and_what_is_dropped_was_refused() {
    try_all_orders(2, || {
        let bells = Bells::new(1);
        // Room for one of them, or for two of the shorter ones, so that words are used again.
        let records = Arc::new(Records::with_capacity(4));
        let (theirs, wakes) = (Arc::clone(&records), Arc::clone(&bells));
        let worker = thread::spawn(move || {
            let numbers = 0..4;
            numbers
                .filter(|number| put(&theirs, &wakes, &record(*number)))
                .collect::<Vec<u8>>()
        });
        let mut taken = Vec::new();
        take(&records, &mut taken);
        take(&records, &mut taken);
        let stored = worker.join().unwrap();
        take(&records, &mut taken);
        assert_eq!(taken, stored.into_iter().map(record).collect::<Vec<_>>());
    });
}
