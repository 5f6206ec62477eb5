//! Threads that stand still while the others run on.

use std::time::Duration;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::PAIR;
use crate::world::freeze::Frozen;
use crate::world::processes;
use crate::world::server::Server;
use crate::world::world;

fn freeze(server: &Server, thread: &str) -> Frozen {
    let id = processes::thread(server.process(), thread);
    Frozen::new(id.unwrap_or_else(|| panic!("no thread {thread}\n{}", server.history())))
}

#[test]
fn a_control_core_that_stands_for_ten_seconds_causes_no_takeover() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let mark = clients.attempts.mark();
        let active = freeze(&world.lb1, "halb-control");
        clients.go_on(Duration::from_secs(10));
        drop(active);
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        // A standby whose control stands takes over all the same.
        let _standby = freeze(&world.lb2, "halb-control");
        world.lb1.kill();
        clients.are_served_by(LB2);
        world.was_never_served_twice();
    });
}

#[test]
fn an_active_with_a_wedged_worker_is_replaced() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let worker = freeze(&world.lb1, "halb-worker-0");
        world.lb1.releases();
        world.lb2.serves();
        world.logs_are_as_shown("A worker of the active hangs");
        clients.are_served_by(LB2);
        drop(worker);
        clients.go_on(Duration::from_secs(1));
        clients.are_served_by(LB2);
        assert!(!world.lb1.holds(), "no automatic failback");
        world.was_never_served_twice();
    });
}
