//! What the process may use: the lowest of what the operator grants, what its cgroups grant, and what the machine has.
//!
//! - `group`: where its cgroups are; `limit`: what they grant; `quota`: setting one
//!
//! Everything is decided from texts; only [`find`] asks the machine.

pub mod group;
pub mod limit;
pub mod quota;

use std::fmt;
use std::fs::read_to_string;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::daemon::resources::group::Group;
use crate::daemon::resources::group::Version;
use crate::daemon::resources::group::group;
use crate::daemon::resources::limit::Limit;
use crate::daemon::resources::limit::Read;
use crate::model::amount::Cpu;
use crate::model::amount::Memory;
use crate::model::config;
use crate::ring::thread::cores;

/// Found at start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resources {
    /// The cores the process may run on, in order.
    pub cores: Vec<usize>,
    /// In thousandths of a core.
    pub cpu: Grant,
    /// In bytes.
    pub memory: Grant,
    pub cpu_group: Option<Group>,
    pub memory_group: Option<Group>,
    /// Its group, or a parent's, has a limit of memory, whatever counts.
    pub memory_limited: bool,
}

/// How much of something may be used, and who says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    pub amount: u64,
    pub source: Source,
    /// The operator grants so much, which is more than there is.
    pub beyond: Option<u64>,
}

/// Who says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    Configured,
    /// A file of a cgroup.
    Cgroup(PathBuf),
    /// The cores that the process may run on (sched_setaffinity(2), cpuset).
    Affinity,
    Machine,
}

/// What could not be found out, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unknown {
    Memory(String),
    Cores(String),
}

/// Asks the machine.
pub fn find(configured: &config::Resources) -> Result<Resources, Unknown> {
    let cores = cores().map_err(|errno| Unknown::Cores(errno.desc().to_owned()))?;
    // A kernel without cgroups has none of these files.
    let cgroup = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mountinfo = read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let cpu_group = group("cpu", &cgroup, &mountinfo);
    let memory_group = group("memory", &cgroup, &mountinfo);
    let read: Read<'_> = &|file: &Path| read_to_string(file);
    Ok(Resources {
        cpu: cpu(configured.cpu, cores.len(), cpu_group.as_ref(), read).map_err(Unknown::Cores)?,
        memory: memory(configured.memory, memory_group.as_ref(), read).map_err(Unknown::Memory)?,
        memory_limited: limited(memory_group.as_ref(), read),
        cores,
        cpu_group,
        memory_group,
    })
}

/// Decides from the number of cores it may run on and from what its group says. What the operator says counts where a
/// group cannot be understood.
pub fn cpu(
    configured: Option<Cpu>,
    cores: usize,
    group: Option<&Group>,
    read: Read<'_>,
) -> Result<Grant, String> {
    if cores == 0 {
        return Err("the process may use none".to_owned());
    }
    let configured = configured.map(|cpu| u64::from(cpu.thousandths));
    let limit = group.map_or(Ok(None), |group| limit::cpu(group, read));
    let affinity = (cores as u64 * 1000, Source::Affinity);
    decide(configured, limit, Ok(affinity), "[resources] cpu")
}

/// Decides from the machine's memory and from what its group says.
pub fn memory(
    configured: Option<Memory>,
    group: Option<&Group>,
    read: Read<'_>,
) -> Result<Grant, String> {
    let configured = configured.map(|memory| memory.bytes);
    let limit = group.map_or(Ok(None), |group| limit::memory(group, read));
    let machine = read(Path::new(MEMINFO)).map_err(|error| unread(&error));
    let machine = machine.and_then(|text| {
        let bytes = machine_memory(&text).ok_or(format!("{MEMINFO} has no MemTotal"))?;
        Ok((bytes, Source::Machine))
    });
    decide(configured, limit, machine, "[resources] memory")
}

fn limited(group: Option<&Group>, read: Read<'_>) -> bool {
    let limit = group.map(|group| limit::memory(group, read));
    matches!(limit, Some(Ok(Some(_))))
}

const MEMINFO: &str = "/proc/meminfo";

fn unread(error: &io::Error) -> String {
    format!("{MEMINFO}: {error}")
}

/// The lowest counts.
fn decide(
    configured: Option<u64>,
    limit: Result<Option<Limit>, String>,
    machine: Result<(u64, Source), String>,
    property: &str,
) -> Result<Grant, String> {
    let cgroup = limit.map(|limit| limit.map(|l| (l.amount, Source::Cgroup(l.file))));
    let found = match (cgroup, machine) {
        (Ok(Some(cgroup)), Ok(machine)) if cgroup.0 <= machine.0 => Ok(cgroup),
        (Ok(Some(cgroup)), Err(_)) => Ok(cgroup),
        (Ok(_), machine) => machine,
        (Err(cause), _) => Err(cause),
    };
    let grant = |amount, source, beyond| Grant {
        amount,
        source,
        beyond,
    };
    match (configured, found) {
        (None, Ok((amount, source))) => Ok(grant(amount, source, None)),
        (Some(ours), Ok((amount, source))) if amount < ours => {
            Ok(grant(amount, source, Some(ours)))
        }
        (Some(ours), _) => Ok(grant(ours, Source::Configured, None)),
        (None, Err(cause)) => Err(format!("{cause}; set {property}")),
    }
}

/// The machine's memory, in bytes, from the text of `/proc/meminfo`.
fn machine_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

impl Resources {
    /// A worker for each core, or part of one, that may be used.
    pub fn workers(&self) -> u64 {
        self.cpu.amount.div_ceil(1000)
    }

    /// Which version limits the memory; `None`: no cgroup does.
    pub fn memory_limit(&self) -> Option<Version> {
        let group = self.memory_group.as_ref();
        group
            .filter(|_| self.memory_limited)
            .map(|group| group.version)
    }

    /// For each amount of which the operator grants more than there is: the property, and a sentence.
    pub fn shortages(&self) -> Vec<(&'static str, String)> {
        let memory = |bytes| Memory { bytes }.to_string();
        let table = [
            (
                "resources.cpu",
                &self.cpu,
                &thousandths as &dyn Fn(u64) -> String,
            ),
            ("resources.memory", &self.memory, &memory),
        ];
        let short = table.into_iter().filter_map(|(property, grant, show)| {
            let sentence = format!(
                "{property} is {}, but {} grants {}: the lower counts",
                show(grant.beyond?),
                grant.source,
                show(grant.amount)
            );
            Some((property, sentence))
        });
        short.collect()
    }
}

/// Thousandths of a core as users write them.
pub fn thousandths(amount: u64) -> String {
    let cpu = u32::try_from(amount).map(|thousandths| Cpu { thousandths });
    cpu.map_or_else(|_| (amount / 1000).to_string(), |cpu| cpu.to_string())
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Configured => f.write_str("[resources]"),
            Source::Cgroup(file) => write!(f, "{}", file.display()),
            Source::Affinity => f.write_str("affinity"),
            Source::Machine => f.write_str("the machine"),
        }
    }
}

#[cfg(test)]
mod tests;
