//! How an active lets another server serve: by plan, because of a fault, or because it cannot be sure any longer.

use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::action::Handover;
use crate::pair::action::Why;
use crate::pair::advert::Advert;
use crate::pair::advert::Wish;
use crate::pair::limits;
use crate::pair::machine::Machine;
use crate::pair::machine::claim::Waiting;
use crate::pair::machine::claim::Yielded;
use crate::pair::machine::peers;
use crate::pair::machine::table::Finding;
use crate::pair::machine::table::Role;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::pair::term::Term;

/// An active's part.
#[derive(Debug, Default)]
pub(super) struct Serving {
    pub(super) term: Term,
    /// What was silent before is judged anew by an active.
    since: Instant,
    /// How long this server was not run before the present event.
    pub(super) stood: Duration,
    /// A domain that has just begun to vote has until then to confirm.
    pub(super) grace_until: Instant,
    pub(super) handing: Option<Handing>,
    /// No planned switch is begun before, unless it has to be.
    again_at: Instant,
    /// Since when the file wants it in maintenance.
    pub(super) unwanted_since: Option<Instant>,
    /// Another active whose term does not hold against this one's.
    rival: Option<NodeId>,
}

/// A change of hands under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handing {
    pub(super) to: NodeId,
    /// What is still under way after the grace is cut; otherwise the switch is called off.
    cut: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Draining { until: Instant },
    Cutting { until: Instant },
    Releasing { until: Instant, drained: bool },
}

impl Serving {
    pub(super) fn begin(term: Term, now: Instant) -> Serving {
        Serving {
            term,
            since: now,
            ..Serving::default()
        }
    }

    pub(super) fn is_releasing(&self) -> bool {
        let stage = self.handing.map(|handing| handing.stage);
        matches!(stage, Some(Stage::Releasing { .. }))
    }

    /// When the present stage is over at the latest.
    pub(super) fn stage_until(&self) -> Option<Instant> {
        self.handing.map(|handing| match handing.stage {
            Stage::Draining { until }
            | Stage::Cutting { until }
            | Stage::Releasing { until, .. } => until,
        })
    }
}

impl Machine {
    pub(super) fn finding_of_active(&self) -> Finding {
        if let Some(other) = self.peers.active(self.now)
            && other.claim() > self.claim_served()
        {
            let why = Why::HigherTerm { term: other.term };
            let other = other.from;
            return Finding::HigherTerm { why, other };
        }
        if let Some(why) = self.doubt() {
            return Finding::Unsure { why };
        }
        if self.serving.is_releasing() {
            let is_gone = !self.own.may_hold(self.now);
            let is_late = self
                .serving
                .stage_until()
                .is_some_and(|until| until <= self.now);
            return if is_gone || is_late {
                Finding::HandedOver
            } else {
                Finding::Nothing
            };
        }
        if self.serving.handing.is_some() {
            return Finding::Nothing; // see `watch_handing`
        }
        if self.own.forsaken {
            // Until then whoever asks is answered by the kernel, so nobody else serves: it goes on.
            return match self.own.may_hold(self.now) {
                true => Finding::Nothing,
                false => Finding::Expired,
            };
        }
        if let Some((why, successor)) = self.fault() {
            return Finding::Fault { why, successor };
        }
        self.plan().unwrap_or(Finding::Nothing)
    }

    /// The claim by which this server serves, as others compare it.
    fn claim_served(&self) -> (Term, NodeId) {
        (self.serving.term, self.domain.me)
    }

    /// Why it cannot be sure that nobody else serves.
    fn doubt(&self) -> Option<Why> {
        let stood = self.serving.stood;
        if stood >= limits::STALL && self.has_rivals() {
            let stood_ms = u64::try_from(stood.as_millis()).unwrap_or(u64::MAX);
            return Some(Why::Stalled { stood_ms });
        }
        if self.question.blind {
            return Some(Why::Blind);
        }
        let is_backed = || {
            self.backed_until(None)
                .is_some_and(|until| self.now < until)
        };
        if self.is_voting() && self.now >= self.serving.grace_until && !is_backed() {
            return Some(self.no_majority());
        }
        let silent_ms = u64::try_from(self.ping_silent().as_millis()).unwrap_or(u64::MAX);
        self.is_isolated().then_some(Why::Isolated { silent_ms })
    }

