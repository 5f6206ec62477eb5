use super::*;

type Files = &'static [(&'static str, &'static str)];

fn reads(files: Files) -> impl Fn(&Path) -> Option<String> {
    move |asked| {
        let mut files = files.iter();
        let found = files.find(|(name, _)| Path::new(name) == asked)?;
        Some(format!("{}\n", found.1))
    }
}

fn folders() -> Vec<PathBuf> {
    vec![PathBuf::from("/g/a"), PathBuf::from("/g")]
}

/// What is found in a group of version 2, or 1: used, limit, and where.
fn two(files: Files) -> Option<(u64, u64, String)> {
    found(&Gauge::CgroupTwo(folders()), files)
}

fn one(files: Files) -> Option<(u64, u64, String)> {
    found(&Gauge::CgroupOne(folders()), files)
}

fn found(gauge: &Gauge, files: Files) -> Option<(u64, u64, String)> {
    let reading = gauge.read(100, &reads(files))?;
    Some((reading.used_bytes, reading.limit_bytes, reading.limit))
}

fn some(used: u64, limit: u64, at: &str) -> Option<(u64, u64, String)> {
    Some((used, limit, at.to_owned()))
}

#[test]
fn the_fullest_level_with_a_limit_is_found() {
    assert_eq!(two(&[]), None);
    assert_eq!(
        two(&[("/g/a/memory.max", "max"), ("/g/a/memory.current", "5")]),
        None
    );
    let own = &[("/g/a/memory.max", "1000"), ("/g/a/memory.current", "500")];
    assert_eq!(two(own), some(500, 1000, "/g/a/memory.max"));
    let high = &[
        ("/g/a/memory.max", "1000"),
        ("/g/a/memory.high", "800"),
        ("/g/a/memory.current", "500"),
    ];
    assert_eq!(two(high), some(500, 800, "/g/a/memory.high"));
    let parent = &[
        ("/g/a/memory.max", "1000"),
        ("/g/a/memory.current", "500"),
        ("/g/memory.max", "100000"),
        ("/g/memory.current", "60000"),
    ];
    assert_eq!(two(parent), some(60_000, 100_000, "/g/memory.max"));
    let first = &[
        ("/g/a/memory.limit_in_bytes", "9223372036854771712"),
        ("/g/a/memory.usage_in_bytes", "500"),
        ("/g/memory.limit_in_bytes", "1000"),
        ("/g/memory.usage_in_bytes", "600"),
    ];
    assert_eq!(one(first), some(600, 1000, "/g/memory.limit_in_bytes"));
}

#[test]
fn cached_files_are_given_up_before_anybody_is_killed() {
    let two_full = &[
        ("/g/a/memory.max", "1000"),
        ("/g/a/memory.current", "990"),
        (
            "/g/a/memory.stat",
            "anon 300\nfile 650\nfile_mapped 50\ninactive_file 400\nactive_file 200",
        ),
    ];
    assert_eq!(two(two_full), some(440, 1000, "/g/a/memory.max"));
    // A file in memory (tmpfs) is no cached one: it is in neither list.
    let one_full = &[
        ("/g/a/memory.limit_in_bytes", "1000"),
        ("/g/a/memory.usage_in_bytes", "990"),
        (
            "/g/a/memory.stat",
            "inactive_file 1\ntotal_inactive_file 30\ntotal_active_file 0\ntotal_mapped_file 40",
        ),
    ];
    assert_eq!(one(one_full), some(990, 1000, "/g/a/memory.limit_in_bytes"));
}

#[test]
fn without_a_cgroup_the_process_and_its_connections_count() {
    let gauge = Gauge::Process {
        limit_bytes: 100 << 20,
    };
    let statm = &[("/proc/self/statm", "90000 2000 800 1 0 500 0")];
    let used = 2000 * 4096 + 100 * KERNEL_BYTES;
    assert_eq!(
        found(&gauge, statm),
        some(used, 100 << 20, "[resources] memory")
    );
}

#[test]
fn it_stops_at_90_percent_and_goes_on_below_85() {
    let mut pressure = Pressure::new(Gauge::CgroupTwo(Vec::new()));
    let table = [
        (899, None),
        (900, Some(true)),
        (950, None),
        (870, None),
        (850, None),
        (849, Some(false)),
        (899, None),
        (1200, Some(true)),
        (0, Some(false)),
    ];
    for (used_bytes, expected) in table {
        let reading = Reading {
            used_bytes,
            limit_bytes: 1000,
            limit: String::new(),
        };
        assert_eq!(pressure.judge(Some(&reading)), expected, "{used_bytes}");
    }
    assert_eq!(pressure.judge(None), None);
    pressure.short = true;
    assert_eq!(pressure.judge(None), Some(false), "the limit has gone");
}

#[test]
fn a_shortage_lasts_after_a_second() {
    let mut pressure = Pressure::new(Gauge::CgroupTwo(Vec::new()));
    let full = Reading {
        used_bytes: 95,
        limit_bytes: 100,
        limit: String::new(),
    };
    assert_eq!(pressure.shortage(), Shortage::None);
    for _ in 0..LASTS_LOOKS {
        pressure.judge(Some(&full));
        assert_eq!(pressure.shortage(), Shortage::New);
    }
    pressure.judge(Some(&full));
    assert_eq!(pressure.shortage(), Shortage::Lasting);
    pressure.judge(None);
    assert_eq!(pressure.shortage(), Shortage::None);
    pressure.judge(Some(&full));
    assert_eq!(pressure.shortage(), Shortage::New);
}
