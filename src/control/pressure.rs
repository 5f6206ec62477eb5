//! How full the memory is. Where a cgroup has a limit the kernel kills whoever goes beyond it; it does not refuse. So
//! accepting stops before.

use std::fmt;
use std::fs::read_to_string;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::control::shared::Shared;
use crate::plane::Shortage;

/// A flood of connections takes 10 kB for each; at 100,000 a second that is 100 MB a second.
const INTERVAL: Duration = Duration::from_millis(100);
/// Accepting stops here …
const STOP_PERCENT: u64 = 90;
/// … and goes on here, so that a few connections more or less do not make it stop and go.
const GO_ON_PERCENT: u64 = 85;
/// A shortage lasts when so many looks later it is still there.
const LASTS_LOOKS: u64 = 10;
/// What the kernel has for a connection and the one to an output that it may need, armed receives included, where no
/// cgroup says it. Measured: docs/resources.md.
const KERNEL_BYTES: u64 = 2 * 5700;

/// Where it is read how much memory is used, and how much may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Gauge {
    /// The folders of a cgroup of version 1 and its parents: each may have a limit, now or later.
    CgroupOne(Vec<PathBuf>),
    CgroupTwo(Vec<PathBuf>),
    /// Nobody counts for us: what the process itself has, and a fixed amount for each connection. What waits in
    /// sockets is known of the whole machine only, and is left out.
    Process {
        limit_bytes: u64,
    },
}

/// How full one of them is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    pub used_bytes: u64,
    pub limit_bytes: u64,
    /// The limit's file, or what stands for it.
    pub limit: String,
}

/// The last reading, for whoever shows it.
#[derive(Default)]
pub struct LastReading(Mutex<Option<Reading>>);

impl LastReading {
    /// `None` where there is no limit.
    pub fn get(&self) -> Option<Reading> {
        self.lock().clone()
    }

    fn set(&self, reading: Option<Reading>) {
        *self.lock() = reading;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reading>> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether memory is short, with what was read last.
pub struct Pressure {
    gauge: Gauge,
    /// It is short, and for so many looks.
    short: bool,
    looks: u64,
}

/// The texts of files by their names; `None` where there is none.
type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

impl Pressure {
    pub fn new(gauge: Gauge) -> Pressure {
        Pressure {
            gauge,
            short: false,
            looks: 0,
        }
    }

    /// Looks ten times a second, for ever; what is found becomes a word in the plane.
    pub async fn run(mut self, shared: Arc<Shared>) {
        let Shared { plane, hub, .. } = &*shared;
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let pages = plane.pages().iter();
            let connections = pages.map(|page| page.connections_active.get()).sum();
            let read: Read<'_> = &|file| read_to_string(file).ok();
            let reading = self.gauge.read(connections, read);
            shared.memory.set(reading.clone());
            let change = self.judge(reading.as_ref());
            plane.set_shortage(self.shortage());
            if self.short || change.is_some() {
                // As long as it is short they end who keeps memory and does not move.
                (0..hub.workers()).for_each(|worker| hub.wake(worker));
            }
            let Some(short) = change else {
                continue;
            };
            let found = reading.map_or("there is no limit any more".to_owned(), |r| r.to_string());
            if short {
                let text = format!("memory is nearly full, accepting stops: {found}");
                shared.journal.note("memory_short", None, text);
            } else {
                let text = format!("there is memory again, accepting goes on: {found}");
                shared.journal.note("memory_enough", None, text);
            }
        }
    }

    /// What changes, if anything does. Without a reading there is no limit to keep away from.
    fn judge(&mut self, reading: Option<&Reading>) -> Option<bool> {
        let percent = if self.short {
            GO_ON_PERCENT
        } else {
            STOP_PERCENT
        };
        let short = reading.is_some_and(|reading| reading.reaches(percent));
        let changes = short != self.short;
        self.short = short;
        self.looks = if changes { 0 } else { self.looks + 1 };
        changes.then_some(short)
    }
}

impl Pressure {
    fn shortage(&self) -> Shortage {
        match self.short {
            false => Shortage::None,
            true if self.looks < LASTS_LOOKS => Shortage::New,
            true => Shortage::Lasting,
        }
    }
}

impl Gauge {
    /// The fullest of all levels that have a limit.
    fn read(&self, connections: u64, read: Read<'_>) -> Option<Reading> {
        match self {
            Gauge::CgroupOne(folders) => fullest(folders, &ONE, read),
            Gauge::CgroupTwo(folders) => fullest(folders, &TWO, read),
            Gauge::Process { limit_bytes } => {
                let statm = read(Path::new("/proc/self/statm"))?;
                let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
                Some(Reading {
                    used_bytes: pages * PAGE_BYTES + connections * KERNEL_BYTES,
                    limit_bytes: *limit_bytes,
                    limit: "[resources] memory".to_owned(),
                })
            }
        }
    }
}

/// Of x86-64, and of all other machines that are configured for it; a larger one only makes us more careful.
const PAGE_BYTES: u64 = 4096;

/// The names of one version.
struct Names {
    limits: &'static [&'static str],
    used: &'static str,
    /// In `memory.stat`: cached files that nobody or somebody reads, and those of them that a program has mapped, which
    /// it would have to read again at once.
    inactive: &'static str,
    active: &'static str,
    mapped: &'static str,
}

