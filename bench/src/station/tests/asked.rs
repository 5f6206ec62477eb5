//! Everything that can be asked of the origin, and what goes wrong with it on the way.

use super::*;
use crate::station::order::Gate;

fn asked(target: SocketAddr, kind: Kind, asked: Asked) -> Order {
    Order {
        asked,
        ..order(target, kind)
    }
}

fn clean(outcome: Outcome, what: &Asked) {
    let Outcome::Load(load) = outcome else {
        panic!("{what:?}: {outcome:?}");
    };
    assert!(load.answered > 0, "{what:?}");
    assert_eq!(load.faults.len(), 0, "{what:?}: {:?}", load.faults);
}

#[test]
fn whatever_is_asked_is_answered_rightly() {
    let mut place = Place::new();
    let mut all = Vec::new();
    for body_bytes in [0, 1, 128, 3000, 5000, 200_000] {
        for chunked in [false, true] {
            all.push(Asked {
                body_bytes,
                chunked,
                ..Asked::default()
            });
        }
    }
    for upload_bytes in [1, 4000, 5000, 400_000] {
        for upload_chunked in [false, true] {
            all.push(Asked {
                body_bytes: 128,
                upload_bytes,
                upload_chunked,
                ..Asked::default()
            });
        }
    }
    all.push(Asked {
        body_bytes: 5000,
        upload_bytes: 70_000,
        delay_ms: 5,
        chunked: true,
        ..Asked::default()
    });
    for what in &all {
        let order = asked(place.origin, Kind::Keep, *what);
        clean(place.order(order), what);
    }
    let order = asked(place.origin, Kind::Fresh, all[all.len() - 1]);
    clean(place.order(order), &all[all.len() - 1]);
    place.leave();
}

#[test]
fn a_delay_is_kept() {
    let mut place = Place::new();
    let what = Asked {
        body_bytes: 128,
        delay_ms: 20,
        ..Asked::default()
    };
    let outcome = place.order(Order {
        measure_ms: 200,
        ..asked(place.origin, Kind::Keep, what)
    });
    place.leave();
    let Outcome::Load(load) = outcome else {
        panic!("{outcome:?}");
    };
    // Not before its time, and never more of them than that leaves room for: 4 connections, 200 ms.
    assert!((1..=44).contains(&load.answered), "{}", load.answered);
    assert!(load.spectrum.iter().all(|(nanos, _)| *nanos >= 20_000_000));
    assert_eq!(load.faults.len(), 0, "{:?}", load.faults);
}

#[test]
fn slow_answers_do_not_slow_the_opening() {
    let mut place = Place::new();
    let what = Asked {
        body_bytes: 128,
        delay_ms: 4000,
        ..Asked::default()
    };
    // One after the other, 128 at a time, these would stand after 28 seconds: more than there are.
    let order = Order {
        connections: 800,
        ..asked(place.origin, Kind::Keep, what)
    };
    let outcome = place.order(order);
    place.leave();
    let Outcome::Load(load) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(load.faults.len(), 0, "{:?}", load.faults);
}

/// Some idle, some with a slow response.
fn hold(target: SocketAddr) -> Order {
    Order {
        connections: 20,
        moving: 8,
        measure_ms: 2000,
        ..asked(
            target,
            Kind::Hold,
            Asked {
                body_bytes: 128,
                pace_bytes_s: 500,
                ..Asked::default()
            },
        )
    }
}

#[test]
fn who_holds_has_responses_under_way_and_everybody_answers_again() {
    let mut place = Place::new();
    let order = hold(place.origin);
    place.tell(&Told::Order(order.clone()));
    for gate in [Gate::Ready, Gate::Filled] {
        match place.hear() {
            Said::Reached(reached) => assert_eq!(reached, gate),
            said => panic!("{said:?}"),
        }
        place.tell(&Told::Pass);
    }
    let Said::Done(Outcome::Held(held)) = place.hear() else {
        panic!("holding did not end well");
    };
    assert_eq!((held.held, held.moved, held.answered_again), (20, 8, 20));
    assert_eq!(held.faults.len(), 0, "{:?}", held.faults);

    let unpaced = Order {
        asked: Asked::default(),
        ..order
    };
    let outcome = place.only(unpaced);
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}

