//! How a standby comes to serve: the start rule, the question, the claim; and the wish of an operator.

use crate::model::time::Instant;
use crate::pair::action::Outcome;
use crate::pair::action::Why;
use crate::pair::advert::Advert;
use crate::pair::advert::Wish;
use crate::pair::event::Order;
use crate::pair::limits;
use crate::pair::machine::Machine;
use crate::pair::machine::peers::Peer;
use crate::pair::machine::table::Finding;
use crate::pair::machine::table::Role;
use crate::pair::machine::table::later;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::pair::term::Ballot;
use crate::pair::term::Term;

/// A standby's part.
#[derive(Debug)]
pub(super) struct Waiting {
    /// It has just begun, and waits until then, or until it has heard the peer.
    pub(super) starting_until: Option<Instant>,
    /// When it had heard who is there.
    heard_at: Option<Instant>,
    pub(super) has_no_ballot: bool,
    /// It claims nothing before.
    pub(super) not_before: Instant,
    /// The active.
    followed: Option<NodeId>,
    followed_term: Term,
    /// What became of the one it followed.
    lost: Option<Loss>,
    /// It has let another one serve.
    pub(super) yielded: Option<Yielded>,
    /// The term by which it served until it released by plan.
    pub(super) released: Option<Term>,
    pub(super) wish: Option<Wishing>,
    /// What it wrote, or wants to write, in order to serve.
    wanted: Option<Ballot>,
    /// Since when it is on its way to serve.
    pub(super) claiming_since: Option<Instant>,
    /// It has been said that there is no majority.
    no_majority: bool,
    /// It let go because it was isolated, and has said so.
    pub(super) was_isolated: bool,
}

#[derive(Clone, Copy, Debug)]
struct Loss {
    why: Why,
    node: NodeId,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Yielded {
    pub(super) to: NodeId,
    pub(super) term: Term,
    /// If nobody has claimed by then.
    pub(super) back_at: Instant,
    /// Then it is a standby like any other.
    pub(super) over_at: Instant,
}

/// An operator wants this server to serve.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishing {
    cut: bool,
    since: Instant,
    /// The active hands over.
    taken: bool,
}

/// Whether it wants to serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Want {
    No,
    /// The active has been silent for a while: soon it may.
    Soon,
    Yes,
}

impl Waiting {
    pub(super) fn starting(now: Instant) -> Waiting {
        Waiting {
            starting_until: Some(now + limits::START_WAIT),
            ..Waiting::after(now)
        }
    }

    /// Of a server that has served.
    pub(super) fn after(not_before: Instant) -> Waiting {
        Waiting {
            starting_until: None,
            heard_at: None,
            has_no_ballot: false,
            not_before,
            followed: None,
            followed_term: Term::default(),
            lost: None,
            yielded: None,
            released: None,
            wish: None,
            wanted: None,
            claiming_since: None,
            no_majority: false,
            was_isolated: false,
        }
    }
}

impl Machine {
    pub(super) fn finding_of_standby(&self) -> Finding {
        let is_asked = !self.needs_question() || self.question.is_silent(self.now);
        let Some(term) = self.claim() else {
            return Finding::Nothing;
        };
        let is_backed = !self.is_voting()
            || self
                .backed_until(Some(term))
                .is_some_and(|until| self.now < until);
        if self.want() != Want::Yes || !is_asked || !is_backed {
            return Finding::Nothing;
        }
        let loss = self.loss();
        Finding::MayServe {
            why: loss.map_or(Why::NobodyActive, |loss| loss.why),
            about: loss.map(|loss| loss.node),
        }
    }

