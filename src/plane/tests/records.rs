use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use crate::http::ending::Ending;
use crate::http::request::Version;
use crate::model::output::OutputId;
use crate::model::time::Instant;
use crate::plane::record::Marks;
use crate::plane::record::RECORD_BYTES_MOST;
use crate::plane::record::Record;
use crate::plane::record::Text;
use crate::plane::records::Put;
use crate::plane::records::Records;

fn take(records: &Records, most: usize) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    let count = records.take(most, &mut Vec::new(), |record| taken.push(record.to_vec()));
    assert_eq!(count, taken.len());
    taken
}

#[test]
fn who_takes_is_woken_from_its_rest_and_when_half_is_full() {
    let records = Records::with_capacity(16);
    assert_eq!(records.put(&[1; 8]), Put::StoredWake, "nobody looked yet");
    assert_eq!(take(&records, 9).len(), 1);
    assert_eq!(records.put(&[2; 8]), Put::Stored, "it looks by itself");
    assert!(!records.rest(), "there is something");
    assert_eq!(take(&records, 9).len(), 1);
    assert!(records.rest());
    assert_eq!(records.put(&[3; 8]), Put::StoredWake);
    assert_eq!(records.put(&[4; 8]), Put::Stored);
    assert_eq!(records.put(&[5; 30]), Put::StoredWake, "half is full");
    assert_eq!(records.put(&[6; 8]), Put::Stored, "it knows already");
    assert_eq!(records.put(&[7; 48]), Put::Dropped);
    assert_eq!(take(&records, 2), [[3; 8], [4; 8]]);
    assert_eq!(take(&records, 9), [vec![5; 30], vec![6; 8]]);
}

#[test]
fn a_record_comes_out_as_it_went_in() {
    let texts = b"GET/a?bexample.netMozilla";
    let record = Record {
        asked: Instant::from_nanos(u64::MAX - 1),
        reading: Duration::from_nanos(1),
        waited: Some(Duration::ZERO),
        connected: Some(Duration::from_secs(1 << 33)),
        answered: None,
        total: Duration::from_micros(123_456),
        bytes_in: u64::MAX,
        bytes_out: 1 << 40,
        client: "2001:db8::1:2".parse().unwrap(),
        port: 65_535,
        status: Some(504),
        output: OutputId::from_index(63),
        ending: Ending::ServerTimeout,
        retries: 3,
        version: Some(Version::Http10),
        marks: Marks::default()
            .with(Marks::CUT, true)
            .with(Marks::MOVED, true),
        lengths: [3, 4, 11, 0, 7],
    };
    let mut bytes = vec![9; 3];
    record.encode(texts, &mut bytes);
    let (decoded, found) = Record::decode(&bytes).unwrap();
    assert_eq!(decoded, record);
    let found: Vec<_> = Text::ALL.iter().map(|text| found.of(*text)).collect();
    let expected: [&[u8]; 5] = [b"GET", b"/a?b", b"example.net", b"", b"Mozilla"];
    assert_eq!(found, expected);
    assert!(decoded.marks.has(Marks::CUT) && !decoded.marks.has(Marks::KEPT));
    let plain = Record {
        client: "192.0.2.1".parse().unwrap(),
        output: None,
        status: None,
        version: None,
        lengths: [0; 5],
        ..record
    };
    plain.encode(b"", &mut bytes);
    assert_eq!(Record::decode(&bytes).unwrap().0, plain);
    for length in 0..bytes.len() {
        assert_eq!(Record::decode(&bytes[..length]), None);
    }
    assert!(RECORD_BYTES_MOST > bytes.len());
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize),
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..100_usize).prop_map(Step::Put),
        (0..6_usize).prop_map(Step::Take)
    ]
}

proptest! {
    #[test]
    fn a_ring_is_a_queue_that_refuses(steps in proptest::collection::vec(step(), 0..200)) {
        let records = Records::with_capacity(32);
        let mut model: VecDeque<Vec<u8>> = VecDeque::new();
        let words = |record: &Vec<u8>| 1 + record.len().div_ceil(8);
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put(length) => {
                    let record = vec![number as u8; length];
                    let used: usize = model.iter().map(words).sum();
                    let fits = used + words(&record) <= 32;
                    prop_assert_eq!(records.put(&record) != Put::Dropped, fits);
                    if fits {
                        model.push_back(record);
                    }
                }
                Step::Take(most) => {
                    let expected: Vec<_> = model.drain(..most.min(model.len())).collect();
                    prop_assert_eq!(take(&records, most), expected);
                }
            }
        }
    }
}
