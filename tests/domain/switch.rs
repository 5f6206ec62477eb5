//! Planned switches: nobody who was accepted loses a response.

use std::time::Duration;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::PAIR;
use crate::world::SERVICE;
use crate::world::THREE;
use crate::world::world;

/// Whoever lost a SYN has sent it again by then.
const SENT_AGAIN: Duration = Duration::from_millis(1200);

#[test]
fn a_planned_switch_under_load_fails_nobody() {
    world(PAIR, |mut world| {
        world.up();
        let load = world.load(SERVICE);
        for clients in &load {
            clients.are_served_by(LB1);
        }
        world.lb2.orders("/api/domain/activate");
        world.lb2.serves();
        world.lb1.releases();
        for clients in &load {
            clients.are_served_by(LB2);
        }
        for clients in load {
            clients.stop_well();
        }
        world.was_never_served_twice();
        world.logs_are_as_shown("A planned switch");
    });
}

/// The successor claims at once, but for the vote of a third one.
#[test]
fn a_planned_switch_of_three_fails_nobody() {
    world(THREE, |mut world| {
        world.up();
        let load = world.load(SERVICE);
        for clients in &load {
            clients.are_served_by(LB1);
        }
        world.lb2.orders("/api/domain/activate");
        world.lb2.serves();
        world
            .lb2
            .says(&["text=\"active", "has handed the service over"]);
        for clients in &load {
            clients.are_served_by(LB2);
        }
        for clients in load {
            clients.stop_well();
        }
        world.terms_only_rose();
        world.was_never_served_twice();
    });
}

#[test]
fn the_service_can_go_back_and_forth_twenty_times() {
    world(PAIR, |mut world| {
        world.up();
        let load = world.load(SERVICE);
        let [new, kept, _] = &load;
        for turn in 0..20 {
            let (to, address) = [(&world.lb2, LB2), (&world.lb1, LB1)][turn % 2];
            to.is_ready();
            to.orders("/api/domain/activate");
            to.serves();
            new.are_served_by(address);
            kept.are_served_by(address);
            // Else one switch after the other may take the same client's SYN away.
            new.go_on(SENT_AGAIN);
        }
        for clients in load {
            clients.stop_well();
        }
        world.was_never_served_twice();
    });
}
