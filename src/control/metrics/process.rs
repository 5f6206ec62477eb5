//! What the kernel knows of this process. What cannot be read is left out: no figure is better than a wrong one.

use std::fs::read_dir;
use std::fs::read_to_string;

/// What `/proc` counts processors' time in for programs: hundredths of a second, on every machine.
const TICKS_PER_SECOND: f64 = 100.0;
/// What the threads of workers are called, before their numbers.
const WORKER: &str = "halb-worker-";

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Process {
    pub resident_bytes: Option<u64>,
    pub cpu_seconds: Option<f64>,
    /// Seconds since 1970 (UTC).
    pub started_seconds: Option<f64>,
    /// By the number of the worker.
    pub workers: Vec<(usize, Load)>,
}

/// What a thread had of a processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    pub running_nanos: u64,
    /// It could have run, and there was no processor for it.
    pub waiting_nanos: u64,
}

impl Process {
    pub fn read() -> Process {
        let own = read_to_string("/proc/self/stat").ok();
        let all = read_to_string("/proc/stat").ok();
        let times = own.as_deref().and_then(times);
        Process {
            resident_bytes: resident_bytes(),
            cpu_seconds: times.map(|(running, _)| running),
            started_seconds: times
                .zip(all.as_deref().and_then(booted))
                .map(|((_, after_boot), boot)| boot + after_boot),
            workers: workers(),
        }
    }
}

/// Memory that this process has now.
pub fn resident_bytes() -> Option<u64> {
    resident(&read_to_string("/proc/self/status").ok()?)
}

fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Seconds that it ran, in the kernel and outside, and seconds after the machine when it began.
fn times(stat: &str) -> Option<(f64, f64)> {
    // The name stands in parentheses, and may contain anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let ticks = |field: usize| rest.split(' ').nth(field - 3)?.parse::<f64>().ok();
    let running = ticks(14)? + ticks(15)?;
    Some((running / TICKS_PER_SECOND, ticks(22)? / TICKS_PER_SECOND))
}

fn booted(stat: &str) -> Option<f64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn workers() -> Vec<(usize, Load)> {
    let threads = read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut workers: Vec<_> = threads
        .filter_map(|thread| {
            let folder = thread.path();
            let name = read_to_string(folder.join("comm")).ok()?;
            let number = name.trim_end().strip_prefix(WORKER)?.parse().ok()?;
            Some((
                number,
                load(&read_to_string(folder.join("schedstat")).ok()?)?,
            ))
        })
        .collect();
    workers.sort_unstable_by_key(|(number, _)| *number);
    workers
}

fn load(schedstat: &str) -> Option<Load> {
    let mut numbers = schedstat.split_ascii_whitespace();
    let mut next = || numbers.next()?.parse().ok();
    Some(Load {
        running_nanos: next()?,
        waiting_nanos: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        assert_eq!(
            resident("VmHWM:\t  99 kB\nVmRSS:\t    2048 kB\n"),
            Some(2 << 20)
        );
        assert_eq!(resident("VmHWM:\t  99 kB\n"), None);
        let mut stat = "7 (a ) b) S".to_owned();
        (4..=52).for_each(|field| stat.push_str(&format!(" {}", field * 100)));
        assert_eq!(times(&stat), Some((29.0, 22.0)));
        assert_eq!(times("7 (a) S 1 2"), None);
        assert_eq!(booted("cpu 1 2\nbtime 1763000000\n"), Some(1_763_000_000.0));
        let found = Load {
            running_nanos: 5,
            waiting_nanos: 6,
        };
        assert_eq!(load("5 6 7\n"), Some(found));
        assert_eq!(load("5\n"), None);
    }

    #[test]
    fn this_process_is_found() {
        let process = Process::read();
        assert!(process.resident_bytes > Some(1 << 20));
        assert!(process.cpu_seconds.is_some() && process.workers.is_empty());
        assert!(process.started_seconds > Some(1.7e9));
        let builder = std::thread::Builder::new().name(format!("{WORKER}3"));
        let thread = builder.spawn(workers).unwrap();
        let workers = thread.join().unwrap();
        // A kernel may be built without the counts.
        assert!(workers.iter().all(|(number, _)| *number == 3));
    }
}