const ONE: Names = Names {
    limits: &["memory.limit_in_bytes"],
    used: "memory.usage_in_bytes",
    inactive: "total_inactive_file",
    active: "total_active_file",
    mapped: "total_mapped_file",
};

const TWO: Names = Names {
    limits: &["memory.max", "memory.high"],
    used: "memory.current",
    inactive: "inactive_file",
    active: "active_file",
    mapped: "file_mapped",
};

fn fullest(folders: &[PathBuf], names: &Names, read: Read<'_>) -> Option<Reading> {
    let levels = folders
        .iter()
        .filter_map(|folder| level(folder, names, read));
    levels.max_by(|one, other| {
        let share = |a: &Reading, b: &Reading| u128::from(a.used_bytes) * u128::from(b.limit_bytes);
        share(one, other).cmp(&share(other, one))
    })
}

fn level(folder: &Path, names: &Names, read: Read<'_>) -> Option<Reading> {
    let limit = |name: &&str| {
        let file = folder.join(name);
        // "max" is no number, and what version 1 has for it is beyond all memory.
        let bytes: u64 = read(&file)?.trim().parse().ok()?;
        Some((bytes, file))
    };
    let (limit_bytes, file) = names.limits.iter().filter_map(limit).min_by_key(|l| l.0)?;
    let used: u64 = read(&folder.join(names.used))?.trim().parse().ok()?;
    let mut reading = Reading {
        used_bytes: used,
        limit_bytes,
        limit: file.display().to_string(),
    };
    // Cached files count as used, and the kernel gives them up before it kills.
    if reading.reaches(GO_ON_PERCENT)
        && let Some(stat) = read(&folder.join("memory.stat"))
    {
        reading.used_bytes = used.saturating_sub(reclaimable(&stat, names));
    }
    Some(reading)
}

fn reclaimable(stat: &str, names: &Names) -> u64 {
    let of = |name: &str| -> u64 {
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        stat.lines().find_map(value).unwrap_or(0)
    };
    (of(names.inactive) + of(names.active)).saturating_sub(of(names.mapped))
}

impl Reading {
    fn reaches(&self, percent: u64) -> bool {
        u128::from(self.used_bytes) * 100 >= u128::from(self.limit_bytes) * u128::from(percent)
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} bytes ({})",
            self.used_bytes, self.limit_bytes, self.limit
        )
    }
}

#[cfg(test)]
mod tests;
