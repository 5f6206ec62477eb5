//! An operator, or a script of his, says that something is wrong with a server that HALB itself cannot see.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::Layout;
use crate::world::PAIR;
use crate::world::SERVICE;
use crate::world::World;
use crate::world::record::eventually;
use crate::world::server::Server;
use crate::world::world;

const FAILING: &str = "has reported a failure; `halb domain ack` says that it is repaired";

/// Waits until both have heard whether lb1 is failing, and nothing else.
fn both_see_lb1(world: &World, conditions: &[&str]) {
    eventually(&format!("both see lb1 {conditions:?}"), || {
        let servers = [&world.lb1, &world.lb2];
        let see = |server: &Server| server.says_of("lb1", "conditions", &json!(conditions));
        servers.into_iter().all(see)
    });
}

#[test]
fn a_failure_of_the_active_hands_over_and_it_is_the_last_resort_until_acknowledged() {
    world(PAIR, |mut world| {
        world.up();
        let load = world.load(SERVICE);
        for clients in &load {
            clients.are_served_by(LB1);
        }
        let text = "the disk of lb1 is full";
        world.lb1.done(&["domain", "report-failure", text]);
        world.lb1.says(&["event=pair", "failure reported: ", text]);
        world.lb2.serves();
        let handed = &["text=\"active", "lb1 has handed the service over"];
        world.lb2.says(handed);
        for clients in load {
            clients.are_served_by(LB2);
            clients.stop_well();
        }
        both_see_lb1(&world, &["failing"]);
        let said = world.lb1.refused(&["domain", "activate"]);
        assert!(said.contains(&format!("lb1 {FAILING}")), "{said}");
        // Better than nobody, and worse than lb2.
        let clients = world.ask_always();
        world.lb2.kill();
        world.lb2.releases();
        world.lb1.serves();
        world
            .lb1
            .says(&["text=\"active", "lb2, which was active, has"]);
        clients.are_served_by(LB1);
        let mark = world.lb2.log.mark();
        world.lb2.start();
        world.lb2.serves();
        world.lb2.says_after(mark, handed);
        clients.are_served_by(LB2);
        world.lb1.done(&["domain", "ack"]);
        world
            .lb1
            .says(&["event=pair", "the failure of lb1 has been acknowledged"]);
        both_see_lb1(&world, &[]);
        world.lb1.is_ready();
        world.lb1.done(&["domain", "activate"]);
        world.lb1.serves();
        clients.are_served_by(LB1);
        world.was_never_served_twice();
    });
}

#[test]
fn with_the_option_off_a_failure_is_for_operators_to_act_upon() {
    let layout = Layout {
        domain: "activate_backup_on_local_failure = false",
        ..PAIR
    };
    world(layout, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.lb1.done(&["domain", "report-failure", "its fan"]);
        both_see_lb1(&world, &["failing"]);
        let served = &["event=pair", "text=\"active in term 1 ", "lb1 ", FAILING];
        world.lb1.says(served);
        let status = world.lb2.status();
        assert_eq!(status["active"], "lb1");
        assert_eq!(status["servers"][0]["ready"], false);
        // A switch takes a quarter of that.
        clients.go_on(Duration::from_secs(1));
        clients.are_served_by(LB1);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        // An operator may want the switch all the same.
        world.lb2.done(&["domain", "activate"]);
        world.lb2.serves();
        clients.are_served_by(LB2);
        world.was_never_served_twice();
    });
}

#[test]
fn a_failure_of_the_standby_keeps_it_out_while_another_one_can_serve() {
    world(PAIR, |mut world| {
        world.up();
        let clients = world.clients(|mut habit| {
            habit.connects_within = Duration::from_secs(10);
            habit
        });
        let report = ["domain", "report-failure", "its fan", "--node", "lb2"];
        world.lb1.done(&report);
        world.lb2.says(&["event=pair", "failure reported: its fan"]);
        world.lb2.says(&["event=pair", "lb2 ", FAILING]);
        eventually("lb1 sees it failing", || {
            world.lb1.says_of("lb2", "conditions", &json!(["failing"]))
        });
        for asked in [
            &["domain", "activate", "--node", "lb2"][..],
            &["domain", "maintenance", "on"],
        ] {
            let said = world.lb1.refused(asked);
            let why = match asked[1] {
                "activate" => format!("lb2 {FAILING}"),
                _ => "lb1 is active and no standby is ready to take over".to_owned(),
            };
            assert!(said.contains(&why), "{said}");
        }
        // A restart repairs nothing.
        world.lb2.signal(Signal::SIGTERM);
        assert!(world.lb2.end().success(), "{}", world.lb2.history());
        let mark = world.lb2.log.mark();
        world.lb2.start();
        let before = "failure reported before this start: its fan";
        world.lb2.says_after(mark, &["event=pair", before]);
        world.lb2.stands_by(mark);
        let said = world.lb2.refused(&["domain", "activate"]);
        assert!(said.contains(&format!("lb2 {FAILING}")), "{said}");
        world.lb2.follows(&world.lb1);
        world.lb1.done(&["domain", "ack", "--node", "lb2"]);
        world
            .lb2
            .says(&["event=pair", "the failure of lb2 has been acknowledged"]);
        world.lb1.sees_ready(&world.lb2);
        clients.are_served_by(LB1);
        clients.stop_well();
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
    });
}
