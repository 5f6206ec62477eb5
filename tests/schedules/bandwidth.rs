//! The bandwidth that workers share: rations never overlap, whoever asks when, and nothing is lost.

use std::sync::Arc;

use loom::thread;

use crate::model::time::Instant;
use crate::plane::bandwidth::Bucket;
use crate::plane::bandwidth::Ration;
use crate::try_all_orders;

/// 1 Mbps
const RATE: u64 = 125_000;

fn at(ms: u64) -> Instant {
    Instant::from_nanos((1_000 + ms) * 1_000_000)
}

/// Every byte of the line belongs to one ration, and nothing between the rations was skipped.
fn joined(mut rations: Vec<Ration>) -> u64 {
    rations.sort_by_key(|ration| ration.start);
    for pair in rations.windows(2) {
        assert_eq!(pair[0].start + pair[0].bytes, pair[1].start);
    }
    rations.iter().map(|ration| ration.bytes).sum()
}

#[test]
fn rations_of_two_workers_do_not_overlap() {
    try_all_orders(3, || {
        let bucket = Arc::new(Bucket::new(RATE));
        let other = Arc::clone(&bucket);
        // Its clock is a little ahead.
        let second = thread::spawn(move || [other.take(at(1), 9_000), other.take(at(1), 9_000)]);
        let first = [bucket.take(at(0), 9_000), bucket.take(at(1), 9_000)];
        let second = second.join().unwrap();
        let sum = joined(first.into_iter().chain(second).collect());
        let most = bucket.depth() + bucket.quantum() * 2;
        assert!(sum > bucket.depth() && sum <= most, "{sum}");
    });
}

#[test]
fn what_one_gives_back_another_gets() {
    try_all_orders(3, || {
        let bucket = Arc::new(Bucket::new(RATE));
        while bucket.take(at(0), 64_000).start < RATE {}
        let before = bucket.take(at(0), 100).start;
        let other = Arc::clone(&bucket);
        let second = thread::spawn(move || {
            let ration = other.take(at(0), 1_000);
            other.give_back(ration.bytes);
        });
        let kept = bucket.take(at(0), 1_000).bytes;
        second.join().unwrap();
        let after = bucket.take(at(0), 100).start;
        assert_eq!(after - before, 100 + kept);
    });
}
