//! Those on the network who are no part of the domain, or not any more.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::PAIR;
use crate::world::key::write_key;
use crate::world::record::PATIENCE;
use crate::world::replay::Recorder;
use crate::world::replay::Replayer;
use crate::world::world;

/// Of lb1, on both networks.
const LB1_SAYS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 11), Ipv4Addr::new(192, 168, 77, 1)];

#[test]
fn what_a_dead_active_once_said_brings_it_not_back() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let recorder = Recorder::start(&world.lb2.space);
        clients.go_on(Duration::from_secs(1));
        let packets = recorder.stop(&LB1_SAYS);
        assert!(packets.len() > 10, "{} recorded", packets.len());
        let replayer = Replayer::start(&world.lb1.space, packets);
        world.lb1.kill();
        world.lb2.serves();
        clients.are_served_by(LB2);
        let rounds = replayer.rounds.mark();
        replayer
            .rounds
            .wait(PATIENCE, |all| (all.len() > rounds + 50).then_some(()));
        assert!(world.lb2.holds(), "{}", world.lb2.history());
        // Neither does a server believe it that has just started.
        world.lb2.kill();
        world.lb2.releases();
        world.lb2.start();
        world.lb2.serves();
        clients.are_served_by(LB2);
    });
}

#[test]
fn a_server_with_another_key_is_a_stranger() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        let key = world.lb2.file.with_file_name("other.key");
        write_key(&key, "a5");
        let other = format!("key_file = \"{}\"\n# ", key.display());
        world.lb2.edit("key_file = ", &other);
        world.lb1.start();
        world.lb1.serves();
        world.lb2.start();
        world.lb2.says(&["event=pair", "somebody answers"]);
        let mark = clients.attempts.mark();
        clients.go_on(Duration::from_secs(3));
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        // As long as somebody answers for the address: then it serves, too.
        world.lb1.kill();
        world.lb2.serves();
        clients.are_served_by(LB2);
        world.logs_are_as_shown("A server has another key");
    });
}
