//! The judge's look at the world: after every event, every advert, every order to hold.

use halb::pair::action::Handover;
use halb::pair::advert::Advert;
use halb::pair::event::Order;
use halb::pair::state::State;

use crate::judge::ALIVE_WITHIN;
use crate::judge::ASKED;
use crate::judge::KEEP;
use crate::judge::KERNEL;
use crate::judge::LOSSY;
use crate::judge::Overlap;
use crate::judge::Pending;
use crate::judge::RELEASE;
use crate::judge::START;
use crate::profile::Family;
use crate::profile::gap_max;
use crate::queue::MILLISECOND;
use crate::queue::SECOND;
use crate::world::NAMES;
use crate::world::World;
use crate::world::node;

/// A question takes 60 ms; who held all that time, on a network that did not change, has answered it.
const ASKABLE: u64 = 150 * MILLISECOND;
/// Who serves alone for so long when everything has healed is to stay so.
const QUIET: u64 = 1500 * MILLISECOND;
/// Two beats: whoever lets go says so at once, and again with each beat.
const LET_GO: u64 = 40 * MILLISECOND;
/// A warden that has had no turn may need so long from its next one on.
const FIRST_TURN: u64 = 5 * MILLISECOND;

impl World {
    /// After every event that the machine was given.
    pub fn judge_step(&mut self, index: usize, noted: Option<State>) {
        let Some(process) = &mut self.hosts[index].process else {
            return;
        };
        let state = process.machine.advert().state;
        let before = std::mem::replace(&mut process.state, state);
        let (hold, name) = (process.hold, NAMES[index]);
        self.judge
            .check(state == before || noted == Some(state), || {
                format!("{name} goes from {before:?} to {state:?} without a note that says so")
            });
        self.judge.check(!hold || state == State::Active, || {
            format!("{name} has its warden hold the addresses, being {state:?}")
        });
        if state != before {
            self.judge.became(index, state);
        }
    }

    /// What the others are told.
    pub fn judge_advert(&mut self, index: usize, advert: &Advert) {
        let Some(process) = &self.hosts[index].process else {
            return;
        };
        let (confirmed, name) = (process.confirmed, NAMES[index]);
        let holds = self.hosts[index].holds(self.now);
        let judge = &mut self.judge;
        judge.check(advert.term <= confirmed.term, || {
            format!(
                "{name} announces {:?}, but has stored {confirmed:?}",
                advert.term
            )
        });
        let known = &mut judge.known[index];
        let (announced, vote) = (known.announced, advert.vote);
        known.announced = announced.max(advert.term);
        judge.check(advert.term >= announced, || {
            format!("{name} goes back from {announced:?} to {:?}", advert.term)
        });
        if let Some((term, favourite)) = vote {
            let earlier = *judge.known[index].votes.entry(term).or_insert(favourite);
            judge.check(earlier == favourite, || {
                format!("{name} votes twice in {term:?}")
            });
            let stored = term < confirmed.term || confirmed.vote == Some(favourite);
            judge.check(stored && term <= confirmed.term, || {
                format!("{name} votes in {term:?} for {favourite}, but has stored {confirmed:?}")
            });
        }
        if advert.state == State::Active {
            judge.serves_by(index, advert.term);
        }
        let says_gone = !advert.holds || advert.released.is_some();
        judge.check(!holds || !says_gone, || {
            format!("{name} says that the addresses are gone, but they are there: {advert:?}")
        });
    }

    /// The machine has its warden hold the addresses from now on, or no longer.
    pub fn judge_hold(&mut self, index: usize, hold: bool) {
        let Some(process) = &self.hosts[index].process else {
            return;
        };
        let name = NAMES[index];
        let cut = process.handover == Handover::Cut;
        let ended = process.handover != Handover::None && (process.drained || cut);
        let young = self.now < process.born + START && !self.judge.known[index].heard;
        self.judge.check(!hold || !young, || {
            format!("{name} claims in its first 2 s, having heard nobody")
        });
        let gently = self.profile.gentle() && process.hold && !hold;
        self.judge.check(!gently || ended, || {
            format!("{name} lets the addresses go while exchanges are in flight")
        });
    }

