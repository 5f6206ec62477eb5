//! What a figure was measured on. Without it a figure means nothing elsewhere.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;

/// The machine, the programs, and what looks wrong before the first run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Surroundings {
    /// When the measurement began, in seconds since 1970 (UTC).
    pub unix_s: u64,
    pub kernel: String,
    pub processor: String,
    pub cores: usize,
    pub memory: String,
    /// The kernel's default for new connections; a contender may choose another for its own.
    pub congestion_control: String,
    pub versions: BTreeMap<String, String>,
    pub command: Vec<String>,
    /// Measured in a hurry: few rounds, short ones, fewer scenes. No ground for a claim.
    pub quick: bool,
    /// Measured although the machine or a program was not fit for it; the warnings say why. Likewise.
    pub doubtful: bool,
    pub warnings: Vec<String>,
}

impl Surroundings {
    /// Of this machine, now. `versions`: what each program says of itself, by name.
    pub fn find(versions: BTreeMap<String, String>) -> Surroundings {
        Surroundings {
            unix_s: unix_s(),
            kernel: line("/proc/sys/kernel/osrelease"),
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: field("/proc/meminfo", "MemTotal"),
            congestion_control: line("/proc/sys/net/ipv4/tcp_congestion_control"),
            versions,
            command: std::env::args().collect(),
            quick: false,
            doubtful: false,
            warnings: Vec::new(),
        }
    }
}

/// A clock that stands before 1970 is no reason to stop.
fn unix_s() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn line(path: &str) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn field(path: &str, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}
