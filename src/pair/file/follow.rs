//! The side of the keeper on which another server's file is taken: because it is proposed, or because it is the later.

use crate::model::fingerprint::fingerprint;
use crate::model::time::Instant;
use crate::pair::advert::FileVersion;
use crate::pair::file::head::Head;
use crate::pair::file::head::Relation;
use crate::pair::file::keeper::ANSWER_WITHIN;
use crate::pair::file::keeper::Because;
use crate::pair::file::keeper::Doing;
use crate::pair::file::keeper::Keeper;
use crate::pair::file::keeper::PROMISE_HOLDS;
use crate::pair::file::keeper::TRY_AGAIN;
use crate::pair::file::message::Message;
use crate::pair::file::message::Refusal;
use crate::pair::file::message::Text;
use crate::pair::file::words::Action;
use crate::pair::file::words::Note;
use crate::pair::node::NodeId;

impl Keeper {
    /// Another server asks whether this one could take a text.
    pub(super) fn proposed(&mut self, from: NodeId, head: Head, text: Text, now: Instant) {
        let version = head.version;
        // Of two at once the one with the lower name goes on: both know which that is.
        let ours = matches!(self.doing, Doing::Checking { .. } | Doing::Proposing { .. });
        if ours && from < self.me {
            self.give_way(now);
        }
        let why = match self.doing {
            _ if fingerprint(&text) != version.hash => Refusal::Mistaken("damaged".to_owned()),
            // What went its own way and is to be taken here is no less welcome: this may be the correction of a text that
            // this server could not take.
            Doing::Idle if self.is_to_be_taken(&head) => {
                let number = self.check(&text);
                self.doing = Doing::Weighing {
                    number,
                    from,
                    head,
                    text,
                };
                return;
            }
            Doing::Idle => {
                self.tell_head(from);
                Refusal::Stale
            }
            _ => Refusal::Busy,
        };
        self.tell(from, Message::Refused { version, why });
    }

    pub(super) fn weighed(
        &mut self,
        from: NodeId,
        head: Head,
        text: Text,
        result: Result<(), Refusal>,
        now: Instant,
    ) {
        let version = head.version;
        match result {
            Ok(()) => {
                self.doing = Doing::Promised {
                    to: from,
                    head,
                    text,
                    until: now + PROMISE_HOLDS,
                };
                self.tell(from, Message::Prepared { version });
            }
            Err(why) => self.tell(from, Message::Refused { version, why }),
        }
    }

    pub(super) fn commit(&mut self, from: NodeId, version: FileVersion) {
        match std::mem::replace(&mut self.doing, Doing::Idle) {
            Doing::Promised { to, head, text, .. } if to == from && head.version == version => {
                self.adopt(head, text, Because::Told { by: from });
            }
            other => {
                // Given up meanwhile: it is fetched, since it is the later one.
                self.doing = other;
                self.tell_head(from);
            }
        }
    }

    pub(super) fn abort(&mut self, from: NodeId, version: FileVersion) {
        match &self.doing {
            Doing::Weighing { from: by, head, .. } | Doing::Promised { to: by, head, .. }
                if *by == from && head.version == version =>
            {
                self.doing = Doing::Idle;
            }
            _ => {}
        }
    }

    pub(super) fn told_adopted(
        &mut self,
        by: NodeId,
        version: FileVersion,
        result: Result<String, Refusal>,
    ) {
        let message = match result {
            Ok(said) => Message::Applied { version, said },
            Err(why) => Message::Refused { version, why },
        };
        self.tell(by, message);
    }

    /// What we asked a server for.
    pub(super) fn given(&mut self, from: NodeId, head: Head, text: Text) {
        let asked = matches!(&self.doing, Doing::Fetching { from: of, .. } if *of == from);
        if !asked || fingerprint(&text) != head.version.hash {
            return;
        }
        self.doing = Doing::Idle;
        if self.is_to_be_taken(&head) {
            let number = self.check(&text);
            self.doing = Doing::Trying {
                number,
                from,
                head: head.clone(),
                text,
            };
        }
        self.others.entry(from).or_default().head = Some(head);
    }

    pub(super) fn tried(
        &mut self,
        from: NodeId,
        head: Head,
        text: Text,
        result: Result<(), Refusal>,
        now: Instant,
    ) {
        let version = head.version;
        match result {
            // This server may have become active meanwhile: then its own is the one.
            Ok(()) if !self.is_to_be_taken(&head) => {}
            Ok(()) => self.adopt(head, text, Because::Behind { from }),
            Err(why) => self.caught_up(from, version, Err(why), now),
        }
    }

    pub(super) fn caught_up(
        &mut self,
        from: NodeId,
        version: FileVersion,
        result: Result<String, Refusal>,
        now: Instant,
    ) {
        let note = match result {
            Ok(said) => Note::CaughtUp {
                from,
                version,
                said,
            },
            Err(why) => {
                let other = self.others.entry(from).or_default();
                other.unfit = Some((version, now + TRY_AGAIN));
                Note::Unfit { from, version, why }
            }
        };
        self.actions.push_back(Action::Note(note));
    }

    /// Whoever we followed is gone. What it proposed may have been taken by it and others: then we are behind, and
    /// catch up.
    pub(super) fn lost(&mut self, node: NodeId) {
        match &self.doing {
            Doing::Weighing { from: by, .. }
            | Doing::Promised { to: by, .. }
            | Doing::Fetching { from: by, .. }
                if *by == node =>
            {
                self.doing = Doing::Idle;
            }
            _ => {}
        }
    }

    /// Gives up what has taken too long.
    pub(super) fn late(&mut self, now: Instant) {
        for other in self.others.values_mut() {
            other.unfit = other.unfit.filter(|(_, until)| now < *until);
        }
        let until = match &self.doing {
            Doing::Proposing { until, .. }
            | Doing::Concluding { until, .. }
            | Doing::Promised { until, .. }
            | Doing::Fetching { until, .. } => *until,
            Doing::Idle
            | Doing::Checking { .. }
            | Doing::Weighing { .. }
            | Doing::Trying { .. }
            | Doing::Adopting { .. } => return,
        };
        if now >= until {
            self.out_of_patience();
        }
    }

    /// With nothing under way: the next thing. To have what the others have comes first: a change that was made from
    /// less than that would be refused.
    pub(super) fn proceed(&mut self, now: Instant) {
        if !matches!(self.doing, Doing::Idle) {
            return;
        }
        if let Some(from) = self.best(now) {
            self.doing = Doing::Fetching {
                from,
                until: now + ANSWER_WITHIN,
            };
            self.tell(from, Message::Give);
        } else if let Some(wanted) = self.wanted.take_if(|wanted| wanted.not_before <= now) {
            self.begin(wanted);
        }
    }

    /// Who has the highest of those that are to be taken here.
    fn best(&self, now: Instant) -> Option<NodeId> {
        let candidates = self.reached_others().filter_map(|(node, other)| {
            let head = other.head.as_ref()?;
            let is_unfit = other
                .unfit
                .is_some_and(|(version, until)| version == head.version && now < until);
            (self.is_to_be_taken(head) && !is_unfit).then_some((head.rank(), *node))
        });
        candidates.max().map(|(_, node)| node)
    }

    fn is_to_be_taken(&self, theirs: &Head) -> bool {
        matches!(
            self.head.relation(theirs),
            Relation::Ahead | Relation::TheyWin
        )
    }
}
