use proptest::prelude::*;

use super::*;

const LENGTH: Duration = Duration::from_secs(1);
const BEAT: Duration = Duration::from_millis(20);

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// Both clocks agree.
fn clocks(ms: u64) -> Clocks {
    Clocks {
        now: at(ms),
        boot: at(ms),
    }
}

fn lapsed() -> Lease {
    Lease::new(LENGTH)
}

fn free() -> Lease {
    let mut lease = lapsed();
    assert_eq!(lease.on_beat(false, at(0), clocks(0)), None);
    lease
}

/// Since 1000 ms.
fn held() -> Lease {
    let mut lease = free();
    assert_eq!(lease.on_beat(true, at(1000), clocks(1000)), Some(Do::Add));
    lease
}

/// One thing that happens 100 ms after [`held`] has begun.
#[derive(Clone, Copy, Debug)]
enum Happens {
    No,
    Yes,
    /// Said 150 ms before it came.
    OldYes,
    OldNo,
    Closed,
    /// The time, and nothing else.
    Early,
    /// 100 ms later.
    Renewal,
    /// 150 ms after the last beat.
    Silence,
    /// The machine was suspended.
    Suspended,
}

fn happens(lease: &mut Lease, happens: Happens) -> Option<Do> {
    match happens {
        Happens::No => lease.on_beat(false, at(1100), clocks(1100)),
        Happens::Yes => lease.on_beat(true, at(1100), clocks(1100)),
        Happens::OldYes => lease.on_beat(true, at(950), clocks(1100)),
        Happens::OldNo => lease.on_beat(false, at(950), clocks(1100)),
        Happens::Closed => lease.on_closed(),
        Happens::Early => lease.tick(clocks(1149)),
        Happens::Renewal => {
            let _ = lease.on_beat(true, at(1100), clocks(1100));
            lease.tick(clocks(1200))
        }
        Happens::Silence => lease.tick(clocks(1150)),
        Happens::Suspended => lease.tick(Clocks {
            now: at(1100),
            boot: at(1701),
        }),
    }
}

#[test]
fn the_truth_table() {
    type Row = (Happens, (Option<Do>, Lease), (Option<Do>, Lease), bool);
    // What happens; to a lease that has lapsed; to one that is free; whether a held one is held afterwards.
    let added = Some(Do::Add);
    let from_free = |ms| {
        let mut lease = free();
        let _ = lease.on_beat(true, at(ms), clocks(ms));
        lease
    };
    let renewed = |mut lease: Lease| {
        let _ = lease.tick(clocks(1200));
        lease
    };
    let table: [Row; 9] = [
        (Happens::No, (None, free()), (None, free()), false),
        (
            Happens::Yes,
            (None, lapsed()),
            (added, from_free(1100)),
            true,
        ),
        (Happens::OldYes, (None, lapsed()), (None, free()), true),
        (Happens::OldNo, (None, free()), (None, free()), false),
        (Happens::Closed, (None, lapsed()), (None, lapsed()), false),
        (Happens::Early, (None, lapsed()), (None, free()), true),
        (
            Happens::Renewal,
            (None, lapsed()),
            (None, renewed(from_free(1100))),
            true,
        ),
        (Happens::Silence, (None, lapsed()), (None, free()), false),
        (Happens::Suspended, (None, lapsed()), (None, free()), false),
    ];
    for (event, from_lapsed, from_free, stays) in table {
        for (mut lease, (does, becomes)) in [(lapsed(), from_lapsed), (free(), from_free)] {
            assert_eq!(happens(&mut lease, event), does, "{event:?}");
            assert_eq!(lease, becomes, "{event:?}");
        }
        let mut lease = held();
        let does = match (stays, event) {
            (false, _) => Some(Do::Remove),
            (true, Happens::Renewal) => Some(Do::Renew),
            (true, _) => None,
        };
        assert_eq!(happens(&mut lease, event), does, "{event:?}");
        assert_eq!(lease.holds(), stays, "{event:?}");
    }
}

