//! What is going to happen, in the order of true time: the clock on the wall of the simulator, which no host can read.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::rc::Rc;

use halb::pair::event::Domain;
use halb::pair::event::Event;
use halb::pair::event::FromWarden;

use crate::chaos::Repair;
use crate::file::Happening;
use crate::seal::Envelope;

pub const MICROSECOND: u64 = 1_000;
pub const MILLISECOND: u64 = 1_000_000;
pub const SECOND: u64 = 1_000_000_000;

/// One thing that happens; small, because the heap moves it about. A `life` is that of a process or warden: what was meant for a dead one is void.
#[derive(Clone, Debug)]
pub enum What {
    /// The pair thread looks at its clock.
    Turn {
        host: usize,
        life: u64,
    },
    /// The pair thread is given something.
    Given {
        host: usize,
        life: u64,
        event: Box<Event>,
    },
    Datagram {
        to: usize,
        link: usize,
        envelope: Rc<Envelope>,
    },
    /// The warden looks at its clock.
    Watch {
        host: usize,
        life: u64,
    },
    /// The warden speaks.
    Said {
        host: usize,
        life: u64,
        said: FromWarden,
    },
    /// One of the three probes of a question leaves.
    Probe {
        host: usize,
        life: u64,
        number: u32,
        left: u32,
    },
    /// What came of the question.
    Reply {
        host: usize,
        life: u64,
        number: u32,
        somebody: bool,
    },
    Ping {
        host: usize,
        life: u64,
    },
    /// A warden that outlived its process has found the pipe closed.
    Orphan {
        host: usize,
    },
    /// The disk is done with the first of its jobs.
    Disk {
        host: usize,
        life: u64,
    },
    /// The workers have done what was ordered.
    Handed {
        host: usize,
        life: u64,
        number: u64,
    },
    Start {
        host: usize,
    },
    /// Another warden instead of the one that was lost.
    Warden {
        host: usize,
        life: u64,
    },
    /// Something for the keeper of the domain file, or for what drives it.
    Control {
        host: usize,
        life: u64,
        what: Box<Happening>,
    },
    /// Streams are looked at.
    Streams,
    /// Somebody repairs files that some server cannot take.
    Mend {
        turn: usize,
    },
    /// The pair thread looks whether the addresses are there that its last warden has left.
    Left {
        host: usize,
        life: u64,
    },
    /// This host has the domain file as it is now.
    File {
        host: usize,
        domain: Box<Domain>,
    },
    /// Something goes wrong, or somebody wants something.
    Fault,
    /// From here on nothing does.
    Heal,
    Repaired(Repair),
}

struct Entry {
    at: u64,
    order: u64,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest, for the heap.
    fn cmp(&self, other: &Entry) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

#[derive(Default)]
pub struct Queue {
    heap: BinaryHeap<Entry>,
    order: u64,
}

impl Queue {
    pub fn push(&mut self, at: u64, what: What) {
        self.order += 1;
        let order = self.order;
        self.heap.push(Entry { at, order, what });
    }

    pub fn pop(&mut self) -> Option<(u64, What)> {
        self.heap.pop().map(|entry| (entry.at, entry.what))
    }
}
