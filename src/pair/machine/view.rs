//! What is told of the machine: its advert, its conditions, how the pair stands, when it wants to be asked.

use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::SERVERS_MAX;
use crate::pair::action::Why;
use crate::pair::advert::Advert;
use crate::pair::advert::PROTOCOL;
use crate::pair::limits;
use crate::pair::machine::Machine;
use crate::pair::node::NodeId;
use crate::pair::standing::Standing;
use crate::pair::state::Conditions;
use crate::pair::state::State;
use crate::pair::term::Term;

impl Machine {
    /// What this server says of itself, as of the latest event.
    pub fn advert(&self) -> Advert {
        let stored = self.ballots.stored;
        Advert {
            from: self.domain.me,
            boot: self.boot,
            protocol: PROTOCOL,
            release: self.release,
            term: self.term(),
            state: self.state,
            conditions: self.conditions(),
            holds: self.wants_hold() || self.own.may_hold(self.now),
            released: self
                .waiting
                .released
                .filter(|_| self.state == State::Standby),
            reaches_ping: self.own.reaches_ping(self.now),
            able: self.own.is_able(),
            ready: self.is_ready(),
            starting: self.state == State::Standby && self.waiting.starting_until.is_some(),
            wish: self.wish(),
            handing: self.handing(),
            vote: stored.vote.map(|vote| (stored.term, vote)),
            stamp: self.now.as_nanos(),
            heeds: self.ballots.word(),
            file: self.own.readiness.file,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// The highest term that is stored; of an active, the one it serves by.
    pub fn term(&self) -> Term {
        match self.state {
            State::Active => self.serving.term,
            State::Standby | State::Inactive | State::Maintenance => self.ballots.stored.term,
        }
    }

    pub fn conditions(&self) -> Conditions {
        let is_alone = self.is_voting() && self.reached_count() < self.majority();
        Conditions {
            isolated: self.is_isolated() || is_alone,
            blind: self.question.blind,
            failing: self.own.failing,
            claiming: self.is_claiming(),
        }
    }

    /// How the pair stands at `now`.
    pub fn standing(&self, now: Instant) -> Standing {
        let mut peers = [None; SERVERS_MAX];
        for (slot, peer) in peers.iter_mut().zip(self.peers.all()) {
            *slot = peer.standing(now);
        }
        Standing {
            own: self.advert(),
            peers,
            holds_since: self.own.holds_since,
        }
    }

    /// Whether it could take over at once.
    fn is_ready(&self) -> bool {
        let readiness = self.own.readiness;
        let is_up_to_date =
            self.state == State::Active || readiness.mirrored && self.has_same_file();
        self.own.is_able()
            && is_up_to_date
            && readiness.outputs_up
            && !self.own.failing
            && !self.own.is_away(self.now)
            && !self.leaving
    }

    /// Whether its file is the one that the active serves by, as far as there is an active.
    pub(super) fn has_same_file(&self) -> bool {
        let active = self.peers.active(self.now);
        active.is_none_or(|active| active.file == self.own.readiness.file)
    }

    fn handing(&self) -> Option<NodeId> {
        let handing = self.serving.handing.filter(|_| self.state == State::Active);
        handing.map(|handing| handing.to)
    }

    pub(super) fn ping_silent(&self) -> Duration {
        self.now.since(self.own.reached_at)
    }

    /// Neither a ping address nor a peer is heard, and a peer that could take over exists. Votes replace this rule. Without
    /// a warden nobody asks.
    pub(super) fn is_isolated(&self) -> bool {
        let born = self.born;
        let is_silent =
            |at: Option<Instant>| self.now.since(at.unwrap_or(born)) >= limits::ISOLATED;
        let mut declared = self.peers.all().filter(|peer| peer.declared);
        self.domain.has_ping
            && self.has_rivals()
            && !self.is_voting()
            && !self.own.forsaken
            && self.ping_silent() >= limits::ISOLATED
            && declared.all(|peer| is_silent(peer.heard_at))
    }

    /// Says what has come and gone.
    pub(super) fn tell_conditions(&mut self) {
        let new = self.conditions();
        let old = self.told.conditions;
        let unable = self.question.unable;
        self.told.conditions = new;
        if new.blind && !old.blind {
            self.note(Why::Blind, None);
        } else if old.blind && !new.blind {
            self.note(Why::BlindNoMore, None);
        }
        let silent_ms = u64::try_from(self.ping_silent().as_millis()).unwrap_or(u64::MAX);
        if new.isolated && !old.isolated && !self.is_voting() && !self.waiting.was_isolated {
            self.note(Why::Isolated { silent_ms }, None);
        } else if old.isolated && !new.isolated {
            self.waiting.was_isolated = false;
            self.note(Why::IsolatedNoMore, None);
        }
        if unable && !std::mem::replace(&mut self.told.unable, unable) {
            self.note(Why::CannotAsk, None);
        }
        self.told.unable = unable;
    }

    /// Says which servers have come and gone.
    pub(super) fn watch_peers(&mut self) {
        let now = self.now;
        let mut changed = [None; SERVERS_MAX];
        for (slot, peer) in changed.iter_mut().zip(self.peers.all_mut()) {
            let is_alive = peer.is_alive(now);
            if is_alive != peer.was_alive {
                peer.was_alive = is_alive;
                let why = match (is_alive, peer.has_crashed()) {
                    (true, _) => Why::PeerBack,
                    (false, true) => Why::PeerCrashed,
                    (false, false) => Why::PeerSilent {
                        silent_ms: peer.silent_ms(now),
                    },
                };
                *slot = Some((why, peer.node));
            }
        }
        for (why, node) in changed.into_iter().flatten() {
            self.note(why, Some(node));
        }
    }

    /// Whatever may change by time alone, but for the silence of others.
    pub(super) fn deadlines(&self) -> [Option<Instant>; 10] {
        let yielded = self.waiting.yielded;
        let claim = (self.state == State::Standby).then(|| self.may_claim_at());
        [
            claim,
            yielded.map(|yielded| yielded.back_at),
            yielded.map(|yielded| yielded.over_at),
            self.question.due_at(),
            self.own.left_until,
            self.serving.stage_until(),
            self.told.cut_until,
            self.ballots.again_at,
            self.is_voting().then(|| self.backed_until(None)).flatten(),
            Some(self.own.reached_at + limits::PING_SILENT),
        ]
    }
}
