//! The side of the keeper on which a change is wanted: asks everybody, and takes it when all can.

use crate::model::fingerprint::fingerprint;
use crate::model::time::Instant;
use crate::pair::advert::FileVersion;
use crate::pair::file::keeper::ANSWER_WITHIN;
use crate::pair::file::keeper::Because;
use crate::pair::file::keeper::Doing;
use crate::pair::file::keeper::GIVE_WAY;
use crate::pair::file::keeper::Keeper;
use crate::pair::file::keeper::PROMISE_HOLDS;
use crate::pair::file::keeper::Wanted;
use crate::pair::file::message::Message;
use crate::pair::file::message::Refusal;
use crate::pair::file::message::Text;
use crate::pair::file::words::Report;
use crate::pair::node::NodeId;

impl Keeper {
    /// A later wish takes the place of one that waits.
    pub(super) fn want(&mut self, base: FileVersion, text: Text, now: Instant) {
        if self.wanted.is_some() {
            self.report(Report::Late);
        }
        self.wanted = Some(Wanted {
            base,
            text,
            not_before: now,
        });
    }

    /// Its turn has come.
    pub(super) fn begin(&mut self, wanted: Wanted) {
        if fingerprint(&wanted.text) == self.head.version.hash {
            self.report(Report::Nothing);
        } else if wanted.base != self.head.version {
            self.report(Report::Late);
        } else {
            let number = self.check(&wanted.text);
            self.doing = Doing::Checking { number, wanted };
        }
    }

    pub(super) fn own_checked(
        &mut self,
        wanted: Wanted,
        result: Result<(), Refusal>,
        now: Instant,
    ) {
        if let Err(why) = result {
            self.report(Report::Refused(vec![(self.me, why)]));
            return;
        }
        let head = self.head.child(self.term.number, &wanted.text);
        let waiting: Vec<NodeId> = self.reached_others().map(|(node, _)| *node).collect();
        for node in &waiting {
            let proposal = Message::Propose {
                head: head.clone(),
                text: wanted.text.clone(),
            };
            self.tell(*node, proposal);
        }
        self.doing = Doing::Proposing {
            head,
            wanted,
            waiting: waiting.into_iter().collect(),
            prepared: Vec::new(),
            until: now + ANSWER_WITHIN,
        };
        self.decide();
    }

    pub(super) fn prepared(&mut self, from: NodeId, version: FileVersion) {
        if let Doing::Proposing {
            head,
            waiting,
            prepared,
            ..
        } = &mut self.doing
            && head.version == version
            && waiting.remove(&from)
        {
            prepared.push(from);
            self.decide();
        }
    }

    pub(super) fn refused(
        &mut self,
        from: NodeId,
        version: FileVersion,
        why: Refusal,
        now: Instant,
    ) {
        match &self.doing {
            Doing::Proposing { head, waiting, .. }
                if head.version == version && waiting.contains(&from) =>
            {
                let busy = why == Refusal::Busy;
                let wanted = self.call_off(Some(from));
                match wanted {
                    // Whoever it is busy with is done in a moment; and somebody has to give way for longer.
                    Some(wanted) if busy && self.wanted.is_none() => self.postpone(wanted, now),
                    _ => self.report(Report::Refused(vec![(from, why)])),
                }
            }
            Doing::Concluding { version: of, .. } if *of == version => {
                self.applied(from, version, Err(why));
            }
            _ => {}
        }
    }

    /// Gives a change of our own up for the moment, in favour of another server's. Where a later wish waits already, it
    /// is given up for good.
    pub(super) fn give_way(&mut self, now: Instant) {
        match self.call_off(None) {
            Some(wanted) if self.wanted.is_none() => self.postpone(wanted, now),
            Some(_) => self.report(Report::Late),
            None => {}
        }
    }

    /// Another server's stream has ended: it need not be waited for.
    pub(super) fn unlinked(&mut self, node: NodeId) {
        if let Some(other) = self.others.get_mut(&node) {
            other.linked = false;
            other.unfit = None;
        }
        match &mut self.doing {
            Doing::Proposing {
                waiting, prepared, ..
            } => {
                waiting.remove(&node);
                prepared.retain(|other| *other != node);
                self.decide();
            }
            Doing::Concluding { version, .. } => {
                let version = *version;
                self.applied(node, version, Err(Refusal::Silent));
            }
            _ => self.lost(node),
        }
    }

