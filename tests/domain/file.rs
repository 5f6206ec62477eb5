//! The domain file: whoever changes it, all have the same.

use crate::world::LB1;
use crate::world::LB2;
use crate::world::PAIR;
use crate::world::World;
use crate::world::network::Cable;
use crate::world::record::eventually;
use crate::world::world;

pub const BEFORE: &str = "workers = 1\n";

/// Waits until both have the same file, with `line` in it, and have taken it up.
pub fn both_have(world: &World, line: &str) {
    let have = || {
        let (first, second) = (world.lb1.text(), world.lb2.text());
        first == second && first.contains(line)
    };
    eventually(line, have);
}

#[test]
fn a_change_on_either_server_comes_to_both() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let marks = [world.lb1.log.mark(), world.lb2.log.mark()];
        world.lb1.edit(BEFORE, "workers = 1\nconn_timeout = 3\n");
        both_have(&world, "conn_timeout = 3");
        world.lb1.says_after(marks[0], &["event=reload"]);
        world.lb2.says_after(marks[1], &["event=reload"]);
        let marks = [world.lb1.log.mark(), world.lb2.log.mark()];
        world.lb2.edit("conn_timeout = 3", "conn_timeout = 4");
        both_have(&world, "conn_timeout = 4");
        world.lb1.says_after(marks[0], &["event=reload"]);
        world.lb2.says_after(marks[1], &["event=reload"]);
        clients.are_served_by(LB1);
        world.was_never_served_twice();
        world.logs_are_as_shown("The file is changed on one server");
    });
}

#[test]
fn a_server_that_was_away_catches_up() {
    world(PAIR, |mut world| {
        world.up();
        world.lb2.kill();
        world.lb1.says(&["event=stream_down"]);
        world.lb1.edit(BEFORE, "workers = 1\nconn_timeout = 3\n");
        world.lb1.says(&["event=reload"]);
        world.lb2.start();
        both_have(&world, "conn_timeout = 3");
    });
}

/// Nothing ends its stream; it is the adverts that say that it has gone.
#[test]
fn a_server_that_is_cut_off_hinders_no_change_and_catches_up() {
    world(PAIR, |mut world| {
        world.up();
        for cable in [Cable::Service, Cable::Direct] {
            world.network.cut("lb2", cable);
        }
        world.lb1.says(&["event=pair", "lb2 has been silent"]);
        let mark = world.lb1.log.mark();
        world.lb1.edit(BEFORE, "workers = 1\nconn_timeout = 3\n");
        world.lb1.says_after(mark, &["event=reload"]);
        assert!(world.lb2.text().contains(BEFORE));
        for cable in [Cable::Service, Cable::Direct] {
            world.network.heal("lb2", cable);
        }
        both_have(&world, "conn_timeout = 3");
    });
}

/// Each is changed while the other server is away: what the one that serves runs by stays, the other text is kept.
#[test]
fn of_two_changes_the_one_of_the_active_stays_and_the_other_is_kept() {
    world(PAIR, |mut world| {
        world.up();
        world.lb2.kill();
        world.lb1.says(&["event=stream_down"]);
        world.lb1.edit(BEFORE, "workers = 1\nconn_timeout = 3\n");
        world.lb1.says(&["event=reload"]);
        world.lb1.kill();
        let mark = world.lb2.log.mark();
        world.lb2.start();
        world.lb2.serves();
        world.lb2.is_ready();
        world.lb2.edit(BEFORE, "workers = 1\nconn_timeout = 4\n");
        world.lb2.says_after(mark, &["event=reload"]);
        world.lb1.start();
        both_have(&world, "conn_timeout = 4");
        let kept = || {
            let folder = world.lb1.file.parent().unwrap();
            let files = std::fs::read_dir(folder).unwrap();
            let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
            names.any(|name| name.starts_with("halb.toml.conflict-lb1-"))
        };
        eventually("a file of the conflict", kept);
        world.logs_are_as_shown("Both servers have another file");
    });
}

#[test]
fn a_half_written_file_is_not_taken_up() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let whole = world
            .lb1
            .text()
            .replace(BEFORE, "workers = 1\nconn_timeout = 3\n");
        let mark = world.lb1.log.mark();
        let half = &whole[..whole.find("[domain.servers.lb2]").unwrap() + 10];
        let before = world.lb2.text();
        std::fs::write(&world.lb1.file, half).unwrap();
        world
            .lb1
            .says_after(mark, &["event=domain_file", "refused"]);
        assert_eq!(world.lb2.text(), before);
        std::fs::write(&world.lb1.file, &whole).unwrap();
        both_have(&world, "conn_timeout = 3");
        clients.are_served_by(LB1);
        world.lb1.kill();
        clients.are_served_by(LB2);
    });
}
