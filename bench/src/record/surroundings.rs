//! What a figure was measured on. Without it a figure means nothing elsewhere.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;

use crate::compare::contender::Programs;
use crate::record::contender::Contender;

/// The machine, the programs, and what looks wrong before the first run.
#[derive(Debug, Serialize, Deserialize)]
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
    pub warnings: Vec<String>,
}

impl Surroundings {
    pub fn find(programs: &Programs, contenders: &[Contender]) -> Surroundings {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let versions = contenders
            .iter()
            .map(|contender| (contender.name().to_owned(), programs.version(contender)));
        Surroundings {
            unix_s: unix_s(),
            kernel: line("/proc/sys/kernel/osrelease"),
            processor: field("/proc/cpuinfo", "model name"),
            cores,
            memory: field("/proc/meminfo", "MemTotal"),
            congestion_control: line("/proc/sys/net/ipv4/tcp_congestion_control"),
            versions: versions.collect(),
            command: std::env::args().collect(),
            warnings: warnings(),
        }
    }
}

/// A clock that stands before 1970 is no reason to stop.
fn unix_s() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// What is known to spoil figures and can be seen beforehand.
fn warnings() -> Vec<String> {
    let mut found = Vec::new();
    let load = line("/proc/loadavg");
    let minute = load
        .split(' ')
        .next()
        .and_then(|word| word.parse::<f64>().ok());
    if minute.is_some_and(|minute| minute > 0.3) {
        found.push(format!("the machine is not quiet: load average {load}"));
    }
    let governor = line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    if !governor.is_empty() && governor != "performance" {
        found.push(format!(
            "the frequency governor is {governor}, not performance"
        ));
    }
    if cfg!(debug_assertions) {
        found.push("halb-bench is a debug build: the generator is slow".to_owned());
    }
    found
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