    /// Goes on with what it takes to serve. What is to be stored for it.
    pub(super) fn pursue(&mut self) -> Option<Ballot> {
        if self.state != State::Standby {
            return None;
        }
        let want = self.want();
        if want == Want::No {
            self.waiting.claiming_since = None;
            self.question.close();
            return None;
        }
        if self.needs_question()
            && let Some(number) = self.question.ask(self.now)
        {
            self.queue.push(crate::pair::action::Action::Ask { number });
        }
        if want == Want::Soon {
            self.waiting.claiming_since = None;
            return None;
        }
        let since = *self.waiting.claiming_since.get_or_insert(self.now);
        if self.now.since(since) >= limits::CLAIM_LONG {
            self.step_back();
        }
        // He who took the service away from itself may be asked whether it is there: then it is not released any more.
        if self.waiting.yielded.is_some() {
            self.waiting.released = None;
        }
        let is_asked = !self.needs_question() || self.question.is_silent(self.now);
        if !is_asked && !self.is_voting() || self.claim().is_some() {
            return None;
        }
        if self.waiting.wanted.is_some() && self.waiting.wanted == self.ballots.storing {
            return None;
        }
        let highest = self.ballots.stored.term.max(self.peers.term_max());
        let wanted = Ballot {
            term: highest.next(self.domain.main == self.domain.me),
            vote: Some(self.domain.me),
        };
        self.waiting.wanted = Some(wanted);
        self.waiting.wanted
    }

    /// The term of a claim that is on the disk and that nobody has overtaken.
    fn claim(&self) -> Option<Term> {
        let stored = self.ballots.stored;
        let is_overtaken = self.peers.is_overtaken(stored.term, self.domain.me);
        let is_claim = self.waiting.wanted == Some(stored) && !is_overtaken;
        is_claim.then_some(stored.term)
    }

    /// A claim that does not get on lets another one try.
    fn step_back(&mut self) {
        if self.is_voting() && !std::mem::replace(&mut self.waiting.no_majority, true) {
            let why = self.no_majority();
            self.note(why, None);
        }
        if self.successor(false, false).is_some() {
            self.waiting.not_before = self.now + limits::STEP_BACK;
            self.waiting.claiming_since = None;
        }
    }

    /// Whether it is on its way to serve, and gets on.
    pub(super) fn is_claiming(&self) -> bool {
        let is_stuck =
            self.question.blind || self.question.unable || self.ballots.again_at.is_some();
        self.state == State::Standby && self.waiting.claiming_since.is_some() && !is_stuck
    }

    fn want(&self) -> Want {
        let waiting = &self.waiting;
        let is_early = self.now < self.may_claim_at()
            || waiting.yielded.is_some_and(|it| self.now < it.back_at);
        let last_resort = self.own.failing && self.successor(false, false).is_some();
        if self.leaving || is_early || last_resort || !self.own.is_able() || self.is_isolated() {
            return Want::No;
        }
        let mut want = Want::Yes;
        for peer in self.peers.all() {
            let Some(word) = peer.word(self.now) else {
                continue;
            };
            let is_fresh = peer
                .heard_at
                .is_some_and(|at| self.now.since(at) < limits::SUSPECT);
            if word.holds && is_fresh || word.conditions.claiming && self.goes_first(word) {
                return Want::No;
            }
            if word.holds {
                want = Want::Soon;
            }
        }
        // Its own vote is bound like any other.
        let is_bound = self.is_voting() && self.ballots.is_bound(self.now);
        if is_bound || self.may_be_cut_off() {
            return Want::Soon;
        }
        want
    }

    /// Everybody has been silent for as long as the ping addresses: then it may be this server that is not heard. An answer
    /// counts that came when the next word was overdue: one from before that proves nothing, the cut may have come
    /// between. They are asked every 200 ms, so that they have answered by the time that an active counts as dead.
    fn may_be_cut_off(&self) -> bool {
        let declared = || self.peers.all().filter(|peer| peer.declared);
        let is_known = |peer: &Peer| peer.is_alive(self.now) || peer.has_crashed();
        let last_word = declared().filter_map(|peer| peer.heard_at).max();
        self.domain.has_ping
            && !self.is_voting()
            && !declared().any(is_known)
            && last_word.is_some_and(|at| self.own.reached_at <= at + limits::OVERDUE)
    }

    /// Whether another one's claim goes before this server's: who was there before, then main, then the higher name.
    fn goes_first(&self, other: &Advert) -> bool {
        if other.released.is_some() {
            return false;
        }
        if self
            .waiting
            .yielded
            .is_some_and(|yielded| yielded.to == other.from)
        {
            return true;
        }
        let am_starting = self.waiting.starting_until.is_some();
        if am_starting != other.starting {
            return am_starting;
        }
        // While files differ each may be main by its own; if neither gave way, votes could be split for ever.
        let claims_as_main = |(term, node): (Term, NodeId)| term.main && node == other.from;
        if self.role() == Role::Main && other.vote.is_some_and(claims_as_main) {
            return other.from > self.domain.me;
        }
        other.from == self.domain.main
    }

