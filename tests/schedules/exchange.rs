//! Learned sessions between workers and control.

use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread;

use crate::model::output::OutputId;
use crate::plane::exchange::Exchange;
use crate::plane::inbox::Entry;
use crate::try_all_orders;

const ENTRIES: usize = 3;

fn entry(number: usize) -> Entry {
    Entry {
        key: number as u128,
        output: OutputId::from_index(number).unwrap(),
        what: 0,
    }
}

/// A worker that never waits, and control that looks twice: what it has not got, and no copy asked for later holds, is
/// what it was told of.
#[test]
fn what_control_does_not_get_it_is_told_of() {
    for capacity in 1..=ENTRIES {
        try_all_orders(2, move || {
            let exchange = Arc::new(Exchange::new(1, capacity));
            let table = Arc::new(Mutex::new(Vec::new()));
            let (theirs, known) = (Arc::clone(&exchange), Arc::clone(&table));
            let worker = thread::spawn(move || {
                for number in 0..ENTRIES {
                    known.lock().unwrap().push(entry(number));
                    theirs.learned(0, entry(number));
                }
            });
            let mut mirrored = Vec::new();
            let look = |mirrored: &mut Vec<Entry>| {
                if !exchange.take(|entry| mirrored.push(entry)) {
                    *mirrored = table.lock().unwrap().clone(); // a copy of everything
                }
            };
            look(&mut mirrored);
            worker.join().unwrap();
            look(&mut mirrored);
            for number in 0..ENTRIES {
                assert!(mirrored.contains(&entry(number)), "{number}: {mirrored:?}");
            }
            if capacity == ENTRIES {
                let expected: Vec<Entry> = (0..ENTRIES).map(entry).collect();
                assert_eq!(mirrored, expected, "in order, and nothing twice");
            }
        });
    }
}

#[test]
fn what_other_servers_learned_comes_whole_and_in_order() {
    try_all_orders(2, || {
        let exchange = Arc::new(Exchange::new(1, 2));
        let theirs = Arc::clone(&exchange);
        let control = thread::spawn(move || {
            let mut put = 0;
            while put < ENTRIES && theirs.mirror(0, entry(put)) {
                put += 1;
            }
            put
        });
        let mut heard = Vec::new();
        exchange.hear(0, |entry| heard.push(entry));
        let put = control.join().unwrap();
        exchange.hear(0, |entry| heard.push(entry));
        assert!(put >= 2);
        assert_eq!(heard, (0..put).map(entry).collect::<Vec<_>>());
    });
}
