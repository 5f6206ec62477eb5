//! Whole domains in a simulated world: real machines, the real lease, and faked networks, disks, clocks and kernels, all
//! from a seed. Nothing here waits for anything real.
//!
//! - `cargo test --test pair`: 200 seeds of each family, 100 or 60 of those that take longer, and those that once failed.
//! - `PAIR_SEED=17 cargo test --test pair`: seed 17 of every family (a failure names its family).
//! - `PAIR_SEEDS=0..5000 cargo test --test pair`: a long run.
//! - `PAIR_LINES=500`: how much of the trace a failure shows.
#![forbid(unsafe_code)]

mod chaos;
mod file;
mod flaw;
mod host;
mod judge;
mod net;
mod profile;
mod queue;
#[expect(dead_code, reason = "the simulation of workers draws bytes, too")]
#[path = "../sim/random.rs"]
mod random;
mod run;
mod seal;
mod subject;
mod thread;
mod trace;
mod verdict;
mod warden;
mod world;

use std::rc::Rc;

use halb::model::time::Instant;
use halb::pair::action::Action;
use halb::pair::advert::Advert;
use halb::pair::event::Event;
use halb::pair::machine::Machine;
use halb::pair::machine::Setup;
use halb::pair::standing::Standing;

use crate::file::flaw::FlawedKeeper;
use crate::file::subject::keeper;
use crate::flaw::FLAWS;
use crate::flaw::Flaw;
use crate::flaw::Flawed;
use crate::judge::Report;
use crate::profile::FAMILIES;
use crate::profile::Family;
use crate::profile::Profile;
use crate::subject::Birth;
use crate::subject::Maker;
use crate::subject::Subject;

/// Seeds of a family in the ordinary run, and of those whose worlds take longer to play.
const SEEDS: u64 = 200;
const SEEDS_OF_LONG: u64 = 100;
const SEEDS_OF_LONGEST: u64 = 60;

/// Seeds beyond those that show a fault which the machine once had, or the judge.
const ONCE_FAILED: [(Family, u64); 12] = [
    (Family::Suspends, 3), // after its warden had let go, the active took the addresses again without asking
    (Family::Votes, 109),  // a warden kept the addresses for 125 ms after a thaw
    (Family::Votes, 185),  // the same
    (Family::Everything, 127), // the same
    (Family::OneWay, 754), // two that had each heard the other for a while, but not at once, never knew each other
    (Family::Everything, 1489), // all three had lost their ballots, and votes of before were held against them
    (Family::Clocks, 1732), // stopped before it heard that the addresses had been added, it said that they were gone
    (Family::Clocks, 2759), // it went by a clock that stood still while the host slept
    (Family::Files, 2725), // two that were main by their own files split the votes of four for ever
    (Family::Votes, 3398), // who had lost its role was judged before it could hand over a second time
    (Family::Stalls, 2717), // words of a warden overtook each other, which those in a pipe do not
    (Family::Votes, 351), // after a thaw the active took the addresses again by what a majority had confirmed before
];

#[test]
fn orders_are_carried_out_and_nothing_is_dropped_where_nothing_goes_wrong() {
    let seen = family(Family::Healthy);
    assert!(seen.switches > 0, "nobody switched: {seen:?}");
}

#[test]
fn one_fault_of_the_active_is_a_short_gap() {
    family(Family::Single);
}

#[test]
fn crashes_at_every_step_are_survived() {
    let seen = family(Family::Crashes);
    assert!(seen.restarts > 0 && seen.takeovers > 0, "{seen:?}");
}

#[test]
fn who_can_reach_the_other_does_not_serve_beside_it() {
    let seen = family(Family::Cuts);
    assert!(
        seen.overlaps > 0,
        "no cut was ever so bad that both served: {seen:?}"
    );
}

#[test]
fn one_way_cuts_are_survived() {
    family(Family::OneWay);
}