    /// Whether it claims itself, and does not give way to that one.
    pub(super) fn insists_against(&self, other: &Advert) -> bool {
        self.state == State::Standby
            && self.waiting.claiming_since.is_some()
            && !self.goes_first(other)
    }

    /// Unless the active itself has just released, the service network is asked.
    fn needs_question(&self) -> bool {
        self.domain.has_addresses && self.releaser().is_none()
    }

    /// The active that this server followed, if that has just released by plan. Another one's release may be long past.
    fn releaser(&self) -> Option<&Advert> {
        let lost = self.waiting.lost?;
        let term = self.waiting.followed_term;
        let is_by_plan = |advert: &&Advert| {
            let is_its_last = advert.released.is_some_and(|released| released >= term);
            advert.from == lost.node && !advert.holds && is_its_last
        };
        self.peers.words(self.now).find(is_by_plan)
    }

    /// Why nobody serves.
    fn loss(&self) -> Option<Loss> {
        if let Some(yielded) = self.waiting.yielded {
            return Some(Loss {
                why: Why::ClaimedBack,
                node: yielded.to,
            });
        }
        if let Some(releaser) = self.releaser() {
            return Some(Loss {
                why: Why::Handed,
                node: releaser.from,
            });
        }
        let let_go = self.waiting.followed.map(|node| Loss {
            why: Why::ActiveLetGo,
            node,
        });
        self.waiting.lost.or(let_go)
    }

    /// When the start rule and its own patience are over.
    pub(super) fn may_claim_at(&self) -> Instant {
        let waiting = &self.waiting;
        let Some(until) = waiting.starting_until else {
            return waiting.not_before;
        };
        let others = match waiting.heard_at {
            Some(heard_at) if !self.somebody_was_here_before() => heard_at,
            _ => until,
        };
        if self.role() == Role::Backup || waiting.has_no_ballot {
            later(others, limits::BACKUP_WAIT, waiting.not_before)
        } else {
            others.max(waiting.not_before)
        }
    }

    /// A standby that has not just begun knows the sessions: it goes first.
    fn somebody_was_here_before(&self) -> bool {
        self.successor(false, false).is_some()
    }

    /// Follows the active, and sees what becomes of it.
    pub(super) fn watch_active(&mut self) {
        if self.state == State::Active {
            return;
        }
        self.watch_start();
        let active = self.peers.active(self.now).copied();
        match (active, self.waiting.followed) {
            (Some(active), followed) => {
                if followed != Some(active.from) && self.state == State::Standby {
                    self.note(Why::OtherIsActive { term: active.term }, Some(active.from));
                }
                self.follow(&active);
            }
            (None, Some(followed)) => self.lose(followed),
            (None, None) => {}
        }
        let is_over = |yielded: &Yielded| self.now < yielded.over_at;
        self.waiting.yielded = self.waiting.yielded.filter(is_over);
    }

    fn watch_start(&mut self) {
        if self.waiting.heard_at.is_none() && self.has_heard_enough() {
            self.waiting.heard_at = Some(self.now);
        }
    }

    /// The peer, or where it is unknown who that is, everybody.
    fn has_heard_enough(&self) -> bool {
        let others = [Some(self.domain.main), self.domain.backup];
        let is_peer = |node: NodeId| node != self.domain.me;
        let peer = others.into_iter().flatten().find(|node| is_peer(*node));
        let known = peer
            .and_then(|node| self.peers.find(node))
            .filter(|peer| peer.declared);
        match known {
            Some(peer) => peer.is_alive(self.now),
            None => {
                let mut declared = self.peers.all().filter(|peer| peer.declared);
                declared.all(|peer| peer.is_alive(self.now))
            }
        }
    }

    fn follow(&mut self, active: &Advert) {
        let waiting = &mut self.waiting;
        waiting.followed = Some(active.from);
        waiting.followed_term = active.term;
        waiting.starting_until = None;
        waiting.not_before = self.born;
        waiting.lost = None;
        waiting.released = None;
        waiting.yielded = waiting
            .yielded
            .filter(|yielded| active.term <= yielded.term);
    }