#[test]
fn only_an_order_to_let_go_frees_what_has_lapsed() {
    let mut lease = held();
    assert_eq!(lease.tick(clocks(1150)), Some(Do::Remove));
    assert_eq!(lease.on_beat(true, at(1151), clocks(1151)), None);
    assert_eq!(lease.on_beat(false, at(1152), clocks(1152)), None);
    assert_eq!(lease.on_beat(true, at(1153), clocks(1153)), Some(Do::Add));
    assert_eq!(
        lease.on_beat(false, at(1154), clocks(1154)),
        Some(Do::Remove)
    );
    // What was let go on order is free.
    assert_eq!(lease.on_beat(true, at(1155), clocks(1155)), Some(Do::Add));
}

#[test]
fn a_gap_between_beats_counts_also_when_both_come_at_once() {
    let mut lease = held();
    assert_eq!(
        lease.on_beat(true, at(1150), clocks(1150)),
        Some(Do::Remove)
    );
    assert!(!lease.holds());
}

#[test]
fn beats_that_waited_in_the_pipe_count_from_when_they_were_said() {
    let mut lease = held();
    for ms in (1020..=1300).step_by(20) {
        assert_eq!(lease.on_beat(true, at(ms), clocks(1310)), None);
    }
    assert_eq!(lease.tick(clocks(1310)), Some(Do::Renew));
    assert_eq!(lease.next(), Some(at(1450)));
}

#[test]
fn a_beat_from_the_future_is_one_of_now() {
    let mut lease = held();
    assert_eq!(lease.on_beat(true, at(9000), clocks(1010)), None);
    assert_eq!(lease.tick(clocks(1160)), Some(Do::Remove));
}

#[test]
fn a_lease_of_many_seconds_may_be_later() {
    // The warden stood still, and what was said meanwhile waited in the pipe.
    let stood_until = |ms| {
        let mut lease = held();
        lease.set_length(LENGTH * 10);
        for said in (1020..=ms).step_by(20) {
            assert_eq!(lease.on_beat(true, at(said), clocks(ms)), None);
        }
        lease.tick(clocks(ms))
    };
    assert_eq!(stood_until(1000 + 200 + 5000), Some(Do::Renew));
    assert_eq!(stood_until(1000 + 200 + 5001), Some(Do::Remove));
}

proptest! {
    /// A warden that looks whenever it is told to, and now and then late, never leaves addresses with the kernel past
    /// what it has asked for, nor past 150 ms of silence.
    #[test]
    fn whatever_happens_nothing_is_held_without_beats(
        steps in prop::collection::vec((0u64..200, 0u8..10, 0u64..300), 1..200),
    ) {
        let mut lease = Lease::new(LENGTH);
        let (mut now, mut last, mut kernel) = (0u64, None::<u64>, None::<u64>);
        for (pass, what, age) in steps {
            now += pass;
            let done = match what {
                0 => lease.on_beat(false, at(now), clocks(now)),
                1..=6 => {
                    let sent = if what == 6 { now.saturating_sub(age) } else { now };
                    last = last.max(Some(sent));
                    lease.on_beat(true, at(sent), clocks(now))
                }
                7 => lease.on_closed(),
                _ => None,
            };
            for done in [done, lease.tick(clocks(now))].into_iter().flatten() {
                match done {
                    Do::Add => {
                        prop_assert_eq!(kernel, None);
                        kernel = Some(now);
                    }
                    Do::Renew => {
                        prop_assert!(kernel.is_some());
                        kernel = Some(now);
                    }
                    Do::Remove => {
                        prop_assert!(kernel.is_some());
                        kernel = None;
                    }
                }
            }
            prop_assert_eq!(kernel.is_some(), lease.holds());
            prop_assert_eq!(lease.next().is_some(), lease.holds());
            if kernel.is_some() {
                prop_assert!(at(now).since(at(last.unwrap_or(0))) < SILENCE);
            }
        }
    }

    /// As long as beats come, and somebody looks in time, nothing lets go.
    #[test]
    fn with_beats_it_holds(delays in prop::collection::vec(0u64..100, 1..100)) {
        let mut lease = held();
        let mut now = 1000;
        for delay in delays {
            let sent = now + 20;
            now = sent;
            prop_assert_eq!(lease.on_beat(true, at(sent), clocks(sent + delay)), None);
            prop_assert_ne!(lease.tick(clocks(sent + delay)), Some(Do::Remove));
        }
        prop_assert!(BEAT < SILENCE);
    }
}