    /// Takes the change when nobody is waited for any more.
    fn decide(&mut self) {
        match std::mem::replace(&mut self.doing, Doing::Idle) {
            Doing::Proposing {
                head,
                wanted,
                waiting,
                prepared,
                ..
            } if waiting.is_empty() => self.adopt(head, wanted.text, Because::Own { prepared }),
            other => self.doing = other,
        }
    }

    /// Who was asked is told that nothing comes of it; `but` knows that already.
    fn call_off(&mut self, but: Option<NodeId>) -> Option<Wanted> {
        match std::mem::replace(&mut self.doing, Doing::Idle) {
            Doing::Checking { wanted, .. } => Some(wanted),
            Doing::Proposing {
                head,
                wanted,
                waiting,
                prepared,
                ..
            } => {
                let version = head.version;
                let asked = waiting.into_iter().chain(prepared);
                for node in asked.filter(|node| Some(*node) != but) {
                    self.tell(node, Message::Abort { version });
                }
                Some(wanted)
            }
            other => {
                self.doing = other;
                None
            }
        }
    }

    fn postpone(&mut self, wanted: Wanted, now: Instant) {
        self.wanted = Some(Wanted {
            not_before: now + GIVE_WAY,
            ..wanted
        });
    }

    /// It is on the disk here, or is not: the others are told.
    pub(super) fn own_adopted(
        &mut self,
        version: FileVersion,
        prepared: Vec<NodeId>,
        result: Result<String, Refusal>,
        now: Instant,
    ) {
        match result {
            Ok(said) => {
                for node in &prepared {
                    self.tell(*node, Message::Commit { version });
                }
                self.doing = Doing::Concluding {
                    version,
                    waiting: prepared.into_iter().collect(),
                    said: vec![(self.me, Ok(said))],
                    until: now + PROMISE_HOLDS,
                };
                self.conclude();
            }
            Err(why) => {
                for node in prepared {
                    self.tell(node, Message::Abort { version });
                }
                self.report(Report::Refused(vec![(self.me, why)]));
            }
        }
    }

    /// What another server says after the change was taken.
    pub(super) fn applied(
        &mut self,
        from: NodeId,
        version: FileVersion,
        result: Result<String, Refusal>,
    ) {
        if let Doing::Concluding {
            version: of,
            waiting,
            said,
            ..
        } = &mut self.doing
            && *of == version
            && waiting.remove(&from)
        {
            said.push((from, result));
            self.conclude();
        }
    }

    fn conclude(&mut self) {
        match std::mem::replace(&mut self.doing, Doing::Idle) {
            Doing::Concluding {
                version,
                waiting,
                said,
                ..
            } if waiting.is_empty() => self.report(Report::Taken { version, said }),
            other => self.doing = other,
        }
    }

    /// The time for answers is over.
    pub(super) fn out_of_patience(&mut self) {
        match &mut self.doing {
            Doing::Proposing { .. } => self.unanswered(),
            Doing::Concluding { waiting, said, .. } => {
                let silent = std::mem::take(waiting);
                said.extend(silent.into_iter().map(|node| (node, Err(Refusal::Silent))));
                self.conclude();
            }
            _ => self.doing = Doing::Idle,
        }
    }

    /// Who is there and says nothing stops a change. Who is silent in every way has gone while it was asked: it is told
    /// to forget it, should it come back, and has it from the others' heads then.
    fn unanswered(&mut self) {
        let Doing::Proposing { head, waiting, .. } = &mut self.doing else {
            return;
        };
        let others = &self.others;
        let is_gone = |node: &NodeId| others.get(node).is_some_and(|other| other.silent);
        let version = head.version;
        let (gone, there): (Vec<NodeId>, Vec<NodeId>) =
            std::mem::take(waiting).into_iter().partition(is_gone);
        if there.is_empty() {
            for node in gone {
                self.tell(node, Message::Abort { version });
            }
            self.decide();
            return;
        }
        waiting.extend(gone.into_iter().chain(there.iter().copied()));
        self.call_off(None);
        let silent = there.into_iter().map(|node| (node, Refusal::Silent));
        self.report(Report::Refused(silent.collect()));
    }
}
