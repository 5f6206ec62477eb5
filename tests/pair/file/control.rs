//! What drives a keeper: one thing after another, in the order in which it happens.

use std::collections::BTreeSet;
use std::collections::VecDeque;

use halb::model::fingerprint::fingerprint;
use halb::pair::event::Domain;
use halb::pair::event::Event as OfPair;
use halb::pair::file::message::Text;
use halb::pair::file::words::Action;
use halb::pair::file::words::Event;
use halb::pair::file::words::Report;
use halb::pair::state::State;

use crate::file::Control;
use crate::file::Happening;
use crate::file::Submission;
use crate::file::subject::Found;
use crate::file::text::Says;
use crate::queue::MICROSECOND;
use crate::queue::MILLISECOND;
use crate::queue::What;
use crate::world::World;
use crate::world::node;

const LOOK: u64 = 200 * MILLISECOND;
/// A file that was written a moment ago may be written again at once.
const REST: u64 = 500 * MILLISECOND;
/// More actions out of one event are a keeper that does not end.
const ACTIONS_MAX: usize = 64;

impl World {
    /// A process begins with what is in the file; that may have been changed since the last one.
    pub fn start_control(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let files = &mut host.files;
        let (text, known) = (files.text.clone(), files.record.clone());
        let changed = known.version.hash != fingerprint(&text);
        let head = if changed {
            files.sync_text();
            known.child(known.version.term, &text)
        } else {
            known
        };
        let now = host.clocks.monotonic(self.now);
        let found = Found {
            me: node(index),
            head,
            text: text.clone(),
            now,
        };
        let keeper = (self.maker.keeper)(found);
        let Some(process) = &mut host.process else {
            return;
        };
        process.control = Some(Control {
            keeper,
            stalled: None,
            current: None,
            queue: VecDeque::new(),
            seen: 0,
            up: Default::default(),
            newest: Default::default(),
            tick_at: None,
            writing: VecDeque::new(),
            records: VecDeque::new(),
            record_step: 0,
        });
        if changed {
            self.judge_file_accepted(&text); // whoever changed it while nobody ran wants it so
        }
        self.remember(index);
        let look = self.random.below(LOOK);
        self.control_later(index, look, Happening::Look);
        self.control_later(
            index,
            look,
            Happening::Rested(self.hosts[index].files.written),
        );
    }

    pub fn control_at(&mut self, index: usize) -> Option<&mut Control> {
        self.hosts[index].process.as_mut()?.control.as_mut()
    }

    pub fn control_later(&mut self, index: usize, takes: u64, what: Happening) {
        if let Some(process) = &self.hosts[index].process {
            let (host, life, what) = (index, process.life, Box::new(what));
            self.queue
                .push(self.now + takes, What::Control { host, life, what });
        }
    }

    pub fn control(&mut self, index: usize, life: u64, what: Happening) {
        let now = self.now;
        let process = self.hosts[index].process_of(life);
        let Some(control) = process.and_then(|process| process.control.as_mut()) else {
            return;
        };
        if let Some(until) = control.stalled.filter(|until| *until > now) {
            return self.control_later(index, until - now, what);
        }
        control.stalled = None;
        match what {
            Happening::Look => self.look(index),
            Happening::Tick => self.tick(index),
            Happening::Linked { other, stream } => self.linked(index, other, stream),
            Happening::Unlinked { other, stream } => self.unlinked(index, other, stream),
            Happening::Message {
                from,
                stream,
                bytes,
            } => self.message(index, from, stream, bytes),
            Happening::Rested(written) => self.rested(index, written),
            Happening::Examined { base, text } => self.keep(index, Event::Wanted { base, text }),
            Happening::Checked { number, result } => {
                self.keep(index, Event::Checked { number, result });
            }
            Happening::Wrote => self.write_on(index),
            Happening::Remembered => self.remember_on(index),
        }
        self.next_submission(index);
    }

    /// The keeper is told, and what it says is done.
    pub fn keep(&mut self, index: usize, event: Event) {
        let shown = self.hosts[index].clocks.monotonic(self.now);
        let dull = matches!(event, Event::Tick | Event::Term { .. } | Event::Silent(_));
        if !dull {
            self.note(index, format_args!("file: <- {event:?}"));
        }
        let Some(control) = self.control_at(index) else {
            return;
        };
        let was = control.keeper.head().clone();
        control.keeper.on(event, shown);
        let is = control.keeper.head();
        let (is_other, is_more) = (is.version != was.version, *is != was);
        if is_other {
            self.tell_readiness(index, |_| {});
        }
        if is_more {
            self.remember(index);
        }
        for count in 0.. {
            let Some(action) = self.control_at(index).and_then(|one| one.keeper.take()) else {
                break;
            };
            self.judge
                .check(count < ACTIONS_MAX, || "the keeper does not stop".into());
            if count >= ACTIONS_MAX {
                break;
            }
            self.note(index, format_args!("file: -> {action:?}"));
            self.do_for_keeper(index, action);
            self.step_taken(index);
        }
        self.tick_later(index);
    }

