//! The machine that keeps one server's file the same as the others'. It does one thing at a time.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::advert::FileVersion;
use crate::pair::file::head::Head;
use crate::pair::file::head::Relation;
use crate::pair::file::message::Message;
use crate::pair::file::message::Refusal;
use crate::pair::file::message::Text;
use crate::pair::file::words::Action;
use crate::pair::file::words::Event;
use crate::pair::file::words::Report;
use crate::pair::node::NodeId;
use crate::pair::term::Term;

/// A server that was asked whether it could take a text says so within this: it reads it and tries its listeners.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Who has promised to take a text waits so long for the word. Longer than those who are asked have for an answer.
pub const PROMISE_HOLDS: Duration = Duration::from_secs(10);
/// Heads are told again so often to those that have another.
pub const TELL_AGAIN: Duration = Duration::from_secs(1);
/// What could not be taken is tried again after this: what was in its way here may be gone.
pub const TRY_AGAIN: Duration = Duration::from_secs(10);
/// Of two changes at once one gives way, and is tried again after this.
pub const GIVE_WAY: Duration = Duration::from_millis(200);

/// One server's file.
pub struct Keeper {
    pub(super) me: NodeId,
    pub(super) head: Head,
    pub(super) text: Text,
    /// The highest term that is known: the next version is written under it.
    pub(super) term: Term,
    /// In which term this server serves, if it does.
    serving: Option<Term>,
    pub(super) others: BTreeMap<NodeId, Other>,
    pub(super) doing: Doing,
    pub(super) wanted: Option<Wanted>,
    pub(super) actions: VecDeque<Action>,
    aside: Vec<(String, u64)>,
    checks: u32,
    tell_again: Instant,
}

/// What is known of another server.
#[derive(Clone, Debug, Default)]
pub struct Other {
    pub linked: bool,
    /// No advert comes of it any more, whatever its stream seems to be.
    pub silent: bool,
    /// The last that it told.
    pub head: Option<Head>,
    pub aside: Vec<(String, u64)>,
    /// What it has cannot be taken here; not before then again.
    pub(super) unfit: Option<(FileVersion, Instant)>,
}

/// A change that waits for its turn.
pub(super) struct Wanted {
    pub base: FileVersion,
    pub text: Text,
    pub not_before: Instant,
}

/// What is under way.
pub(super) enum Doing {
    Idle,
    /// Whether a change of our own could be ours.
    Checking {
        number: u32,
        wanted: Wanted,
    },
    /// The others are asked whether they could take it.
    Proposing {
        head: Head,
        wanted: Wanted,
        waiting: BTreeSet<NodeId>,
        prepared: Vec<NodeId>,
        until: Instant,
    },
    /// It is taken here; the others say so, too.
    Concluding {
        version: FileVersion,
        waiting: BTreeSet<NodeId>,
        said: Vec<(NodeId, Result<String, Refusal>)>,
        until: Instant,
    },
    /// Whether what another server proposes could be ours.
    Weighing {
        number: u32,
        from: NodeId,
        head: Head,
        text: Text,
    },
    /// It could, and that has been said.
    Promised {
        to: NodeId,
        head: Head,
        text: Text,
        until: Instant,
    },
    /// What that server has is later than ours.
    Fetching {
        from: NodeId,
        until: Instant,
    },
    /// Whether what it has could be ours.
    Trying {
        number: u32,
        from: NodeId,
        head: Head,
        text: Text,
    },
    /// It is being written down and taken into force.
    Adopting {
        head: Head,
        text: Text,
        because: Because,
    },
}

/// Why a version is being adopted.
pub(super) enum Because {
    /// It is our own change, and these have promised to take it.
    Own { prepared: Vec<NodeId> },
    /// That server has told us to.
    Told { by: NodeId },
    /// We were behind it.
    Behind { from: NodeId },
}

impl Keeper {
    /// Begins with what is on the disk.
    pub fn new(me: NodeId, head: Head, text: Text, now: Instant) -> Keeper {
        Keeper {
            me,
            head,
            text,
            term: Term::default(),
            serving: None,
            others: BTreeMap::new(),
            doing: Doing::Idle,
            wanted: None,
            actions: VecDeque::new(),
            aside: Vec::new(),
            checks: 0,
            tell_again: now,
        }
    }

