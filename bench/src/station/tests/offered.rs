//! The open loop against a server that stalls once: whatever is due meanwhile waits, and is counted.

use std::sync::Mutex;
use std::time::Duration;

use super::*;

/// How long the server answers nobody, and when.
const STALL: Duration = Duration::from_millis(100);
const STALL_AT: usize = 50;

/// Answers every request, one at a time; one of them late.
fn staller() -> Server {
    let answered = Mutex::new(0);
    Server::new(move |_| {
        let mut answered = answered.lock().unwrap();
        *answered += 1;
        if *answered == STALL_AT {
            // Nobody ever sends anything here: it is the wait that is wanted.
            let (_held, silent) = std::sync::mpsc::channel::<()>();
            let _late = silent.recv_timeout(STALL);
        }
        (right(128), Then::GoOn)
    })
}

fn counted(load: &order::Load, at_least: Duration) -> u64 {
    let nanos = u64::try_from(at_least.as_nanos()).unwrap();
    let slow = load.spectrum.iter().filter(|(time, _)| *time >= nanos);
    slow.map(|(_, count)| count).sum()
}

#[test]
fn everybody_who_was_due_during_a_stall_has_waited() {
    let staller = staller();
    let mut place = Place::new();
    let outcome = place.order(Order {
        connections: 2,
        warm_ms: 20,
        measure_ms: 1000,
        ..order(staller.address, Kind::Offered)
    });
    place.leave();
    staller.leave();
    let Outcome::Load(load) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(load.faults.len(), 0, "{:?}", load.faults);
    // A thousand per second for a second: each of them has a time, asked late or not.
    assert_eq!(counted(&load, Duration::ZERO), 1000);
    // Whoever was due in the first half of the stall waited for the second. A closed loop would have seen two.
    assert!(counted(&load, STALL / 2) >= 50, "{:?}", load.spectrum);
}

#[test]
fn what_could_not_be_sent_until_the_end_is_counted_too() {
    // Answers each connection's first request, and nothing after that until it is closed.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(&right(128)).unwrap();
        // The second request, and then the end.
        while matches!(stream.read(&mut request), Ok(1..)) {}
    });
    let mut place = Place::new();
    let outcome = place.order(Order {
        connections: 1,
        warm_ms: 0,
        measure_ms: 100,
        ..order(address, Kind::Offered)
    });
    place.leave();
    server.join().unwrap();
    let Outcome::Load(load) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(load.faults.get("Lost"), Some(&1), "{:?}", load.faults);
    assert_eq!(load.answered, 0);
    assert!(
        load.unsent >= 99,
        "all but the one that is lost: {}",
        load.unsent
    );
    assert!(counted(&load, Duration::ZERO) >= 99);
}

#[test]
fn a_rate_that_is_none_is_refused() {
    let mut place = Place::new();
    let outcome = place.order(Order {
        rate: 0.0,
        ..order(place.origin, Kind::Offered)
    });
    place.leave();
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}
