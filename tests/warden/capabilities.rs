//! What processes and threads may, as the kernel shows it.

use std::fs;

/// CAP_NET_ADMIN and CAP_NET_RAW.
pub const NETWORK: u64 = 1 << 12 | 1 << 13;

/// One of the sets in a `status` of `/proc`, such as `CapEff`.
pub fn set(status: &str, name: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
}

/// What the threads of a process may, all together.
pub fn of_all_threads(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let permitted: Vec<u64> = threads
        .filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).ok())
        .map(|status| set(&status, "CapPrm"))
        .collect();
    assert!(
        !permitted.is_empty(),
        "one may have ended meanwhile, not all"
    );
    permitted.into_iter().fold(0, |all, one| all | one)
}
