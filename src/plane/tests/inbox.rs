use crate::plane::inbox::CAPACITY;
use crate::plane::inbox::Entry;
use crate::plane::inbox::Inboxes;
use crate::plane::outbox::Outbox;
use crate::plane::tests::output;

fn entry(number: usize) -> Entry {
    Entry {
        key: u128::MAX - number as u128,
        output: output(number % 64),
        what: (number % 5) as u8,
    }
}

fn taken(inboxes: &Inboxes, taker: usize) -> (Vec<Entry>, Vec<usize>) {
    let (mut entries, mut woken) = (Vec::new(), Vec::new());
    inboxes.empty(
        taker,
        |entry| entries.push(entry),
        |sender| woken.push(sender),
    );
    (entries, woken)
}

fn nobody(worker: usize) {
    panic!("nobody has to be woken, least of all {worker}");
}

#[test]
fn what_was_put_is_taken_once_and_in_order() {
    let inboxes = Inboxes::new(3);
    for round in 0..5 {
        let sent: Vec<_> = (0..100).map(|n| entry(round * 100 + n)).collect();
        for entry in &sent {
            assert!(inboxes.put(2, 0, *entry, nobody));
        }
        assert!(!inboxes.is_empty(0) && inboxes.is_empty(1));
        assert_eq!(taken(&inboxes, 0), (sent, vec![]));
        assert_eq!(taken(&inboxes, 0), (vec![], vec![]));
        assert!(inboxes.is_empty(0));
    }
}

#[test]
fn a_full_inbox_refuses_wakes_its_taker_once_and_its_sender_when_empty() {
    let inboxes = Inboxes::new(2);
    for number in 0..CAPACITY {
        assert!(inboxes.put(0, 1, entry(number), nobody));
    }
    let mut woken = Vec::new();
    assert!(!inboxes.put(0, 1, entry(0), |worker| woken.push(worker)));
    assert!(!inboxes.put(0, 1, entry(0), |worker| woken.push(worker)));
    assert_eq!(woken, [1], "once is enough");
    let (entries, woken) = taken(&inboxes, 1);
    assert_eq!(entries.len(), CAPACITY);
    assert_eq!(woken, [0]);
    assert!(inboxes.put(0, 1, entry(7), nobody));
    assert_eq!(taken(&inboxes, 1), (vec![entry(7)], vec![]));
}

#[test]
fn more_workers_than_a_bell_has_bits_hear_each_other() {
    let inboxes = Inboxes::with_capacity(70, 4);
    assert!(inboxes.put(1, 69, entry(1), nobody));
    assert!(inboxes.put(65, 69, entry(2), nobody));
    assert!(inboxes.put(69, 5, entry(3), nobody));
    assert_eq!(taken(&inboxes, 69).0, [entry(1), entry(2)]);
    assert_eq!(taken(&inboxes, 5).0, [entry(3)]);
}

#[test]
fn an_outbox_tells_everybody_in_order_whatever_was_full() {
    let inboxes = Inboxes::with_capacity(3, 2);
    let mut outbox = Outbox::new(1);
    let mut woken = Vec::new();
    let numbers: Vec<_> = (0..5)
        .map(|n| outbox.tell(&inboxes, entry(n), |worker| woken.push(worker)))
        .collect();
    let told = |outbox: &Outbox| numbers.iter().filter(|n| outbox.is_told(**n)).count();
    assert_eq!((told(&outbox), woken), (2, vec![0]));
    assert_eq!(taken(&inboxes, 0), (vec![entry(0), entry(1)], vec![1]));
    let mut woken = Vec::new();
    let told_more = outbox.resume(&inboxes, |worker| woken.push(worker));
    assert_eq!((told_more, woken), (false, vec![2]), "worker 2 is full yet");
    assert_eq!(taken(&inboxes, 2), (vec![entry(0), entry(1)], vec![1]));
    assert!(outbox.resume(&inboxes, |_| {}));
    assert_eq!((told(&outbox), outbox.is_empty()), (4, false));
    assert_eq!(taken(&inboxes, 0).0, [entry(2), entry(3)]);
    assert_eq!(taken(&inboxes, 2).0, [entry(2), entry(3)]);
    assert!(outbox.resume(&inboxes, nobody));
    assert_eq!((told(&outbox), outbox.is_empty()), (5, true));
    assert_eq!(taken(&inboxes, 0).0, [entry(4)]);
    assert_eq!(taken(&inboxes, 2).0, [entry(4)]);
}

#[test]
fn a_worker_alone_has_told_everybody_at_once() {
    let inboxes = Inboxes::new(1);
    let mut outbox = Outbox::new(0);
    let number = outbox.tell(&inboxes, entry(0), nobody);
    assert!(outbox.is_told(number) && outbox.is_empty());
}
