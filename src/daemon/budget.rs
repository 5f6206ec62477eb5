//! Memory and descriptors: how many buffers, and how many connections at most. Printed at start with its formula.

use std::fmt;

use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

use crate::balance::table::LearnedSession;
use crate::balance::table::SessionTable;
use crate::balance::ties;
use crate::ring::arena::LARGE_BYTES;
use crate::ring::arena::SMALL_BYTES;
use crate::ring::port::PIPE_BYTES;

/// Text, stacks, rings, tables of the allocator: what the program takes before the first connection.
const FIXED_BYTES: u64 = 16 << 20;
/// One part in so many of the memory is for buffers: half of it small ones, a quarter large ones, a quarter pipes.
const BUFFER_SHARE: u64 = 4;
/// Learned sessions for each MB of memory, on every worker (SPEC 4); 40 bytes each.
const SESSIONS_PER_MB: u64 = 1000;
/// More sessions than one server's clients have open at a time.
const SESSIONS_MOST: u64 = 1_000_000;
/// A connection and the one to an output that it may need.
const DESCRIPTORS_PER_CONNECTION: u64 = 2;
/// Descriptors of a worker that are no connections: standard ones, ring, listeners, doors of the workers, and two for
/// each pipe.
const DESCRIPTORS_RESERVED: u64 = 200 + 2 * PIPE_RANGE.1;
/// Bounds per worker: below the least nothing flows, beyond the most none are ever in flight.
const SMALL_RANGE: (u64, u64) = (512, 16_384);
const LARGE_RANGE: (u64, u64) = (16, 1024);
const PIPE_RANGE: (u64, u64) = (8, 256);

/// From so much memory on the kernel sizes sockets by itself.
const ROOMY_BYTES: u64 = 512 << 20;
/// Below, what may wait in a socket in each direction is one part in so many of the memory. A client that asks for a long
/// body and takes nothing of it then makes the kernel hold 3.5 times that, and some 500 of them fill the memory …
const SOCKET_SHARE: u64 = 4096;
/// … and at least this: with half of it a long body costs twice the processor time (docs/resources.md).
const SOCKET_LEAST: usize = 32 * 1024;
/// More connections than this are not started for by themselves: the manual's simultaneous sessions at 1 GB.
const AUTOMATIC: u64 = 40_000;
/// Workers that are started for their descriptors alone. The lockable memory that a user usually has, 8 MiB, is enough
/// for the rings of twenty.
const WORKERS_MOST: u64 = 16;

/// Who counts the memory, and what of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accounting {
    /// Nobody: the machine has it or not.
    Machine,
    /// A cgroup of version 1. What waits in sockets is not counted.
    CgroupOne,
    /// A cgroup of version 2. What waits in sockets is counted, in pages.
    CgroupTwo,
}

impl Accounting {
    /// A connection without buffers, with the one to an output that it may need. Measured on Linux 6.18 with 4,000
    /// of them (docs/resources.md): both together a cgroup is charged 8.6 kB, ours included; and for each of the two the
    /// machine gives 5.7 kB of the kernel's, armed receive included.
    const fn connection_bytes(self) -> u64 {
        match self {
            Accounting::Machine => 2 * 6 * 1024,
            Accounting::CgroupOne => 9 * 1024,
            // A page for one of the two in every second connection: what is just under way.
            Accounting::CgroupTwo => 9 * 1024 + 2048,
        }
    }
}

/// What is wanted of the memory and the descriptors that there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// As configured; 0: as many as there is memory for.
    pub max_connections: u64,
    /// Sessions are learned.
    pub sessions: bool,
    /// A worker for each core.
    pub workers: u64,
    /// … and never more: somebody has named the number.
    pub fixed: bool,
}

/// What the process may use, divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    pub memory_bytes: u64,
    pub accounting: Accounting,
    /// Open files that one worker may have.
    pub descriptors: u64,
    pub workers: u64,
    /// Buffers of each worker.
    pub small_buffers: u32,
    pub large_buffers: u32,
    /// Pipes of each worker.
    pub pipes: u32,
    /// Learned sessions that each worker's table has room for.
    pub sessions: usize,
}

