//! The world itself, without a pair: what the other tests stand on.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use crate::world::PAIR;
use crate::world::World;
use crate::world::clients::Clients;
use crate::world::network::Cable;
use crate::world::network::Way;
use crate::world::world;

const OUTPUT: &str = "10.0.0.21:8080";
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 50));

/// Clients that ask an output themselves.
fn asking_directly(world: &World) -> Clients {
    world.clients(|mut habit| {
        habit.target = OUTPUT.parse::<SocketAddr>().unwrap();
        habit
    })
}

#[test]
fn clients_see_every_kind_of_cut_and_that_it_heals() {
    world(PAIR, |world| {
        let clients = asking_directly(&world);
        clients.are_served_by(CLIENT);
        world.network.cut("outputs", Cable::Service);
        clients.are_lost();
        world.network.heal("outputs", Cable::Service);
        clients.are_served_by(CLIENT);
        for way in [Way::In, Way::Out] {
            world.network.lose("outputs", Cable::Service, way);
            clients.are_lost();
            world.network.heal_way("outputs", Cable::Service, way);
            clients.are_served_by(CLIENT);
        }
        world.network.pull("outputs", Cable::Service);
        clients.are_lost();
        world.network.push("outputs", Cable::Service);
        clients.are_served_by(CLIENT);
    });
}

#[test]
fn addresses_are_seen_to_come_and_go() {
    world(PAIR, |world| {
        world.lb1.space.ip("addr add 10.0.0.100/32 dev eth0");
        world.lb1.serves();
        assert!(!world.lb2.holds());
        world.lb1.space.ip("addr del 10.0.0.100/32 dev eth0");
        world.lb1.releases();
    });
}
