//! A pair is upgraded one server after the other, and nobody who was accepted notices.
//!
//! `HALB_OTHER_RELEASE` names the program to upgrade to, as a path; without it both servers are started anew as they are.

use std::net::IpAddr;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::PAIR;
use crate::world::SERVICE;
use crate::world::clients::Clients;
use crate::world::server::Server;
use crate::world::world;

/// What is said of a server of another release.
const OTHER: &str = "; bring both to one release soon";

/// The standby is stopped, another program put in its place, and started; until it could take over.
fn renew(standby: &mut Server, active: &Server, program: Option<&PathBuf>) {
    standby.signal(Signal::SIGTERM);
    assert!(standby.end().success(), "{}", standby.history());
    if let Some(program) = program {
        standby.program.clone_from(program);
    }
    let mark = standby.log.mark();
    standby.start();
    standby.stands_by(mark);
    standby.follows(active);
    standby.is_ready();
    active.sees_ready(standby);
}

fn switch(to: &Server, load: &[Clients], address: IpAddr) {
    to.done(&["domain", "activate"]);
    to.serves();
    for clients in load {
        clients.are_served_by(address);
    }
}

#[test]
fn a_pair_is_upgraded_server_by_server_and_fails_nobody() {
    world(PAIR, |mut world| {
        let other = std::env::var_os("HALB_OTHER_RELEASE").map(PathBuf::from);
        world.up();
        let load = world.load(SERVICE);
        for clients in &load {
            clients.are_served_by(LB1);
        }
        let marks = [world.lb1.log.mark(), world.lb2.log.mark()];
        renew(&mut world.lb2, &world.lb1, other.as_ref());
        switch(&world.lb2, &load, LB2);
        if other.is_some() {
            // Back, too: an upgrade may be called off half-way.
            world.lb1.is_ready();
            switch(&world.lb1, &load, LB1);
            world.lb2.is_ready();
            switch(&world.lb2, &load, LB2);
            world
                .lb1
                .says_after(marks[0], &["event=pair", "lb2 ", OTHER]);
            world
                .lb2
                .says_after(marks[1], &["event=pair", "lb1 ", OTHER]);
        }
        renew(&mut world.lb1, &world.lb2, other.as_ref());
        switch(&world.lb1, &load, LB1);
        for clients in load {
            clients.stop_well();
        }
        let says_so = |server: &Server| {
            let said = server.log.all();
            said.iter().any(|entry| entry.what.contains(OTHER))
        };
        assert_eq!(says_so(&world.lb1), other.is_some());
        world.was_never_served_twice();
    });
}
