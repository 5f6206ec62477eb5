//! Processes that die, stand still or come back.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::PAIR;
use crate::world::record::Entry;
use crate::world::record::PATIENCE;
use crate::world::world;

#[test]
fn a_killed_balancer_is_replaced_and_comes_back_as_standby() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        world.lb1.kill();
        world.lb1.releases();
        world.lb2.serves();
        clients.are_served_by(LB2);
        let mark = world.lb1.log.mark();
        world.lb1.start();
        world.lb1.stands_by(mark);
        clients.are_served_by(LB2);
        assert!(world.lb2.holds() && !world.lb1.holds());
        world.was_never_served_twice();
        world.logs_are_as_shown("The process of the active dies");
    });
}

#[test]
fn a_killed_warden_is_replaced() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let [_, warden] = world.lb1.wardens();
        kill(warden, Signal::SIGKILL).unwrap();
        world.lb1.says(&["event=pair", "the warden has died"]);
        // The next one clears up, and has them again by a fresh order.
        let changed = |held: &[Entry<bool>]| (held.len() >= 3).then_some(());
        let came_and_went = world.lb1.held.wait(PATIENCE, changed);
        assert!(came_and_went.is_some(), "{}", world.lb1.history());
        world.lb1.serves();
        clients.are_served_by(LB1);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        world.logs_are_as_shown("The warden dies");
    });
}

/// It neither renews the addresses nor removes them, and does not die.
#[test]
fn a_warden_that_stands_still_is_replaced() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let [_, warden] = world.lb1.wardens();
        kill(warden, Signal::SIGSTOP).unwrap();
        world
            .lb1
            .says(&["the warden holds addresses and has said nothing"]);
        world.lb1.says(&["event=pair", "the warden has died"]);
        // Whether it reaches the gateway it does not know meanwhile, so the other one may have been given the service.
        clients.go_on(Duration::from_secs(1));
        clients.are_served();
        let holders = [&world.lb1, &world.lb2].map(|server| server.holds());
        assert_ne!(holders[0], holders[1], "{}", world.lb1.history());
        world.was_never_served_twice();
        world.logs_are_as_shown("The warden stands still");
    });
}

#[test]
fn what_starts_wardens_may_die_itself() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let mark = clients.attempts.mark();
        let [keeper, warden] = world.lb1.wardens();
        kill(keeper, Signal::SIGKILL).unwrap();
        clients.go_on(Duration::from_secs(2));
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
        // The last one: nobody starts another.
        kill(warden, Signal::SIGKILL).unwrap();
        world.lb2.serves();
        clients.are_served_by(LB2);
        world.was_never_served_twice();
    });
}

#[test]
fn the_death_of_balancer_and_warden_is_survived() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        for process in world.lb1.wardens() {
            kill(process, Signal::SIGKILL).unwrap();
        }
        world.lb1.kill();
        // The kernel's lifetime is what is left.
        world.lb2.serves();
        assert!(!world.lb1.holds());
        clients.are_served_by(LB2);
        world.was_never_served_twice();
        world.logs_are_as_shown("Process and warden die together");
    });
}

#[test]
fn a_balancer_that_is_back_within_100_ms_breaks_nothing() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.lb1.kill();
        clients.go_on(Duration::from_millis(100));
        let mark = world.lb1.log.mark();
        world.lb1.start();
        world.lb2.serves();
        world.lb1.stands_by(mark);
        clients.are_served_by(LB2);
        world.was_never_served_twice();
    });
}

#[test]
fn a_balancer_that_stood_still_finds_itself_replaced() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.lb1.signal(Signal::SIGSTOP);
        world.lb1.releases();
        world.lb2.serves();
        clients.are_served_by(LB2);
        let mark = world.lb1.log.mark();
        world.lb1.signal(Signal::SIGCONT);
        world.lb1.stands_by(mark);
        clients.are_served_by(LB2);
        assert!(world.lb2.holds());
        world.was_never_served_twice();
        world.logs_are_as_shown("The active stands still, and goes on");
    });
}

#[test]
fn the_death_of_the_standby_changes_nothing() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let mark = clients.attempts.mark();
        world.lb2.kill();
        world.logs_are_as_shown("The standby dies");
        clients.go_on(Duration::from_secs(1));
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
        assert_eq!(world.lb1.held.mark(), 1, "it had the address all the time");
    });
}

#[test]
fn a_standby_that_starts_anew_in_the_middle_takes_over_all_the_same() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        world.lb2.kill();
        world.lb1.kill();
        let mark = world.lb2.log.mark();
        world.lb2.start();
        world.lb2.serves();
        clients.are_served_by(LB2);
        assert!(mark < world.lb2.log.mark());
        world.was_never_served_twice();
    });
}

#[test]
fn an_active_that_is_told_to_end_hands_over_first() {
    world(PAIR, |mut world| {
        let clients = world.clients(|mut habit| {
            habit.connects_within = Duration::from_secs(10);
            habit
        });
        world.up();
        clients.are_served_by(LB1);
        let mark = clients.attempts.mark();
        world.lb1.signal(Signal::SIGTERM);
        assert!(world.lb1.end().success(), "{}", world.lb1.history());
        clients.are_served_by(LB2);
        clients.all_went_well_after(mark);
        world.was_never_served_twice();
        world.logs_are_as_shown("The active is told to stop");
    });
}
