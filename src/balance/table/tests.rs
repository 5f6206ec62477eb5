use allocation_counter::measure;

use super::*;

mod model;
mod workers;

const SECOND_NS: u64 = 1_000_000_000;

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * SECOND_NS)
}

/// Keys as a hash gives them: spread over all 128 bits.
fn key(number: u64) -> SessionKey {
    let mut bits = u128::from(number) + 1;
    for _ in 0..3 {
        bits = bits.wrapping_mul(0xda94_2042_e4dd_58b5_9e37_79b9_7f4a_7c15);
        bits ^= bits >> 67;
    }
    SessionKey(bits)
}

fn out(number: usize) -> OutputId {
    OutputId::from_index(number - 1).unwrap()
}

fn table(capacity: usize) -> SessionTable {
    SessionTable::new(capacity, None)
}

/// Whether a table knows it, without using it.
fn knows(table: &SessionTable, number: u64) -> Option<(OutputId, Trust)> {
    let at = table.store.find(key(number))?;
    let entry = table.store.entry(at);
    Some((entry.output, entry.trust))
}

fn output(found: Option<Found>) -> Option<OutputId> {
    found.map(|found| found.output)
}

#[test]
fn what_is_learned_is_found_and_what_is_tied_is_confirmed_by_a_second_use() {
    let mut table = table(64);
    assert_eq!(table.look_up(key(1), at(0)), None);
    let learned = News {
        key: key(1),
        output: out(3),
        what: What::Learned,
    };
    assert_eq!(table.learn(key(1), out(3), at(0)), Some(learned));
    assert_eq!(
        table.look_up(key(1), at(1)),
        Some(Found {
            output: out(3),
            news: None
        })
    );
    let tied = News {
        key: key(2),
        output: out(5),
        what: What::Tied,
    };
    assert_eq!(table.tie(key(2), out(5), at(1)), Some(tied));
    assert_eq!(table.counts(), (1, 1));
    let in_use = News {
        key: key(2),
        output: out(5),
        what: What::InUse(Trust::Used),
    };
    let found = Found {
        output: out(5),
        news: Some(in_use),
    };
    assert_eq!(table.look_up(key(2), at(1)), Some(found));
    assert_eq!(table.counts(), (2, 0));
    assert_eq!(
        table.look_up(key(2), at(1)),
        Some(Found {
            output: out(5),
            news: None
        })
    );
    assert!(table.forget(key(2)) && !table.forget(key(2)));
    assert_eq!(table.look_up(key(2), at(1)), None);
    assert_eq!(table.counts(), (1, 0));
}

#[test]
fn a_response_outdoes_a_tie_and_an_earlier_response() {
    let mut table = table(64);
    table.tie(key(1), out(1), at(0));
    let learned = |output| {
        Some(News {
            key: key(1),
            output,
            what: What::Learned,
        })
    };
    assert_eq!(table.learn(key(1), out(2), at(0)), learned(out(2)));
    assert_eq!(knows(&table, 1), Some((out(2), Trust::Learned)));
    assert_eq!(table.counts(), (1, 0));
    assert_eq!(table.learn(key(1), out(3), at(0)), learned(out(3)));
    assert_eq!(table.learn(key(1), out(3), at(1)), None, "it is known");
    assert_eq!(
        table.tie(key(1), out(4), at(1)),
        None,
        "what is known stays"
    );
    assert_eq!(output(table.look_up(key(1), at(1))), Some(out(3)));
}

#[test]
fn idle_sessions_expire_after_the_timeout_and_not_before() {
    let mut table = SessionTable::new(64, Some(Duration::from_millis(10_500)));
    table.learn(key(1), out(1), at(0));
    table.tie(key(2), out(2), at(0));
    let last = Instant::from_nanos(10_500_000_000);
    assert_eq!(output(table.look_up(key(1), last)), Some(out(1)));
    assert_eq!(
        output(table.look_up(key(1), at(20))),
        Some(out(1)),
        "used at 10.5"
    );
    let later = Instant::from_nanos(10_501_000_000);
    assert_eq!(table.look_up(key(2), later), None);
    assert_eq!(table.sessions(at(30)).count(), 1);
    assert_eq!(table.sessions(at(31)).count(), 0);
    assert_eq!(table.counts(), (1, 0));
    assert_eq!(table.look_up(key(1), at(31)), None);
    assert_eq!(
        table.counts(),
        (0, 0),
        "what has expired goes when it is met"
    );
    table.tie(key(1), out(4), at(31));
    assert_eq!(knows(&table, 1), Some((out(4), Trust::Tied)));
    table.set_timeout(None);
    assert_eq!(
        output(table.look_up(key(1), at(1_000_000_000))),
        Some(out(4))
    );
}

#[test]
fn the_least_recently_used_goes_first_within_its_part() {
    let mut table = table(8); // six confirmed, two unconfirmed
    for number in 0..6 {
        table.learn(key(number), out(1), at(number));
    }
    table.look_up(key(0), at(6));
    table.learn(key(1), out(1), at(7));
    table.learn(key(6), out(1), at(8));
    assert_eq!(knows(&table, 2), None, "0 and 1 have been used since");
    for number in [10, 11, 12] {
        table.tie(key(number), out(2), at(9));
    }
    assert_eq!(table.counts(), (6, 2));
    assert_eq!(knows(&table, 10), None);
    table.look_up(key(12), at(10));
    assert_eq!(
        knows(&table, 3),
        None,
        "confirming takes a confirmed one's room"
    );
    assert_eq!(table.counts(), (6, 1));
    let order: Vec<_> = table.sessions(at(20)).map(|session| session.key).collect();
    assert_eq!(order, [4, 5, 0, 1, 6, 12].map(key));
}

