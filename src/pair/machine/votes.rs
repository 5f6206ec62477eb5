//! With three or more servers that take part: a claim needs the votes of a majority, and an active serves only while
//! a majority has confirmed what it said a moment ago.
//!
//! A voter votes for nobody else until 500 ms after the last word of the one whom it heeds. An active knows by its
//! own clock when it spoke the word that comes back, and lets go 300 ms after it: whatever the network delays, it has
//! let go before a majority can vote for another one.

use crate::model::time::Instant;
use crate::pair::SERVERS_MAX;
use crate::pair::advert::Advert;
use crate::pair::advert::Heed;
use crate::pair::limits;
use crate::pair::machine::Machine;
use crate::pair::machine::peers::Peer;
use crate::pair::state::State;
use crate::pair::term::Term;

impl Machine {
    /// Whether claims need votes. A server in maintenance takes no part: with two others left they are a pair.
    pub(super) fn is_voting(&self) -> bool {
        self.domain.hot_standby && self.voters_count() >= 3
    }

    /// How many are a majority of those not in maintenance.
    pub(super) fn majority(&self) -> usize {
        self.voters_count() / 2 + 1
    }

    /// How many of them are heard, this server included.
    pub(super) fn reached_count(&self) -> usize {
        1 + self.voters().filter(|peer| peer.is_alive(self.now)).count()
    }

    /// Heeds who serves, promises the vote to who claims, forgets who lets go.
    pub(super) fn heed(&mut self, advert: &Advert) {
        if !self.is_voting() || self.state == State::Active || self.state == State::Maintenance {
            return;
        }
        let word = Heed {
            node: advert.from,
            boot: advert.boot,
            stamp: advert.stamp,
        };
        let claim = advert.vote.filter(|(_, node)| *node == advert.from);
        if advert.state == State::Active {
            self.ballots.heed_active(word, advert.term, self.now);
        } else if !advert.conditions.claiming && !advert.holds {
            self.ballots.forget(advert.from);
        } else if let Some((term, _)) = claim
            && !self.insists_against(advert)
        {
            self.ballots.heed_claim(word, term, self.now);
        }
    }

    /// Until when a majority backs this server; with a claim only those count who voted for it.
    pub(super) fn backed_until(&self, claim: Option<Term>) -> Option<Instant> {
        let mut stamps = [0_u64; SERVERS_MAX];
        let mut count = 0;
        for peer in self.voters() {
            let Some(advert) = peer.advert else { continue };
            if let Some(stamp) = self.backing_of(&advert, claim) {
                stamps[count] = stamp;
                count += 1;
            }
        }
        let others_needed = self.majority() - 1;
        let given = &mut stamps[..count];
        given.sort_unstable_by(|one, other| other.cmp(one));
        let decisive = given.get(others_needed.checked_sub(1)?)?;
        Some(Instant::from_nanos(*decisive) + limits::MAJORITY_LASTS)
    }

    /// Whether a majority has confirmed something that was said after `at`; it is bound to this server since then.
    pub(super) fn is_backed_since(&self, at: Instant) -> bool {
        self.backed_until(None)
            .is_some_and(|until| until > at + limits::MAJORITY_LASTS)
    }

    /// When this server spoke the word that the other one heeds.
    fn backing_of(&self, advert: &Advert, claim: Option<Term>) -> Option<u64> {
        let heed = advert.heeds?;
        let is_mine = heed.node == self.domain.me && heed.boot == self.boot;
        let is_voted = claim.is_none_or(|term| advert.vote == Some((term, self.domain.me)));
        let is_past = heed.stamp <= self.now.as_nanos();
        (is_mine && is_voted && is_past).then_some(heed.stamp)
    }

    fn voters(&self) -> impl Iterator<Item = &Peer> {
        self.peers
            .all()
            .filter(|peer| peer.declared && !peer.maintenance)
    }

    fn voters_count(&self) -> usize {
        let members = self.domain.servers.iter().flatten();
        members.filter(|member| !member.maintenance).count()
    }
}
