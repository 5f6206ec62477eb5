//! What is promised, checked after every event.
//!
//! **Two servers that both hold the addresses** (in the kernel, on a host that answers the network). They notice by an
//! advert, so from the moment on when each hears the other on some link it takes one interval of adverts (50 ms), a
//! turn of each thread and the next beat: [`RELEASE`]. A pair thread that stands still cannot notice; its warden
//! takes the addresses 150 ms after the last beat, by `CLOCK_MONOTONIC` of its own host: [`KEEP`]. A warden that stands still
//! or is dead leaves them to the kernel, which keeps them for the lease of one second after the last renewal and looks so coarsely
//! that 0.9 s more may pass: [`KERNEL`]. A suspended host answers nobody; at the thaw its warden finds `CLOCK_BOOTTIME` far
//! ahead, in its first turn. Whoever hears nobody on any link but can ask the service network has [`ASKED`].
//!
//! **Three or more** never both hold, unless one's warden has no turns: then its addresses are the kernel's, and count
//! as released only when they are gone; the other one could not have known by asking, or its claim is refused here.
//!
//! All of these are measured in true time, which no host can read.

use std::collections::BTreeMap;

use halb::pair::action::Outcome;
use halb::pair::event::Domain;
use halb::pair::event::Order;
use halb::pair::node::NodeId;
use halb::pair::state::State;
use halb::pair::term::Ballot;
use halb::pair::term::Term;

use crate::file::judge::Filed;
use crate::net::HOSTS;
use crate::profile::Kind;
use crate::queue::MILLISECOND;
use crate::queue::SECOND;
use crate::world::NAMES;

pub const RELEASE: u64 = 250 * MILLISECOND;
pub const KEEP: u64 = 200 * MILLISECOND;
pub const KERNEL: u64 = 2000 * MILLISECOND;
pub const ASKED: u64 = 2500 * MILLISECOND;
/// A fifth of adverts lost: twenty in a row once in 10^14.
pub const LOSSY: u64 = 1000 * MILLISECOND;
/// Some server serves so long after everything has healed: a start takes 2.36 s and a store, a dead host's
/// addresses stay for 1.9 s, a file takes 1 s to arrive, a switch that it asks for 1 s.
pub const ALIVE_WITHIN: u64 = 6 * SECOND;
/// Nobody claims unheard and unasked in its first.
pub const START: u64 = 2 * SECOND;

/// What is known of one host.
#[derive(Default)]
pub struct Known {
    /// The highest term that it has announced, in any life from which it could remember.
    pub announced: Term,
    pub votes: BTreeMap<Term, NodeId>,
    /// Terms that it wanted to serve by, and what its file said then.
    pub claims: BTreeMap<Term, Domain>,
    pub born: u64,
    /// Whether anything of another server has come since then.
    pub heard: bool,
    pub held_since: Option<u64>,
    /// When it was last without a warden that gets turns.
    pub unguarded: u64,
    pub active: bool,
}

/// An order that has to be carried out, in a world where nothing goes wrong.
#[derive(Clone, Copy)]
pub struct Pending {
    pub host: usize,
    pub order: Order,
    pub until: u64,
    pub done: bool,
}

/// The first two that both held, under what conditions, and since when.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    pub one: usize,
    pub other: usize,
    pub bound: Option<u64>,
}

pub struct Judge {
    pub fault: Option<String>,
    pub known: [Known; HOSTS],
    /// Who has served by a term.
    pub by_term: BTreeMap<Term, Vec<usize>>,
    pub files: Filed,
    pub overlap: Option<(Overlap, u64)>,
    /// When the network was changed last.
    pub wired: u64,
    pub filed: u64,
    /// The first fault, and its kind.
    pub struck: Option<(Kind, u64)>,
    pub served: u64,
    pub pending: Option<Pending>,
    /// Who is to be active to the end.
    pub settled: Option<usize>,
    pub settled_at: Option<u64>,
    /// Since when exactly one serves.
    pub sound: Option<u64>,
    /// Nothing more is to be seen.
    pub over: bool,
    pub report: Report,
}