    pub(super) fn no_majority(&self) -> Why {
        let small = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
        Why::NoMajority {
            reached: small(self.reached_count()),
            needed: small(self.majority()),
        }
    }

    /// Another server could serve, this one cannot, or not well: why, and which one.
    fn fault(&self) -> Option<(Why, NodeId)> {
        let silent = self.now.since(self.own.reached_at.max(self.serving.since));
        let silent_ms = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
        let lacks = self.domain.has_addresses
            && !self.own.holds
            && self.now.since(self.own.lacks_since) >= limits::HOLD_WAIT;
        let (why, needs_ping) = if self.own.broken && self.domain.activate_backup_on_local_failure {
            (Why::PlaneBroken, false)
        } else if !self.own.carrier {
            (Why::CarrierLost, false)
        } else if self.domain.has_ping && silent >= limits::PING_SILENT {
            (Why::PingLost { silent_ms }, true)
        } else if lacks && !self.own.broken {
            (Why::CannotHold, false)
        } else {
            return None;
        };
        let successor = self.successor(false, needs_ping)?.from;
        Some((why, successor))
    }

    /// Somebody wants the service to change hands.
    fn plan(&self) -> Option<Finding> {
        let planned = |why: Why, successor: &Advert, cut: bool| Finding::Planned {
            why,
            successor: successor.from,
            cut,
        };
        let anybody = self.successor(false, false);
        if self.leaving {
            return anybody.map(|successor| planned(Why::Leaving, successor, true));
        }
        match (self.role(), anybody) {
            (Role::Maintenance, Some(successor)) => {
                return Some(planned(Why::MaintenanceOn, successor, true));
            }
            (Role::Maintenance, None) => return self.is_overdue().then_some(Finding::NobodyTakes),
            (Role::None, Some(successor)) if self.may_switch() => {
                return Some(planned(Why::RoleGone, successor, true));
            }
            (Role::None | Role::Main | Role::Backup, _) => {}
        }
        let ready = self.successor(true, false)?;
        if self.own.failing && self.domain.activate_backup_on_local_failure && self.may_switch() {
            return Some(planned(Why::Reported, ready, true));
        }
        self.wished()
            .map(|(from, cut)| planned(Why::SwitchOrdered, from, cut))
    }

    fn may_switch(&self) -> bool {
        self.now >= self.serving.again_at
    }

    fn is_overdue(&self) -> bool {
        let since = self.serving.unwanted_since;
        since.is_some_and(|since| self.now.since(since) >= limits::SUCCESSOR_WAIT)
    }

    /// A ready standby that wishes to serve.
    fn wished(&self) -> Option<(&Advert, bool)> {
        self.peers.all().find_map(|peer| {
            let word = peer
                .word(self.now)
                .filter(|word| self.may_succeed(word, true, false))?;
            match word.wish {
                _ if peer.wish_done => None,
                Wish::None => None,
                Wish::Switch => Some((word, true)),
                Wish::SwitchWithoutCut => Some((word, false)),
            }
        })
    }

    /// Whoever could serve in this server's place: ready before others, then main.
    pub(super) fn successor(&self, ready: bool, needs_ping: bool) -> Option<&Advert> {
        let words = self.peers.words(self.now);
        words
            .filter(|word| self.may_succeed(word, ready, needs_ping))
            .max_by_key(|word| (word.ready, word.from == self.domain.main))
    }

