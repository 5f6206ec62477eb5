//! The machine: which of the servers of a domain holds the service. Events and the time go in, actions come out; it
//! knows no socket, disk or clock, and takes no memory after it has been made.
//!
//! Who drives it gives each event to [`Machine::on`], takes all actions with [`Machine::take`] before the next one, and
//! gives [`Event::Tick`] when [`Machine::next`] has come. After a pause of any length the machine is asked first and
//! the warden told afterwards.
//!
//! - `table`: what becomes of a server: state and event, state and finding
//! - `claim`: how a standby comes to serve; `handing`: how an active lets another one serve
//! - `votes`: with three or more servers; `ballots`: terms and votes, and what the disk has of them
//! - `peers`, `own`, `question`: what is known of the others, of this server, of the service network
//! - `view`: what is told of all that

mod ballots;
mod claim;
mod handing;
mod own;
mod peers;
mod question;
mod queue;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod votes;

use crate::model::time::Instant;
use crate::pair::action::Action;
use crate::pair::action::Handover;
use crate::pair::action::Note;
use crate::pair::action::Why;
use crate::pair::advert::Advert;
use crate::pair::event::Domain;
use crate::pair::event::Event;
use crate::pair::limits;
use crate::pair::machine::ballots::Ballots;
use crate::pair::machine::claim::Waiting;
use crate::pair::machine::handing::Serving;
use crate::pair::machine::own::Own;
use crate::pair::machine::peers::Peers;
use crate::pair::machine::question::Question;
use crate::pair::machine::queue::Queue;
use crate::pair::node::NodeId;
use crate::pair::state::Conditions;
use crate::pair::state::State;
use crate::pair::term::Ballot;

/// What a machine begins with.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub domain: Domain,
    /// Drawn at this start.
    pub boot: u64,
    /// `major << 16 | minor` of this release.
    pub release: u32,
    /// What the disk has; the default for a server that never had one, `None` where there is one that cannot be read.
    pub ballot: Option<Ballot>,
}

/// One server's part in its domain.
#[derive(Debug)]
pub struct Machine {
    /// Of the latest event.
    now: Instant,
    born: Instant,
    boot: u64,
    release: u32,
    domain: Domain,
    state: State,
    /// As long as it is standby.
    waiting: Waiting,
    /// As long as it is active.
    serving: Serving,
    own: Own,
    peers: Peers,
    question: Question,
    ballots: Ballots,
    /// The process is to end.
    leaving: bool,
    told: ToldAlready,
    queue: Queue,
}

/// What has been told outside, so that only what changes is told again.
#[derive(Debug)]
struct ToldAlready {
    hold: bool,
    /// When that was said last.
    hold_at: Instant,
    workers: Handover,
    /// Workers are to cut until then.
    cut_until: Option<Instant>,
    announce: bool,
    leave: bool,
    advert: Option<Advert>,
    advert_at: Instant,
    conditions: Conditions,
    unable: bool,
}

impl Machine {
    /// A server that has just begun. It has things to do at once.
    pub fn new(setup: Setup, now: Instant) -> Machine {
        let mut machine = Machine {
            now,
            born: now,
            boot: setup.boot,
            release: setup.release,
            domain: setup.domain,
            state: State::Standby,
            waiting: Waiting::starting(now),
            serving: Serving::default(),
            own: Own::new(now),
            peers: Peers::new(),
            question: Question::default(),
            ballots: Ballots::new(setup.ballot.unwrap_or_default(), now),
            leaving: false,
            told: ToldAlready {
                hold: false,
                hold_at: now,
                workers: Handover::None,
                cut_until: None,
                announce: false,
                leave: false,
                advert: None,
                advert_at: now,
                conditions: Conditions::default(),
                unable: false,
            },
            queue: Queue::new(),
        };
        machine.peers.declare(&machine.domain, now);
        machine.note(Why::Started, None);
        if setup.ballot.is_none() {
            machine.waiting.has_no_ballot = true;
            machine.note(Why::BallotUnread, None);
        }
        machine.settle();
        machine
    }

    /// Takes what has happened.
    pub fn on(&mut self, event: Event, now: Instant) {
        let now = now.max(self.now);
        self.serving.stood = now.since(self.now);
        self.now = now;
        self.receive(event);
        self.settle();
        self.serving.stood = std::time::Duration::ZERO;
    }

