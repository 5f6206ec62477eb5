use crate::plane::snapshot::Desk;

#[test]
fn a_copy_is_taken_when_it_is_complete() {
    let desk = Desk::default();
    assert_eq!(desk.take(), Some(vec![]), "nothing was asked for");
    desk.ask(4);
    let complete = desk.put(|items| {
        items.extend([1, 2]);
        false
    });
    desk.ask(4);
    assert_eq!(desk.take(), None, "it is under way");
    assert!(!complete);
    let complete = desk.put(|items| {
        items.push(3);
        true
    });
    assert!(complete);
    assert!(!desk.is_wanted());
    assert_eq!(desk.take(), Some(vec![1, 2, 3]));
    desk.ask(0);
    assert!(desk.is_wanted(), "the next one");
    desk.put(|_| true);
    assert_eq!(desk.take(), Some(vec![]));
}
