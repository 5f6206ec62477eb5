use std::path::Path;
use std::process::Command;

use halb::daemon::resources::group::Version;

use crate::allotment::Allotment;
use crate::allotment::Group;
use crate::allotment::Throttled;
use crate::allotment::place::owner;
use crate::allotment::text::field;
use crate::allotment::text::lists;
use crate::allotment::text::settings;
use crate::allotment::text::swap;
use crate::allotment::text::throttled;

const SEED: Allotment = Allotment {
    cpus: 0.4,
    memory_bytes: 96 << 20,
};

#[test]
fn an_allotment_is_written_as_each_version_wants_it() {
    let one = |controller| settings(Version::One, controller, &SEED);
    let two = |controller| settings(Version::Two, controller, &SEED);
    let pair = |file, text: &str| (file, text.to_owned());
    assert_eq!(
        one("cpu"),
        [
            pair("cpu.cfs_period_us", "10000"),
            pair("cpu.cfs_quota_us", "4000")
        ]
    );
    assert_eq!(one("memory"), [pair("memory.limit_in_bytes", "100663296")]);
    assert_eq!(two("cpu"), [pair("cpu.max", "4000 10000")]);
    assert_eq!(two("memory"), [pair("memory.max", "100663296")]);
    assert_eq!(swap(Version::Two, &SEED), pair("memory.swap.max", "0"));
    assert_eq!(
        swap(Version::One, &SEED),
        pair("memory.memsw.limit_in_bytes", "100663296")
    );
}

#[test]
fn no_quota_is_below_what_the_kernel_takes() {
    let little = Allotment { cpus: 0.01, ..SEED };
    let text = &settings(Version::Two, "cpu", &little)[0].1;
    assert_eq!(text, "1000 10000");
}

#[test]
fn waiting_is_read_in_both_versions() {
    let one =
        "nr_periods 51\nnr_throttled 25\nthrottled_time 117000999\nnr_bursts 0\nburst_time 0\n";
    let two = "usage_usec 9\nuser_usec 5\nsystem_usec 4\ncore_sched.force_idle_usec 0\n\
               nr_periods 51\nnr_throttled 25\nthrottled_usec 117000\nnr_bursts 0\nburst_usec 0\n";
    let expected = Throttled {
        periods: 51,
        throttled: 25,
        waited_us: 117_000,
    };
    assert_eq!(throttled(one), Some(expected));
    assert_eq!(throttled(two), Some(expected));
    assert_eq!(throttled("usage_usec 9\n"), None);
}

#[test]
fn fields_and_lists_are_whole_words() {
    let oom_control = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
    assert_eq!(field(oom_control, "oom_kill"), Some(3));
    assert_eq!(
        field("low 0\noom 1\noom_kill 2\noom_group_kill 5\n", "oom_kill"),
        Some(2)
    );
    assert_eq!(field("populated 0\nfrozen 0\n", "populated"), Some(0));
    assert!(lists("cpuset cpu io memory\n", "cpu"));
    assert!(!lists("cpuset io memory\n", "cpu"));
}

#[test]
fn a_groups_name_says_whose_it_is() {
    assert_eq!(owner("halb-bench-4711-small"), Some(4711));
    assert_eq!(owner("halb-bench-4711"), None);
    assert_eq!(owner("halb-e2e-cpu-4711-0"), None);
}

#[test]
fn an_allotment_is_told_in_words() {
    assert_eq!(SEED.to_string(), "0.4 CPU, 96 MB");
    let large = Allotment {
        cpus: 1.0,
        memory_bytes: 1 << 30,
    };
    assert_eq!(large.to_string(), "1 CPU, 1 GB");
}

/// What a shell does in a group of its own: it enters, says that it is in, spins and takes memory.
fn in_group(group: &Group, script: &str) -> std::process::ExitStatus {
    let enter = r#"for door; do echo $$ > "$door" || exit 9; done; "#;
    Command::new("sh")
        .args(["-c", &format!("{enter}{script}"), "sh"])
        .args(group.doors())
        .status()
        .unwrap()
}

fn create(name: &str, allotment: &Allotment) -> Group {
    Group::create(name, allotment).unwrap_or_else(|trouble| panic!("{trouble}"))
}

#[test]
fn a_group_holds_its_program_to_what_it_is_allowed() {
    let allotment = Allotment {
        cpus: 0.2,
        memory_bytes: 32 << 20,
    };
    let group = create("held", &allotment);
    let spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    assert!(in_group(&group, spin).success());
    let throttled = group.throttled().unwrap();
    assert!(
        throttled.throttled > 0 && throttled.waited_us > 0,
        "{throttled:?}"
    );
    assert!(throttled.throttled <= throttled.periods, "{throttled:?}");
    let peak = group.memory_peak().unwrap();
    assert!(peak > 0 && peak <= allotment.memory_bytes, "{peak}");
    assert!(group.memory_now().unwrap() <= peak);
    assert_eq!(group.killed().unwrap(), 0);

    // 64 MB in one word: more than there is. `dd` holds a whole block in memory.
    let greedy = "exec dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null";
    assert!(!in_group(&group, greedy).success());
    assert_eq!(group.killed().unwrap(), 1);
}

#[test]
fn a_group_goes_when_it_is_dropped_also_with_somebody_in_it() {
    let allotment = Allotment {
        cpus: 0.5,
        memory_bytes: 32 << 20,
    };
    let group = create("left", &allotment);
    let doors = group.doors();
    // It puts a process of its own behind itself that nobody waits for.
    assert!(in_group(&group, "sleep 600 </dev/null >/dev/null 2>&1 &").success());
    let left = std::fs::read_to_string(&doors[0]).unwrap();
    assert_eq!(left.lines().count(), 1, "{left:?}");
    drop(group);
    assert!(doors.iter().all(|door| !door.exists()), "{doors:?}");
    let process = Path::new("/proc").join(left.trim());
    let gone = || match std::fs::read_to_string(process.join("stat")) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    assert!(gone(), "{left} still runs");
}

#[test]
fn what_a_killed_run_has_left_is_removed() {
    let allotment = Allotment {
        cpus: 0.5,
        memory_bytes: 32 << 20,
    };
    let group = create("first", &allotment);
    let mut child = Command::new("true").spawn().unwrap();
    let gone = child.id();
    child.wait().unwrap();
    let left: Vec<_> = group
        .doors()
        .iter()
        .map(|door| {
            let parent = door.parent().unwrap().parent().unwrap();
            parent.join(format!("halb-bench-{gone}-left"))
        })
        .collect();
    left.iter()
        .for_each(|folder| std::fs::create_dir(folder).unwrap());
    let second = create("second", &allotment);
    assert!(left.iter().all(|folder| !folder.exists()), "{left:?}");
    assert!(second.doors().iter().all(|door| door.exists()));
}