    /// When it wants a [`Event::Tick`], if nothing else happens before.
    pub fn next(&self) -> Option<Instant> {
        let due = self.told.advert_at + limits::ADVERT;
        let others = self.deadlines().into_iter().flatten();
        let peers = self.peers.all().filter_map(|peer| peer.heard_at);
        let silences = peers.flat_map(|at| [at + limits::SUSPECT, at + limits::DEAD]);
        let later = |at: &Instant| *at > self.now;
        others.chain(silences).filter(later).chain([due]).min()
    }

    /// The next thing to do.
    pub fn take(&mut self) -> Option<Action> {
        self.queue.pop()
    }

    /// Draws the consequences of what is known now, then tells what has changed.
    fn settle(&mut self) {
        self.watch_peers();
        self.watch_active();
        self.watch_wish();
        self.watch_handing();
        // A turn can lead to another one, but not round in a circle: three states are more than any of them passes.
        for _ in 0..3 {
            if !self.turn() {
                break;
            }
        }
        self.tell_hold();
        let claim = self.pursue();
        let heard = self.peers.active_term_max();
        if let Some(ballot) = self.ballots.next(claim, heard, self.now) {
            self.queue.push(Action::Store(ballot));
        }
        self.tell();
    }

    /// Letting go comes before everything else.
    fn tell_hold(&mut self) {
        let hold = self.wants_hold();
        if hold != self.told.hold {
            self.told.hold = hold;
            self.told.hold_at = self.now;
            self.own.order(hold, self.domain.lease, self.now);
            self.queue.push(Action::Hold(hold));
        }
        if self.state == State::Active {
            self.hold_anew();
        }
    }

    /// What the warden has let go by itself, it adds by a fresh order only. Until then another server could take the
    /// addresses: so the network is asked first. That is how an active finds out that its host was suspended, too.
    fn hold_anew(&mut self) {
        let lacks = self.wants_hold() && self.domain.has_addresses && !self.own.holds;
        let since = self.told.hold_at.max(self.own.lacks_since);
        if !lacks {
            self.question.close();
        } else if self.now.since(since) < limits::HOLD_AGAIN && !self.own.bereft {
            // A warden that is there adds them within that; one that has just come waits for a fresh order.
        } else if self.is_voting() && !self.is_backed_since(self.own.lacks_since) {
            // This host may have slept: what a majority confirmed before says nothing of now.
        } else if !self.has_rivals() || self.question.is_silent(self.now) {
            self.told.hold_at = self.now;
            self.own.bereft = false;
            self.own.order(true, self.domain.lease, self.now);
            self.question.close();
            self.queue.push(Action::Hold(false));
            self.queue.push(Action::Hold(true));
        } else if let Some(number) = self.question.ask(self.now) {
            self.queue.push(Action::Ask { number });
        }
    }

    /// Tells outside what is otherwise than it was told last.
    fn tell(&mut self) {
        let workers = self.wants_of_workers();
        if workers != self.told.workers {
            self.told.workers = workers;
            self.queue.push(Action::Workers(workers));
        }
        if std::mem::take(&mut self.told.announce) {
            self.queue.push(Action::Announce);
        }
        self.tell_conditions();
        let advert = self.advert();
        let is_due = self.now.since(self.told.advert_at) >= limits::ADVERT;
        let is_new = self
            .told
            .advert
            .is_none_or(|old| !says_the_same(&old, &advert));
        if is_due || is_new {
            self.told.advert = Some(advert);
            self.told.advert_at = self.now;
            self.queue.push(Action::Advertise);
        }
        if self.leaving && !self.told.leave && self.may_leave() {
            self.told.leave = true;
            self.queue.push(Action::Leave);
        }
    }

    /// What its host holds, it holds by its own will, while its workers serve.
    fn wants_hold(&self) -> bool {
        let can = !self.own.broken && !self.own.forsaken;
        self.state == State::Active && can && !self.serving.is_releasing()
    }

    fn note(&mut self, why: Why, about: Option<NodeId>) {
        self.queue.push(Action::Note(Note {
            state: self.state,
            term: self.term(),
            why,
            about,
        }));
    }
}

/// Whether two adverts differ in nothing that anybody waits for.
fn says_the_same(old: &Advert, new: &Advert) -> bool {
    let still = |advert: &Advert| Advert {
        stamp: 0,
        heeds: advert
            .heeds
            .map(|heed| crate::pair::advert::Heed { stamp: 0, ..heed }),
        reaches_ping: false,
        ..*advert
    };
    still(old) == still(new)
}
