//! Cables that are cut: pulled out, silently, in one direction, or for everybody.

use std::time::Duration;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::Layout;
use crate::world::PAIR;
use crate::world::World;
use crate::world::network::Cable;
use crate::world::network::Way;
use crate::world::world;

/// Longer than any rule of the pair waits, but for the 30 s that follow a hand-over.
const A_WHILE: Duration = Duration::from_secs(3);

#[test]
fn the_loss_of_one_of_two_links_changes_nothing() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        for heal in [false, true] {
            if heal {
                world.network.heal("lb1", Cable::Direct);
            } else {
                world.network.cut("lb1", Cable::Direct);
            }
            let mark = clients.attempts.mark();
            clients.go_on(A_WHILE);
            clients.are_served_by(LB1);
            clients.all_went_well_after(mark);
        }
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        world.logs_are_as_shown("One of several links is lost");
    });
}

#[test]
fn an_active_whose_service_cable_is_pulled_hands_over() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.network.pull("lb1", Cable::Service);
        world.lb1.releases();
        world.lb2.serves();
        clients.are_served_by(LB2);
        let mark = world.lb1.log.mark();
        world.network.push("lb1", Cable::Service);
        world
            .lb1
            .says_after(mark, &["event=pair", "its carrier again"]);
        clients.are_served_by(LB2);
        assert!(!world.lb1.holds(), "no automatic failback");
        world.was_never_served_twice();
        world.logs_are_as_shown("The service cable of the active is pulled out");
    });
}

#[test]
fn an_active_that_the_service_network_loses_silently_hands_over() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.network.cut("lb1", Cable::Service);
        world.lb1.releases();
        world.lb2.serves();
        world.logs_are_as_shown("The service network silently loses the active");
        clients.are_served_by(LB2);
        world.network.heal("lb1", Cable::Service);
        clients.go_on(A_WHILE);
        clients.are_served_by(LB2);
        assert!(!world.lb1.holds(), "no automatic failback");
        world.was_never_served_twice();
    });
}

#[test]
fn an_active_that_loses_everything_releases_and_is_replaced() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.network.cut("lb1", Cable::Service);
        world.network.cut("lb1", Cable::Direct);
        world.lb2.serves();
        clients.are_served_by(LB2);
        world.lb1.releases();
        world.lb1.says(&["event=pair", " is isolated"]);
        world.network.heal("lb1", Cable::Service);
        world.network.heal("lb1", Cable::Direct);
        clients.go_on(A_WHILE);
        clients.are_served_by(LB2);
        assert!(world.lb2.holds() && !world.lb1.holds());
        world.logs_are_as_shown("The active loses everything around it");
    });
}

#[test]
fn a_standby_that_loses_everything_stays_standby() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.network.cut("lb2", Cable::Service);
        world.network.cut("lb2", Cable::Direct);
        world.lb2.says(&["event=pair", " is isolated"]);
        let mark = clients.attempts.mark();
        clients.go_on(A_WHILE);
        world.network.heal("lb2", Cable::Service);
        world.network.heal("lb2", Cable::Direct);
        clients.go_on(A_WHILE);
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
        assert!(world.lb1.holds());
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        assert_eq!(world.lb1.held.mark(), 1, "it had the address all the time");
    });
}

#[test]
fn an_active_that_cannot_say_anything_hands_over() {
    world(PAIR, |world| one_way(world, Way::Out));
}

#[test]
fn an_active_that_hears_nothing_hands_over() {
    world(PAIR, |world| one_way(world, Way::In));
}

/// The service network passes only one way; the direct link is whole.
fn one_way(mut world: World, way: Way) {
    let clients = world.ask_always();
    world.up();
    world.network.lose("lb1", Cable::Service, way);
    world.lb1.releases();
    world.lb2.serves();
    clients.are_served_by(LB2);
    world.network.heal_way("lb1", Cable::Service, way);
    clients.go_on(A_WHILE);
    clients.are_served_by(LB2);
    world.was_never_served_twice();
}

#[test]
fn the_loss_of_the_gateway_changes_nothing_while_the_servers_see_each_other() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let mark = clients.attempts.mark();
        world.network.pull("gateway", Cable::Service);
        clients.go_on(A_WHILE);
        world.network.push("gateway", Cable::Service);
        clients.go_on(A_WHILE);
        let (one, two) = (&world.lb1, &world.lb2);
        let was_quiet = one.holds() && two.held.mark() == 0;
        assert!(was_quiet, "{}{}", one.history(), two.history());
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
    });
}

