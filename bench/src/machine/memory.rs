//! A process's memory in user space, from `/proc/PID/smaps_rollup`. What the kernel holds for sockets is the
//! same for every contender and is not counted here.

use serde::Deserialize;
use serde::Serialize;

use crate::trouble::Trouble;
use crate::trouble::While;

/// Resident memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Every resident page counts whole.
    pub rss_bytes: u64,
    /// A page that n processes share counts for 1/n.
    pub pss_bytes: u64,
}

/// The memory of these processes, together.
pub fn of(processes: &[i32]) -> Result<Memory, Trouble> {
    let mut sum = Memory::default();
    for process in processes {
        let path = format!("/proc/{process}/smaps_rollup");
        let text = std::fs::read_to_string(&path).during(&format!("reading {path}"))?;
        let memory = parse(&text);
        let memory = memory.ok_or_else(|| Trouble::new(format!("{path} is not understood")))?;
        sum.rss_bytes += memory.rss_bytes;
        sum.pss_bytes += memory.pss_bytes;
    }
    Ok(sum)
}

fn parse(text: &str) -> Option<Memory> {
    let field = |name: &str| -> Option<u64> {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    };
    Some(Memory {
        rss_bytes: field("Rss")?,
        pss_bytes: field("Pss")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sums_are_read() {
        let text = "55d0-7ffc ---p 00000000 00:00 0    [rollup]\n\
                    Rss:                1740 kB\nPss:                 330 kB\nPss_Dirty: 88 kB\n";
        let memory = Memory {
            rss_bytes: 1740 * 1024,
            pss_bytes: 330 * 1024,
        };
        assert_eq!(parse(text), Some(memory));
        assert_eq!(parse("Rss: 12 kB\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(of(&[own]).unwrap().rss_bytes > 0);
    }
}