#[test]
fn a_million_invented_cookies_evict_no_confirmed_one() {
    let mut table = table(16_000);
    for number in 0..10_000 {
        table.learn(key(number), out(1 + number as usize % 8), at(1));
    }
    for number in 1_000_000..2_000_000 {
        if table.look_up(key(number), at(2)).is_none() {
            table.tie(key(number), out(7), at(2));
        }
    }
    assert_eq!(table.counts(), (10_000, 4_000));
    for number in 0..10_000 {
        let found = output(table.look_up(key(number), at(3)));
        assert_eq!(found, Some(out(1 + number as usize % 8)), "{number}");
    }
}

#[test]
fn an_output_that_goes_takes_its_sessions_along() {
    let mut table = table(64);
    for number in 0..30 {
        table.learn(key(number), out(1 + number as usize % 3), at(0));
    }
    table.tie(key(50), out(2), at(0));
    table.tie(key(51), out(3), at(0));
    assert_eq!(table.forget_output(out(2)), 11);
    assert_eq!(table.counts(), (20, 1));
    for number in 0..30 {
        assert_eq!(knows(&table, number).is_none(), number % 3 == 1);
    }
    assert_eq!(table.forget_output(out(2)), 0);
}

#[test]
fn what_was_saved_comes_back_in_its_order_and_age() {
    let timeout = Some(Duration::from_secs(100));
    let mut old = SessionTable::new(64, timeout);
    for number in 0..5 {
        old.learn(key(number), out(1), at(1_000 + 10 * number));
    }
    old.tie(key(7), out(2), at(1_050));
    old.tie(key(8), out(2), at(1_050));
    old.look_up(key(8), at(1_060));
    let saved: Vec<_> = old.sessions(at(1_105)).collect();
    let idle = |session: &LearnedSession| session.idle.as_secs();
    assert_eq!(
        saved.iter().map(idle).collect::<Vec<_>>(),
        [95, 85, 75, 65, 45]
    );
    // The machine was started anew since, and one session has come back earlier.
    let mut new = SessionTable::new(64, timeout);
    new.learn(key(3), out(6), at(2));
    for session in &saved {
        new.restore(*session, at(2));
    }
    assert_eq!(new.counts(), (5, 0));
    assert_eq!(knows(&new, 3), Some((out(6), Trust::Learned)));
    assert_eq!(knows(&new, 8), Some((out(2), Trust::Used)));
    assert_eq!(new.look_up(key(1), at(18)), None, "95 s and 16 more");
    assert_eq!(output(new.look_up(key(4), at(18))), Some(out(1)));
    let ancient = LearnedSession {
        idle: Duration::from_secs(101),
        ..saved[0]
    };
    new.forget(ancient.key);
    new.restore(ancient, at(18));
    assert!(!new.forget(ancient.key), "it would have expired meanwhile");
}

#[test]
fn nothing_is_allocated_after_the_creation() {
    let mut table = SessionTable::new(1_000, Some(Duration::from_secs(60)));
    let counted = measure(|| {
        for number in 0..20_000 {
            let now = at(number / 100);
            table.learn(key(number), out(1), now);
            table.look_up(key(number / 2), now);
            table.tie(key(number + 1), out(2), now);
            table.forget(key(number / 3));
            let what = What::Tied;
            table.hear(
                News {
                    key: key(number + 7),
                    output: out(3),
                    what,
                },
                now,
            );
        }
        table.forget_output(out(1));
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn an_entry_costs_forty_bytes() {
    assert_eq!(SessionTable::bytes(1), 40);
    let created = measure(|| drop(table(100_000)));
    assert_eq!(created.bytes_total, SessionTable::bytes(100_000) as u64);
    assert!(
        1_000_000 / SessionTable::bytes(1) >= 1_000,
        "sessions in 1 MB"
    );
}

#[test]
fn the_smallest_table_still_has_both_parts() {
    let mut table = table(0);
    for number in 0..100 {
        table.learn(key(number), out(1), at(0));
        table.tie(key(number + 1_000), out(1), at(0));
    }
    assert_eq!(table.counts(), (6, 2));
}

#[test]
fn a_walk_in_pieces_finds_what_a_walk_at_once_finds() {
    let mut table = SessionTable::new(400, Some(Duration::from_secs(100)));
    for number in 0..250 {
        table.learn(key(number), out(number as usize % 3 + 1), at(number));
    }
    for number in (0..250).step_by(7) {
        table.forget(key(number));
    }
    table.tie(key(1000), out(1), at(240)); // in a slot that was in use
    let mut at_once: Vec<_> = table.sessions(at(250)).collect();
    let mut pieces = Vec::new();
    let (mut from, mut walks) = (Some(0), 0);
    while let Some(slot) = from {
        from = table.sessions_from(slot, 16, at(250), &mut pieces);
        walks += 1;
    }
    assert_eq!(walks, 16, "250 slots");
    assert!((80..100).contains(&at_once.len()), "{}", at_once.len());
    at_once.sort_by_key(|session| session.key.0);
    pieces.sort_by_key(|session| session.key.0);
    assert_eq!(pieces, at_once);
}