    /// A warden has just added the addresses.
    pub fn judge_claim(&mut self, index: usize) {
        let now = self.now;
        if self.profile.weather.loss_per_mille > 0 || self.judge.wired + ASKABLE > now {
            return;
        }
        for other in (0..self.hosts.len()).filter(|other| *other != index) {
            let since = self.judge.known[other].held_since;
            let long = since.is_some_and(|since| since + ASKABLE < now);
            let asked = self.hosts[other].holds(now) && long && self.net.service_both(index, other);
            self.judge.check(!asked, || {
                format!(
                    "{} takes the addresses, and {} would have answered its question",
                    NAMES[index], NAMES[other]
                )
            });
        }
    }

    /// After every event.
    pub fn judge_world(&mut self) {
        let now = self.now;
        for (index, host) in self.hosts.iter().enumerate() {
            let known = &mut self.judge.known[index];
            let let_go = host
                .process
                .as_ref()
                .filter(|process| !process.hold)
                .map(|process| process.hold_since);
            let long = let_go.is_some_and(|since| since.max(known.unguarded) + LET_GO < now);
            let lingers = long && host.lively() && host.holds(now);
            let since = known.held_since.unwrap_or(now);
            known.held_since = host.holds(now).then_some(since);
            if !host.guarded() {
                known.unguarded = now;
            }
            self.judge.check(!lingers, || {
                format!("{} has let go, but the addresses stay", NAMES[index])
            });
        }
        self.judge_overlap();
        self.judge_service();
        self.judge_pending();
        if self.profile.files {
            self.judge_files();
        }
        self.judge_healed();
    }

    fn judge_overlap(&mut self) {
        let now = self.now;
        let mut holders = (0..self.hosts.len()).filter(|index| self.hosts[*index].holds(now));
        let (Some(one), Some(other)) = (holders.next(), holders.next()) else {
            self.judge.overlap = None;
            return;
        };
        if self.judge.overlap.is_none() {
            self.judge.report.overlaps += 1;
        }
        let bound = self.overlap_max(one, other);
        let overlap = Overlap { one, other, bound };
        let since = match self.judge.overlap {
            Some((same, since)) if same == overlap => since,
            _ => now,
        };
        self.judge.overlap = Some((overlap, since));
        let long = now - since;
        self.judge
            .check(bound.is_none_or(|bound| long <= bound), || {
                let milliseconds = long / MILLISECOND;
                format!(
                    "{} and {} both hold the addresses, for {milliseconds} ms now",
                    NAMES[one], NAMES[other]
                )
            });
    }

    /// How long these two may both hold the addresses as things are; `None`: nobody can tell them.
    fn overlap_max(&self, one: usize, other: usize) -> Option<u64> {
        let both = [one, other];
        let guarded = |index: &usize| self.hosts[*index].guarded();
        if self.votes() {
            let late = |index: &usize| self.judge.known[*index].unguarded + FIRST_TURN >= self.now;
            let excused = both.iter().any(late);
            return Some(if excused { KERNEL } else { 0 });
        }
        if !both.iter().all(guarded) {
            return Some(KERNEL);
        }
        if !both.iter().all(|index| self.hosts[*index].lively()) {
            return Some(KEEP);
        }
        let lossy = self.net.weather.loss_per_mille > 0 || self.net.weather.late > 0;
        let more = if lossy { LOSSY } else { 0 };
        if self.net.both_hear(one, other) {
            return Some(RELEASE + more);
        }
        let asks = self.net.service_both(one, other) && !lossy;
        asks.then_some(ASKED)
    }

    /// Whether three or more take part, and have for long enough.
    fn votes(&self) -> bool {
        if self.profile.files {
            return self.hosts.len() >= 3; // roles change, and nothing else
        }
        let members = self.file.servers.iter().flatten();
        let part = members.filter(|member| !member.maintenance).count();
        self.file_is_everywhere()
            && part >= 3
            && self.judge.filed + 2 * SECOND < self.now
            && self.profile.hot_standby
    }