impl Budget {
    /// With as many workers as the wanted connections need descriptors for: each has a table of its own.
    pub fn fit(
        memory_bytes: u64,
        accounting: Accounting,
        descriptors: u64,
        wanted: Wanted,
    ) -> Budget {
        let with = |workers| {
            let budget = Budget::new(memory_bytes, accounting, descriptors, workers);
            if wanted.sessions {
                budget.with_sessions()
            } else {
                budget
            }
        };
        let enough = match wanted.max_connections {
            0 => AUTOMATIC,
            configured => configured,
        };
        let mut best = with(wanted.workers);
        let more = wanted.workers + 1..=WORKERS_MOST;
        for workers in more.take_while(|_| !wanted.fixed) {
            if best.max_connections() >= enough || best.by_descriptors() >= best.by_memory() {
                break;
            }
            let next = with(workers);
            if next.max_connections() > best.max_connections() {
                best = next; // where memory is short, one more worker's buffers may cost more than it brings
            }
        }
        best
    }

    pub fn new(
        memory_bytes: u64,
        accounting: Accounting,
        descriptors: u64,
        workers: u64,
    ) -> Budget {
        let each = memory_bytes / BUFFER_SHARE / workers.max(1);
        let count = |share: u64, bytes: usize, (least, most): (u64, u64)| {
            u32::try_from((share / bytes as u64).clamp(least, most)).unwrap_or(u32::MAX)
        };
        Budget {
            memory_bytes,
            accounting,
            descriptors,
            workers,
            small_buffers: count(each / 2, SMALL_BYTES, SMALL_RANGE),
            large_buffers: count(each / 4, LARGE_BYTES, LARGE_RANGE),
            pipes: count(each / 4, PIPE_BYTES, PIPE_RANGE),
            sessions: 0,
        }
    }

    /// Sessions are learned: each worker has a table for them.
    pub fn with_sessions(self) -> Budget {
        let sessions = self.session_room();
        Budget { sessions, ..self }
    }

    /// No sessions are learned.
    pub fn without_sessions(self) -> Budget {
        Budget {
            sessions: 0,
            ..self
        }
    }

    /// Learned sessions that a worker's table would have room for.
    pub fn session_room(&self) -> usize {
        let megabytes = self.memory_bytes >> 20;
        let sessions = (megabytes * SESSIONS_PER_MB).min(SESSIONS_MOST);
        usize::try_from(sessions).unwrap_or(usize::MAX)
    }

    /// Bytes of all tables of learned sessions together, and of the copy that control has while it saves them: as they
    /// were handed out, and as the file has them.
    pub fn session_bytes(&self) -> u64 {
        let saved = self.sessions * (size_of::<LearnedSession>() + ties::SESSION_BYTES);
        SessionTable::bytes(self.sessions) as u64 * self.workers + saved as u64
    }

    /// Open files of all workers together.
    pub fn descriptors_sum(&self) -> u64 {
        self.descriptors * self.workers
    }

    /// Bytes of all buffers together, and of what pipes may hold.
    pub fn buffer_bytes(&self) -> u64 {
        let small = u64::from(self.small_buffers) * SMALL_BYTES as u64;
        let large = u64::from(self.large_buffers) * LARGE_BYTES as u64;
        let pipes = u64::from(self.pipes) * PIPE_BYTES as u64;
        (small + large + pipes) * self.workers
    }

    /// What may wait in each socket in each direction; `None`: as much as the kernel finds good.
    pub fn socket_bytes(&self) -> Option<usize> {
        let share = self.memory_bytes / SOCKET_SHARE;
        let bytes = usize::try_from(share).unwrap_or(usize::MAX);
        (self.memory_bytes < ROOMY_BYTES).then_some(bytes.max(SOCKET_LEAST))
    }

    /// The most connections that memory and descriptors allow.
    pub fn max_connections(&self) -> u64 {
        self.by_memory().min(self.by_descriptors()).max(1)
    }

    fn by_memory(&self) -> u64 {
        let taken = FIXED_BYTES + self.buffer_bytes() + self.session_bytes();
        self.memory_bytes.saturating_sub(taken) / self.accounting.connection_bytes()
    }

    fn by_descriptors(&self) -> u64 {
        let each = self.descriptors.saturating_sub(DESCRIPTORS_RESERVED);
        each / DESCRIPTORS_PER_CONNECTION * self.workers
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} = lower of memory: ({} - {} fixed - {} buffers - {} sessions) / {} = {}, descriptors: {} x ({} - {}) / {} = {}",
            self.max_connections(),
            self.memory_bytes,
            FIXED_BYTES,
            self.buffer_bytes(),
            self.session_bytes(),
            self.accounting.connection_bytes(),
            self.by_memory(),
            self.workers,
            self.descriptors,
            DESCRIPTORS_RESERVED,
            DESCRIPTORS_PER_CONNECTION,
            self.by_descriptors(),
        )
    }
}

/// Raises the limit of open files as far as it goes without privilege; what it is then.
pub fn descriptors() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 1024;
    };
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        return hard;
    }
    soft
}

#[cfg(test)]
mod tests;
