//! The table: what each event does in each state, and what becomes of a server that finds something so.

use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::action::Action;
use crate::pair::action::Outcome;
use crate::pair::action::Why;
use crate::pair::advert::Advert;
use crate::pair::advert::Wish;
use crate::pair::event::Domain;
use crate::pair::event::Event;
use crate::pair::event::FromWarden;
use crate::pair::event::Order;
use crate::pair::event::Plane;
use crate::pair::limits;
use crate::pair::machine::Machine;
use crate::pair::machine::claim::Waiting;
use crate::pair::machine::handing::Serving;
use crate::pair::machine::peers;
use crate::pair::node::NodeId;
use crate::pair::state::State;

/// What a server is for, by the domain file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Main,
    Backup,
    None,
    Maintenance,
}

/// What a server finds so, and what may make another one of it. Of several the first one counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Finding {
    /// The file says maintenance.
    Maintenance,
    /// The file names it neither main nor backup.
    NoRole,
    /// The active speaks a protocol that this server does not understand.
    NoCommonProtocol {
        active: NodeId,
        theirs: u16,
    },
    /// It has asked, stored its claim, and got its votes.
    MayServe {
        why: Why,
        about: Option<NodeId>,
    },
    /// Another one is active with a claim that holds against this one's.
    HigherTerm {
        why: Why,
        other: NodeId,
    },
    /// This server cannot be sure any longer that nobody else serves: stalled, isolated, or without a majority.
    Unsure {
        why: Why,
    },
    /// The addresses are gone, for another server's sake.
    HandedOver,
    /// Another server could serve, this one cannot, or not well.
    Fault {
        why: Why,
        successor: NodeId,
    },
    /// Somebody wants the service to change hands, and somebody can take it.
    Planned {
        why: Why,
        successor: NodeId,
        cut: bool,
    },
    /// It has to let go, and nobody can take the service.
    NobodyTakes,
    /// Nothing holds the addresses any more, and the kernel has them no longer either.
    Expired,
    Nothing,
}

impl Machine {
    /// What each event does in each state. It changes what is known; what follows from that is for [`Machine::turn`].
    pub(super) fn receive(&mut self, event: Event) {
        use State::Active;
        use State::Inactive;
        use State::Maintenance;
        use State::Standby;
        match (self.state, event) {
            (_, Event::Tick) => {}
            (_, Event::Heard { link, advert }) => self.on_heard(link, &advert),
            (_, Event::Crashed { node, boot }) => {
                if let Some(peer) = self.peers.all_mut().find(|peer| peer.node == node) {
                    peer.crash(boot, self.now);
                }
            }
            (_, Event::Stored(ballot)) => self.ballots.on_stored(ballot),
            (_, Event::NotStored) => {
                if self.ballots.on_refused(self.now) {
                    self.note(Why::NotStored, None);
                }
            }
            (_, Event::Warden(said)) => self.on_warden(said),
            (_, Event::Plane(Plane::Serves)) => self.set_broken(false),
            (_, Event::Plane(Plane::Broken)) => self.set_broken(true),
            (Active, Event::Plane(Plane::Drained)) => self.on_drained(),
            (Standby | Inactive | Maintenance, Event::Plane(Plane::Drained)) => {
                self.told.cut_until = None;
            }
            (_, Event::Readiness(readiness)) => self.own.readiness = readiness,
            (_, Event::Domain(domain)) => self.on_domain(domain),
            (Standby, Event::Order(Order::Activate { cut })) => self.on_activate(cut),
            (Active | Inactive | Maintenance, Event::Order(order @ Order::Activate { .. })) => {
                let state = self.state;
                self.answer(order, Outcome::Refused(Why::NotStandby { state }));
            }
            (_, Event::Order(Order::ReportFailure)) => {
                self.set_failing(true);
                self.answer(Order::ReportFailure, Outcome::Done);
            }
            (_, Event::Order(Order::Acknowledge)) => {
                self.set_failing(false);
                self.answer(Order::Acknowledge, Outcome::Done);
            }
            (_, Event::Order(Order::Leave)) => self.leaving = true,
        }
    }