    fn serves(&self, index: usize) -> bool {
        let host = &self.hosts[index];
        let process = host.process.as_ref();
        let works = process.is_some_and(|one| one.stalled.is_none() && !one.broken);
        host.holds(self.now)
            && works
            && self.net.carrier[index]
            && !self.net.mute[index]
            && !self.net.deaf[index]
    }

    /// In worlds with one fault, or with none: how long nobody serves.
    fn judge_service(&mut self) {
        if (0..self.hosts.len()).any(|index| self.serves(index)) {
            self.judge.served = self.now;
            return;
        }
        let gap = self.now - self.judge.served;
        let Some((kind, _)) = self.judge.struck else {
            return;
        };
        let most = match self.profile.family {
            Family::Single => gap_max(kind),
            Family::Healthy => 300 * MILLISECOND,
            _ => return,
        };
        self.judge.check(gap <= most, || {
            format!("nobody serves for {} ms after {kind:?}", gap / MILLISECOND)
        });
    }

    /// Where nothing goes wrong, what is ordered is done.
    pub fn expect_of(&mut self, index: usize, order: Order) {
        let old = self.hosts[index].process.as_ref();
        let old = old.is_some_and(|process| process.born + 3 * SECOND < self.now);
        let active = self.state(index) == Some(State::Active);
        let binds = matches!(order, Order::Activate { .. }) && !active;
        if !self.profile.gentle() || !old || !binds {
            return;
        }
        let grace = self.profile.grace.as_nanos() as u64;
        let until = self.now + grace + SECOND;
        self.judge.pending = Some(Pending {
            host: index,
            order,
            until,
            done: false,
        });
    }

    fn judge_pending(&mut self) {
        let Some(pending) = self.judge.pending else {
            return;
        };
        let name = NAMES[pending.host];
        if pending.done {
            self.judge.pending = None;
            let active = self.state(pending.host) == Some(State::Active);
            self.judge.check(active, || {
                format!("{:?} is done, but {name} is not active", pending.order)
            });
            return;
        }
        self.judge.check(self.now <= pending.until, || {
            format!(
                "{:?} at {name} has neither been done nor refused",
                pending.order
            )
        });
    }

    /// Everything has healed: exactly one serves, and goes on.
    fn judge_healed(&mut self) {
        let Some(healed) = self.healed_at() else {
            return;
        };
        let active: Vec<usize> = (0..self.hosts.len())
            .filter(|index| self.state(*index) == Some(State::Active))
            .collect();
        let holding: Vec<usize> = (0..self.hosts.len())
            .filter(|index| self.hosts[*index].holds(self.now))
            .collect();
        let one = active.len() == 1 && active == holding;
        let has_role = |index: &usize| {
            let node = node(*index);
            node == self.file.main || self.file.backup == Some(node)
        };
        // A switch that was called off because roles changed is tried again after 5 s.
        let fit = active.iter().all(has_role) && (!self.profile.files || self.roles_fit());
        let sound = one && fit;
        let in_time = self.now < healed + ALIVE_WITHIN && self.judge.settled.is_none();
        if in_time {
            let since = *self.judge.sound.get_or_insert(self.now);
            if !sound {
                self.judge.sound = None;
            }
            if !sound || self.now - since < QUIET {
                return;
            }
        }
        self.judge.check(one, || {
            format!("everything has healed, but active are {active:?}, and the addresses are at {holding:?}")
        });
        self.judge.check(sound, || {
            "everything has healed, but some server is not what the file says".into()
        });
        let Some(first) = active.first() else {
            return;
        };
        let settled = *self.judge.settled.get_or_insert(*first);
        self.judge.check(active == [settled], || {
            "the active changes in a sound domain".into()
        });
        let settled = *self.judge.settled_at.get_or_insert(self.now);
        self.judge.over |= self.now > settled + self.profile.watched;
    }

    /// Everything has healed, and all have the same file.
    fn healed_at(&self) -> Option<u64> {
        if self.profile.files {
            return self.judge.files.same_at;
        }
        (self.now >= self.profile.healed).then_some(self.profile.healed)
    }

    pub fn judge_end(&mut self) {
        self.judge.check(self.judge.settled.is_some(), || {
            "the world has come to its end too early".into()
        });
    }
}