    /// One event.
    pub fn on(&mut self, event: Event, now: Instant) {
        match event {
            Event::Tick => {}
            Event::Linked(node) => self.linked(node),
            Event::Unlinked(node) => self.unlinked(node),
            Event::Silent(silent) => self.silent(&silent),
            Event::Heard { from, message } => self.heard(from, message, now),
            Event::Wanted { base, text } => self.want(base, text, now),
            Event::Checked { number, result } => self.checked(number, result, now),
            Event::Adopted(result) => self.adopted(result, now),
            Event::Term { term, serves } => self.term(term, serves),
            Event::Aside(aside) => self.set_aside(aside),
        }
        self.late(now);
        self.mark();
        self.proceed(now);
        self.repeat(now);
    }

    /// The next thing to do.
    pub fn take(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When it wants an [`Event::Tick`].
    pub fn next(&self) -> Option<Instant> {
        let of_doing = match &self.doing {
            Doing::Proposing { until, .. }
            | Doing::Concluding { until, .. }
            | Doing::Promised { until, .. }
            | Doing::Fetching { until, .. } => Some(*until),
            Doing::Idle
            | Doing::Checking { .. }
            | Doing::Weighing { .. }
            | Doing::Trying { .. }
            | Doing::Adopting { .. } => None,
        };
        let is_idle = matches!(self.doing, Doing::Idle);
        let wanted = self.wanted.as_ref().map(|wanted| wanted.not_before);
        let unfit = self.reached_others().filter_map(|(_, other)| other.unfit);
        let idle = wanted.into_iter().chain(unfit.map(|(_, until)| until));
        let idle = idle.min().filter(|_| is_idle);
        let again = self.differs().then_some(self.tell_again);
        [of_doing, idle, again].into_iter().flatten().min()
    }

    /// What this server has.
    pub fn head(&self) -> &Head {
        &self.head
    }

    pub fn text(&self) -> &Text {
        &self.text
    }

    /// What the others have, as far as they have said so.
    pub fn others(&self) -> &BTreeMap<NodeId, Other> {
        &self.others
    }

    /// What is in the files that this server's file names.
    pub fn aside(&self) -> &[(String, u64)] {
        &self.aside
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        matches!(self.doing, Doing::Idle) && self.wanted.is_none()
    }

    fn linked(&mut self, node: NodeId) {
        if node == self.me {
            return;
        }
        self.others.entry(node).or_default().linked = true;
        self.tell_head(node);
    }

    fn silent(&mut self, silent: &BTreeSet<NodeId>) {
        for (node, other) in &mut self.others {
            other.silent = silent.contains(node);
        }
    }

    fn heard(&mut self, from: NodeId, message: Message, now: Instant) {
        if from == self.me {
            return;
        }
        match message {
            Message::Head { head, aside } => self.learn(from, head, Some(aside)),
            Message::Give => self.tell(
                from,
                Message::Given {
                    head: self.head.clone(),
                    text: self.text.clone(),
                },
            ),
            Message::Given { head, text } => self.given(from, head, text),
            Message::Propose { head, text } => self.proposed(from, head, text, now),
            Message::Prepared { version } => self.prepared(from, version),
            Message::Refused { version, why } => self.refused(from, version, why, now),
            Message::Commit { version } => self.commit(from, version),
            Message::Abort { version } => self.abort(from, version),
            Message::Applied { version, said } => self.applied(from, version, Ok(said)),
        }
    }

    /// What another server has.
    fn learn(&mut self, from: NodeId, head: Head, aside: Option<Vec<(String, u64)>>) {
        let is_same = self.head.relation(&head) == Relation::Same;
        let other = self.others.entry(from).or_default();
        let is_news = other.head.as_ref().map(|head| head.version) != Some(head.version);
        other.head = Some(head);
        if let Some(aside) = aside {
            other.aside = aside;
        }
        if is_news && !is_same {
            self.tell_head(from);
        }
    }

    fn checked(&mut self, number: u32, result: Result<(), String>, now: Instant) {
        let result = result.map_err(Refusal::Mistaken);
        match std::mem::replace(&mut self.doing, Doing::Idle) {
            Doing::Checking { number: of, wanted } if of == number => {
                self.own_checked(wanted, result, now);
            }
            Doing::Weighing {
                number: of,
                from,
                head,
                text,
            } if of == number => self.weighed(from, head, text, result, now),
            Doing::Trying {
                number: of,
                from,
                head,
                text,
            } if of == number => self.tried(from, head, text, result, now),
            // Of something that was given up meanwhile.
            other => self.doing = other,
        }
    }

    fn adopted(&mut self, result: Result<String, String>, now: Instant) {
        let (head, text, because) = match std::mem::replace(&mut self.doing, Doing::Idle) {
            Doing::Adopting {
                head,
                text,
                because,
            } => (head, text, because),
            other => {
                self.doing = other;
                return;
            }
        };
        let result = result.map_err(Refusal::NotWritten);
        let version = head.version;
        if result.is_ok() {
            self.head = head;
            self.text = text;
        }
        match because {
            Because::Own { prepared } => self.own_adopted(version, prepared, result, now),
            Because::Told { by } => self.told_adopted(by, version, result),
            Because::Behind { from } => self.caught_up(from, version, result, now),
        }
        self.tell_all();
    }

    fn term(&mut self, term: Term, serves: bool) {
        self.term = self.term.max(term);
        self.serving = serves.then_some(term);
    }

    /// The highest term in which this text has been served, here or by another that has the same.
    fn mark(&mut self) {
        if matches!(self.doing, Doing::Adopting { .. }) {
            return;
        }
        let version = self.head.version;
        let heads = self.others.values().filter_map(|other| other.head.as_ref());
        let same = heads.filter(|head| head.version == version);
        let terms = same.map(|head| (head.served, head.own));
        let terms = terms.chain(self.serving.map(|term| (term, term)));
        let (mut served, mut own) = (self.head.served, self.head.own);
        for (lineage, text) in terms {
            served = served.max(lineage);
            own = own.max(text);
        }
        if (served, own) != (self.head.served, self.head.own) {
            (self.head.served, self.head.own) = (served, own);
            self.actions.push_back(Action::Mark(self.head.clone()));
            self.tell_all();
        }
    }

    fn set_aside(&mut self, aside: Vec<(String, u64)>) {
        if self.aside == aside {
            return;
        }
        self.aside = aside;
        self.tell_all();
    }

    /// Tells what we have to those that have something else: what was told may have been lost.
    fn repeat(&mut self, now: Instant) {
        if now < self.tell_again {
            return;
        }
        self.tell_again = now + TELL_AGAIN;
        let version = self.head.version;
        let has_another =
            |other: &Other| other.head.as_ref().map(|head| head.version) != Some(version);
        let others = self.linked_others();
        let others = others.filter(|(_, other)| has_another(other));
        let others: Vec<NodeId> = others.map(|(node, _)| *node).collect();
        others.into_iter().for_each(|node| self.tell_head(node));
    }

    fn differs(&self) -> bool {
        let version = Some(self.head.version);
        self.linked_others()
            .any(|(_, other)| other.head.as_ref().map(|head| head.version) != version)
    }

    fn tell_all(&mut self) {
        let linked: Vec<NodeId> = self.linked_others().map(|(node, _)| *node).collect();
        linked.into_iter().for_each(|node| self.tell_head(node));
    }

    pub(super) fn linked_others(&self) -> impl Iterator<Item = (&NodeId, &Other)> {
        self.others.iter().filter(|(_, other)| other.linked)
    }

    /// Those who can be expected to answer.
    pub(super) fn reached_others(&self) -> impl Iterator<Item = (&NodeId, &Other)> {
        self.linked_others().filter(|(_, other)| !other.silent)
    }

    pub(super) fn tell(&mut self, to: NodeId, message: Message) {
        self.actions.push_back(Action::Tell { to, message });
    }

    pub(super) fn tell_head(&mut self, to: NodeId) {
        let message = Message::Head {
            head: self.head.clone(),
            aside: self.aside.clone(),
        };
        self.tell(to, message);
    }

    pub(super) fn report(&mut self, report: Report) {
        self.actions.push_back(Action::Report(report));
    }

    /// Has a text checked; the answer carries the number.
    pub(super) fn check(&mut self, text: &Text) -> u32 {
        self.checks = self.checks.wrapping_add(1);
        self.actions.push_back(Action::Check {
            number: self.checks,
            text: text.clone(),
        });
        self.checks
    }

    /// Has a version written down and taken into force.
    pub(super) fn adopt(&mut self, mut head: Head, text: Text, because: Because) {
        let is_other = head.version.hash != self.head.version.hash;
        let conflict = is_other && !head.includes(self.head.version);
        if !conflict {
            head.served = head.served.max(self.head.served);
        }
        self.actions.push_back(Action::Adopt {
            head: head.clone(),
            text: text.clone(),
            conflict,
        });
        self.doing = Doing::Adopting {
            head,
            text,
            because,
        };
    }
}
