//! Maintenance by force, and orders that are given to one server for another one.

use crate::file::both_have;
use crate::world::LB1;
use crate::world::PAIR;
use crate::world::world;

const ON: [&str; 3] = ["domain", "maintenance", "on"];

#[test]
fn the_only_one_who_can_serve_is_put_into_maintenance_by_force_alone() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        let (one, two) = (&world.lb1, &world.lb2);
        let status = one.done(&["domain", "status", "--node", "lb2"]);
        let seen = "domain shop, seen from lb2: lb1 serves, term 1\n";
        assert!(status.starts_with(seen), "{status}");
        // lb2 is out, by an order given to lb1.
        one.done(&["domain", "maintenance", "on", "--node", "lb2"]);
        two.says(&[
            "text=\"maintenance",
            "the domain file puts lb2 into maintenance",
        ]);
        both_have(&world, "maintenance = true");
        // Then lb1 has to stay, whoever is asked.
        let text = one.text();
        let held = one.held.mark();
        let by_two = [&ON[..], &["--node", "lb1"]].concat();
        for (server, asked) in [(one, &ON[..]), (two, &by_two[..])] {
            let said = server.refused(asked);
            let why = "lb1 is active and no standby is ready to take over";
            assert!(said.contains(why) && said.contains("--force"), "{said}");
        }
        assert_eq!((one.text(), two.text()), (text.clone(), text));
        assert!(one.holds() && one.held.mark() == held, "{}", one.history());
        clients.are_served_by(LB1);
        // Unless somebody insists.
        one.done(&[&ON[..], &["--force"]].concat());
        one.says(&["nobody can take the service"]);
        one.says(&[
            "text=\"maintenance",
            "the domain file puts lb1 into maintenance",
        ]);
        one.releases();
        clients.are_lost();
        assert!(one.done(&["domain", "status"]).contains("nobody serves"));
        let mark = one.log.mark();
        two.done(&["domain", "maintenance", "off", "--node", "lb1"]);
        one.says_after(mark, &["text=\"standby", "ends the maintenance of lb1"]);
        one.says_after(mark, &["text=\"active in term 2 of main"]);
        clients.are_served_by(LB1);
        let mark = two.log.mark();
        one.done(&["domain", "maintenance", "off", "lb2"]);
        two.stands_by(mark);
        assert_eq!(two.held.mark(), 0, "it never had the address");
        world.was_never_served_twice();
    });
}

#[test]
fn who_is_not_reached_cannot_be_asked() {
    world(PAIR, |mut world| {
        world.up();
        world.lb2.kill();
        world.lb1.says(&["event=stream_down"]);
        let text = world.lb1.text();
        for order in [
            &["status"][..],
            &["ack"],
            &["report-failure", "its fan"],
            &["maintenance", "on"],
        ] {
            let asked = [&["domain"][..], order, &["--node", "lb2"]].concat();
            let said = world.lb1.refused(&asked);
            assert!(said.starts_with("halb domain: lb2: "), "{said}");
        }
        assert_eq!(world.lb1.text(), text);
        // For the file it need not be there.
        world.lb1.done(&["domain", "maintenance", "on", "lb2"]);
        world.lb2.start();
        world.lb2.says(&[
            "text=\"maintenance",
            "the domain file puts lb2 into maintenance",
        ]);
        both_have(&world, "maintenance = true");
        assert!(world.lb1.holds());
    });
}
