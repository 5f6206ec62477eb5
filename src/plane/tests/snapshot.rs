use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::plane::snapshot::Desk;

#[test]
fn a_copy_is_taken_when_it_is_complete() {
    let rung = Arc::new(AtomicUsize::new(0));
    let bell = Arc::clone(&rung);
    let desk = Desk::new(move || {
        bell.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(desk.take(), Some(vec![]), "nothing was asked for");
    desk.ask(4);
    desk.put(|items| {
        items.extend([1, 2]);
        false
    });
    desk.ask(4);
    assert_eq!(desk.take(), None, "it is under way");
    assert_eq!(rung.load(Ordering::Relaxed), 0);
    desk.put(|items| {
        items.push(3);
        true
    });
    assert_eq!(rung.load(Ordering::Relaxed), 1);
    assert!(!desk.is_wanted());
    assert_eq!(desk.take(), Some(vec![1, 2, 3]));
    desk.ask(0);
    assert!(desk.is_wanted(), "the next one");
    desk.put(|_| true);
    assert_eq!(desk.take(), Some(vec![]));
}
