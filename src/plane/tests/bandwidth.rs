use std::time::Duration;

use proptest::prelude::*;

use crate::model::time::Instant;
use crate::plane::bandwidth::Bucket;

const NANOS: u64 = 1_000_000_000;
const MEGABIT: u64 = 125_000;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(10 * NANOS + nanos)
}

fn ms(ms: u64) -> Instant {
    at(ms * 1_000_000)
}

/// Bytes, and how long until they may go.
fn take(bucket: &Bucket, now: Instant, wanted: u64) -> (u64, Duration) {
    let ration = bucket.take(now, wanted);
    assert_eq!(
        bucket.is_due(ration.start, now),
        bucket.due_at(ration.start) <= now
    );
    (ration.bytes, bucket.due_at(ration.start).since(now))
}

#[test]
fn depth_and_quantum_follow_from_the_rate() {
    for (megabits, depth, quantum) in [
        (1, 16_384, 2_048),
        (2, 16_384, 2_048),
        (10, 62_500, 2_048),
        (250, 1_562_500, 15_625),
        (1_000, 6_250_000, 62_500),
        (2_000, 12_500_000, 65_536),
    ] {
        let bucket = Bucket::new(megabits * MEGABIT);
        assert_eq!(
            (bucket.depth(), bucket.quantum()),
            (depth, quantum),
            "{megabits} Mbps"
        );
    }
}

/// One row after the other on one bucket of 1 Mbps: when, what is wanted, what is given, and after how many
/// microseconds.
#[test]
fn the_truth_table() {
    const SLACK: u64 = 16_384 - 2_048;
    let bucket = Bucket::new(MEGABIT);
    for (when, wanted, given, after_us) in [
        (0, 5_000, 5_000, 0),          // from a full bucket: all of it, at once
        (0, 64_000, SLACK - 5_000, 0), // what is left, if that is more than a quantum
        (0, 64_000, 2_048, 0),         // an empty bucket: a quantum of debt
        (0, 100, 100, 16_384),         // the next waits until the debt is paid
        (0, 64_000, 2_048, 17_184), // and the one behind it for its ration as well, a quantum at a time
        (33, 64_000, 2_048, 568),   // nobody overtakes who waits
        (50, 64_000, 2_048, 0),     // 50 ms have brought 6,250 bytes: 6,244 are gone
        (60_000, 64_000, SLACK, 0), // full again, and never more than full
    ] {
        let got = take(&bucket, ms(when), wanted);
        let told = format!("{wanted} bytes at {when} ms");
        assert_eq!(got, (given, Duration::from_micros(after_us)), "{told}");
    }
}

#[test]
fn what_is_given_back_is_given_to_the_next() {
    let bucket = Bucket::new(MEGABIT);
    while take(&bucket, ms(0), 64_000).1.is_zero() {}
    let (bytes, wait) = take(&bucket, ms(0), 2_000);
    assert_eq!(bytes, 2_000);
    bucket.give_back(2_000);
    assert_eq!(take(&bucket, ms(0), 2_000), (2_000, wait));
}

#[test]
fn what_is_given_back_late_does_not_deepen_the_bucket() {
    let bucket = Bucket::new(MEGABIT);
    let ration = bucket.take(ms(0), 10_000);
    bucket.give_back(ration.bytes);
    let (given, _) = take(&bucket, ms(90_000), 1_000_000);
    assert_eq!(given, 16_384 - 2_048);
}

/// A worker whose clock is behind neither loses nor gains.
#[test]
fn a_clock_that_is_behind_does_no_harm() {
    let bucket = Bucket::new(MEGABIT);
    while take(&bucket, ms(1_000), 64_000).1.is_zero() {}
    let (_, early) = take(&bucket, ms(990), 1_000);
    let (_, late) = take(&bucket, ms(1_000), 1_000);
    assert_eq!(
        early,
        late + Duration::from_millis(10 - 8),
        "8 ms for 1,000 bytes"
    );
}

/// Somebody who asks: how long after the one before, and for how much.
fn asker() -> impl Strategy<Value = (u64, u64)> {
    (
        prop_oneof![Just(0), 0..2_000_000u64, 0..200_000_000u64],
        prop_oneof![1..2_000u64, 1..70_000u64],
    )
}

fn rates() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(MEGABIT),
        Just(250 * MEGABIT),
        Just(2000 * MEGABIT),
        MEGABIT..=2000 * MEGABIT
    ]
}

proptest! {
    /// Over any window no more goes than the rate brings, and the depth.
    #[test]
    fn no_window_holds_too_much(rate in rates(), askers in prop::collection::vec(asker(), 1..80)) {
        let bucket = Bucket::new(rate);
        let mut now = 0;
        let mut sent: Vec<(Instant, u64)> = Vec::new();
        for (after, wanted) in askers {
            now += after;
            let ration = bucket.take(at(now), wanted);
            prop_assert!(ration.bytes > 0 && ration.bytes <= wanted);
            sent.push((bucket.due_at(ration.start).max(at(now)), ration.bytes));
        }
        for first in 0..sent.len() {
            let mut bytes = 0;
            for (moment, more) in &sent[first..] {
                bytes += more;
                let window = moment.since(sent[first].0).as_nanos() as u64;
                let brought = u128::from(window) * u128::from(rate) / u128::from(NANOS);
                let most = brought as u64 + 1 + bucket.depth();
                prop_assert!(bytes <= most, "{bytes} in {window} ns, at most {most}");
            }
        }
    }

    /// While somebody always wants more, what the rate brings is given out: nothing is lost, whatever the sizes.
    #[test]
    fn what_is_wanted_is_given(rate in rates(), sizes in prop::collection::vec(1..70_000u64, 1..80)) {
        let bucket = Bucket::new(rate);
        let (mut now, mut bytes) = (at(0), 0);
        for wanted in sizes {
            let ration = bucket.take(now, wanted);
            bytes += ration.bytes;
            now = now.max(bucket.due_at(ration.start));
        }
        let passed = now.since(at(0)).as_nanos();
        let brought = (passed * u128::from(rate) / u128::from(NANOS)) as u64;
        prop_assert!(bytes >= brought, "{bytes} of {brought}");
    }

    /// Turns are given in the order of asking, and do not overlap.
    #[test]
    fn rations_follow_each_other(rate in rates(), askers in prop::collection::vec(asker(), 2..80)) {
        let bucket = Bucket::new(rate);
        let (mut now, mut end) = (0, 0);
        for (after, wanted) in askers {
            now += after;
            let ration = bucket.take(at(now), wanted);
            prop_assert!(ration.start >= end);
            prop_assert!(ration.bytes <= bucket.quantum() || bucket.is_due(ration.start + ration.bytes, at(now)));
            end = ration.start + ration.bytes;
        }
    }
}
