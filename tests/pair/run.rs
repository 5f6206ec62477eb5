//! One run from a seed, or many.

use std::any::Any;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::rc::Rc;

use crate::judge::Report;
use crate::profile::Family;
use crate::profile::Profile;
use crate::subject::Maker;
use crate::world::World;

/// Plays a world to its end. A failure comes with what happened before it, if `tell`.
pub fn attempt(
    profile: &Profile,
    maker: &Rc<Maker>,
    tell: bool,
) -> Result<Report, (String, Vec<String>)> {
    let mut world = World::new(profile, Rc::clone(maker), tell);
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
    let words = |panic: Box<dyn Any + Send>| match panic.downcast::<String>() {
        Ok(words) => format!("a panic: {words}"),
        Err(panic) => format!("a panic: {:?}", panic.downcast_ref::<&str>()),
    };
    let panicked = ended.err().map(words);
    match panicked.or(world.judge.fault.take()) {
        None => Ok(world.judge.report),
        Some(fault) => Err((fault, world.trace.lines)),
    }
}

/// How to play a failure again, and its end.
pub fn told(profile: &Profile, maker: &Rc<Maker>, fault: &str) -> String {
    let trace = match attempt(profile, maker, true) {
        Ok(_) => vec!["it does not happen again: the run is not deterministic".into()],
        Err((_, trace)) => trace,
    };
    let lines = std::env::var("PAIR_LINES").ok();
    let shown = lines.and_then(|text| text.parse().ok()).unwrap_or(80);
    let start = trace.len().saturating_sub(shown);
    let (seed, family) = (profile.seed, profile.family);
    let end = trace[start..].join("\n");
    format!(
        "{profile:?}\n{end}\nseed {seed} ({family:?}): {fault}\nreplay: PAIR_SEED={seed} cargo test --test pair"
    )
}

/// `PAIR_SEED`, `PAIR_SEEDS`, or `ordinary` and `more`.
pub fn seeds(ordinary: u64, more: impl Iterator<Item = u64>) -> Vec<u64> {
    let number = |text: &str| text.trim().parse().ok();
    if let Ok(text) = std::env::var("PAIR_SEED") {
        return vec![number(&text).expect("PAIR_SEED is a number")];
    }
    if let Ok(text) = std::env::var("PAIR_SEEDS") {
        let (first, end) = text.split_once("..").expect("PAIR_SEEDS is like 0..1000");
        let seeds: Range<u64> = number(first).expect("a number")..number(end).expect("a number");
        return seeds.collect();
    }
    (0..ordinary).chain(more).collect()
}

/// Plays all of them; the first that fails is told.
pub fn family(family: Family, seeds: &[u64], maker: &Rc<Maker>) -> Report {
    let mut sum = Report::default();
    let mut failed = Vec::new();
    for seed in seeds {
        match attempt(&Profile::of(family, *seed), maker, false) {
            Ok(report) => sum.add(report),
            Err((fault, _)) => failed.push((*seed, fault)),
        }
    }
    if let Some((seed, fault)) = failed.first() {
        let list: Vec<String> = failed
            .iter()
            .map(|(seed, fault)| format!("{seed}: {fault:.160}"))
            .collect();
        let told = told(&Profile::of(family, *seed), maker, fault);
        panic!("{family:?} fails with\n{}\n{told}", list.join("\n"));
    }
    sum
}

impl Report {
    fn add(&mut self, other: Report) {
        self.takeovers += other.takeovers;
        self.switches += other.switches;
        self.refused += other.refused;
        self.restarts += other.restarts;
        self.overlaps += other.overlaps;
        self.ties += other.ties;
        self.accepted += other.accepted;
        self.conflicts += other.conflicts;
        self.same_after = self.same_after.max(other.same_after);
    }
}
