use proptest::prelude::*;

use super::*;

const fn ms(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

const PACE: Pace = Pace {
    interval: Duration::from_secs(5),
    rise: 2,
    fall: 3,
};

/// A machine that has come to this in its own way, with a probe under way since second 100.
fn running(health: Health, against: u64) -> Machine {
    let probe = Probe::Runs {
        since: ms(100_000),
        again: false,
    };
    Machine {
        health,
        against,
        doubted: false,
        probe,
    }
}

#[test]
fn every_state_and_result() {
    use Health::*;
    // (health, results against it so far, the result) → (health that begins, count, next probe after)
    let table = [
        ((Checking, 0, true), (Some(Up), 0, 5000)),
        ((Checking, 0, false), (Some(Down), 0, 5000)),
        ((Up, 0, true), (None, 0, 5000)),
        ((Up, 0, false), (None, 1, 1000)),
        ((Up, 1, false), (None, 2, 1000)),
        ((Up, 2, false), (Some(Down), 0, 5000)),
        ((Up, 2, true), (None, 0, 5000)),
        ((Down, 0, false), (None, 0, 5000)),
        ((Down, 0, true), (None, 1, 1000)),
        ((Down, 1, true), (Some(Up), 0, 5000)),
        ((Down, 1, false), (None, 0, 5000)),
    ];
    for ((health, against, good), (begins, count, after_ms)) in table {
        let mut machine = running(health, against);
        let case = format!("{health:?} {against} {good}");
        assert_eq!(
            machine.on_result(good, ms(100_003), &PACE),
            begins,
            "{case}"
        );
        assert_eq!(machine.health(), begins.unwrap_or(health), "{case}");
        assert_eq!(machine.against, count, "{case}");
        assert_eq!(machine.due(), Some(ms(100_000 + after_ms)), "{case}");
    }
}

#[test]
fn a_new_output_is_probed_at_once_and_once() {
    let mut machine = Machine::new(ms(7));
    assert_eq!(
        (machine.health(), machine.due()),
        (Health::Checking, Some(ms(7)))
    );
    machine.begin(ms(8));
    assert_eq!(machine.due(), None);
}

#[test]
fn a_suspicion_brings_the_next_probe_forward() {
    let mut machine = Machine::new(ms(0));
    machine.on_suspicion(ms(0));
    machine.begin(ms(0));
    machine.on_result(true, ms(2), &PACE);
    machine.on_suspicion(ms(40));
    assert_eq!(machine.due(), Some(ms(100)), "not sooner than the gap");
    machine.begin(ms(100));
    machine.on_result(true, ms(101), &PACE);
    assert_eq!(machine.due(), Some(ms(5100)));
    machine.on_suspicion(ms(3000));
    assert_eq!(machine.due(), Some(ms(3000)), "at once");
    machine.on_suspicion(ms(3001));
    assert_eq!(machine.due(), Some(ms(3000)), "and not later for another");
}

#[test]
fn a_suspicion_during_a_probe_asks_for_another() {
    let mut machine = running(Health::Up, 0);
    machine.on_suspicion(ms(100_001));
    assert_eq!(machine.due(), None, "one at a time");
    machine.on_result(true, ms(100_002), &PACE);
    assert_eq!(machine.due(), Some(ms(100_102)));
}

#[test]
fn nobody_hurries_for_an_output_that_is_down() {
    let mut machine = running(Health::Down, 0);
    machine.on_suspicion(ms(100_001));
    machine.on_result(false, ms(100_002), &PACE);
    machine.on_suspicion(ms(100_003));
    assert_eq!(machine.due(), Some(ms(105_000)));
    machine.on_change(ms(100_200));
    assert_eq!(
        machine.due(),
        Some(ms(100_200)),
        "but for a new question one does"
    );
}

#[test]
fn a_doubt_has_one_that_is_down_probed_at_once_and_one_result_decides() {
    let mut machine = running(Health::Down, 0);
    machine.on_result(false, ms(100_000), &PACE);
    machine.on_doubt(ms(102_000));
    assert_eq!(machine.due(), Some(ms(102_000)));
    let mut unlucky = machine.clone();
    for (machine, good) in [(&mut machine, true), (&mut unlucky, false)] {
        machine.begin(ms(102_000));
        let begins = machine.on_result(good, ms(102_001), &PACE);
        assert_eq!(begins, good.then_some(Health::Up));
        // Only that one: the next result against it counts as any other does.
        machine.begin(ms(103_000));
        assert_eq!(machine.on_result(!good, ms(103_001), &PACE), None);
    }
}

#[test]
fn a_doubt_during_a_probe_asks_for_another_that_decides() {
    let mut machine = running(Health::Down, 0);
    machine.on_doubt(ms(100_001));
    let mut lucky = machine.clone();
    assert_eq!(machine.on_result(false, ms(100_002), &PACE), None);
    assert_eq!(machine.due(), Some(ms(100_102)));
    machine.begin(ms(100_102));
    assert_eq!(
        machine.on_result(true, ms(100_103), &PACE),
        Some(Health::Up)
    );
    assert_eq!(lucky.on_result(true, ms(100_002), &PACE), Some(Health::Up));
    lucky.begin(ms(100_102));
    assert_eq!(
        lucky.on_result(false, ms(100_103), &PACE),
        None,
        "it is up now"
    );
}

#[test]
fn a_doubt_is_nothing_to_one_that_is_up_or_checking() {
    for health in [Health::Up, Health::Checking] {
        let mut machine = running(health, 0);
        let before = machine.clone();
        machine.on_doubt(ms(100_001));
        assert_eq!(machine, before);
    }
}

#[test]
fn a_probe_that_takes_longer_than_the_interval_delays_the_next() {
    let mut machine = running(Health::Up, 0);
    machine.on_result(false, ms(110_000), &PACE);
    assert_eq!(machine.due(), Some(ms(110_100)));
}

#[test]
fn a_short_interval_holds_also_while_counting() {
    let quick = Pace {
        interval: Duration::from_millis(200),
        ..PACE
    };
    let mut machine = running(Health::Up, 0);
    machine.on_result(false, ms(100_001), &quick);
    assert_eq!(machine.due(), Some(ms(100_200)));
}

#[test]
fn what_we_could_not_ask_counts_for_nothing() {
    for health in [Health::Checking, Health::Up, Health::Down] {
        let mut machine = running(health, 1);
        machine.on_nothing(ms(100_001), &PACE);
        assert_eq!((machine.health(), machine.against), (health, 1));
        assert_eq!(machine.due(), Some(ms(101_000)));
    }
    let mut machine = running(Health::Up, 0);
    machine.on_nothing(ms(100_001), &PACE);
    assert_eq!(machine.due(), Some(ms(101_001)), "tried again soon");
}

/// What can happen, a little later each time.
#[derive(Clone, Copy, Debug)]
enum Event {
    Result(bool),
    Nothing,
    Suspicion,
    Change,
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        any::<bool>().prop_map(Event::Result),
        Just(Event::Nothing),
        Just(Event::Suspicion),
        Just(Event::Change),
    ];
    proptest::collection::vec((0_u64..3000, event), 1..200)
}