    fn lose(&mut self, node: NodeId) {
        let peer = self.peers.find(node);
        let is_alive = peer.is_some_and(|peer| peer.is_alive(self.now));
        let has_crashed = peer.is_some_and(Peer::has_crashed);
        let silent_ms = peer.map_or(0, |peer| peer.silent_ms(self.now));
        let why = match (is_alive, has_crashed) {
            (true, _) => Why::ActiveLetGo,
            (false, true) => Why::ActiveCrashed,
            (false, false) => Why::ActiveSilent { silent_ms },
        };
        self.waiting.followed = None;
        self.waiting.lost = Some(Loss { why, node });
        // Of two standbys main goes first; with a pair there is one.
        let main = self.domain.main;
        if self.role() == Role::Backup
            && node != main
            && self
                .peers
                .find(main)
                .is_some_and(|peer| peer.is_alive(self.now))
        {
            self.waiting.not_before = self.now + limits::BACKUP_WAIT;
        }
    }

    /// It released by plan, and has to see whether it was taken.
    pub(super) fn is_bound_to_claim_back(&self) -> bool {
        !self.leaving && self.waiting.yielded.is_some()
    }

    pub(super) fn on_activate(&mut self, cut: bool) {
        let order = Order::Activate { cut };
        match self.refusal() {
            Some(why) => self.answer(order, Outcome::Refused(why)),
            None => {
                self.waiting.wish = Some(Wishing {
                    cut,
                    since: self.now,
                    taken: false,
                });
                self.note(Why::SwitchOrdered, self.waiting.followed);
            }
        }
    }

    /// Why it cannot take over by plan now.
    fn refusal(&self) -> Option<Why> {
        let active = self.peers.active(self.now);
        let left = self
            .own
            .away_until
            .map(|until| until.since(self.now).as_millis());
        if self.leaving {
            Some(Why::EndsItself)
        } else if self.waiting.wish.is_some() {
            Some(Why::AlreadySwitching)
        } else if active.is_none() {
            Some(Why::NobodyToTakeFrom)
        } else if self.own.failing {
            Some(Why::HasFailed)
        } else if !self.own.is_able() {
            Some(Why::NotAble)
        } else if !self.has_same_file() {
            Some(Why::FileDiffers)
        } else if !self.own.readiness.mirrored {
            Some(Why::MirrorBehind)
        } else if !self.own.readiness.outputs_up {
            Some(Why::OutputsDown)
        } else {
            let left_ms = left
                .and_then(|left| u64::try_from(left).ok())
                .filter(|left| *left > 0);
            left_ms.map(|left_ms| Why::HandedOverLately { left_ms })
        }
    }

    /// What it asks the active for.
    pub(super) fn wish(&self) -> Wish {
        match self.waiting.wish {
            Some(wish) if self.state == State::Standby && wish.cut => Wish::Switch,
            Some(_) if self.state == State::Standby => Wish::SwitchWithoutCut,
            _ => Wish::None,
        }
    }

    /// Sees what becomes of the wish.
    pub(super) fn watch_wish(&mut self) {
        let Some(wish) = self.waiting.wish else {
            return;
        };
        let waited = self.now.since(wish.since);
        let active = self.peers.active(self.now);
        let is_handing = active.is_some_and(|active| active.handing == Some(self.domain.me));
        let grace = self.domain.switch_grace;
        let ms =
            |length: std::time::Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        if is_handing {
            self.waiting.wish = Some(Wishing {
                taken: true,
                ..wish
            });
        } else if wish.taken && active.is_some() {
            self.refuse_wish(Why::CalledOff {
                grace_ms: ms(grace),
            });
        } else if !wish.taken && active.is_some() && waited >= limits::WISH_WAIT {
            self.refuse_wish(Why::NotTaken {
                waited_ms: ms(waited),
            });
        } else if waited >= grace + limits::SWITCH_SLACK {
            self.refuse_wish(Why::SwitchOverdue);
        }
    }

    pub(super) fn refuse_wish(&mut self, why: Why) {
        self.answer_wish(Outcome::Refused(why));
    }

    pub(super) fn grant_wish(&mut self) {
        self.answer_wish(Outcome::Done);
    }

    fn answer_wish(&mut self, outcome: Outcome) {
        if let Some(wish) = self.waiting.wish.take() {
            self.answer(Order::Activate { cut: wish.cut }, outcome);
        }
    }
}
