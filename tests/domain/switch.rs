//! Planned switches: nobody who was accepted loses a response.

use std::time::Duration;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::PAIR;
use crate::world::World;
use crate::world::clients::Clients;
use crate::world::world;

/// A SYN that is lost is sent again after a second.
const PATIENT: Duration = Duration::from_secs(10);
const SENT_AGAIN: Duration = Duration::from_millis(1200);

/// Clients with new connections, and such that keep theirs.
fn load(world: &World) -> [Clients; 3] {
    let new = world.clients(|mut habit| {
        habit.connects_within = PATIENT;
        habit
    });
    let kept = world.clients(|mut habit| {
        habit.connects_within = PATIENT;
        habit.kept = 8;
        habit
    });
    // Always under way when a switch begins.
    let slow = world.clients(|mut habit| {
        habit.connects_within = PATIENT;
        habit.every = Duration::from_millis(50);
        habit.path = "/slow/200";
        habit
    });
    [new, kept, slow]
}

#[test]
fn a_planned_switch_under_load_fails_nobody() {
    world(PAIR, |mut world| {
        world.up();
        let load = load(&world);
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

#[test]
fn the_service_can_go_back_and_forth_twenty_times() {
    world(PAIR, |mut world| {
        world.up();
        let load = load(&world);
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
