//! Memory and descriptors: how many buffers, and how many connections at most. Printed at start with its formula.

use std::fmt;

use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

use crate::balance::table::SessionTable;
use crate::ring::arena::LARGE_BYTES;
use crate::ring::arena::SMALL_BYTES;
use crate::ring::port::PIPE_BYTES;

/// Text, stacks, rings, tables of the allocator: what the program takes before the first connection.
const FIXED_BYTES: u64 = 16 << 20;
/// One part in so many of the memory is for buffers: half of it small ones, a quarter large ones, a quarter pipes.
const BUFFER_SHARE: u64 = 4;
/// A connection without buffers, with the one to an output that it may need: for each of the two 4.8 kB of the
/// kernel's (file, inode, socket; Linux 6.18), 0.9 kB for its armed receive and less than 0.3 kB of ours.
const CONNECTION_BYTES: u64 = 2 * 6 * 1024;
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

/// What the process may use, divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    pub memory_bytes: u64,
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
    pub fn new(memory_bytes: u64, descriptors: u64, workers: u64) -> Budget {
        let each = memory_bytes / BUFFER_SHARE / workers.max(1);
        let count = |share: u64, bytes: usize, (least, most): (u64, u64)| {
            u32::try_from((share / bytes as u64).clamp(least, most)).unwrap_or(u32::MAX)
        };
        Budget {
            memory_bytes,
            descriptors,
            workers,
            small_buffers: count(each / 2, SMALL_BYTES, SMALL_RANGE),
            large_buffers: count(each / 4, LARGE_BYTES, LARGE_RANGE),
            pipes: count(each / 4, PIPE_BYTES, PIPE_RANGE),
            sessions: 0,
        }
    }

    /// Sessions are learned: each worker has a table for them.
    pub fn with_sessions(mut self) -> Budget {
        let megabytes = self.memory_bytes >> 20;
        let sessions = (megabytes * SESSIONS_PER_MB).min(SESSIONS_MOST);
        self.sessions = usize::try_from(sessions).unwrap_or(usize::MAX);
        self
    }

    /// Bytes of all tables of learned sessions together.
    pub fn table_bytes(&self) -> u64 {
        SessionTable::bytes(self.sessions) as u64 * self.workers
    }

    /// Bytes of all buffers together, and of what pipes may hold.
    pub fn buffer_bytes(&self) -> u64 {
        let small = u64::from(self.small_buffers) * SMALL_BYTES as u64;
        let large = u64::from(self.large_buffers) * LARGE_BYTES as u64;
        let pipes = u64::from(self.pipes) * PIPE_BYTES as u64;
        (small + large + pipes) * self.workers
    }

    /// The most connections that memory and descriptors allow.
    pub fn max_connections(&self) -> u64 {
        self.by_memory().min(self.by_descriptors()).max(1)
    }

    fn by_memory(&self) -> u64 {
        let taken = FIXED_BYTES + self.buffer_bytes() + self.table_bytes();
        self.memory_bytes.saturating_sub(taken) / CONNECTION_BYTES
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
            self.table_bytes(),
            CONNECTION_BYTES,
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

/// The machine's memory, in bytes, from the text of `/proc/meminfo`.
pub fn machine_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_appliances_least_memory_carries_its_2000_requests_and_1_gb_its_40000_sessions() {
        assert!(Budget::new(96 << 20, 1 << 20, 1).max_connections() >= 2000);
        assert!(Budget::new(1 << 30, 1 << 20, 1).max_connections() >= 40_000);
        assert!(Budget::new(1 << 30, 20_000, 5).max_connections() >= 40_000);
    }

    #[test]
    fn descriptors_bound_it_too() {
        assert_eq!(Budget::new(1 << 40, 20_000, 2).max_connections(), 19_288);
        assert_eq!(Budget::new(1 << 40, 100, 1).max_connections(), 1);
    }

    #[test]
    fn the_formula_names_its_result() {
        let budget = Budget::new(96 << 20, 20_000, 1);
        assert!(
            budget
                .to_string()
                .starts_with(&format!("{} = ", budget.max_connections()))
        );
    }

    #[test]
    fn memory_is_read_from_the_kernels_text() {
        let text = "MemTotal:       24610564 kB\nMemFree:        1 kB\n";
        assert_eq!(machine_memory(text), Some(24_610_564 * 1024));
        assert_eq!(machine_memory("MemFree: 1 kB"), None);
        assert_eq!(machine_memory("MemTotal: many kB"), None);
    }
}