#[test]
fn a_slow_body_that_ends_early_is_seen() {
    let server = Server::new(|request| {
        if memchr::memmem::find(request, b"pace=").is_none() {
            return (right(128), Then::GoOn);
        }
        let mut half = right(1000);
        half.truncate(half.len() - 500);
        (half, Then::Close)
    });
    let outcome = Place::new().only(hold(server.address));
    server.leave();
    let Outcome::Held(held) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(held.moved, 0);
    assert_eq!(held.faults.get("Ended"), Some(&8), "{:?}", held.faults);
    assert_eq!(held.answered_again, 12);
}

#[test]
fn a_slow_body_that_comes_at_once_is_seen() {
    let server = Server::new(|request| match memchr::memmem::find(request, b"pace=") {
        Some(_) => (right(1000), Then::GoOn),
        None => (right(128), Then::GoOn),
    });
    let outcome = Place::new().only(hold(server.address));
    server.leave();
    let Outcome::Held(held) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((held.held, held.moved), (20, 0));
    assert_eq!(held.faults.values().sum::<u64>(), 8, "{:?}", held.faults);
}

/// What the station says of a server that always answers so, where chunks were asked for.
fn judged(answer: &'static [u8], then_close: bool) -> String {
    let server = Server::new(move |_| {
        let then = if then_close { Then::Close } else { Then::GoOn };
        (answer.to_vec(), then)
    });
    let what = Asked {
        body_bytes: 4,
        chunked: true,
        ..Asked::default()
    };
    let outcome = Place::new().only(asked(server.address, Kind::Keep, what));
    server.leave();
    match outcome {
        Outcome::Failed(reason) => reason,
        Outcome::Load(load) => format!("{:?}", load.faults),
        Outcome::Held(_) => "another job".to_owned(),
    }
}

#[test]
fn wrong_chunks_are_seen() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cases = [
        ("4;\r\n", "Wrong(Chunk)"),
        ("4\r\nxxxx\r\n0\r\n\r\n", "Wrong(Content)"),
        ("0\r\n\r\n", "Wrong(Length)"),
        ("fff\r\n", "Ended"),
    ];
    for (body, fault) in cases {
        let answer = format!("{head}{body}").into_bytes().leak();
        let said = judged(answer, true);
        assert!(said.contains(fault), "{body:?}: {said}");
    }
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";
    let said = judged(whole, false);
    assert!(said.contains("Wrong(Length)"), "{said}");
}

#[test]
fn a_body_that_is_shorter_than_its_length_is_seen() {
    let server = Server::new(|_| {
        let mut short = right(128);
        short.pop();
        (short, Then::Close)
    });
    let outcome = Place::new().only(order(server.address, Kind::Keep));
    server.leave();
    let Outcome::Failed(reason) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("Ended"), "{reason}");
}

#[test]
fn an_upload_that_was_changed_is_seen() {
    let mut place = Place::new();
    let head = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
    let mut stream = TcpStream::connect(place.origin).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"four").unwrap();
    // It closes without an answer.
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    assert_eq!(answer.len(), 0, "{answer:?}");
    let outcome = place.order(order(place.origin, Kind::Keep));
    place.leave();
    let Outcome::Load(load) = outcome else {
        panic!("{outcome:?}");
    };
    let faults: Vec<(&String, &u64)> = load.faults.iter().collect();
    assert!(faults.len() == 1 && faults[0].0.contains("changed") && *faults[0].1 == 1);
}

#[test]
fn an_answer_that_comes_before_the_upload_is_whole_is_seen() {
    // It answers each piece that it reads, so the first answer comes long before the end.
    let server = Server::new(|_| (right(128), Then::GoOn));
    let what = Asked {
        body_bytes: 128,
        upload_bytes: 50_000_000,
        ..Asked::default()
    };
    let outcome = Place::new().only(asked(server.address, Kind::Keep, what));
    server.leave();
    let Outcome::Failed(reason) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        reason.contains("Wrong(Early)") || reason.contains("Wrong(Excess)"),
        "{reason}"
    );
}
