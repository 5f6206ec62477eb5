use super::*;

const GIB: u64 = 1 << 30;

fn group_two() -> Group {
    Group {
        version: Version::Two,
        folders: vec![PathBuf::from("/g")],
    }
}

/// A machine of 4 GiB whose group says `said` in its one file.
fn machine(said: Option<&'static str>) -> impl Fn(&Path) -> io::Result<String> {
    move |file| match (file.to_str().unwrap(), said) {
        (MEMINFO, _) => Ok("MemTotal:        4194304 kB\nMemFree:  1 kB\n".to_owned()),
        ("/g/memory.max" | "/g/cpu.max", Some(said)) => Ok(said.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

#[test]
fn the_lowest_amount_of_memory_counts_and_says_where_it_is_from() {
    let cgroup = || Source::Cgroup(PathBuf::from("/g/memory.max"));
    let table = [
        (None, None, 4 * GIB, Source::Machine, None),
        (None, Some("max"), 4 * GIB, Source::Machine, None),
        (None, Some("1073741824"), GIB, cgroup(), None),
        (None, Some("8589934592"), 4 * GIB, Source::Machine, None),
        (Some(GIB), None, GIB, Source::Configured, None),
        (Some(GIB), Some("1073741824"), GIB, Source::Configured, None),
        (
            Some(GIB),
            Some("1000000000"),
            1_000_000_000,
            cgroup(),
            Some(GIB),
        ),
        (Some(8 * GIB), None, 4 * GIB, Source::Machine, Some(8 * GIB)),
        // What cannot be understood does not stand in the way of the operator's word.
        (Some(GIB), Some("plenty"), GIB, Source::Configured, None),
    ];
    for (configured, said, amount, source, beyond) in table {
        let configured = configured.map(|bytes| Memory { bytes });
        let granted = memory(configured, Some(&group_two()), &machine(said));
        let expected = Grant {
            amount,
            source,
            beyond,
        };
        assert_eq!(granted, Ok(expected), "{configured:?} {said:?}");
    }
}

#[test]
fn without_a_word_of_memory_the_cause_is_given() {
    let nothing: Read<'_> = &|_| Err(io::ErrorKind::NotFound.into());
    let cause = memory(None, None, nothing).unwrap_err();
    assert_eq!(
        cause,
        "/proc/meminfo: entity not found; set [resources] memory"
    );
    let odd: Read<'_> = &|_| Ok("MemTotal: many kB\n".to_owned());
    let cause = memory(None, None, odd).unwrap_err();
    assert!(
        cause.starts_with("/proc/meminfo has no MemTotal"),
        "{cause}"
    );
    let cause = memory(None, Some(&group_two()), &machine(Some("plenty"))).unwrap_err();
    assert!(
        cause.starts_with("/g/memory.max says \"plenty\"; "),
        "{cause}"
    );
    let granted = memory(Some(Memory { bytes: GIB }), None, nothing).unwrap();
    assert_eq!(granted.amount, GIB);
    // A group that is understood is enough.
    let group_alone: Read<'_> = &|file: &Path| match file.to_str() {
        Some("/g/memory.max") => Ok("1000000000".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    assert_eq!(
        memory(None, Some(&group_two()), group_alone)
            .unwrap()
            .amount,
        1_000_000_000
    );
}

#[test]
fn the_lowest_share_of_the_cores_counts() {
    let cgroup = || Source::Cgroup(PathBuf::from("/g/cpu.max"));
    let table = [
        (None, 2, None, 2000, Source::Affinity, None, 2),
        (None, 2, Some("max 100000"), 2000, Source::Affinity, None, 2),
        (None, 4, Some("150000 100000"), 1500, cgroup(), None, 2),
        (
            None,
            1,
            Some("150000 100000"),
            1000,
            Source::Affinity,
            None,
            1,
        ),
        (Some(0.4), 2, None, 400, Source::Configured, None, 1),
        (
            Some(0.4),
            2,
            Some("40000 100000"),
            400,
            Source::Configured,
            None,
            1,
        ),
        (
            Some(1.5),
            2,
            Some("max 100000"),
            1500,
            Source::Configured,
            None,
            2,
        ),
        (
            Some(0.4),
            2,
            Some("20000 100000"),
            200,
            cgroup(),
            Some(400),
            1,
        ),
        (Some(16.0), 2, None, 2000, Source::Affinity, Some(16_000), 2),
    ];
    for (configured, cores, said, amount, source, beyond, workers) in table {
        let configured = configured.and_then(Cpu::new);
        let granted = cpu(configured, cores, Some(&group_two()), &machine(said)).unwrap();
        let expected = Grant {
            amount,
            source,
            beyond,
        };
        assert_eq!(granted, expected, "{configured:?} {cores} {said:?}");
        assert_eq!(resources(granted, 96 << 20).workers(), workers);
    }
    let none = cpu(None, 0, None, &machine(None));
    assert_eq!(none, Err("the process may use none".to_owned()));
}

fn resources(cpu: Grant, memory_bytes: u64) -> Resources {
    Resources {
        cores: vec![0],
        cpu,
        memory: Grant {
            amount: memory_bytes,
            source: Source::Machine,
            beyond: Some(1 << 30),
        },
        cpu_group: None,
        memory_group: None,
        memory_limited: false,
    }
}

#[test]
fn a_shortage_is_said_in_a_sentence() {
    let cpu = Grant {
        amount: 200,
        source: Source::Cgroup(PathBuf::from("/g/cpu.max")),
        beyond: Some(400),
    };
    let expected = [
        (
            "resources.cpu",
            "resources.cpu is 0.4, but /g/cpu.max grants 0.2: the lower counts".to_owned(),
        ),
        (
            "resources.memory",
            "resources.memory is 1GB, but the machine grants 512MB: the lower counts".to_owned(),
        ),
    ];
    assert_eq!(resources(cpu, 512 << 20).shortages(), expected);
}

#[test]
fn this_machine_grants_something() {
    let found = find(&config::Resources::default()).unwrap();
    assert!(!found.cores.is_empty());
    assert!(found.workers() >= 1);
    assert!(found.memory.amount > 1 << 20);
}
