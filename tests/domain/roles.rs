//! Who may serve at all, as operators and the domain file say.

use crate::world::LB1;
use crate::world::LB2;
use crate::world::LB3;
use crate::world::PAIR;
use crate::world::THREE;
use crate::world::world;

#[test]
fn a_server_in_maintenance_takes_no_part() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.lb1.orders("/api/domain/maintenance?set=on&of=lb2");
        world.lb2.says(&["event=pair", "text=\"maintenance"]);
        world.lb1.kill();
        world.lb1.releases();
        clients.are_lost();
        world.lb1.start();
        clients.are_served_by(LB1);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        let mark = world.lb2.log.mark();
        world.lb1.orders("/api/domain/maintenance?set=off&of=lb2");
        world.lb2.stands_by(mark);
        world.lb1.kill();
        clients.are_served_by(LB2);
        world.was_never_served_twice();
    });
}

#[test]
fn maintenance_of_the_active_switches_first() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.lb1.orders("/api/domain/maintenance?set=on&of=lb1");
        world.lb1.says(&["event=pair", "text=\"maintenance"]);
        world.lb2.serves();
        clients.are_served_by(LB2);
        let mark = world.lb1.log.mark();
        world.lb1.orders("/api/domain/maintenance?set=off&of=lb1");
        world.lb1.stands_by(mark);
        assert!(world.lb2.holds(), "no automatic failback");
        world.was_never_served_twice();
        world.logs_are_as_shown("Maintenance of the active, and its end");
    });
}

#[test]
fn an_inactive_server_that_the_file_makes_backup_takes_over() {
    world(THREE, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        let lb3 = world.lb3.as_ref().unwrap();
        let mark = lb3.log.mark();
        world.lb1.edit("backup = \"lb2\"", "backup = \"lb3\"");
        lb3.stands_by(mark);
        world.lb2.says(&["event=pair", "text=\"inactive"]);
        world.lb1.kill();
        lb3.serves();
        clients.are_served_by(LB3);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        world.terms_only_rose();
        world.was_never_served_twice();
    });
}
