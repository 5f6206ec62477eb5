use super::*;

mod bandwidth;
mod board;
mod handover;
mod hatch;
mod inbox;
mod outputs;
mod places;
mod plans;
mod queue;
mod records;
mod snapshot;

fn output(index: usize) -> OutputId {
    OutputId::from_index(index).unwrap()
}

#[test]
fn standing_is_what_was_set_and_each_change_is_seen() {
    let plane = Plane::new(1, 10);
    let (one, two) = (output(0), output(63));
    let start = plane.standings().epoch();
    assert_eq!(plane.switch(one), Switch::Enabled);
    assert_eq!(plane.health(one), Health::Up, "until probes say otherwise");
    let mut epoch = start;
    for switch in [Switch::Draining, Switch::Disabled, Switch::Enabled] {
        assert!(plane.set_switch(one, switch, |_| {}));
        assert_eq!(plane.switch(one), switch);
        assert_eq!(plane.switch(two), Switch::Enabled);
        assert!(plane.standings().epoch() > epoch);
        epoch = plane.standings().epoch();
    }
    for health in [Health::Checking, Health::Down, Health::Up] {
        assert!(plane.set_health(two, health, |_| {}));
        assert_eq!(plane.health(two), health);
        assert_eq!(plane.health(one), Health::Up);
    }
    epoch = plane.standings().epoch();
    assert!(
        !plane.set_switch(one, Switch::Enabled, |_| {}),
        "it is so already"
    );
    assert_eq!(plane.standings().epoch(), epoch);
}

#[test]
fn few_connections_end_up_even_and_small_differences_stay() {
    let plane = Plane::new(4, 100);
    for _ in 0..16 {
        plane.add_load(0);
        if let Some(home) = plane.better_home(0) {
            plane.sub_load(0);
            plane.add_load(home);
        }
    }
    let loads: Vec<_> = (0..4).map(|worker| plane.load(worker)).collect();
    assert!(loads.iter().all(|load| (3..=6).contains(load)), "{loads:?}");
    let alone = Plane::new(1, 100);
    alone.add_load(0);
    alone.add_load(0);
    alone.add_load(0);
    assert_eq!(alone.better_home(0), None);
}

#[test]
fn orders_reach_the_workers() {
    let plane = Plane::new(1, 1);
    for order in [Order::Run, Order::Finish, Order::Stop] {
        plane.set_order(order);
        assert_eq!(plane.order(), order);
    }
}