    /// What becomes of this server. True when it has become something else, or has begun to.
    pub(super) fn turn(&mut self) -> bool {
        use Finding as F;
        use State::Active;
        use State::Inactive;
        use State::Maintenance;
        use State::Standby;
        match (self.state, self.finding()) {
            (_, F::Nothing) => return false,

            (Maintenance, F::Maintenance) => return false,
            (Maintenance, F::NoRole | F::NoCommonProtocol { .. }) => {
                self.become_idle(Inactive, Why::MaintenanceOff, None)
            }

            (Inactive, F::Maintenance) => self.become_idle(Maintenance, Why::MaintenanceOn, None),
            (Inactive, F::NoRole | F::NoCommonProtocol { .. }) => return false,

            (Standby, F::Maintenance) => self.become_idle(Maintenance, Why::MaintenanceOn, None),
            (Standby, F::NoRole) => self.become_idle(Inactive, Why::RoleGone, None),
            (Standby, F::NoCommonProtocol { active, theirs }) => {
                let ours = crate::pair::advert::PROTOCOL;
                self.become_idle(
                    Inactive,
                    Why::NoCommonProtocol { theirs, ours },
                    Some(active),
                );
            }
            (Standby, F::MayServe { why, about }) => self.become_active(why, about),

            (Active, F::HigherTerm { why, other }) => self.release_at_once(why, Some(other)),
            (Active, F::Unsure { why }) => self.release_at_once(why, None),
            (Active, F::HandedOver) => self.become_successors_standby(),
            (Active, F::Fault { why, successor }) => self.hand_over(why, successor, None),
            (
                Active,
                F::Planned {
                    why,
                    successor,
                    cut,
                },
            ) => self.hand_over(why, successor, Some(cut)),
            (Active, F::NobodyTakes) => self.let_go_alone(),
            (Active, F::Expired) => self.let_go_of_what_is_gone(),

            // An idle server that may take part again starts as one that has just begun.
            (Maintenance, F::MayServe { .. }) => self.become_standby_again(Why::MaintenanceOff),
            (Inactive, F::MayServe { .. }) => self.become_standby_again(Why::RoleGiven),

            // What only an active finds, and what an active never does.
            (
                Maintenance | Inactive | Standby,
                F::HigherTerm { .. }
                | F::Unsure { .. }
                | F::HandedOver
                | F::Fault { .. }
                | F::Planned { .. }
                | F::NobodyTakes
                | F::Expired,
            )
            | (
                Active,
                F::Maintenance | F::NoRole | F::NoCommonProtocol { .. } | F::MayServe { .. },
            ) => return false,
        }
        true
    }

    fn finding(&self) -> Finding {
        if self.state == State::Active {
            return self.finding_of_active();
        }
        let is_bound = self.state == State::Standby && self.is_bound_to_claim_back();
        match self.role() {
            Role::Maintenance if !is_bound => return Finding::Maintenance,
            Role::None if !is_bound => return Finding::NoRole,
            Role::Main | Role::Backup | Role::Maintenance | Role::None => {}
        }
        if let Some(active) = self.peers.active(self.now)
            && !peers::is_understood(active.protocol)
        {
            let theirs = active.protocol;
            let active = active.from;
            return Finding::NoCommonProtocol { active, theirs };
        }
        match self.state {
            State::Standby => self.finding_of_standby(),
            // It takes part again.
            State::Maintenance | State::Inactive | State::Active => Finding::MayServe {
                why: Why::RoleGiven,
                about: None,
            },
        }
    }

    /// What this server is for.
    pub(super) fn role(&self) -> Role {
        role_in(&self.domain)
    }

    fn on_heard(&mut self, link: u8, advert: &Advert) {
        if advert.from == self.domain.me {
            return; // somebody else calls itself so; the seal says it has the key, and the log of the links names it
        }
        let Some(peer) = self.peers.place(advert.from, self.now) else {
            return;
        };
        if !peer.hear(link, advert, self.now) {
            return;
        }
        if advert.wish == Wish::None {
            peer.wish_done = false;
        }
        let declared = peer.declared && !peer.maintenance;
        let is_new_boot = peer.warned_boot != Some(advert.boot);
        peer.warned_boot = Some(advert.boot);
        if is_new_boot {
            self.warn_of_release(advert);
        }
        if declared {
            self.heed(advert);
        }
        self.watch_rival(advert);
    }