proptest! {
    /// Health changes only after as many results in a row as it takes; probes keep their gap; none is put off
    /// longer than the interval.
    #[test]
    fn any_history_keeps_the_promises(events in events(), rise in 1_u64..5, fall in 1_u64..5, interval_ms in 100_u64..10_000) {
        let pace = Pace { interval: Duration::from_millis(interval_ms), rise, fall };
        let mut now = Instant::ZERO;
        let mut machine = Machine::new(now);
        let (mut row, mut last_began) = ((true, 0_u64), None::<Instant>);
        for (wait_ms, event) in events {
            now = now + Duration::from_millis(wait_ms);
            if let Some(due) = machine.due() {
                prop_assert!(due <= now.max(last_began.unwrap_or(now)) + pace.interval.max(GAP));
                prop_assert!(last_began.is_none_or(|last| due >= last + GAP));
                if due <= now {
                    machine.begin(now);
                    last_began = Some(now);
                }
            }
            let before = machine.health();
            match event {
                Event::Suspicion => machine.on_suspicion(now),
                Event::Change => machine.on_change(now),
                Event::Nothing if machine.due().is_none() => machine.on_nothing(now, &pace),
                Event::Result(good) if machine.due().is_none() => {
                    row = if row.0 == good { (good, row.1 + 1) } else { (good, 1) };
                    let change = machine.on_result(good, now, &pace);
                    let (wanted, needed) = if good { (Health::Up, rise) } else { (Health::Down, fall) };
                    let decides = before == Health::Checking || row.1 >= needed;
                    prop_assert_eq!(change, (before != wanted && decides).then_some(wanted));
                }
                Event::Nothing | Event::Result(_) => {}
            }
        }
    }
}
