//! What a program is allowed: a part of a CPU and some memory, held by the kernel (cgroups).

use serde::Deserialize;
use serde::Serialize;

/// The period over which the CPU's part is counted; the seed's.
pub const PERIOD_MS: u64 = 10;

/// So much and no more.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Allotment {
    /// CPUs: 0.4 is 4 ms of every 10.
    pub cpus: f64,
    pub memory_bytes: u64,
}
