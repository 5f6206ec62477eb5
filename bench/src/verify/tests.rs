use std::collections::BTreeMap;

use crate::allotment::Allotment;
use crate::allotment::Throttled;
use crate::station::order::Held;
use crate::station::order::Latency;
use crate::station::order::Load;
use crate::station::order::Window;
use crate::verify::fitness::stations;
use crate::verify::judge;
use crate::verify::judge::Came;
use crate::verify::judge::Holding;
use crate::verify::judge::Promise;
use crate::verify::judge::Seen;
use crate::verify::wanted::Wanted;

const SMALL: Allotment = Allotment {
    cpus: 0.4,
    memory_bytes: 96 << 20,
};
const LARGE: Allotment = Allotment {
    cpus: 1.0,
    memory_bytes: 1 << 30,
};

fn promise(wanted: f64, unit: &'static str) -> Promise {
    Promise {
        name: "a promise".to_owned(),
        allotment: SMALL,
        wanted,
        unit,
    }
}

fn load(answered: u64) -> Load {
    Load {
        answered,
        window: Window {
            wall_ns: 10_000_000_000,
            ..Window::default()
        },
        latency: Latency {
            p50_us: 900.0,
            p99_us: 5200.0,
            max_us: 11_000.0,
            ..Latency::default()
        },
        ..Load::default()
    }
}

fn faulty(answered: u64) -> Load {
    Load {
        faults: [("Lost".to_owned(), 2)].into(),
        ..load(answered)
    }
}

fn seen() -> Seen {
    Seen {
        memory_peak: 21 << 20,
        throttled: Throttled {
            periods: 1000,
            throttled: 250,
            waited_us: 0,
        },
        killed: 0,
        ended: None,
    }
}

fn died() -> Seen {
    Seen {
        killed: 1,
        ended: Some("halb ended (signal: 9): out".to_owned()),
        ..seen()
    }
}

/// The verdict on 6,000 requests a second.
fn rate(offered: &Came<Load>, seen: &Seen) -> (bool, Vec<String>) {
    let check = judge::rate(&promise(6000.0, "requests/s"), 1.0, offered, None, seen);
    (check.passed, check.remarks)
}

#[test]
fn a_rate_is_carried_when_everything_was_answered() {
    let promise = promise(6000.0, "requests/s");
    let (offered, most) = (Ok(load(59_990)), Ok(load(240_000)));
    let check = judge::rate(&promise, 1.0, &offered, Some(&most), &seen());
    assert!(check.passed, "{check:?}");
    assert!((check.found - 5999.0).abs() < 1e-6);
    assert!((check.headroom.unwrap() - 4.0).abs() < 1e-9);
    assert_eq!(check.allotment, "0.4 CPU, 96 MB");
    assert_eq!(
        check.remarks,
        [
            "answered after 0.9 ms (p50), 5.2 ms (p99), 11.0 ms (longest)",
            "at most 21.0 MB of memory, the kernel's part included",
            "its part of the CPU was used up in 25 % of the periods",
        ]
    );
}

#[test]
fn each_way_of_not_carrying_a_rate_fails() {
    assert!(rate(&Ok(load(59_700)), &seen()).0);
    assert!(!rate(&Ok(load(59_600)), &seen()).0);
    let (passed, remarks) = rate(&Ok(faulty(60_000)), &seen());
    assert!(!passed);
    assert_eq!(remarks[0], "Lost: 2");
    let unsent = Load {
        unsent: 1234,
        ..load(60_000)
    };
    let (passed, remarks) = rate(&Ok(unsent), &seen());
    assert!(!passed);
    assert!(
        remarks[0].starts_with("1,234 requests could not be sent"),
        "{remarks:?}"
    );
    let (passed, remarks) = rate(&Err("5 of 128 connections stood".to_owned()), &seen());
    assert!(!passed);
    assert_eq!(remarks[0], "5 of 128 connections stood");
    let (passed, remarks) = rate(&Ok(load(60_000)), &died());
    assert!(!passed);
    assert_eq!(remarks[0], "halb ended (signal: 9): out");
}

#[test]
fn megabytes_are_counted_in_powers_of_ten() {
    let each = judge::megabytes_each(65_536);
    let check = judge::rate(&promise(15.0, "MB/s"), each, &Ok(load(2289)), None, &seen());
    assert!(check.passed, "{check:?}");
    assert!((check.found - 15.0).abs() < 0.01, "{check:?}");
    assert_eq!(check.headroom, None);
}

#[test]
fn a_search_that_had_faults_gives_no_headroom_and_fails_nothing() {
    let promise = promise(6000.0, "requests/s");
    for most in [Ok(faulty(240_000)), Err("1000 faults".to_owned())] {
        let check = judge::rate(&promise, 1.0, &Ok(load(60_000)), Some(&most), &seen());
        assert!(check.passed, "{check:?}");
        assert_eq!(check.headroom, None);
        assert!(
            check.remarks[1].starts_with("the search for the most"),
            "{check:?}"
        );
    }
}