    fn may_succeed(&self, word: &Advert, ready: bool, needs_ping: bool) -> bool {
        let is_named = word.from == self.domain.main
            || self.domain.hot_standby && self.domain.backup == Some(word.from);
        let is_declared = self
            .peers
            .find(word.from)
            .is_some_and(|peer| peer.declared && !peer.maintenance);
        let is_sound = word.able && !word.conditions.failing && !word.conditions.isolated;
        let is_standby =
            word.state == State::Standby && !word.starting && peers::is_understood(word.protocol);
        let is_ready = word.ready && word.file == self.own.readiness.file;
        is_named
            && is_declared
            && is_sound
            && is_standby
            && (is_ready || !ready)
            && (word.reaches_ping || !needs_ping)
    }

    /// Another server may serve one day.
    pub(super) fn has_rivals(&self) -> bool {
        let mut peers = self.peers.all();
        self.domain.hot_standby && peers.any(|peer| peer.declared && !peer.maintenance)
    }

    /// Begins to hand over; `drain` says whether what is still under way after the grace is cut.
    pub(super) fn hand_over(&mut self, why: Why, to: NodeId, drain: Option<bool>) {
        let stage = match drain {
            Some(_) if !self.own.broken => Stage::Draining {
                until: self.now + self.domain.switch_grace,
            },
            _ => self.releasing(false),
        };
        let cut = drain.unwrap_or(true);
        self.serving.handing = Some(Handing { to, cut, stage });
        self.keep_away(why);
        if let Some(peer) = self.peers.all_mut().find(|peer| peer.node == to) {
            peer.wish_done = true;
        }
        self.note(why, Some(to));
    }

    /// Who gives the service away because of its network is not taken for sound for a while.
    fn keep_away(&mut self, why: Why) {
        if matches!(
            why,
            Why::CarrierLost | Why::PingLost { .. } | Why::CannotHold
        ) {
            self.own.away_until = Some(self.now + limits::KEPT_AWAY);
        }
    }

    fn releasing(&self, drained: bool) -> Stage {
        Stage::Releasing {
            until: self.now + limits::RELEASE_WAIT,
            drained,
        }
    }

    pub(super) fn on_drained(&mut self) {
        let released = self.releasing(true);
        if let Some(handing) = &mut self.serving.handing
            && matches!(
                handing.stage,
                Stage::Draining { .. } | Stage::Cutting { .. }
            )
        {
            handing.stage = released;
        }
    }

    /// Goes on with a change of hands.
    pub(super) fn watch_handing(&mut self) {
        if self.state != State::Active {
            return;
        }
        if self.role() == Role::Maintenance {
            self.serving.unwanted_since.get_or_insert(self.now);
        }
        let Some(handing) = self.serving.handing else {
            return;
        };
        let is_sound = |word: &Advert| self.may_succeed(word, false, false);
        let to = self
            .peers
            .find(handing.to)
            .and_then(|peer| peer.word(self.now));
        let is_lost = !to.is_some_and(is_sound);
        let fault = self.fault();
        let stage = match handing.stage {
            Stage::Releasing { .. } => return,
            Stage::Draining { .. } | Stage::Cutting { .. } if is_lost => {
                return self.call_off(Why::SuccessorLost);
            }
            // Nobody is served any more who could be waited for.
            Stage::Draining { .. } | Stage::Cutting { .. }
                if fault.is_some() || !self.own.can_go_on() =>
            {
                if let Some((why, _)) = fault {
                    self.keep_away(why);
                    self.note(why, Some(handing.to));
                }
                self.releasing(false)
            }
            Stage::Draining { until } if self.now >= until && !handing.cut => {
                let grace_ms =
                    u64::try_from(self.domain.switch_grace.as_millis()).unwrap_or(u64::MAX);
                return self.call_off(Why::CalledOff { grace_ms });
            }
            Stage::Draining { until } if self.now >= until => Stage::Cutting {
                until: self.now + limits::CUT_WAIT,
            },
            // A worker that has not come round to it by now still has to: with the addresses its clients lose every sign.
            Stage::Cutting { until } if self.now >= until => self.releasing(false),
            Stage::Draining { .. } | Stage::Cutting { .. } => return,
        };
        self.serving.handing = Some(Handing { stage, ..handing });
    }

