//! What is written is there, wherever a write was cut off.

use std::fs;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;

use super::*;

/// A file that is gone when the test is.
struct Held(PathBuf);

impl Held {
    fn new(name: &str) -> Held {
        let name = format!("halb-ballot-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_file(&path);
        Held(path)
    }

    fn found(&self) -> Option<Ballot> {
        match Store::open(&self.0).unwrap().1 {
            Found::Ballot(ballot) => Some(ballot),
            Found::New | Found::Damaged => None,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn ballot(number: u64) -> Ballot {
    let main = number.is_multiple_of(2);
    Ballot {
        term: Term { number, main },
        vote: (!number.is_multiple_of(3)).then(|| NodeId::from_bits(number * 7)),
    }
}

#[test]
fn the_last_one_is_found_again() {
    let held = Held::new("again");
    let (mut store, found) = Store::open(&held.0).unwrap();
    assert!(matches!(found, Found::New));
    let blocks = fs::metadata(&held.0).unwrap().len();
    for number in 1..10 {
        store.put(ballot(number)).unwrap();
        assert_eq!(held.found(), Some(ballot(number)));
    }
    assert_eq!(
        fs::metadata(&held.0).unwrap().len(),
        blocks,
        "it never grows"
    );
    let (mut store, _) = Store::open(&held.0).unwrap();
    store.put(ballot(10)).unwrap();
    assert_eq!(held.found(), Some(ballot(10)), "after another start, too");
}

/// It ended before there was anything to write down.
#[test]
fn a_server_that_never_had_a_ballot_has_a_whole_file() {
    let held = Held::new("never");
    drop(Store::open(&held.0).unwrap());
    assert_eq!(held.found(), Some(Ballot::default()));
}

/// The process is killed, or the power is cut, after so many bytes of the write.
#[test]
fn a_write_that_is_cut_off_leaves_the_one_before() {
    let held = Held::new("cut");
    let (mut store, _) = Store::open(&held.0).unwrap();
    store.put(ballot(1)).unwrap();
    store.put(ballot(2)).unwrap();
    let before = fs::read(&held.0).unwrap();
    let after = encode(4, ballot(3)); // a new file has the first one already
    for written in 0..=SLOT {
        let mut torn = before.clone();
        let start = offset(4) as usize;
        torn[start..start + written].copy_from_slice(&after[..written]);
        fs::write(&held.0, &torn).unwrap();
        let (mut store, found) = Store::open(&held.0).unwrap();
        let whole = torn[start..start + SLOT] == after;
        let expected = ballot(if whole { 3 } else { 2 });
        assert!(
            matches!(found, Found::Ballot(found) if found == expected),
            "after {written} bytes: {found:?}"
        );
        // And it can go on.
        store.put(ballot(4)).unwrap();
        assert_eq!(held.found(), Some(ballot(4)));
    }
}

#[test]
fn what_is_damaged_is_not_believed_and_made_anew() {
    let held = Held::new("damaged");
    for content in [vec![0; FILE], vec![0xff; FILE], b"HALBBAL1".to_vec()] {
        fs::write(&held.0, content).unwrap();
        let (mut store, found) = Store::open(&held.0).unwrap();
        assert!(matches!(found, Found::Damaged));
        store.put(ballot(5)).unwrap();
        assert_eq!(held.found(), Some(ballot(5)));
    }
    let folder = std::env::temp_dir();
    assert!(Store::open(&folder).is_err(), "a folder is no file");
}

proptest! {
    /// One that has lost any bytes is never taken for another ballot.
    #[test]
    fn no_damage_makes_another_ballot(at in 0..SLOT, bytes in vec(any::<u8>(), 1..8)) {
        let good = encode(7, ballot(7));
        let mut bad = good;
        for (to, byte) in bad[at..].iter_mut().zip(&bytes) {
            *to = *byte;
        }
        let read = decode(&bad);
        assert!(read.is_none() || bad == good);
    }
}
