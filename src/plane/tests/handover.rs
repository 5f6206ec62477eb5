use super::super::*;

fn plane() -> Plane {
    Plane::new(2, 100)
}

fn all_take_up(plane: &Plane) {
    let wish = plane.wish();
    plane.pages().iter().for_each(|page| {
        page.handover.take_up(wish);
    });
}

fn all_say_empty(plane: &Plane) {
    let wish = plane.wish();
    plane.pages().iter().for_each(|page| {
        page.handover.say_empty(wish);
    });
}

#[test]
fn every_worker_is_woken_once_for_a_wish() {
    let plane = plane();
    let mut woken = Vec::new();
    plane.set_handover(Handover::Drain, |one| woken.push(one));
    plane.set_handover(Handover::Drain, |one| woken.push(one));
    assert_eq!(woken, [0, 1]);
    assert_eq!(plane.handover(), Handover::Drain);
}

#[test]
fn it_is_drained_when_all_have_taken_it_up_and_nobody_has_a_client() {
    let plane = plane();
    all_say_empty(&plane);
    assert!(!plane.drained(), "nothing is handed over");
    plane.set_handover(Handover::Drain, |_| {});
    plane.page(0).handover.take_up(plane.wish());
    all_say_empty(&plane);
    assert!(!plane.drained(), "one may still hand over a connection");
    plane.page(1).handover.take_up(plane.wish());
    assert!(plane.drained());
    plane.add_load(1);
    assert!(!plane.drained(), "one is on its way");
    plane.sub_load(1);
    plane.page(1).handover.say_empty(Wish::default());
    assert!(!plane.drained(), "somebody has come");
}

#[test]
fn what_was_said_of_one_wish_does_not_count_for_the_next() {
    let plane = plane();
    plane.set_handover(Handover::Drain, |_| {});
    all_take_up(&plane);
    all_say_empty(&plane);
    assert!(plane.drained());
    plane.set_handover(Handover::None, |_| {});
    assert!(!plane.drained());
    plane.set_handover(Handover::Drain, |_| {});
    assert!(!plane.drained());
    plane.set_handover(Handover::Cut, |_| {});
    assert!(!plane.drained());
}

#[test]
fn who_has_ended_has_no_clients() {
    let plane = plane();
    plane.page(0).handover.leave();
    plane.set_handover(Handover::Drain, |_| {});
    assert!(!plane.drained());
    plane.page(1).handover.leave();
    assert!(plane.drained());
}

#[test]
fn it_listens_when_no_worker_lacks_a_listener() {
    let plane = plane();
    assert!(plane.listens());
    plane.page(1).listeners_lacking.set(1);
    assert!(!plane.listens());
    plane.page(1).listeners_lacking.set(0);
    assert!(plane.listens());
}