    fn call_off(&mut self, why: Why) {
        let to = self.serving.handing.take().map(|handing| handing.to);
        self.serving.again_at = self.now + limits::SWITCH_AGAIN;
        self.note(why, to);
    }

    /// The addresses are gone by plan: the successor may claim at once.
    pub(super) fn become_successors_standby(&mut self) {
        let Some(handing) = self.serving.handing.take() else {
            return;
        };
        let term = self.serving.term;
        if let Stage::Releasing { drained: false, .. } = handing.stage {
            self.told.cut_until = Some(self.now + limits::CUT_WAIT);
        }
        let is_gone = !self.own.may_hold(self.now);
        self.state = State::Standby;
        self.waiting = Waiting::after(self.now);
        self.waiting.released = is_gone.then_some(term);
        self.waiting.yielded = Some(Yielded {
            to: handing.to,
            term,
            back_at: self.now + limits::CLAIM_WAIT,
            over_at: self.now + limits::SWITCH_SLACK,
        });
        self.note(Why::Released, Some(handing.to));
    }

    /// Lets go before anything else, and listens.
    pub(super) fn release_at_once(&mut self, why: Why, about: Option<NodeId>) {
        self.state = State::Standby;
        self.told.cut_until = Some(self.now + limits::CUT_WAIT);
        self.waiting = Waiting::after(self.now + limits::LISTEN);
        self.waiting.was_isolated = matches!(why, Why::Isolated { .. });
        self.note(why, about);
    }

    /// The kernel has taken the addresses away. Whoever is there may claim at once where that has been seen, and asks
    /// where it is only known how long the kernel keeps them.
    pub(super) fn let_go_of_what_is_gone(&mut self) {
        let term = self.serving.term;
        self.release_at_once(Why::Expired, None);
        self.waiting.released = self.own.left_until.is_none().then_some(term);
    }

    /// In maintenance by force: nobody serves then.
    pub(super) fn let_go_alone(&mut self) {
        self.release_at_once(Why::MaintenanceForced, None);
    }

    /// Nobody could take the service, or somebody has, or had the time to.
    pub(super) fn may_leave(&self) -> bool {
        if self.state == State::Active {
            let serves_on = self.own.forsaken && self.own.may_hold(self.now);
            let nobody = || self.successor(false, false).is_none();
            return self.serving.handing.is_none() && !serves_on && nobody();
        }
        let yielded = self.waiting.yielded;
        yielded.is_none_or(|yielded| self.now >= yielded.back_at)
    }

    /// What the workers are to do.
    pub(super) fn wants_of_workers(&self) -> Handover {
        let stage = self.serving.handing.map(|handing| handing.stage);
        let is_cut = self.told.cut_until.is_some_and(|until| self.now < until);
        match (self.state, stage) {
            (
                State::Active,
                Some(Stage::Draining { .. } | Stage::Releasing { drained: true, .. }),
            ) => Handover::Drain,
            (State::Active, Some(Stage::Cutting { .. } | Stage::Releasing { .. })) => Handover::Cut,
            (State::Active, None) => Handover::None,
            (State::Standby | State::Inactive | State::Maintenance, _) if is_cut => Handover::Cut,
            (State::Standby | State::Inactive | State::Maintenance, _) => Handover::None,
        }
    }

    /// Another active whose term does not hold: it lets go, and then the network is told again who has the addresses.
    pub(super) fn watch_rival(&mut self, other: &Advert) {
        let is_rival = self.serving.rival == Some(other.from);
        let is_active = other.state == State::Active;
        if self.state != State::Active {
            return;
        }
        if is_active && !is_rival && other.claim() < self.claim_served() {
            self.serving.rival = Some(other.from);
            self.told.announce = true;
            self.note(Why::LowerTerm { term: other.term }, Some(other.from));
        } else if is_rival && !is_active && !other.holds {
            self.serving.rival = None;
            self.told.announce = true;
        }
    }
}