/// What was seen, so that a run in which nothing happens is noticed.
#[derive(Clone, Copy, Default, Debug)]
pub struct Report {
    pub takeovers: u64,
    pub switches: u64,
    pub refused: u64,
    pub restarts: u64,
    pub overlaps: u64,
    /// Two that served by the same term.
    pub ties: u64,
    /// Of the domain file: changes, and those that were kept because another one was taken.
    pub accepted: u64,
    pub conflicts: u64,
    /// All had the same so long after everything had healed.
    pub same_after: u64,
}

impl Judge {
    pub fn new() -> Judge {
        Judge {
            fault: None,
            known: Default::default(),
            by_term: BTreeMap::new(),
            files: Filed::default(),
            overlap: None,
            wired: 0,
            filed: 0,
            struck: None,
            served: 0,
            pending: None,
            settled: None,
            settled_at: None,
            sound: None,
            over: false,
            report: Report::default(),
        }
    }

    pub fn check(&mut self, holds: bool, words: impl FnOnce() -> String) {
        if !holds && self.fault.is_none() {
            self.fault = Some(words());
        }
    }

    pub fn heard(&mut self, to: usize) {
        self.known[to].heard = true;
    }

    /// What it announced stays binding for a process that could read its ballot.
    pub fn started(&mut self, index: usize, ballot: Option<Ballot>, now: u64) {
        let known = &mut self.known[index];
        known.born = now;
        known.heard = false;
        known.active = false;
        if ballot.is_none() {
            known.announced = Term::default();
        }
        self.report.restarts += 1;
    }

    pub fn claims(&mut self, index: usize, term: Term, domain: Domain) {
        self.known[index].claims.insert(term, domain);
    }

    /// A server serves by a term, for what one has to be alone with it: two may come to the same only where their files
    /// name different servers as main and backup, and nobody votes.
    pub fn serves_by(&mut self, index: usize, term: Term) {
        let served = self.by_term.entry(term).or_default();
        if served.contains(&index) {
            return;
        }
        let first = served.first().copied();
        served.push(index);
        let Some(first) = first else {
            return;
        };
        self.report.ties += 1;
        let claim = |host: usize| self.known[host].claims.get(&term).copied();
        let excused = claim(first).zip(claim(index)).is_some_and(|(one, other)| {
            let differ = (one.main, one.backup) != (other.main, other.backup);
            differ && !votes(&one) && !votes(&other)
        });
        self.check(excused, || {
            let names = [index, first].map(|host| NAMES[host]);
            format!("{} is active in {term:?}, as {} was", names[0], names[1])
        });
    }

    /// All ballots are lost at once: terms begin anew.
    pub fn forget(&mut self) {
        self.by_term.clear();
        for known in &mut self.known {
            known.votes.clear();
        }
    }

    pub fn left(&mut self, index: usize) {
        if self.pending.is_some_and(|pending| pending.host == index) {
            self.pending = None;
        }
    }

    pub fn struck(&mut self, kind: Kind, now: u64) {
        self.struck.get_or_insert((kind, now));
    }

    pub fn wired(&mut self, now: u64) {
        self.wired = now;
    }

    pub fn answered(&mut self, index: usize, order: Order, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.report.switches += 1,
            Outcome::Refused(_) => self.report.refused += 1,
        }
        let Some(pending) = &mut self.pending else {
            return;
        };
        if pending.host != index || pending.order != order {
            return;
        }
        if outcome == Outcome::Done {
            pending.done = true;
            return;
        }
        let may_be_called_off = order == Order::Activate { cut: false };
        self.pending = None;
        self.check(may_be_called_off, || {
            format!("{order:?} is refused while nothing is wrong: {outcome:?}")
        });
    }

    /// A server has become active, or is it no longer.
    pub fn became(&mut self, index: usize, state: State) {
        let active = state == State::Active;
        if active && !self.known[index].active {
            self.report.takeovers += 1;
        }
        self.known[index].active = active;
    }
}

fn votes(domain: &Domain) -> bool {
    let members = domain.servers.iter().flatten();
    domain.hot_standby && members.filter(|member| !member.maintenance).count() >= 3
}
