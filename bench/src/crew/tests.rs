use std::net::SocketAddr;

use crate::crew::merge::merge;
use crate::crew::share::Need;
use crate::crew::share::STATIONS_MAX;
use crate::crew::share::Share;
use crate::crew::share::Stations;
use crate::crew::share::split;
use crate::station::order::Asked;
use crate::station::order::Held;
use crate::station::order::Kind;
use crate::station::order::Load;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::station::order::SOURCES_EACH;
use crate::station::times;

const DESCRIPTORS: usize = 20_000;

fn order(kind: Kind, connections: usize, moving: usize) -> Order {
    Order {
        target: SocketAddr::from(([127, 0, 0, 1], 1)),
        kind,
        connections,
        asked: Asked::default(),
        rate: 1000.0,
        moving,
        first_source: 0,
        warm_ms: 0,
        measure_ms: 0,
        watch: vec![7],
        crew: Vec::new(),
    }
}

fn stations(kind: Kind, connections: usize, moving: usize) -> usize {
    let need = Need {
        kind,
        connections,
        moving,
        direct: false,
    };
    need.stations(DESCRIPTORS).unwrap()
}

fn parts(order: &Order, processes: &[i32]) -> Vec<Share> {
    let stations = Stations {
        processes,
        descriptors: DESCRIPTORS,
        origin: SocketAddr::from(([127, 0, 0, 1], 2)),
    };
    split(order, stations).unwrap()
}

#[test]
fn one_station_whenever_it_suffices() {
    assert_eq!(stations(Kind::Keep, 256, 0), 1);
    assert_eq!(stations(Kind::Keep, 6_000, 0), 1);
    assert_eq!(stations(Kind::Keep, 10_000, 0), 2);
    assert_eq!(stations(Kind::Fresh, 1_000, 0), 1);
    assert_eq!(stations(Kind::Idle, 9_500, 0), 1);
    assert_eq!(stations(Kind::Idle, 40_000, 0), 3);
    assert_eq!(stations(Kind::Hold, 40_000, 15_000), 3);
    let too_many = Need {
        kind: Kind::Idle,
        connections: 200_000,
        moving: 0,
        direct: false,
    };
    assert!(too_many.stations(DESCRIPTORS).is_err());
}

#[test]
fn every_part_fits_and_all_parts_are_the_whole() {
    let processes: Vec<i32> = (100..100 + STATIONS_MAX as i32).collect();
    let cases = [
        (Kind::Keep, 6_000, 0),
        (Kind::Keep, 10_000, 0),
        (Kind::Fresh, 12_345, 0),
        (Kind::Offered, 9_999, 0),
        (Kind::Idle, 40_000, 0),
        (Kind::Hold, 40_000, 15_000),
        (Kind::Hold, 100, 33),
    ];
    for (kind, connections, moving) in cases {
        let shares = parts(&order(kind, connections, moving), &processes);
        let orders = || shares.iter().map(|share| &share.order);
        assert_eq!(
            orders().map(|one| one.connections).sum::<usize>(),
            connections
        );
        assert_eq!(orders().map(|one| one.moving).sum::<usize>(), moving);
        assert!((orders().map(|one| one.rate).sum::<f64>() - 1000.0).abs() < 1e-6);
        for share in &shares {
            let ends = if share.station == 0 { moving } else { 0 };
            assert!(share.order.connections + ends < DESCRIPTORS, "{share:?}");
            assert!(share.order.moving <= share.order.connections, "{share:?}");
        }
    }
}

#[test]
fn straight_to_the_origin_it_has_an_end_for_everybody() {
    let order = order(Kind::Idle, 15_000, 0);
    let stations = |origin| Stations {
        processes: &[1, 2],
        descriptors: DESCRIPTORS,
        origin,
    };
    let direct = split(&order, stations(order.target)).unwrap();
    let first = direct[0].order.connections;
    assert!(first + order.connections < DESCRIPTORS, "{first}");
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], 2));
    let between = split(&order, stations(elsewhere)).unwrap();
    assert!(between[0].order.connections > first);
}

#[test]
fn only_the_first_who_works_reads_what_is_spent() {
    let processes = [1, 2, 3];
    // The origin's ends leave no room for clients beside them: the second station is the first who works.
    let shares = parts(&order(Kind::Keep, 16_000, 0), &processes);
    let first = &shares[0];
    assert_eq!(first.station, 1);
    assert_eq!(
        (&first.order.watch, &first.order.crew),
        (&vec![7], &vec![1, 2, 3])
    );
    let shares = parts(&order(Kind::Idle, 40_000, 0), &processes);
    assert_eq!(shares.len(), 3);
    for share in &shares[1..] {
        assert!(share.order.watch.is_empty() && share.order.crew.is_empty());
    }
}

#[test]
fn no_two_stations_have_a_source_address_in_common() {
    for (kind, connections) in [(Kind::Fresh, 12_000), (Kind::Idle, 40_000)] {
        let shares = parts(&order(kind, connections, 0), &[1, 2, 3]);
        assert!(shares.len() > 1);
        for pair in shares.windows(2) {
            let (one, next) = (&pair[0].order, &pair[1].order);
            assert!(one.first_source > 0);
            assert!(one.first_source + SOURCES_EACH <= next.first_source);
        }
    }
    let plain = parts(&order(Kind::Keep, 64, 0), &[1]);
    assert_eq!(plain[0].order.first_source, 0);
}

#[test]
fn loads_add_up_and_the_first_tells_the_window() {
    let load = |nanos: u64, answered: u64, wall_ns: u64| {
        let mut times = times::histogram().unwrap();
        times.saturating_record_n(nanos, answered);
        let mut load = Load {
            answered,
            unsent: 2,
            late_p99_us: nanos as f64,
            faults: [("Ended".to_owned(), 1)].into(),
            latency: times::quantiles(&times),
            spectrum: times::spectrum(&times),
            ..Load::default()
        };
        load.window.wall_ns = wall_ns;
        Outcome::Load(Box::new(load))
    };
    let merged = merge(vec![load(1_000, 90, 5), load(9_000, 10, 6)]).unwrap();
    let Outcome::Load(sum) = merged else {
        panic!("{merged:?}");
    };
    assert_eq!((sum.answered, sum.unsent, sum.window.wall_ns), (100, 4, 5));
    assert_eq!(sum.faults["Ended"], 2);
    assert!((sum.late_p99_us - 9_000.0).abs() < 1e-9, "the latest");
    let near = |micros: f64, wanted: f64| (micros - wanted).abs() < wanted / 500.0;
    assert!(near(sum.latency.p50_us, 1.0), "{:?}", sum.latency);
    assert!(near(sum.latency.p90_us, 1.0), "{:?}", sum.latency);
    assert!(near(sum.latency.p99_us, 9.0), "{:?}", sum.latency);
}

#[test]
fn held_connections_add_up_and_one_failure_is_everybodys() {
    let held = || {
        Outcome::Held(Held {
            held: 5,
            answered_again: 4,
            moved: 3,
            faults: [("Lost".to_owned(), 1)].into(),
        })
    };
    let Outcome::Held(sum) = merge(vec![held(), held()]).unwrap() else {
        panic!("another job");
    };
    assert_eq!((sum.held, sum.answered_again, sum.moved), (10, 8, 6));
    assert_eq!(sum.faults["Lost"], 2);
    let failed = || Outcome::Failed("no".to_owned());
    let Outcome::Failed(reason) = merge(vec![held(), failed(), failed()]).unwrap() else {
        panic!("a failure was lost");
    };
    assert_eq!(reason, "no; no");
    assert!(merge(Vec::new()).is_err());
}
