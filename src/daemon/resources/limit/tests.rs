use super::*;

type Files = &'static [(&'static str, &'static str)];

/// What it is about, the version, how deep the group is, its files; what is found.
type Row = (
    &'static str,
    Version,
    usize,
    Files,
    Result<Option<(u64, &'static str)>, &'static str>,
);

/// A group of so many folders: `/g/c/b/a`, its parents, and `/g`, which is the root.
fn group(version: Version, depth: usize) -> Group {
    let all = ["/g/c/b/a", "/g/c/b", "/g/c", "/g"];
    let folders = all[all.len() - depth..].iter().map(PathBuf::from).collect();
    Group { version, folders }
}

/// What stands in the table, and "not found" for the rest.
fn reads(files: Files) -> impl Fn(&Path) -> io::Result<String> {
    move |asked| {
        let named = |(name, _): &&(&str, &str)| Path::new(name) == asked;
        match files.iter().find(named) {
            Some((_, "DENIED")) => Err(io::ErrorKind::PermissionDenied.into()),
            Some((_, text)) => Ok(format!("{text}\n")),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn holds(rows: &[Row], ask: impl Fn(&Group, Read<'_>) -> Result<Option<Limit>, String>) {
    for (case, version, depth, files, expected) in rows {
        let found = ask(&group(*version, *depth), &reads(files));
        let found = found.map(|limit| limit.map(|l| (l.amount, l.file)));
        let expected = expected.map(|limit| limit.map(|(amount, file)| (amount, file.into())));
        assert_eq!(found, expected.map_err(str::to_owned), "{case}");
    }
}

const UNLIMITED_ONE: &str = "9223372036854771712";

const MEMORY: &[Row] = &[
    ("no files at all", Version::Two, 4, &[], Ok(None)),
    (
        "no limit",
        Version::Two,
        2,
        &[("/g/c/memory.max", "max")],
        Ok(None),
    ),
    (
        "its own",
        Version::Two,
        2,
        &[
            ("/g/c/memory.max", "100663296"),
            ("/g/c/memory.high", "max"),
        ],
        Ok(Some((100_663_296, "/g/c/memory.max"))),
    ),
    (
        "a parent's",
        Version::Two,
        4,
        &[
            ("/g/c/b/a/memory.max", "max"),
            ("/g/c/b/memory.max", "200000000"),
            ("/g/c/memory.max", "300000000"),
        ],
        Ok(Some((200_000_000, "/g/c/b/memory.max"))),
    ),
    (
        "the same at two levels",
        Version::Two,
        3,
        &[("/g/c/b/memory.max", "5000"), ("/g/c/memory.max", "5000")],
        Ok(Some((5000, "/g/c/b/memory.max"))),
    ),
    (
        "where the kernel holds up",
        Version::Two,
        2,
        &[("/g/c/memory.max", "1000"), ("/g/c/memory.high", "900")],
        Ok(Some((900, "/g/c/memory.high"))),
    ),
    (
        "the root of a container has files",
        Version::Two,
        1,
        &[("/g/memory.max", "1000")],
        Ok(Some((1000, "/g/memory.max"))),
    ),
    (
        "no limit in version 1",
        Version::One,
        2,
        &[
            ("/g/c/memory.limit_in_bytes", UNLIMITED_ONE),
            ("/g/memory.limit_in_bytes", UNLIMITED_ONE),
        ],
        Ok(None),
    ),
    (
        "a parent's in version 1",
        Version::One,
        3,
        &[
            ("/g/c/b/memory.limit_in_bytes", "200"),
            ("/g/c/memory.limit_in_bytes", "100"),
            ("/g/memory.limit_in_bytes", UNLIMITED_ONE),
        ],
        Ok(Some((100, "/g/c/memory.limit_in_bytes"))),
    ),
    (
        "a parent's that is not mounted",
        Version::One,
        1,
        &[
            ("/g/memory.limit_in_bytes", "200"),
            (
                "/g/memory.stat",
                "cache 5\nhierarchical_memory_limit 150\nrss 3",
            ),
        ],
        Ok(Some((150, "/g/memory.stat"))),
    ),
    (
        "a statistic without the line",
        Version::One,
        1,
        &[
            ("/g/memory.limit_in_bytes", "200"),
            ("/g/memory.stat", "cache 5"),
        ],
        Ok(Some((200, "/g/memory.limit_in_bytes"))),
    ),
    (
        "what nobody understands",
        Version::Two,
        2,
        &[("/g/c/memory.max", "plenty")],
        Err("/g/c/memory.max says \"plenty\""),
    ),
    (
        "what nobody may read",
        Version::Two,
        2,
        &[("/g/c/memory.max", "DENIED")],
        Err("/g/c/memory.max: permission denied"),
    ),
];

const CPU: &[Row] = &[
    ("no files", Version::Two, 3, &[], Ok(None)),
    (
        "none",
        Version::Two,
        2,
        &[("/g/c/cpu.max", "max 100000")],
        Ok(None),
    ),
    (
        "its own",
        Version::Two,
        2,
        &[("/g/c/cpu.max", "40000 100000")],
        Ok(Some((400, "/g/c/cpu.max"))),
    ),
    (
        "another period",
        Version::Two,
        2,
        &[("/g/c/cpu.max", "15000 10000")],
        Ok(Some((1500, "/g/c/cpu.max"))),
    ),
    (
        "a parent's",
        Version::Two,
        3,
        &[
            ("/g/c/b/cpu.max", "200000 100000"),
            ("/g/c/cpu.max", "50000 100000"),
        ],
        Ok(Some((500, "/g/c/cpu.max"))),
    ),
    (
        "rounded up",
        Version::Two,
        2,
        &[("/g/c/cpu.max", "1000 1000000")],
        Ok(Some((1, "/g/c/cpu.max"))),
    ),
    (
        "a third of a core",
        Version::Two,
        2,
        &[("/g/c/cpu.max", "33333 100000")],
        Ok(Some((334, "/g/c/cpu.max"))),
    ),
    (
        "none in version 1",
        Version::One,
        2,
        &[
            ("/g/c/cpu.cfs_quota_us", "-1"),
            ("/g/c/cpu.cfs_period_us", "100000"),
        ],
        Ok(None),
    ),
    (
        "a parent's in version 1",
        Version::One,
        3,
        &[
            ("/g/c/b/cpu.cfs_quota_us", "-1"),
            ("/g/c/b/cpu.cfs_period_us", "100000"),
            ("/g/c/cpu.cfs_quota_us", "4000"),
            ("/g/c/cpu.cfs_period_us", "10000"),
        ],
        Ok(Some((400, "/g/c/cpu.cfs_quota_us"))),
    ),
    (
        "a quota without a period",
        Version::One,
        2,
        &[("/g/c/cpu.cfs_quota_us", "4000")],
        Err("/g/c/cpu.cfs_quota_us says \"4000\""),
    ),
    (
        "a period of nothing",
        Version::Two,
        2,
        &[("/g/c/cpu.max", "1 0")],
        Err("/g/c/cpu.max says \"1 0\""),
    ),
    (
        "more than fits",
        Version::Two,
        2,
        &[("/g/c/cpu.max", "18446744073709551615 1000")],
        Err("/g/c/cpu.max says \"18446744073709551615 1000\""),
    ),
];

#[test]
fn the_lowest_memory_limit_of_all_levels_counts() {
    holds(MEMORY, memory);
}

#[test]
fn the_lowest_quota_of_all_levels_counts() {
    holds(CPU, cpu);
}