    fn warn_of_release(&mut self, advert: &Advert) {
        let theirs = advert.protocol;
        let ours = crate::pair::advert::PROTOCOL;
        let about = Some(advert.from);
        if theirs != ours && peers::is_understood(theirs) {
            self.note(Why::NeighbourProtocol { theirs, ours }, about);
        } else if theirs != ours {
            self.note(Why::NoCommonProtocol { theirs, ours }, about);
        } else if advert.release != self.release {
            let theirs = advert.release;
            let ours = self.release;
            self.note(Why::OtherRelease { theirs, ours }, about);
        }
    }

    fn on_warden(&mut self, said: FromWarden) {
        let had = self.own.carrier;
        match said {
            FromWarden::Answered { number, reply } => {
                self.question.on_answer(number, reply, self.now)
            }
            FromWarden::Lost => {
                // What it was asked it will not answer.
                self.question.close();
                self.note(Why::WardenLost, None);
            }
            FromWarden::Holds(false) if self.own.holds && self.wants_hold() => {
                self.note(Why::WardenLetGo, None);
            }
            FromWarden::Ended => {
                self.question.close();
                self.note(Why::WardenEnded, None);
            }
            FromWarden::Holds(_) | FromWarden::Reached | FromWarden::Carrier(_) => {}
        }
        self.own.on_warden(said, self.domain.lease, self.now);
        match (had, self.own.carrier) {
            (true, false) => self.note(Why::CarrierLost, None),
            (false, true) => self.note(Why::CarrierBack, None),
            (true, true) | (false, false) => {}
        }
    }

    fn set_broken(&mut self, broken: bool) {
        if broken != self.own.broken {
            self.own.broken = broken;
            self.note(
                if broken {
                    Why::PlaneBroken
                } else {
                    Why::ServesAgain
                },
                None,
            );
        }
    }

    fn set_failing(&mut self, failing: bool) {
        if failing != self.own.failing {
            self.own.failing = failing;
            self.note(
                if failing {
                    Why::Reported
                } else {
                    Why::Acknowledged
                },
                None,
            );
        }
    }

    fn on_domain(&mut self, domain: Domain) {
        let could_ping = self.domain.has_ping;
        let voted = self.is_voting();
        self.domain = domain;
        self.peers.declare(&domain, self.now);
        if domain.has_ping && !could_ping {
            self.own.reached_at = self.now;
        }
        if self.is_voting() && !voted {
            self.serving.grace_until = self.now + limits::MAJORITY_GRACE;
        }
        self.serving.unwanted_since = None;
    }

    pub(super) fn answer(&mut self, order: Order, outcome: Outcome) {
        self.queue.push(Action::Answer(order, outcome));
    }

    fn become_idle(&mut self, state: State, why: Why, about: Option<NodeId>) {
        self.refuse_wish(Why::NotStandby { state });
        self.state = state;
        self.question.close();
        self.note(why, about);
    }

    fn become_standby_again(&mut self, why: Why) {
        self.state = State::Standby;
        self.waiting = Waiting::starting(self.now);
        self.note(why, None);
    }

    fn become_active(&mut self, why: Why, about: Option<NodeId>) {
        self.grant_wish();
        self.state = State::Active;
        self.serving = Serving::begin(self.ballots.stored.term, self.now);
        self.ballots.heeded = None;
        self.question.close();
        self.told.cut_until = None;
        self.own.lacks_since = self.now;
        self.own.bereft = false;
        self.note(why, about);
    }
}

pub(super) fn role_in(domain: &Domain) -> Role {
    let own = domain
        .servers
        .iter()
        .flatten()
        .find(|member| member.node == domain.me);
    match own {
        None => Role::None,
        Some(own) if own.maintenance => Role::Maintenance,
        Some(_) if domain.main == domain.me => Role::Main,
        Some(_) if domain.hot_standby && domain.backup == Some(domain.me) => Role::Backup,
        Some(_) => Role::None,
    }
}

/// The later of both.
pub(super) fn later(one: Instant, length: Duration, other: Instant) -> Instant {
    (one + length).max(other)
}