#[test]
fn loss_delay_and_duplicates_are_survived() {
    family(Family::Lossy);
}

#[test]
fn stalled_threads_let_go() {
    family(Family::Stalls);
}

#[test]
fn suspended_hosts_let_go_when_they_thaw() {
    family(Family::Suspends);
}

#[test]
fn nothing_is_said_that_the_disk_does_not_have() {
    family(Family::Disks);
}

#[test]
fn three_and_more_never_both_serve() {
    family(Family::Votes);
}

#[test]
fn servers_can_be_restarted_in_turn() {
    family(Family::Rolling);
}

#[test]
fn everything_at_once_is_survived() {
    family(Family::Everything);
}

/// While they cannot reach each other, main and backup change roles in the file of one of them, and both claim as main by
/// the same number. [`verdict`] has them agree as soon as they hear each other.
#[test]
fn two_that_serve_by_the_same_term_agree_when_they_meet() {
    let profile = Profile::of(Family::Lossy, 630);
    let seen = run::attempt(&profile, &maker(Flaw::None), false);
    let ties = seen.map(|seen| seen.ties).map_err(|(fault, _)| fault);
    assert_eq!(ties, Ok(1));
}

#[test]
fn clocks_that_jump_and_run_apart_harm_nobody() {
    family(Family::Clocks);
}

#[test]
fn no_accepted_file_is_lost_and_all_come_to_have_the_same() {
    let seen = family(Family::Files);
    assert!(seen.accepted > 0 && seen.conflicts > 0, "{seen:?}");
}

fn family(family: Family) -> Report {
    let once_failed = ONCE_FAILED.iter().filter(|(other, _)| *other == family);
    let ordinary = match family {
        Family::Clocks | Family::Files => SEEDS_OF_LONGEST,
        Family::Healthy | Family::Votes | Family::Everything => SEEDS_OF_LONG,
        _ => SEEDS,
    };
    let seeds = run::seeds(ordinary, once_failed.map(|(_, seed)| *seed));
    run::family(family, &seeds, &maker(Flaw::None))
}

// The simulator itself.

#[test]
fn every_flaw_is_found() {
    for (flaw, family, words) in FLAWS {
        let maker = maker(flaw);
        let fault = |seed| run::attempt(&Profile::of(family, seed), &maker, false).err();
        let found =
            (0..SEEDS).find(|seed| fault(*seed).is_some_and(|(fault, _)| fault.contains(words)));
        assert!(found.is_some(), "{flaw:?} is not found as {words:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for family in FAMILIES {
        let profile = Profile::of(family, 7);
        let trace = || {
            let mut world = world::World::new(&profile, maker(Flaw::None), true);
            world.run();
            world.trace.lines
        };
        assert!(trace() == trace(), "{family:?}");
    }
}

impl Subject for Machine {
    fn on(&mut self, event: Event, now: Instant) {
        Machine::on(self, event, now);
    }

    fn next(&self) -> Option<Instant> {
        Machine::next(self)
    }

    fn take(&mut self) -> Option<Action> {
        Machine::take(self)
    }

    fn advert(&self) -> Advert {
        Machine::advert(self)
    }

    fn standing(&self, now: Instant) -> Standing {
        Machine::standing(self, now)
    }
}

fn machine(birth: Birth) -> Box<dyn Subject> {
    let setup = Setup {
        domain: birth.domain,
        boot: birth.boot,
        release: 1,
        ballot: birth.ballot,
    };
    Box::new(Machine::new(setup, birth.now))
}

fn maker(flaw: Flaw) -> Rc<Maker> {
    if flaw == Flaw::None {
        return Rc::new(Maker {
            machine: Box::new(machine),
            keeper: Box::new(keeper),
        });
    }
    Rc::new(Maker {
        machine: Box::new(move |birth| Box::new(Flawed::new(birth, flaw, machine))),
        keeper: Box::new(move |found| Box::new(FlawedKeeper::new(found, flaw))),
    })
}