/// They cannot talk, but the standby asks the service network, and the active answers there.
#[test]
fn the_loss_of_all_links_changes_nothing_while_the_service_network_is_whole() {
    world(PAIR, |mut world| {
        for server in [&world.lb1, &world.lb2] {
            for first in ["\"10.0.0.11:7400\", ", "\"10.0.0.12:7400\", "] {
                server.edit(first, "");
            }
        }
        let clients = world.ask_always();
        world.up();
        let mark = clients.attempts.mark();
        world.network.cut("lb1", Cable::Direct);
        world.lb2.says(&["event=pair", "somebody answers"]);
        clients.go_on(A_WHILE);
        world.network.heal("lb1", Cable::Direct);
        world.logs_are_as_shown("All links are lost, and the service network is whole");
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
    });
}

/// Nobody can tell it that the other server does not serve.
#[test]
fn a_server_that_hears_neither_gateway_nor_peer_lets_go_until_it_does() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.lb1.start();
        world.lb1.serves();
        clients.are_served_by(LB1);
        world.network.pull("gateway", Cable::Service);
        world.lb1.releases();
        world.lb1.says(&["text=\"standby", "lb1 is isolated"]);
        world.network.push("gateway", Cable::Service);
        world.lb1.serves();
        clients.are_served_by(LB1);
    });
}

#[test]
fn the_loss_of_the_gateway_changes_nothing_while_the_other_server_is_in_maintenance() {
    world(PAIR, |mut world| {
        let table = "[domain.servers.lb2]\n";
        let resting = format!("{table}maintenance = true\n");
        world.lb1.edit(table, &resting);
        let clients = world.ask_always();
        world.lb1.start();
        world.lb1.serves();
        clients.are_served_by(LB1);
        let mark = clients.attempts.mark();
        world.network.pull("gateway", Cable::Service);
        clients.go_on(A_WHILE);
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
    });
}

/// Without anybody to ping nobody knows which of the two is cut off: both serve, and the higher term stays.
#[test]
fn without_ping_addresses_the_higher_term_stays_when_a_cut_heals() {
    let layout = Layout {
        ping: false,
        ..PAIR
    };
    world(layout, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.network.cut("lb1", Cable::Service);
        world.network.cut("lb1", Cable::Direct);
        world.lb2.serves();
        clients.are_served_by(LB2);
        assert!(world.lb1.holds(), "{}", world.lb1.history());
        let mark = world.lb1.log.mark();
        world.network.heal("lb1", Cable::Service);
        world.network.heal("lb1", Cable::Direct);
        world.lb1.releases();
        world
            .lb1
            .says_after(mark, &["lb2 is active by a higher term"]);
        clients.are_served_by(LB2);
        assert!(world.lb2.holds());
    });
}

/// Each reaches the gateway, neither the other on any path: the one cut that two servers cannot decide.
#[test]
fn the_cut_that_cannot_be_decided_heals_in_favour_of_the_higher_term() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.network.cut("lb1", Cable::Direct);
        let network = &world.network;
        network.lose_from("10.0.0.11", "lb2", Cable::Service);
        network.lose_from("10.0.0.12", "lb1", Cable::Service);
        world.lb2.serves();
        assert!(world.lb1.holds(), "{}", world.lb1.history());
        let mark = world.lb1.log.mark();
        world.network.heal_way("lb1", Cable::Service, Way::In);
        world.network.heal_way("lb2", Cable::Service, Way::In);
        world.lb1.releases();
        world
            .lb1
            .says_after(mark, &["lb2 is active by a higher term"]);
        // It announces again, so that nobody goes on asking the other one.
        clients.are_served_by(LB2);
        assert!(world.lb2.holds());
        world.logs_are_as_shown("The one cut that two servers cannot decide");
    });
}

/// What stood by without a network has found every output down, and would look again in an hour.
#[test]
fn a_standby_that_was_cut_off_at_its_start_serves_at_once_when_it_takes_over() {
    let layout = Layout {
        properties: "healthcheck_interval = 3600",
        ..PAIR
    };
    world(layout, |mut world| {
        let clients = world.ask_always();
        world.network.pull("lb1", Cable::Service);
        world.lb1.start();
        world.lb2.start();
        for number in 1..=2 {
            world
                .lb1
                .says(&["event=down", &format!("output=out{number}")]);
        }
        world.lb2.serves();
        clients.are_served_by(LB2);
        world.network.push("lb1", Cable::Service);
        world.lb1.says(&["lb1 has its carrier again"]);
        world.lb2.kill();
        world.lb1.serves();
        clients.are_served_by(LB1);
        world.was_never_served_twice();
    });
}
