//! Processes that die, stand still or come back.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::Layout;
use crate::world::PAIR;
use crate::world::record::Entry;
use crate::world::record::PATIENCE;
use crate::world::world;

/// Longer than the kernel keeps addresses that nobody renews.
const A_WHILE: Duration = Duration::from_secs(3);
/// What is under way when the address goes is lost; it is seen to be gone a moment later.
const A_MOMENT: Duration = Duration::from_millis(200);

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

/// It neither renews the addresses nor removes them, and does not die. Whether its server reaches the gateway nobody knows
/// meanwhile, so the other one may be given the service.
#[test]
fn a_warden_that_stands_still_is_replaced_and_one_server_serves() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let [_, warden] = world.lb1.wardens();
        kill(warden, Signal::SIGSTOP).unwrap();
        world
            .lb1
            .says(&["the warden owes a word and has said nothing"]);
        world.lb1.says(&["event=pair", "the warden has died"]);
        // What it had left is gone.
        let went = |held: &[Entry<bool>]| (held.len() >= 2).then_some(());
        let went = world.lb1.held.wait(PATIENCE, went);
        assert!(went.is_some(), "{}", world.lb1.history());
        let since = clients.are_served();
        clients.go_on(A_WHILE);
        let holders = [&world.lb1, &world.lb2].map(|server| server.holds());
        assert_ne!(holders[0], holders[1], "{}", world.lb1.history());
        clients.all_went_well_since(since);
        world.was_never_served_twice();
        world.terms_only_rose();
    });
}

/// There is nobody to ask whether lb1 is cut off: then it keeps the service.
#[test]
fn a_warden_that_stands_still_is_replaced_where_it_is() {
    let layout = Layout {
        ping: false,
        ..PAIR
    };
    world(layout, |mut world| {
        let clients = world.ask_always();
        world.up();
        let [_, warden] = world.lb1.wardens();
        kill(warden, Signal::SIGSTOP).unwrap();
        world
            .lb1
            .says(&["the warden owes a word and has said nothing"]);
        world.lb1.says(&["event=pair", "the warden has died"]);
        let came_and_went = |held: &[Entry<bool>]| (held.len() >= 3).then_some(());
        let came_and_went = world.lb1.held.wait(PATIENCE, came_and_went);
        assert!(came_and_went.is_some(), "{}", world.lb1.history());
        let since = clients.are_served_by(LB1);
        clients.go_on(A_WHILE);
        clients.are_served_by(LB1);
        clients.all_went_well_since(since);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
        world.logs_are_as_shown("The warden stands still");
    });
}

/// Nobody misses it until it is asked.
#[test]
fn a_standby_whose_warden_stands_still_takes_over() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        let [_, warden] = world.lb2.wardens();
        kill(warden, Signal::SIGSTOP).unwrap();
        clients.go_on(Duration::from_secs(1));
        world.lb1.kill();
        world
            .lb2
            .says(&["the warden owes a word and has said nothing"]);
        world.lb2.says(&["event=pair", "the warden has died"]);
        world.lb2.serves();
        clients.are_served_by(LB2);
        world.was_never_served_twice();
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

/// Nobody can take the address away then but the kernel, so nobody else may serve: it goes on until then.
#[test]
fn the_death_of_all_wardens_is_noticed_when_the_kernel_takes_the_address() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        clients.are_served_by(LB1);
        let (mark, said) = (clients.attempts.mark(), world.lb1.log.mark());
        for process in world.lb1.wardens() {
            kill(process, Signal::SIGKILL).unwrap();
        }
        let gone = world.lb1.releases();
        clients.all_went_well_between(mark, gone, A_MOMENT);
        world.lb2.serves();
        clients.are_served_by(LB2);
        world
            .lb1
            .says(&["event=pair", "the keeper that starts wardens"]);
        world.was_never_served_twice();
        // As a service manager sees it, which starts it again.
        assert_eq!(world.lb1.end().code(), Some(1), "{}", world.lb1.history());
        world
            .lb1
            .says_after(said, &["Error: the warden and the keeper"]);
        let mark = world.lb1.log.mark();
        world.lb1.start();
        world.lb1.stands_by(mark);
        clients.are_served_by(LB2);
        world.was_never_served_twice();
    });
}

#[test]
fn a_standby_whose_wardens_have_all_died_ends_to_be_started_anew() {
    world(PAIR, |mut world| {
        let clients = world.ask_always();
        world.up();
        let mark = clients.attempts.mark();
        for process in world.lb2.wardens() {
            kill(process, Signal::SIGKILL).unwrap();
        }
        assert_eq!(world.lb2.end().code(), Some(1), "{}", world.lb2.history());
        clients.are_served_by(LB1);
        clients.all_went_well_after(mark);
        assert_eq!(world.lb2.held.mark(), 0, "it never had the address");
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
