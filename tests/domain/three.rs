//! Three servers: nobody serves without a majority of them, so no cut leaves two that serve.

use std::time::Duration;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::THREE;
use crate::world::World;
use crate::world::network::Cable;
use crate::world::network::Network;
use crate::world::network::Way;
use crate::world::world;

/// Longer than any rule of the domain waits.
const A_WHILE: Duration = Duration::from_secs(3);
const LB1_SAYS: &str = "10.0.0.11";
const OTHERS_SAY: [(&str, &str); 2] = [("lb2", "10.0.0.12"), ("lb3", "10.0.0.13")];

fn cut_off(network: &Network, server: &str) {
    network.cut(server, Cable::Service);
    network.cut(server, Cable::Direct);
}

fn heal(network: &Network, server: &str) {
    network.heal(server, Cable::Service);
    network.heal(server, Cable::Direct);
}

/// lb2 serves, and goes on serving with lb1 back beside it.
fn stays_with_lb2(world: &World, mark: usize) {
    let clients = world.ask_always();
    world.lb1.stands_by(mark);
    clients.go_on(A_WHILE);
    clients.are_served_by(LB2);
    clients.all_went_well_after(0);
    world.terms_only_rose();
    world.was_never_served_twice();
}

#[test]
fn an_active_that_is_cut_off_from_two_lets_go_and_they_take_over() {
    world(THREE, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        cut_off(&world.network, "lb1");
        world.lb1.releases();
        world.lb1.says(&["text=\"standby", "lb1 has no majority"]);
        world.lb2.serves();
        world
            .lb2
            .says(&["text=\"active", "lb1, which was active, has been silent"]);
        clients.are_served_by(LB2);
        let mark = world.lb1.log.mark();
        heal(&world.network, "lb1");
        stays_with_lb2(&world, mark);
    });
}

/// Each side reaches the gateway and all clients, and neither reaches the other on any path: of two servers both would
/// serve.
#[test]
fn a_cut_that_two_cannot_decide_is_decided_by_three() {
    world(THREE, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        let network = &world.network;
        network.cut("lb1", Cable::Direct);
        for (other, address) in OTHERS_SAY {
            network.lose_from(LB1_SAYS, other, Cable::Service);
            network.lose_from(address, "lb1", Cable::Service);
        }
        world.lb1.releases();
        world.lb1.says(&["text=\"standby", "lb1 has no majority"]);
        world.lb2.serves();
        clients.are_served_by(LB2);
        clients.go_on(A_WHILE);
        clients.are_served_by(LB2);
        assert!(!world.lb1.holds(), "{}", world.lb1.history());
        let mark = world.lb1.log.mark();
        for server in ["lb1", "lb2", "lb3"] {
            world.network.heal_way(server, Cable::Service, Way::In);
        }
        world.network.heal("lb1", Cable::Direct);
        stays_with_lb2(&world, mark);
    });
}

#[test]
fn a_standby_that_is_cut_off_from_two_changes_nothing() {
    world(THREE, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        let begin = clients.attempts.mark();
        cut_off(&world.network, "lb2");
        world.lb1.says(&["event=pair", "lb2 has been silent"]);
        world.lb2.says(&["text=\"standby", "lb2 has no majority"]);
        let mark = world.lb2.log.mark();
        heal(&world.network, "lb2");
        world.lb2.stands_by(mark);
        clients.go_on(A_WHILE);
        clients.are_served_by(LB1);
        clients.all_went_well_after(begin);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        assert_eq!(world.lb1.held.mark(), 1, "it had the address all the time");
        world.terms_only_rose();
    });
}

/// No side is a majority: nobody serves, whoever reaches the clients.
#[test]
fn three_that_are_all_apart_do_not_serve_until_two_of_them_meet() {
    world(THREE, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        cut_off(&world.network, "lb2");
        cut_off(&world.network, "lb3");
        world.lb1.releases();
        world.lb1.says(&["text=\"standby", "lb1 has no majority"]);
        world.lb2.says(&["text=\"standby", "lb2 has no majority"]);
        clients.are_lost();
        let nobody = !world.lb1.holds() && world.lb2.held.mark() == 0;
        assert!(nobody, "{}{}", world.lb1.history(), world.lb2.history());
        heal(&world.network, "lb3");
        world.lb1.serves();
        clients.are_served_by(LB1);
        heal(&world.network, "lb2");
        clients.go_on(A_WHILE);
        clients.are_served_by(LB1);
        world.terms_only_rose();
        world.was_never_served_twice();
    });
}

#[test]
fn a_killed_balancer_of_three_is_replaced_by_vote() {
    world(THREE, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        world.lb1.kill();
        world.lb1.releases();
        world.lb2.serves();
        world
            .lb2
            .says(&["text=\"active", "lb1, which was active, has"]);
        clients.are_served_by(LB2);
        let mark = world.lb1.log.mark();
        world.lb1.start();
        stays_with_lb2(&world, mark);
    });
}

#[test]
fn the_last_one_of_three_does_not_serve_alone() {
    world(THREE, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        // The voter goes first: then there is nobody whose vote lb2 could get.
        let lb3 = world.lb3.as_mut().unwrap();
        lb3.kill();
        let mark = world.lb2.log.mark();
        world.lb1.kill();
        world
            .lb2
            .says_after(mark, &["text=\"standby", "lb2 has no majority"]);
        clients.are_lost();
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        let lb3 = world.lb3.as_mut().unwrap();
        lb3.start();
        world.lb2.serves();
        clients.are_served_by(LB2);
        world.terms_only_rose();
        world.was_never_served_twice();
    });
}

/// The other two are a pair: none of them needs anybody's vote.
#[test]
fn with_one_of_three_in_maintenance_the_others_have_the_rules_of_a_pair() {
    world(THREE, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.lb1.orders("/api/domain/maintenance?set=on&of=lb3");
        let lb3 = world.lb3.as_ref().unwrap();
        lb3.says(&["event=pair", "text=\"maintenance"]);
        world.lb2.is_ready();
        // An active that is left alone goes on.
        let mark = clients.attempts.mark();
        world.lb2.kill();
        world.lb1.says(&["event=pair", "lb2 has crashed"]);
        clients.go_on(A_WHILE);
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
        world.lb2.start();
        world.lb2.follows(&world.lb1);
        world.lb1.sees_ready(&world.lb2);
        // So does a standby take over that nobody can vote for.
        world.lb1.kill();
        world.lb2.serves();
        clients.are_served_by(LB2);
        // With the third one back the last one alone serves no longer.
        world.lb2.orders("/api/domain/maintenance?set=off&of=lb3");
        let lb3 = world.lb3.as_mut().unwrap();
        lb3.says(&["text=\"inactive", "ends the maintenance of lb3"]);
        lb3.kill();
        world.lb2.releases();
        world.lb2.says(&["text=\"standby", "lb2 has no majority"]);
        world.was_never_served_twice();
    });
}
