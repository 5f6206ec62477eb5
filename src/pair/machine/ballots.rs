//! Terms and votes, and what the disk has of them. One ballot is on its way to the disk at a time.

use crate::model::time::Instant;
use crate::pair::advert::Heed;
use crate::pair::limits;
use crate::pair::node::NodeId;
use crate::pair::term::Ballot;
use crate::pair::term::Term;

#[derive(Debug)]
pub(super) struct Ballots {
    pub(super) stored: Ballot,
    /// On its way to the disk.
    pub(super) storing: Option<Ballot>,
    /// The disk refused one; not before then is it asked again.
    pub(super) again_at: Option<Instant>,
    /// A vote that has been promised and is to be stored.
    grant: Option<Ballot>,
    /// The active, or the one who was promised the vote.
    pub(super) heeded: Option<Heeded>,
    /// Until then nobody gets a vote: what was promised before this process began is not known.
    mute_until: Instant,
}

/// Whom a voter heeds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heeded {
    pub(super) word: Heed,
    term: Term,
    heard_at: Instant,
}

impl Ballots {
    pub(super) fn new(stored: Ballot, now: Instant) -> Ballots {
        Ballots {
            stored,
            storing: None,
            again_at: None,
            grant: None,
            heeded: None,
            mute_until: now + limits::VOTER_HEEDS,
        }
    }

    /// What is to be stored next: a claim goes before a vote, that before a term that was only heard of.
    pub(super) fn next(
        &mut self,
        claim: Option<Ballot>,
        seen: Term,
        now: Instant,
    ) -> Option<Ballot> {
        if self.storing.is_some() || self.again_at.is_some_and(|at| now < at) {
            return None;
        }
        self.grant = self.grant.filter(|grant| grant.term > self.stored.term);
        let heard = Ballot {
            term: seen,
            vote: None,
        };
        let wanted = claim.or(self.grant).unwrap_or(heard);
        if wanted.term <= self.stored.term {
            return None;
        }
        self.storing = Some(wanted);
        self.storing
    }

    pub(super) fn on_stored(&mut self, ballot: Ballot) {
        if self.storing == Some(ballot) {
            self.storing = None;
            self.again_at = None;
            self.stored = ballot;
        }
    }

    /// True for the first refusal in a row.
    pub(super) fn on_refused(&mut self, now: Instant) -> bool {
        let is_first = self.again_at.is_none();
        self.storing = None;
        self.again_at = Some(now + limits::STORE_AGAIN);
        is_first
    }

    /// Heeds an active server, unless one with a higher term is heeded.
    pub(super) fn heed_active(&mut self, word: Heed, term: Term, now: Instant) {
        let others = self.fresh(now).filter(|old| old.word.node != word.node);
        if others.is_none_or(|old| old.term < term) {
            self.heed(word, term, now);
        }
    }

    /// Promises the vote to a server that claims, if it may have it.
    pub(super) fn heed_claim(&mut self, word: Heed, term: Term, now: Instant) {
        let is_bound = self
            .fresh(now)
            .is_some_and(|old| old.word.node != word.node);
        if is_bound || now < self.mute_until {
            return;
        }
        let vote = Ballot {
            term,
            vote: Some(word.node),
        };
        let is_next =
            term > self.stored.term && self.storing.is_none_or(|on_its_way| term > on_its_way.term);
        let is_given = self.stored == vote || self.storing == Some(vote);
        if is_next {
            self.grant = Some(vote);
        }
        if is_next || is_given {
            self.heed(word, term, now);
        }
    }

    /// That server does not serve, and cannot: it has let go, or begun anew.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.heeded = self.heeded.filter(|old| old.word.node != node);
    }

    /// The word that goes back to the one who is heeded.
    pub(super) fn word(&self) -> Option<Heed> {
        self.heeded.map(|heeded| heeded.word)
    }

    /// Whether it heeds somebody whose last word is not old enough to vote for another, itself included.
    pub(super) fn is_bound(&self, now: Instant) -> bool {
        self.fresh(now).is_some() || now < self.mute_until
    }

    fn fresh(&self, now: Instant) -> Option<Heeded> {
        let is_fresh = |old: &Heeded| now.since(old.heard_at) < limits::VOTER_HEEDS;
        self.heeded.filter(is_fresh)
    }

    fn heed(&mut self, word: Heed, term: Term, now: Instant) {
        self.heeded = Some(Heeded {
            word,
            term,
            heard_at: now,
        });
    }
}