#[test]
fn outstanding_requests_are_all_answered_or_it_fails() {
    let promise = promise(2000.0, "requests");
    let judged = |came: &Came<Load>, more: &Came<Load>| {
        judge::outstanding(&promise, came, Some((5000, more)), &seen())
    };
    let check = judged(&Ok(load(2000)), &Ok(load(5000)));
    assert!(check.passed, "{check:?}");
    assert!((check.headroom.unwrap() - 2.5).abs() < 1e-9);
    let check = judged(&Ok(load(2000)), &Ok(faulty(4100)));
    assert!(check.passed, "{check:?}");
    assert!((check.headroom.unwrap() - 2.05).abs() < 1e-9);
    let check = judged(&Ok(load(1999)), &Err("gone".to_owned()));
    assert!(!check.passed);
    assert_eq!(check.remarks[0], "1 were not answered");
    assert!(!judged(&Ok(faulty(2000)), &Ok(load(5000))).passed);
}

fn held(held: u64, moved: u64, again: u64) -> Came<Held> {
    Ok(Held {
        held,
        answered_again: again,
        moved,
        faults: BTreeMap::new(),
    })
}

fn holding(came: &Came<Held>, moving: usize, megabytes: u64) -> Holding<'_> {
    Holding {
        sessions: 40_000,
        moving,
        came,
        rss_bytes: megabytes << 20,
    }
}

#[test]
fn idle_sessions_have_to_be_small_and_to_answer_again() {
    let promise = promise(64.0, "MB");
    let judged =
        |came: &Came<Held>, megabytes| judge::idle(&promise, &holding(came, 0, megabytes), &seen());
    let check = judged(&held(40_000, 0, 40_000), 32);
    assert!(check.passed, "{check:?}");
    assert!((check.found - 32.0).abs() < 1e-9);
    assert!((check.headroom.unwrap() - 2.0).abs() < 1e-9);
    assert!(!judged(&held(40_000, 0, 40_000), 65).passed);
    assert!(!judged(&held(39_999, 0, 39_999), 32).passed);
    assert!(!judged(&held(40_000, 0, 39_999), 32).passed);
    let check = judged(&Err("not done after 60 s".to_owned()), 0);
    assert!(!check.passed);
    assert_eq!(check.headroom, None);
}

#[test]
fn sessions_have_to_be_held_to_come_to_their_end_and_to_answer_again() {
    let promise = Promise {
        allotment: LARGE,
        ..promise(40_000.0, "sessions")
    };
    let judged =
        |came: &Came<Held>| judge::sessions(&promise, &holding(came, 15_000, 90), &seen(), None);
    let check = judged(&held(40_000, 15_000, 40_000));
    assert!(check.passed, "{check:?}");
    assert!((check.found - 40_000.0).abs() < 1e-9);
    for (came, reason) in [
        (held(39_000, 15_000, 39_000), "1,000 were not held"),
        (
            held(40_000, 14_999, 40_000),
            "1 transfers did not come to their right end",
        ),
        (
            held(40_000, 15_000, 39_998),
            "2 did not answer again afterwards",
        ),
    ] {
        let check = judged(&came);
        assert!(!check.passed, "{check:?}");
        assert_eq!(check.remarks[0], reason);
    }
}

#[test]
fn less_memory_that_suffices_too_is_headroom() {
    let whole = held(40_000, 15_000, 40_000);
    let less = held(40_000, 15_000, 12);
    let promise = promise(40_000.0, "sessions");
    let judged = |came: &Came<Held>, tight| {
        judge::sessions(&promise, &holding(came, 15_000, 90), &seen(), tight)
    };
    let tight = judged(&whole, None);
    let check = judged(&whole, Some(&tight));
    assert_eq!((check.passed, check.headroom), (true, Some(2.0)));
    let tight = judged(&less, None);
    let check = judged(&whole, Some(&tight));
    assert_eq!((check.passed, check.headroom), (true, Some(1.0)));
    let told = "there: 39,988 did not answer again afterwards".to_owned();
    assert!(check.remarks.contains(&told), "{check:?}");
}

fn wanted() -> Wanted {
    Wanted {
        small: SMALL,
        large: LARGE,
        tight: LARGE,
        rate: 6000.0,
        megabytes: 15.0,
        outstanding: 2000,
        more_outstanding: 5000,
        delay_ms: 2000,
        sessions: 40_000,
        moving: 15_000,
        idle_bytes: 64 << 20,
        transfer_s: 25,
        measure_ms: 10_000,
    }
}

#[test]
fn too_few_open_files_are_refused_with_the_number_that_is_needed() {
    let sentence = stations(4096, &wanted()).unwrap_err().to_string();
    let expected = "may have 4096 files open, and 5712 are needed";
    assert!(sentence.contains(expected), "{sentence}");
}
