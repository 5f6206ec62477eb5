//! The cores' time, from `/proc/stat`.
//!
//! Busy is what is neither idle nor waiting for a disk nor stolen by the host. On a tickless kernel the idle
//! time is measured, not sampled, so busy is taken as the wall's time without it; the file's unit
//! (1/100 s) is the error: at most 20 ms per core and window.

use serde::Deserialize;
use serde::Serialize;

use crate::machine::TICK_NANOS;
use crate::trouble::Trouble;
use crate::trouble::While;

/// One core's sums since the machine started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Core {
    /// Idle, or waiting for a disk.
    pub idle_ns: u64,
    /// Taken by the host from this virtual machine.
    pub stolen_ns: u64,
}

/// All cores, now.
pub fn read() -> Result<Vec<Core>, Trouble> {
    let text = std::fs::read_to_string("/proc/stat").during("reading /proc/stat")?;
    let cores = parse(&text);
    if cores.is_empty() {
        return Err(Trouble::new("/proc/stat names no core"));
    }
    Ok(cores)
}

/// The lines `cpu0 …`, in order.
fn parse(text: &str) -> Vec<Core> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let name = words.next()?.strip_prefix("cpu")?;
        name.parse::<u32>().ok()?;
        let ticks: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal …: proc(5).
        let idle = ticks.get(3)? + ticks.get(4)?;
        Some(Core {
            idle_ns: idle * TICK_NANOS,
            stolen_ns: ticks.get(7)? * TICK_NANOS,
        })
    });
    lines.collect()
}

/// What a core did between two readings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CoreUse {
    pub busy_ns: u64,
    pub stolen_ns: u64,
}

/// Each core's use between two readings that are `wall_ns` apart.
pub fn between(before: &[Core], after: &[Core], wall_ns: u64) -> Vec<CoreUse> {
    let pairs = before.iter().zip(after);
    pairs
        .map(|(before, after)| {
            let idle_ns = after.idle_ns.saturating_sub(before.idle_ns);
            let stolen_ns = after.stolen_ns.saturating_sub(before.stolen_ns);
            CoreUse {
                busy_ns: wall_ns.saturating_sub(idle_ns + stolen_ns),
                stolen_ns,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  26344 0 3841 188674 579 0 87 32 0 0\n\
                        cpu0 11626 0 1811 96198 114 0 6 13 0 0\n\
                        cpu1 14717 0 2029 92476 464 0 81 18 0 0\n\
                        intr 262905 0 0\nbtime 1795301416\n";

    #[test]
    fn cores_are_read_and_the_sum_is_not_one_of_them() {
        let cores = parse(STAT);
        assert_eq!(cores.len(), 2);
        assert_eq!(cores[0].idle_ns, (96198 + 114) * TICK_NANOS);
        assert_eq!(cores[1].stolen_ns, 18 * TICK_NANOS);
        assert!(parse("cpu0 1 2\n").is_empty());
    }

    #[test]
    fn busy_is_what_is_neither_idle_nor_stolen() {
        let before = parse(STAT);
        let mut after = before.clone();
        after[0].idle_ns += 200;
        after[0].stolen_ns += 50;
        let uses = between(&before, &after, 1000);
        assert_eq!(uses[0].busy_ns, 750);
        assert_eq!(uses[0].stolen_ns, 50);
        assert_eq!(uses[1].busy_ns, 1000);
    }
}
