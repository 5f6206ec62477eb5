//! What is known of the other servers: their last words, and whether they are alive.

use crate::model::time::Instant;
use crate::pair::LINKS_MAX;
use crate::pair::SERVERS_MAX;
use crate::pair::advert::Advert;
use crate::pair::advert::PROTOCOL;
use crate::pair::event::Domain;
use crate::pair::limits;
use crate::pair::node::NodeId;
use crate::pair::standing;
use crate::pair::state::State;
use crate::pair::term::Term;

/// Another server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) node: NodeId,
    /// Whether this server's domain file names it. One that only its own file names is believed, but has no part in
    /// anything.
    pub(super) declared: bool,
    pub(super) maintenance: bool,
    pub(super) advert: Option<Advert>,
    heard: [Option<Instant>; LINKS_MAX],
    pub(super) heard_at: Option<Instant>,
    /// That boot of it has crashed, and when that became known.
    crashed: Option<Crash>,
    /// As it was told last.
    pub(super) was_alive: bool,
    /// Its present wish has been dealt with.
    pub(super) wish_done: bool,
    /// That boot's release has been spoken of.
    pub(super) warned_boot: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Crash {
    boot: u64,
    at: Instant,
}

impl Peer {
    fn new(node: NodeId) -> Peer {
        Peer {
            node,
            declared: false,
            maintenance: false,
            advert: None,
            heard: [None; LINKS_MAX],
            heard_at: None,
            crashed: None,
            was_alive: false,
            wish_done: false,
            warned_boot: None,
        }
    }

    /// Heard lately enough, and not crashed.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        let heard = |at| now.since(at) < limits::DEAD;
        self.heard_at.is_some_and(heard) && !self.has_crashed()
    }

    pub(super) fn has_crashed(&self) -> bool {
        let boot = self.advert.map(|advert| advert.boot);
        self.crashed.is_some_and(|crash| boot == Some(crash.boot))
    }

    /// What it says of itself, if it is alive.
    pub(super) fn word(&self, now: Instant) -> Option<&Advert> {
        self.advert.as_ref().filter(|_| self.is_alive(now))
    }

    /// Takes its word. False when that is only the echo of a crash.
    pub(super) fn hear(&mut self, link: u8, advert: &Advert, now: Instant) -> bool {
        if let Some(crash) = self.crashed {
            if crash.boot == advert.boot && now.since(crash.at) < limits::CRASH_ECHO {
                return false;
            }
            self.crashed = None;
        }
        self.advert = Some(*advert);
        self.heard_at = Some(now);
        if let Some(at) = self.heard.get_mut(usize::from(link)) {
            *at = Some(now);
        }
        true
    }

    pub(super) fn crash(&mut self, boot: u64, now: Instant) {
        if self.advert.is_some_and(|advert| advert.boot == boot) {
            self.crashed = Some(Crash { boot, at: now });
        }
    }

    pub(super) fn silent_ms(&self, now: Instant) -> u64 {
        let silent = self.heard_at.map_or(0, |at| now.since(at).as_millis());
        u64::try_from(silent).unwrap_or(u64::MAX)
    }

    pub(super) fn standing(&self, now: Instant) -> Option<standing::Peer> {
        Some(standing::Peer {
            advert: self.advert?,
            heard: self.heard,
            alive: self.is_alive(now),
        })
    }
}

/// Whether two protocols overlap: a neighbour's is understood.
pub(super) fn is_understood(protocol: u16) -> bool {
    protocol.abs_diff(PROTOCOL) <= 1
}

/// All other servers.
#[derive(Debug)]
pub(super) struct Peers {
    list: [Option<Peer>; SERVERS_MAX],
}

impl Peers {
    pub(super) fn new() -> Peers {
        Peers {
            list: [None; SERVERS_MAX],
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Peer> {
        self.list.iter().flatten()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.list.iter_mut().flatten()
    }

    pub(super) fn find(&self, node: NodeId) -> Option<&Peer> {
        self.all().find(|peer| peer.node == node)
    }

    /// That server's place; a new one if there is room for a server that is not known.
    pub(super) fn place(&mut self, node: NodeId, now: Instant) -> Option<&mut Peer> {
        let known = |slot: &Option<Peer>| slot.is_some_and(|peer| peer.node == node);
        let free = |slot: &Option<Peer>| match slot {
            None => true,
            Some(peer) => !peer.declared && !peer.is_alive(now),
        };
        let at = match self.list.iter().position(known) {
            Some(at) => at,
            None => {
                let at = self.list.iter().position(free)?;
                self.list[at] = Some(Peer::new(node));
                at
            }
        };
        self.list[at].as_mut()
    }

    /// The domain file names others now.
    pub(super) fn declare(&mut self, domain: &Domain, now: Instant) {
        for peer in self.all_mut() {
            peer.declared = false;
            peer.maintenance = false;
        }
        let members = domain.servers.iter().flatten();
        for member in members.filter(|member| member.node != domain.me) {
            if let Some(peer) = self.place(member.node, now) {
                peer.declared = true;
                peer.maintenance = member.maintenance;
            }
        }
    }

    /// The words of everybody who is alive.
    pub(super) fn words(&self, now: Instant) -> impl Iterator<Item = &Advert> {
        self.all().filter_map(move |peer| peer.word(now))
    }

    /// The active server among those alive: of several the one whose term holds.
    pub(super) fn active(&self, now: Instant) -> Option<&Advert> {
        self.words(now)
            .filter(|advert| advert.state == State::Active)
            .max_by_key(|advert| advert.claim())
    }

    /// The highest term that anybody ever told of.
    pub(super) fn term_max(&self) -> Term {
        self.adverts().map(highest).max().unwrap_or_default()
    }

    /// The highest term by which anybody has served. Others are not written down: a vote may still be given in them.
    pub(super) fn active_term_max(&self) -> Term {
        let actives = self
            .adverts()
            .filter(|advert| advert.state == State::Active);
        actives.map(|advert| advert.term).max().unwrap_or_default()
    }

    /// Whether a claim of `me` by `term` is not the latest one any longer. Voters have stored the very same term.
    pub(super) fn is_overtaken(&self, term: Term, me: NodeId) -> bool {
        self.adverts().any(|advert| {
            let is_higher = highest(advert) > term;
            let is_others = advert
                .vote
                .is_some_and(|vote| vote.0 == term && vote.1 != me);
            is_higher || is_others || advert.state == State::Active && advert.term == term
        })
    }

    fn adverts(&self) -> impl Iterator<Item = Advert> {
        self.all().filter_map(|peer| peer.advert)
    }
}

fn highest(advert: Advert) -> Term {
    let vote = advert.vote.map_or(advert.term, |vote| vote.0);
    vote.max(advert.term)
}
