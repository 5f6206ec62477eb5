use super::*;

type Files = &'static [(&'static str, &'static str)];

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

fn outcome(found: Result<Option<Limit>, String>) -> Result<Option<(u64, String)>, String> {
    found.map(|limit| limit.map(|l| (l.amount, l.file.to_str().unwrap().to_owned())))
}

fn limit(amount: u64, file: &str) -> Result<Option<(u64, String)>, String> {
    Ok(Some((amount, file.to_owned())))
}

#[test]
fn the_lowest_memory_limit_of_all_levels_counts() {
    use Version::One;
    use Version::Two;
    const UNLIMITED_ONE: &str = "9223372036854771712";
    let table: &[(
        &str,
        Version,
        usize,
        Files,
        Result<Option<(u64, String)>, String>,
    )] = &[
        ("no files at all", Two, 4, &[], Ok(None)),
        ("no limit", Two, 2, &[("/g/c/memory.max", "max")], Ok(None)),
        (
            "its own",
            Two,
            2,
            &[
                ("/g/c/memory.max", "100663296"),
                ("/g/c/memory.high", "max"),
            ],
            limit(100_663_296, "/g/c/memory.max"),
        ),
        (
            "a parent's",
            Two,
            4,
            &[
                ("/g/c/b/a/memory.max", "max"),
                ("/g/c/b/memory.max", "200000000"),
                ("/g/c/memory.max", "300000000"),
            ],
            limit(200_000_000, "/g/c/b/memory.max"),
        ),
        (
            "the same at two levels",
            Two,
            3,
            &[("/g/c/b/memory.max", "5000"), ("/g/c/memory.max", "5000")],
            limit(5000, "/g/c/b/memory.max"),
        ),
        (
            "where the kernel holds up",
            Two,
            2,
            &[("/g/c/memory.max", "1000"), ("/g/c/memory.high", "900")],
            limit(900, "/g/c/memory.high"),
        ),
        (
            "the root of a container has files",
            Two,
            1,
            &[("/g/memory.max", "1000")],
            limit(1000, "/g/memory.max"),
        ),
        (
            "no limit in version 1",
            One,
            2,
            &[
                ("/g/c/memory.limit_in_bytes", UNLIMITED_ONE),
                ("/g/memory.limit_in_bytes", UNLIMITED_ONE),
            ],
            Ok(None),
        ),
        (
            "a parent's in version 1",
            One,
            3,
            &[
                ("/g/c/b/memory.limit_in_bytes", "200"),
                ("/g/c/memory.limit_in_bytes", "100"),
                ("/g/memory.limit_in_bytes", UNLIMITED_ONE),
            ],
            limit(100, "/g/c/memory.limit_in_bytes"),
        ),
        (
            "a parent's that is not mounted",
            One,
            1,
            &[
                ("/g/memory.limit_in_bytes", "200"),
                (
                    "/g/memory.stat",
                    "cache 5\nhierarchical_memory_limit 150\nrss 3",
                ),
            ],
            limit(150, "/g/memory.stat"),
        ),
        (
            "a statistic without the line",
            One,
            1,
            &[
                ("/g/memory.limit_in_bytes", "200"),
                ("/g/memory.stat", "cache 5"),
            ],
            limit(200, "/g/memory.limit_in_bytes"),
        ),
        (
            "what nobody understands",
            Two,
            2,
            &[("/g/c/memory.max", "plenty")],
            Err("/g/c/memory.max says \"plenty\"".to_owned()),
        ),
        (
            "what nobody may read",
            Two,
            2,
            &[("/g/c/memory.max", "DENIED")],
            Err("/g/c/memory.max: permission denied".to_owned()),
        ),
    ];
    for (case, version, depth, files, expected) in table {
        let found = memory(&group(*version, *depth), &reads(files));
        assert_eq!(outcome(found), *expected, "{case}");
    }
}

#[test]
fn the_lowest_quota_of_all_levels_counts() {
    use Version::One;
    use Version::Two;
    let table: &[(
        &str,
        Version,
        usize,
        Files,
        Result<Option<(u64, String)>, String>,
    )] = &[
        ("no files", Two, 3, &[], Ok(None)),
        ("none", Two, 2, &[("/g/c/cpu.max", "max 100000")], Ok(None)),
        (
            "its own",
            Two,
            2,
            &[("/g/c/cpu.max", "40000 100000")],
            limit(400, "/g/c/cpu.max"),
        ),
        (
            "another period",
            Two,
            2,
            &[("/g/c/cpu.max", "15000 10000")],
            limit(1500, "/g/c/cpu.max"),
        ),
        (
            "a parent's",
            Two,
            3,
            &[
                ("/g/c/b/cpu.max", "200000 100000"),
                ("/g/c/cpu.max", "50000 100000"),
            ],
            limit(500, "/g/c/cpu.max"),
        ),
        (
            "rounded up",
            Two,
            2,
            &[("/g/c/cpu.max", "1000 1000000")],
            limit(1, "/g/c/cpu.max"),
        ),
        (
            "a third of a core",
            Two,
            2,
            &[("/g/c/cpu.max", "33333 100000")],
            limit(334, "/g/c/cpu.max"),
        ),
        (
            "none in version 1",
            One,
            2,
            &[
                ("/g/c/cpu.cfs_quota_us", "-1"),
                ("/g/c/cpu.cfs_period_us", "100000"),
            ],
            Ok(None),
        ),
        (
            "a parent's in version 1",
            One,
            3,
            &[
                ("/g/c/b/cpu.cfs_quota_us", "-1"),
                ("/g/c/b/cpu.cfs_period_us", "100000"),
                ("/g/c/cpu.cfs_quota_us", "4000"),
                ("/g/c/cpu.cfs_period_us", "10000"),
            ],
            limit(400, "/g/c/cpu.cfs_quota_us"),
        ),
        (
            "a quota without a period",
            One,
            2,
            &[("/g/c/cpu.cfs_quota_us", "4000")],
            Err("/g/c/cpu.cfs_quota_us says \"4000\"".to_owned()),
        ),
        (
            "a period of nothing",
            Two,
            2,
            &[("/g/c/cpu.max", "1 0")],
            Err("/g/c/cpu.max says \"1 0\"".to_owned()),
        ),
        (
            "more than fits",
            Two,
            2,
            &[("/g/c/cpu.max", "18446744073709551615 1000")],
            Err("/g/c/cpu.max says \"18446744073709551615 1000\"".to_owned()),
        ),
    ];
    for (case, version, depth, files, expected) in table {
        let found = cpu(&group(*version, *depth), &reads(files));
        assert_eq!(outcome(found), *expected, "{case}");
    }
}
