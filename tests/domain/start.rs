//! Which server serves after a start, in every order.

use crate::capabilities::NETWORK;
use crate::capabilities::of_all_threads;
use crate::world::LB1;
use crate::world::LB2;
use crate::world::PAIR;
use crate::world::network::Cable;
use crate::world::network::Way;
use crate::world::world;

#[test]
fn the_main_server_serves_when_it_starts_first() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.lb1.start();
        world.lb1.serves();
        clients.are_served_by(LB1);
        world.lb2.start();
        world.lb2.stands_by(0);
        clients.are_served_by(LB1);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        world.was_never_served_twice();
    });
}

#[test]
fn the_backup_that_starts_alone_serves_and_stays() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.lb2.start();
        world.lb2.serves();
        clients.are_served_by(LB2);
        world.lb1.start();
        world.lb1.stands_by(0);
        clients.are_served_by(LB2);
        assert_eq!(world.lb1.held.mark(), 0, "it never had the address");
        world.was_never_served_twice();
    });
}

#[test]
fn the_main_server_serves_when_both_start_at_once() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.lb1.start();
        world.lb2.start();
        world.lb1.serves();
        world.lb2.stands_by(0);
        clients.are_served_by(LB1);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
    });
}

#[test]
fn a_server_that_starts_cut_off_waits_until_it_is_linked() {
    world(PAIR, |mut world| {
        world.network.cut("lb2", Cable::Service);
        world.network.cut("lb2", Cable::Direct);
        world.lb1.start();
        world.lb2.start();
        world.lb1.serves();
        world.lb2.says(&["event=pair", " is isolated"]);
        let mark = world.lb2.log.mark();
        world.network.heal("lb2", Cable::Service);
        world.lb2.stands_by(mark);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        assert!(world.lb1.holds());
    });
}

/// The one cut that two servers cannot decide: each reaches the gateway, neither the other. The answers to the question
/// are lost as well, so both serve.
#[test]
fn two_that_start_unseen_by_each_other_both_serve_until_they_are_linked() {
    world(PAIR, |mut world| {
        let network = &world.network;
        network.lose_from("10.0.0.11", "lb2", Cable::Service);
        network.lose_from("10.0.0.12", "lb1", Cable::Service);
        network.cut("lb1", Cable::Direct);
        world.lb1.start();
        world.lb2.start();
        world.lb1.serves();
        world.lb2.serves();
        let mark = world.lb2.log.mark();
        world.network.heal_way("lb1", Cable::Service, Way::In);
        world.network.heal_way("lb2", Cable::Service, Way::In);
        world.lb2.releases();
        world.lb2.stands_by(mark);
        assert!(world.lb1.holds(), "{}", world.lb1.history());
        let clients = world.ask_always();
        clients.are_served_by(LB1);
    });
}

/// Whoever parses what comes from a network may not: the rights have gone with the warden, before any thread.
#[test]
fn no_thread_of_the_main_process_may_change_addresses() {
    world(PAIR, |mut world| {
        world.lb1.start();
        world.lb1.serves();
        let process = u32::try_from(world.lb1.process().as_raw()).unwrap();
        assert_eq!(of_all_threads(process) & NETWORK, 0);
        world.was_never_served_twice();
    });
}
