//! The files of a cgroup, as texts: what is written to set an allotment, and what the kernel says in them.

use halb::daemon::resources::group::Version;

use crate::allotment::Allotment;
use crate::allotment::PERIOD_MS;
use crate::allotment::Throttled;

/// What has to be written for one controller, in this order: (file, text).
pub fn settings(
    version: Version,
    controller: &str,
    allotment: &Allotment,
) -> Vec<(&'static str, String)> {
    let period_us = PERIOD_MS * 1000;
    let quota_us = quota_us(allotment);
    let memory = allotment.memory_bytes.to_string();
    match (controller, version) {
        // The kernel starts with 100 ms. The period comes first: a quota is checked against the one that is set.
        ("cpu", Version::One) => vec![
            ("cpu.cfs_period_us", period_us.to_string()),
            ("cpu.cfs_quota_us", quota_us.to_string()),
        ],
        ("cpu", Version::Two) => vec![("cpu.max", format!("{quota_us} {period_us}"))],
        (_, Version::One) => vec![("memory.limit_in_bytes", memory)],
        (_, Version::Two) => vec![("memory.max", memory)],
    }
}

/// What keeps a program from swapping where it would need more memory. Not every kernel is built with it.
pub fn swap(version: Version, allotment: &Allotment) -> (&'static str, String) {
    match version {
        Version::One => (
            "memory.memsw.limit_in_bytes",
            allotment.memory_bytes.to_string(),
        ),
        Version::Two => ("memory.swap.max", "0".to_owned()),
    }
}

/// `cpu.stat` of either version.
pub fn throttled(text: &str) -> Option<Throttled> {
    let waited_us = match field(text, "throttled_usec") {
        Some(micros) => micros,
        None => field(text, "throttled_time")? / 1000,
    };
    Some(Throttled {
        periods: field(text, "nr_periods")?,
        throttled: field(text, "nr_throttled")?,
        waited_us,
    })
}

/// The number behind `name` in lines like `nr_periods 12`.
pub fn field(text: &str, name: &str) -> Option<u64> {
    let value = |line: &str| {
        line.strip_prefix(name)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    };
    text.lines().find_map(value)
}

/// Whether a list like `cpuset cpu io memory` has this word.
pub fn lists(text: &str, word: &str) -> bool {
    text.split_ascii_whitespace().any(|other| other == word)
}

/// The kernel takes no quota below a millisecond.
fn quota_us(allotment: &Allotment) -> u64 {
    let quota = allotment.cpus * PERIOD_MS as f64 * 1000.0;
    (quota.round() as u64).max(1000)
}
