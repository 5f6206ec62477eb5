use super::*;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const ALL: [Accounting; 3] = [
    Accounting::Machine,
    Accounting::CgroupOne,
    Accounting::CgroupTwo,
];

fn automatic(workers: u64) -> Wanted {
    Wanted {
        max_connections: 0,
        sessions: false,
        workers,
        fixed: false,
    }
}

#[test]
fn the_appliances_least_memory_carries_its_2000_requests_and_1_gb_its_40000_sessions() {
    for accounting in ALL {
        for sessions in [false, true] {
            let wanted = |workers| Wanted {
                sessions,
                ..automatic(workers)
            };
            let least = Budget::fit(96 * MIB, accounting, 20_000, wanted(1));
            assert!(least.max_connections() >= 2000, "{least}");
            // Also where a process has few descriptors.
            let large = Budget::fit(GIB, accounting, 20_000, wanted(2));
            assert!(large.max_connections() >= 40_000, "{accounting:?} {large}");
            let roomy = Budget::fit(GIB, accounting, 1 << 20, wanted(2));
            assert!(roomy.max_connections() >= 40_000, "{accounting:?} {roomy}");
            assert_eq!(roomy.workers, 2, "descriptors are no reason for more");
        }
    }
}

#[test]
fn half_a_gigabyte_in_a_cgroup_of_version_one_is_enough_for_40_000() {
    let wanted = Wanted {
        max_connections: 0,
        sessions: false,
        workers: 1,
        fixed: false,
    };
    let budget = Budget::fit(512 * MIB, Accounting::CgroupOne, 20_000, wanted);
    assert!(budget.max_connections() >= 40_000, "{budget}");
}

#[test]
fn more_workers_than_cores_are_started_for_their_descriptors() {
    let table = [
        // memory, descriptors, wanted, cores, fixed; workers
        ("few are enough", 96 * MIB, 20_000, 0, 2, false, 2),
        ("what 1 GB needs by itself", GIB, 20_000, 0, 2, false, 5),
        (
            "no more than that by itself",
            64 * GIB,
            20_000,
            0,
            2,
            false,
            5,
        ),
        ("more cores than needed", 64 * GIB, 20_000, 0, 8, false, 8),
        ("what is asked for", 64 * GIB, 20_000, 100_000, 2, false, 11),
        (
            "what is asked for, if there is memory",
            GIB,
            20_000,
            1_000_000,
            2,
            false,
            7,
        ),
        ("the number is named", GIB, 20_000, 40_000, 2, true, 2),
        ("few are asked for", GIB, 20_000, 100, 1, false, 1),
        (
            "as many as there are rings for",
            64 * GIB,
            1024,
            1_000_000,
            1,
            false,
            16,
        ),
        (
            "more cores than that",
            64 * GIB,
            1024,
            1_000_000,
            32,
            false,
            32,
        ),
    ];
    for (case, memory, descriptors, max_connections, workers, fixed, expected) in table {
        let wanted = Wanted {
            max_connections,
            fixed,
            ..automatic(workers)
        };
        let budget = Budget::fit(memory, Accounting::Machine, descriptors, wanted);
        assert_eq!(budget.workers, expected, "{case}: {budget}");
        assert_eq!(budget.descriptors_sum(), descriptors * expected, "{case}");
    }
}

#[test]
fn a_worker_more_is_not_started_where_its_buffers_cost_more_than_it_brings() {
    let wanted = Wanted {
        max_connections: 5000,
        ..automatic(1)
    };
    let budget = Budget::fit(96 * MIB, Accounting::Machine, 1024, wanted);
    let more = Budget::new(96 * MIB, Accounting::Machine, 1024, budget.workers + 1);
    assert!(budget.workers > 1, "{budget}");
    assert!(budget.workers == WORKERS_MOST || more.max_connections() <= budget.max_connections());
}

#[test]
fn descriptors_bound_it_too() {
    let budget = |memory, descriptors, workers| {
        Budget::new(memory, Accounting::Machine, descriptors, workers).max_connections()
    };
    assert_eq!(budget(1 << 40, 20_000, 2), 19_288);
    assert_eq!(budget(1 << 40, 100, 1), 1);
}

#[test]
fn less_waits_in_sockets_where_memory_is_small() {
    let table = [
        (96 * MIB, Some(32 << 10)),
        (256 * MIB, Some(64 << 10)),
        (511 * MIB, Some(130_816)),
        (512 * MIB, None),
        (GIB, None),
    ];
    for (memory, expected) in table {
        let budget = Budget::new(memory, Accounting::CgroupTwo, 20_000, 1);
        assert_eq!(budget.socket_bytes(), expected, "{memory}");
    }
}

#[test]
fn what_control_holds_while_it_saves_counts() {
    let without = Budget::new(GIB, Accounting::Machine, 1 << 20, 2);
    let with = without.with_sessions();
    let tables = SessionTable::bytes(with.sessions) as u64 * 2;
    assert_eq!(without.session_bytes(), 0);
    assert_eq!(with.session_bytes(), tables + with.sessions as u64 * 72);
}

#[test]
fn the_formula_names_its_result() {
    let budget = Budget::new(96 << 20, Accounting::CgroupTwo, 20_000, 1);
    let text = budget.to_string();
    assert!(
        text.starts_with(&format!("{} = ", budget.max_connections())),
        "{text}"
    );
    assert!(text.contains(") / 11264 = "), "{text}");
}
