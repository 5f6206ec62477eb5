use crate::plane::places::Places;

#[test]
fn first_come_first_served_and_never_one_too_many() {
    let places = Places::new(2);
    let tickets: Vec<_> = (0..4).map(|_| places.draw()).collect();
    let inside = |places: &Places| tickets.iter().filter(|t| places.admits(**t)).count();
    assert_eq!(inside(&places), 2);
    assert!(places.is_short());
    assert!(places.give_back(), "two wait");
    assert!(places.admits(tickets[2]) && !places.admits(tickets[3]));
    assert!(places.give_back());
    assert!(places.admits(tickets[3]));
    assert!(!places.is_short());
}

#[test]
fn without_a_maximum_everybody_goes_in() {
    let places = Places::new(u64::MAX);
    for _ in 0..10 {
        assert!(places.admits(places.draw()));
    }
    assert!(!places.give_back());
}
