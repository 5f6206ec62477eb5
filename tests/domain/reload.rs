//! An operator has the file read again, by SIGHUP and by `halb reload`. Whoever edits it keeps it open: so nothing but
//! the order says that there is something to read.

use std::net::SocketAddr;
use std::net::TcpListener;

use nix::sys::signal::Signal;

use crate::file::BEFORE;
use crate::file::both_have;
use crate::world::LB1;
use crate::world::PAIR;
use crate::world::SERVICE;
use crate::world::World;
use crate::world::server::Server;
use crate::world::world;

const ONE_DOOR: &str = "in = [\"10.0.0.100:80\"]";
const TWO_DOORS: &str = "in = [\"10.0.0.100:80\", \"10.0.0.100:8443\"]";
const SECOND_DOOR: &str = "10.0.0.100:8443";

/// SIGHUP, after which both have `line`, and have taken it into force.
fn hangs_up(world: &World, on: &Server, line: &str) {
    let servers = [&world.lb1, &world.lb2];
    let marks = servers.map(|server| server.log.mark());
    let mark = on.log.mark();
    on.signal(Signal::SIGHUP);
    both_have(world, line);
    for (server, mark) in servers.into_iter().zip(marks) {
        server.says_after(mark, &["event=reload", "client_timeout"]);
    }
    on.says_after(mark, &["event=domain_file", "lb1: ", "lb2: "]);
}

#[test]
fn a_hang_up_on_either_server_brings_its_file_to_both() {
    world(PAIR, |mut world| {
        world.up();
        let load = world.load(SERVICE);
        let (one, two) = (&world.lb1, &world.lb2);
        let text = one
            .text()
            .replace(BEFORE, "workers = 1\nclient_timeout = 30\n");
        let _open = one.begins_to_write(&text);
        hangs_up(&world, one, "client_timeout = 30");
        let text = text.replace("client_timeout = 30", "client_timeout = 40");
        let _open = two.begins_to_write(&text);
        hangs_up(&world, two, "client_timeout = 40");
        // A mistake: nobody else is asked, and nothing is changed.
        let marks = [one.log.mark(), two.log.mark()];
        let _open =
            two.begins_to_write(&text.replace("client_timeout = 40", "client_timeout = -1"));
        two.signal(Signal::SIGHUP);
        let refusal = "refused, nothing is changed on any server: lb2: ";
        two.says_after(marks[1], &["event=domain_file", refusal, "client_timeout"]);
        assert_eq!(one.text(), text);
        two.says_of_its_file(refusal);
        // There every verb stumbles over the mistake; the other server can be asked.
        let said = two.refused(&["reload"]);
        assert!(
            said.contains("client_timeout") && said.contains("nothing is changed"),
            "{said}"
        );
        let said = one.done(&["domain", "status", "--node", "lb2"]);
        assert!(said.contains(refusal), "{said}");
        // With the file as it was there is nothing to be said against it.
        let _open = two.begins_to_write(&text);
        let said = two.done(&["reload"]);
        assert!(said.contains("nothing changed"), "{said}");
        two.says_of_its_file("on all servers");
        for (server, mark) in [(one, marks[0]), (two, marks[1])] {
            let said = server.log.all();
            let since = said.iter().skip(mark).map(|entry| &entry.what);
            let changes = |line: &&String| line.contains("event=reload") && line.contains(" → ");
            assert_eq!(since.filter(changes).count(), 0, "{}", server.history());
        }
        for clients in load {
            clients.are_served_by(LB1);
            clients.stop_well();
        }
    });
}

/// Somebody else listens on lb2 where the new file wants to: lb1 could take it, and does not.
#[test]
fn what_one_server_cannot_take_is_taken_by_none() {
    world(PAIR, |mut world| {
        world.up();
        let load = world.load(SERVICE);
        let (one, two) = (&world.lb1, &world.lb2);
        let second = world.clients(|mut habit| {
            habit.target = SECOND_DOOR.parse::<SocketAddr>().unwrap();
            habit
        });
        let occupied = || TcpListener::bind("0.0.0.0:8443").unwrap();
        let occupied = two.space.within(occupied);
        let before = two.text();
        let mark = two.log.mark();
        assert!(before.contains(ONE_DOOR), "{before}");
        let _open = one.begins_to_write(&before.replace(ONE_DOOR, TWO_DOORS));
        let said = one.refused(&["reload"]);
        let refusal = "refused, nothing is changed on any server";
        assert!(said.contains("lb2: ") && said.contains(":8443"), "{said}");
        assert!(said.contains(refusal) && !said.contains("lb1: "), "{said}");
        one.says(&["event=domain_file", refusal, "lb2: "]);
        assert_eq!(two.text(), before);
        second.are_lost();
        one.says_of_its_file(refusal);
        drop(occupied);
        let said = one.done(&["reload"]);
        assert!(
            said.contains("lb1: in ") && said.contains("lb2: in "),
            "{said}"
        );
        both_have(&world, TWO_DOORS);
        two.says_after(mark, &["event=reload", ":8443"]);
        second.are_served_by(LB1);
        for clients in load {
            clients.are_served_by(LB1);
            clients.stop_well();
        }
    });
}
