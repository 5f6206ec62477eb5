//! A process and everything it started: who belongs to it, and what it spent.

use std::collections::BTreeSet;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use serde::Deserialize;
use serde::Serialize;

use crate::machine::nanos;
use crate::trouble::Trouble;
use crate::trouble::While;

/// All threads of the kernel are children of this process (kthreadd).
const KERNEL_PARENT: i32 = 2;

/// What a set of processes spent since they started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Time on a core, from the scheduler's own sums: exact to the nanosecond, ended threads included.
    pub total_ns: u64,
    /// The share in user mode, as far as the kernel's sampling tells (proc(5), `utime`), in ticks.
    pub user_ticks: u64,
    /// The share in the kernel, likewise (`stime`).
    pub system_ticks: u64,
}

impl Spent {
    /// What was spent since `before`.
    pub fn since(&self, before: &Spent) -> Spent {
        Spent {
            total_ns: self.total_ns.saturating_sub(before.total_ns),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(before.system_ticks),
        }
    }

    /// The part of the total that was spent in user mode, by the ratio of the ticks.
    pub fn user_ns(&self) -> f64 {
        let ticks = self.user_ticks + self.system_ticks;
        if ticks == 0 {
            return 0.0;
        }
        self.total_ns as f64 * self.user_ticks as f64 / ticks as f64
    }
}

/// What these processes spent so far, together.
pub fn spent(processes: &[i32]) -> Result<Spent, Trouble> {
    let mut sum = Spent::default();
    for process in processes {
        let clock = clock_getcpuclockid(Pid::from_raw(*process));
        let clock = clock.during(&format!("finding the clock of process {process}"))?;
        let total_ns = nanos(clock).during(&format!("reading the clock of process {process}"))?;
        let stat = Stat::read(*process)?;
        sum.total_ns += total_ns;
        sum.user_ticks += stat.user_ticks;
        sum.system_ticks += stat.system_ticks;
    }
    Ok(sum)
}

/// All processes there are.
pub fn all() -> Result<impl Iterator<Item = i32>, Trouble> {
    let entries = std::fs::read_dir("/proc").during("listing /proc")?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// A process and all its descendants, in order.
pub fn tree(root: i32) -> Result<Vec<i32>, Trouble> {
    // A process may end between the listing and the reading: then it is nobody's child any more.
    let stats: Vec<Stat> = all()?
        .filter_map(|number| Stat::read(number).ok())
        .collect();
    let mut members = BTreeSet::from([root]);
    loop {
        let found = stats.iter().filter(|stat| members.contains(&stat.parent));
        let found: Vec<i32> = found.map(|stat| stat.process).collect();
        let before = members.len();
        members.extend(found);
        if members.len() == before {
            return Ok(members.into_iter().collect());
        }
    }
}

/// What all processes but `known` used so far, ended children included: in ticks of 10 ms, as far as the kernel's sampling
/// tells. The kernel's own threads do not count: what they do here, they do for the load.
pub fn used_by_others(known: &[i32]) -> Result<u64, Trouble> {
    let others = all()?.filter(|number| !known.contains(number));
    let stats = others.filter_map(|number| Stat::read(number).ok());
    let users = stats.filter(|stat| stat.parent != KERNEL_PARENT);
    Ok(users.map(|stat| stat.all_ticks).sum())
}

/// The part of `/proc/PID/stat` that is used here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stat {
    process: i32,
    parent: i32,
    user_ticks: u64,
    system_ticks: u64,
    /// Both, with those of the children that have ended and were waited for.
    all_ticks: u64,
}

impl Stat {
    fn read(process: i32) -> Result<Stat, Trouble> {
        let path = format!("/proc/{process}/stat");
        let text = std::fs::read_to_string(&path).during(&format!("reading {path}"))?;
        Stat::parse(&text).ok_or_else(|| Trouble::new(format!("{path} is not understood")))
    }

    fn parse(text: &str) -> Option<Stat> {
        // The name stands in brackets and may hold anything, brackets and spaces too; it ends at the last.
        let (number, rest) = text.split_once(' ')?;
        let (_, fields) = rest.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // The first field here is the third of proc(5): the state.
        let ticks = |place: usize| -> Option<u64> { fields.get(place)?.parse().ok() };
        Some(Stat {
            process: number.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            user_ticks: ticks(11)?,
            system_ticks: ticks(12)?,
            all_ticks: ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_past_any_name() {
        let line = "42 (a) R (b c) S 7 42 42 0 -1 4194560 100 0 0 0 314 159 5 2 20 0 3 0 5 0 0";
        let stat = Stat {
            process: 42,
            parent: 7,
            user_ticks: 314,
            system_ticks: 159,
            all_ticks: 480,
        };
        assert_eq!(Stat::parse(line), Some(stat));
        assert_eq!(Stat::parse("42 (short) S 7"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn this_process_is_in_its_parents_tree_and_spends_time() {
        let own = i32::try_from(std::process::id()).unwrap();
        let parent = Stat::read(own).unwrap().parent;
        assert!(tree(parent).unwrap().contains(&own));
        let before = spent(&[own]).unwrap();
        let mut sum = 0_u64;
        for number in 0..100_000_u64 {
            sum = std::hint::black_box(sum ^ number);
        }
        let used = spent(&[own]).unwrap().since(&before);
        assert!(used.total_ns > 0);
    }

    #[test]
    fn the_total_is_split_as_the_ticks_are() {
        let spent = Spent {
            total_ns: 1000,
            user_ticks: 1,
            system_ticks: 3,
        };
        assert!((spent.user_ns() - 250.0).abs() < 1e-9);
        assert!(Spent::default().user_ns().abs() < 1e-9);
    }
}
