//! One server: its clocks, its kernel, its disk, and the two processes on it.

use std::collections::VecDeque;
use std::rc::Rc;

use halb::model::time::Instant;
use halb::pair::action::Handover;
use halb::pair::event::Domain;
use halb::pair::event::Event;
use halb::pair::event::Readiness;
use halb::pair::lease::Clocks as Both;
use halb::pair::lease::Lease;
use halb::pair::state::State;
use halb::pair::term::Ballot;

use crate::file::Control;
use crate::file::disk::FileDisk;
use crate::net::HOSTS;
use crate::seal::Channel;
use crate::seal::Envelope;
use crate::seal::Sent;
use crate::subject::Subject;

/// More datagrams than that wait in no socket; the newest are lost.
const SOCKET_MAX: usize = 200;

pub struct Host {
    pub name: &'static str,
    pub clocks: Clocks,
    pub powered: bool,
    /// Suspended as a whole.
    pub suspended: Option<Sleep>,
    /// Thawed, and the warden has not had a turn since.
    pub groggy: bool,
    /// Until when the kernel keeps the addresses, if nobody renews them.
    pub addresses: Option<u64>,
    pub disk: Disk,
    /// Where servers have keepers: what the domain file lies on.
    pub files: FileDisk,
    /// What the domain file says that is in force.
    pub domain: Domain,
    pub generation: u64,
    pub process: Option<Process>,
    pub warden: Option<Warden>,
    /// Whether somebody starts another one.
    pub keeper: bool,
    /// When the last word of a warden about the addresses arrives.
    pub said_at: u64,
    /// Of processes and wardens alike.
    pub lives: u64,
    /// How long the next warden takes to start after the death of one.
    pub warden_delay: u64,
}

/// Clocks that start anywhere. The monotonic one stops while the host is suspended, the other does not.
#[derive(Clone, Copy)]
pub struct Clocks {
    pub offset: u64,
    pub lost: u64,
    /// In millionths of its pace.
    pub drift: i64,
}

impl Clocks {
    pub fn monotonic(&self, now: u64) -> Instant {
        Instant::from_nanos(self.offset + self.shown(now - self.lost))
    }

    pub fn boot(&self, now: u64) -> Instant {
        Instant::from_nanos(self.offset + self.shown(now))
    }

    /// When the monotonic clock will show that.
    pub fn when(&self, shown: Instant) -> u64 {
        self.when_boot(shown) + self.lost
    }

    /// When the other one will.
    pub fn when_boot(&self, shown: Instant) -> u64 {
        let run = shown.as_nanos().saturating_sub(self.offset);
        if self.drift == 0 {
            return run;
        }
        let pace = 1_000_000 + i128::from(self.drift);
        (i128::from(run) * 1_000_000 / pace) as u64
    }

    pub fn both(&self, now: u64) -> Both {
        Both {
            now: self.monotonic(now),
            boot: self.boot(now),
        }
    }

    /// What a clock shows that has run for so long.
    fn shown(&self, run: u64) -> u64 {
        if self.drift == 0 {
            return run;
        }
        let ahead = i128::from(run) * i128::from(self.drift) / 1_000_000;
        (i128::from(run) + ahead) as u64
    }
}

#[derive(Clone, Copy)]
pub struct Sleep {
    pub since: u64,
    pub until: u64,
}

/// What the ballot lies on.
#[derive(Default)]
pub struct Disk {
    pub ballot: Ballot,
    pub full: bool,
    /// How long a store takes now.
    pub slow: u64,
    /// The next process cannot read it.
    pub unreadable: bool,
    pub jobs: VecDeque<Ballot>,
}

/// The balancer: what its pair thread knows beside the machine.
pub struct Process {
    pub life: u64,
    pub boot: u64,
    pub machine: Box<dyn Subject>,
    /// The machine's, after the last event.
    pub state: State,
    pub born: u64,
    pub stalled: Option<u64>,
    /// What came while it was stalled.
    pub waiting: VecDeque<Input>,
    pub datagrams_waiting: usize,
    pub hold: bool,
    /// Since when that is so.
    pub hold_since: u64,
    pub next_beat: u64,
    /// The turn that is on its way.
    pub turn_at: Option<u64>,
    pub sent: Sent,
    pub channels: [Channel; HOSTS],
    /// What the disk is known to have.
    pub confirmed: Ballot,
    pub handover: Handover,
    pub handover_number: u64,
    pub handover_since: u64,
    pub drained: bool,
    pub broken: bool,
    pub readiness: Readiness,
    pub ends: bool,
    /// Where servers have keepers.
    pub control: Option<Control>,
    /// It dies after so many more things that it does.
    pub dies_in: Option<u64>,
}

/// What waits for a stalled pair thread.
pub enum Input {
    Event(Box<Event>),
    Datagram(usize, Rc<Envelope>),
}

pub struct Warden {
    pub life: u64,
    pub lease: Lease,
    pub stalled: Option<u64>,
    pub watch_at: Option<u64>,
    /// The question that is asked now.
    pub question: Option<u32>,
    /// What came while it was stalled.
    pub waiting: Vec<Told>,
}

/// What a warden is told.
#[derive(Clone, Copy)]
pub enum Told {
    /// Sent at that time.
    Beat(bool, Instant),
    Ask(u32),
}

impl Host {
    /// Whether anybody on the network would find the addresses here.
    pub fn holds(&self, now: u64) -> bool {
        self.runs() && self.addresses.is_some_and(|until| until > now)
    }

    pub fn runs(&self) -> bool {
        self.powered && self.suspended.is_none()
    }

    /// Whether both processes are there and get turns.
    pub fn lively(&self) -> bool {
        let thread = self
            .process
            .as_ref()
            .is_some_and(|one| one.stalled.is_none());
        self.runs() && thread && self.guarded()
    }

    /// Whether a warden is there and gets turns.
    pub fn guarded(&self) -> bool {
        let warden = self
            .warden
            .as_ref()
            .is_some_and(|one| one.stalled.is_none());
        self.runs() && warden && !self.groggy
    }

    /// The process of that life.
    pub fn process_of(&mut self, life: u64) -> Option<&mut Process> {
        self.process.as_mut().filter(|one| one.life == life)
    }

    pub fn warden_of(&mut self, life: u64) -> Option<&mut Warden> {
        self.warden.as_mut().filter(|one| one.life == life)
    }

    /// What a power cut or a crash leaves of jobs that were under way: anything up to all of them.
    pub fn lose_jobs(&mut self, kept: usize) {
        let jobs = std::mem::take(&mut self.disk.jobs);
        let last = kept.min(jobs.len()).checked_sub(1);
        if let Some(ballot) = last.and_then(|last| jobs.get(last))
            && !self.disk.full
        {
            self.disk.ballot = *ballot;
        }
    }
}

impl Process {
    pub fn wait(&mut self, input: Input) {
        if matches!(input, Input::Datagram(..)) {
            if self.datagrams_waiting == SOCKET_MAX {
                return;
            }
            self.datagrams_waiting += 1;
        }
        self.waiting.push_back(input);
    }
}