    fn do_for_keeper(&mut self, index: usize, action: Action) {
        match action {
            Action::Tell { to, message } => self.tell_other(index, to, &message),
            Action::Check { number, text } => {
                let takes = self.random.between(1, 40) * MILLISECOND;
                let fits = Says::of(&text).fits(index);
                let result = fits.then_some(()).ok_or("unfit".to_owned());
                self.control_later(index, takes, Happening::Checked { number, result });
            }
            Action::Adopt { text, conflict, .. } => {
                self.judge.report.conflicts += u64::from(conflict);
                self.begin_writing(index, &text, conflict);
            }
            Action::Mark(_) => self.remember(index),
            Action::Report(report) => self.reported(index, &report),
            Action::Note(_) => {}
        }
    }

    fn reported(&mut self, index: usize, report: &Report) {
        let current = self.control_at(index).and_then(|one| one.current.take());
        let Some(text) = current else {
            return;
        };
        match report {
            Report::Taken { .. } => self.judge_file_accepted(&text),
            Report::Refused(_) => self.judge_file_refused(&text),
            Report::Late | Report::Nothing => {}
        }
    }

    fn look(&mut self, index: usize) {
        self.control_later(index, LOOK, Happening::Look);
        let shown = self.hosts[index].clocks.monotonic(self.now);
        let Some(process) = &self.hosts[index].process else {
            return;
        };
        let standing = process.machine.standing(shown);
        let serves = standing.own.state == State::Active;
        let peers = standing.peers.iter().flatten();
        let silent = peers.filter(|peer| !peer.alive);
        let silent: BTreeSet<_> = silent.map(|peer| peer.advert.from).collect();
        let term = standing.own.term;
        self.keep(index, Event::Term { term, serves });
        self.keep(index, Event::Silent(silent));
    }

    fn tick(&mut self, index: usize) {
        let now = self.now;
        let shown = self.hosts[index].clocks.monotonic(now);
        let Some(control) = self.control_at(index) else {
            return;
        };
        if control.tick_at.is_none_or(|at| at > now) {
            return;
        }
        control.tick_at = None;
        self.keep(index, Event::Tick);
        let next = self.control_at(index).and_then(|one| one.keeper.next());
        self.judge.check(next.is_none_or(|next| next > shown), || {
            "after a tick the keeper wants another at once".into()
        });
    }

    fn tick_later(&mut self, index: usize) {
        let now = self.now;
        let late = self.random.between(50, 2000) * MICROSECOND;
        let clocks = self.hosts[index].clocks;
        let Some(control) = self.control_at(index) else {
            return;
        };
        let Some(next) = control.keeper.next() else {
            return;
        };
        let at = clocks.when(next).max(now) + late;
        let planned = control.tick_at.filter(|planned| *planned > now);
        if planned.is_none_or(|planned| at + MILLISECOND < planned) {
            control.tick_at = Some(at);
            self.control_later(index, at - now, Happening::Tick);
        }
    }

    /// Somebody, or this process itself, has written the file.
    pub fn file_was_written(&mut self, index: usize) {
        let rest = REST + self.random.below(20) * MILLISECOND;
        let written = self.hosts[index].files.written;
        self.control_later(index, rest, Happening::Rested(written));
    }

    fn rested(&mut self, index: usize, written: u64) {
        if self.hosts[index].files.written != written {
            return;
        }
        if let Some(control) = self.control_at(index) {
            control.seen = written;
            control.queue.push_back(Submission::Seen);
        }
    }

    /// The next one that somebody wants is looked at, when none is under way.
    fn next_submission(&mut self, index: usize) {
        let slow = self.random.pick(&[5, 30, 30, 400]);
        let takes = self.random.between(1, slow) * MILLISECOND;
        let host = &mut self.hosts[index];
        let there = host.files.text.clone();
        let Some(control) = host.process.as_mut().and_then(|one| one.control.as_mut()) else {
            return;
        };
        if control.current.is_some() {
            return;
        }
        let (base, text) = match control.queue.pop_front() {
            None => return,
            // What it was made from is known before it is looked at: that takes a while.
            Some(Submission::Seen) => (control.keeper.head().version, there),
            Some(Submission::Order { base, text }) => (base, text),
        };
        if text == *control.keeper.text() || !Says::of(&text).fits(index) {
            return; // there is nothing to do, or it is refused here
        }
        control.current = Some(text.clone());
        self.control_later(index, takes, Happening::Examined { base, text });
    }

    /// The machine is told what the file says now.
    pub fn take_into_force(&mut self, index: usize, text: &Text) {
        let domain = self.domain_of(index, text);
        self.hosts[index].domain = domain;
        self.judge.filed = self.now;
        if let Some(process) = &self.hosts[index].process {
            let life = process.life;
            self.give(index, life, OfPair::Domain(domain));
        }
    }

    /// The domain as that text says it.
    pub fn domain_of(&self, index: usize, text: &[u8]) -> Domain {
        let says = Says::of(text);
        Domain {
            me: node(index),
            main: node(says.main),
            backup: Some(node(says.backup)),
            ..self.file
        }
    }
}
