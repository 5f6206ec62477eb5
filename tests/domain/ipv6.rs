//! Virtual addresses of IPv6: beside those of IPv4, and on hosts that have nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::Layout;
use crate::world::PAIR;
use crate::world::SERVICE;
use crate::world::SERVICE_6;
use crate::world::World;
use crate::world::clients::Clients;
use crate::world::clients::visit_all;
use crate::world::network::Cable;
use crate::world::network::Family;
use crate::world::network::hardware;
use crate::world::record::eventually;
use crate::world::server::Server;
use crate::world::world;

const BOTH: Layout = Layout {
    families: &[Family::V4, Family::V6],
    ..PAIR
};
/// No host has an address of IPv4: servers, the gateway and outputs are spoken to by IPv6, too.
const ALONE: Layout = Layout {
    families: &[Family::V6],
    ..PAIR
};
/// Of network cards.
const LB1_CARD: u8 = 11;
const LB2_CARD: u8 = 12;

/// Whether `ip` shows the service's address of IPv6 there.
fn shows(server: &Server) -> Option<String> {
    let shown = server.space.shows("-6 -o addr show dev eth0");
    let mut lines = shown.lines();
    lines
        .find(|line| line.contains(&format!(" {}/", SERVICE_6.ip())))
        .map(str::to_owned)
}

fn asking(world: &World, target: SocketAddr) -> Clients {
    world.clients(|mut habit| {
        habit.target = target;
        habit
    })
}

#[test]
fn addresses_of_both_families_go_over_to_the_other_server() {
    world(BOTH, |mut world| {
        let clients = [SERVICE, SERVICE_6].map(|target| asking(&world, target));
        world.up();
        clients.iter().for_each(|all| {
            all.are_served_by(LB1);
        });
        let line = shows(&world.lb1).expect("it has it");
        // Alone, of no use for connections of the host's own, and there without a look for others.
        for word in [
            "::100/128 ",
            " deprecated ",
            " nodad ",
            "preferred_lft 0sec",
        ] {
            assert!(line.contains(word), "{word} in {line}");
        }
        assert!(!line.contains("tentative"), "{line}");
        world.lb1.kill();
        world.lb2.serves();
        clients.iter().for_each(|all| {
            all.are_served_by(LB2);
        });
        assert_eq!(shows(&world.lb1), None);
        assert!(shows(&world.lb2).is_some());
        world.was_never_served_twice();
    });
}

#[test]
fn a_planned_switch_of_both_families_fails_nobody() {
    world(BOTH, |mut world| {
        world.up();
        let load = [SERVICE, SERVICE_6].map(|target| world.load(target));
        for clients in load.iter().flatten() {
            clients.are_served_by(LB1);
        }
        world.lb2.orders("/api/domain/activate");
        world.lb2.serves();
        for clients in load.iter().flatten() {
            clients.are_served_by(LB2);
        }
        for clients in load.into_iter().flatten() {
            clients.stop_well();
        }
        world.was_never_served_twice();
    });
}

/// Who says nothing hears all the same who has the addresses now: by gratuitous ARP, and by an unsolicited advertisement.
#[test]
fn a_silent_neighbour_learns_that_the_addresses_have_moved() {
    world(BOTH, |mut world| {
        world.up();
        let at = |card: u8| {
            let known = world.client.shows("neigh show dev eth0");
            let is_at = |target: SocketAddr| {
                let entry = format!("{} lladdr {} ", target.ip(), hardware(card));
                known.lines().any(|line| line.starts_with(&entry))
            };
            [SERVICE, SERVICE_6].map(is_at)
        };
        for target in [SERVICE, SERVICE_6] {
            visit_all(&world.client, target, vec![("/".to_owned(), String::new())]);
        }
        assert_eq!(at(LB1_CARD), [true, true]);
        world.lb2.orders("/api/domain/activate");
        world.lb2.serves();
        eventually("both are at lb2", || at(LB2_CARD) == [true, true]);
        world.was_never_served_twice();
    });
}

#[test]
fn addresses_of_ipv6_that_somebody_else_has_are_not_claimed() {
    world(BOTH, |mut world| {
        let address = format!("{}/128 dev eth0", SERVICE_6.ip());
        world.client.ip(&format!("addr add {address} nodad"));
        world.lb1.start();
        world
            .lb1
            .says(&["event=pair", "somebody answers for the addresses"]);
        let clients = asking(&world, SERVICE);
        clients.go_on(Duration::from_secs(1));
        assert_eq!(world.lb1.held.mark(), 0, "it never had an address");
        world.client.ip(&format!("addr del {address}"));
        world.lb1.serves();
        clients.are_served_by(LB1);
    });
}

#[test]
fn a_pair_without_ipv4_takes_over_and_switches_back() {
    world(ALONE, |mut world| {
        let clients = world.ask_always();
        let [lb1, lb2] = [world.lb1.address(), world.lb2.address()];
        world.up();
        clients.are_served_by(lb1);
        world.lb1.kill();
        world.lb2.serves();
        clients.are_served_by(lb2);
        let mark = world.lb1.log.mark();
        world.lb1.start();
        world.lb1.stands_by(mark);
        world.lb1.follows(&world.lb2);
        world.lb1.is_ready();
        world.lb2.sees_ready(&world.lb1);
        drop(clients);
        let load = world.load(SERVICE_6);
        for clients in &load {
            clients.are_served_by(lb2);
        }
        world.lb1.orders("/api/domain/activate");
        world.lb1.serves();
        for clients in &load {
            clients.are_served_by(lb1);
        }
        for clients in load {
            clients.stop_well();
        }
        world.terms_only_rose();
        world.was_never_served_twice();
    });
}

/// The gateway is asked by ICMPv6 and neighbour discovery; the direct link is whole.
#[test]
fn a_pair_without_ipv4_sees_which_of_them_is_cut_off() {
    world(ALONE, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(world.lb1.address());
        world.network.cut("lb1", Cable::Service);
        world.lb1.releases();
        world
            .lb1
            .says(&["no ping address has answered lb1", "lb2 reaches one"]);
        world.lb2.serves();
        clients.are_served_by(world.lb2.address());
        world.network.heal("lb1", Cable::Service);
        clients.go_on(Duration::from_secs(3));
        clients.are_served_by(world.lb2.address());
        assert!(!world.lb1.holds(), "no automatic failback");
        world.was_never_served_twice();
    });
}
