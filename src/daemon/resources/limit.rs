//! What the groups of this process grant it.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::daemon::resources::group::Group;
use crate::daemon::resources::group::Version;

/// Reads a file of the kernel's; the kernel itself, or a table of a test.
pub type Read<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// A limit, and the file that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    pub amount: u64,
    pub file: PathBuf,
}

/// "No limit" of version 1 is the highest multiple of a page that fits: 9223372036854771712. Nothing in between is
/// a machine's.
const UNLIMITED: u64 = 1 << 62;

/// The lowest memory limit of the group and its parents, in bytes. `memory.high` counts as one: above it the kernel
/// does not kill, but holds up whoever asks for memory.
pub fn memory(group: &Group, read: Read<'_>) -> Result<Option<Limit>, String> {
    let mut limits = Vec::new();
    for folder in &group.folders {
        let names: &[&str] = match group.version {
            Version::One => &["memory.limit_in_bytes"],
            Version::Two => &["memory.max", "memory.high"],
        };
        for name in names {
            limits.extend(file_limit(folder.join(name), read, bytes)?);
        }
    }
    if group.version == Version::One
        && let Some(own) = group.folders.first()
    {
        // Parents that are not mounted here are in it, too.
        limits.extend(file_limit(own.join("memory.stat"), read, hierarchical)?);
    }
    Ok(lowest(limits))
}

/// The lowest quota of the group and its parents, in thousandths of a core.
pub fn cpu(group: &Group, read: Read<'_>) -> Result<Option<Limit>, String> {
    let mut limits = Vec::new();
    for folder in &group.folders {
        match group.version {
            Version::One => {
                let period = text(&folder.join("cpu.cfs_period_us"), read)?;
                let quota = |quota: &str| share(quota, period.as_deref()?.trim());
                limits.extend(file_limit(folder.join("cpu.cfs_quota_us"), read, quota)?);
            }
            Version::Two => {
                let quota = |line: &str| {
                    let (quota, period) = line.split_once(' ')?;
                    share(quota, period)
                };
                limits.extend(file_limit(folder.join("cpu.max"), read, quota)?);
            }
        }
    }
    Ok(lowest(limits))
}

/// The first of the lowest: that of the process itself, when a parent says the same.
fn lowest(limits: Vec<Limit>) -> Option<Limit> {
    limits.into_iter().min_by_key(|limit| limit.amount)
}

/// What one file grants: `None` where there is no such file or it sets no limit. `meaning` gives `None` for what
/// nobody understands, and no amount for "no limit".
fn file_limit(
    file: PathBuf,
    read: Read<'_>,
    meaning: impl Fn(&str) -> Option<Option<u64>>,
) -> Result<Option<Limit>, String> {
    let Some(said) = text(&file, read)? else {
        return Ok(None);
    };
    match meaning(said.trim()) {
        Some(amount) => Ok(amount.map(|amount| Limit { amount, file })),
        None => Err(format!("{} says {:?}", file.display(), said.trim())),
    }
}

/// A file's text. The root of a hierarchy has none of these files, and a kernel may lack a controller.
fn text(file: &Path, read: Read<'_>) -> Result<Option<String>, String> {
    match read(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

fn bytes(said: &str) -> Option<Option<u64>> {
    if said == "max" {
        return Some(None);
    }
    let bytes: u64 = said.parse().ok()?;
    Some((bytes < UNLIMITED).then_some(bytes))
}

/// The line `hierarchical_memory_limit` of version 1; older kernels have none.
fn hierarchical(stat: &str) -> Option<Option<u64>> {
    let line = |line: &str| line.strip_prefix("hierarchical_memory_limit ").map(bytes);
    stat.lines().find_map(line).unwrap_or(Some(None))
}

/// Microseconds of each period, as thousandths of a core, rounded up; at least one.
fn share(quota: &str, period: &str) -> Option<Option<u64>> {
    if quota == "max" || quota == "-1" {
        return Some(None);
    }
    let quota: u64 = quota.parse().ok()?;
    let period: u64 = period.parse().ok().filter(|period| *period > 0)?;
    Some(Some(quota.checked_mul(1000)?.div_ceil(period).max(1)))
}

#[cfg(test)]
mod tests;
