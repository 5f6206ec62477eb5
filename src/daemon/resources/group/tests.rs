use super::*;

/// A machine with version 2 alone, as systemd has it.
const UNIFIED: &str = "\
22 1 0:20 / /proc rw,nosuid - proc proc rw
27 1 0:24 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";

/// Version 1 beside an empty tree of version 2.
const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 master:2 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";

const HYBRID_LINES: &str =
    "9:name=systemd:/a.slice\n4:memory:/system.slice/halb.service\n2:cpu,cpuacct:/\n0::/a.slice\n";

/// A container whose runtime has mounted its own part of version 1, without a namespace for cgroups.
const CONTAINER_ONE: &str = "\
610 600 0:32 /docker/0a1b /sys/fs/cgroup/memory ro,nosuid master:14 - cgroup cgroup rw,memory
611 600 0:29 /docker/0a1b /sys/fs/cgroup/cpu ro,nosuid master:15 - cgroup cpu rw,cpu";

/// A container of version 2 with a namespace for cgroups: it is the root of what it sees.
const CONTAINER_TWO: &str =
    "700 690 0:24 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate";

/// The same with the host's tree mounted above its root.
const ABOVE: &str = "700 690 0:24 /../.. /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw";

const ODD_NAMES: &str = r"35 31 0:32 / /mnt/c\040groups\134x rw - cgroup2 cgroup2 rw";

/// The version's number and the folders, for a row of a table.
fn found(controller: &str, cgroup: &str, mountinfo: &str) -> Option<(u8, Vec<String>)> {
    let group = group(controller, cgroup, mountinfo)?;
    let number = if group.version == Version::One { 1 } else { 2 };
    let folders = group.folders.iter().map(|f| f.to_str().unwrap().to_owned());
    Some((number, folders.collect()))
}

/// What it is about, the controller, the two texts; the version's number and the folders.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    u8,
    &'static [&'static str],
);

const TREES: &[Row] = &[
    (
        "nested, version 2",
        "memory",
        "0::/system.slice/halb.service\n",
        UNIFIED,
        2,
        &[
            "/sys/fs/cgroup/system.slice/halb.service",
            "/sys/fs/cgroup/system.slice",
            "/sys/fs/cgroup",
        ],
    ),
    (
        "the root, version 2",
        "cpu",
        "0::/\n",
        UNIFIED,
        2,
        &["/sys/fs/cgroup"],
    ),
    (
        "version 1 of a hybrid machine",
        "memory",
        HYBRID_LINES,
        HYBRID,
        1,
        &[
            "/sys/fs/cgroup/memory/system.slice/halb.service",
            "/sys/fs/cgroup/memory/system.slice",
            "/sys/fs/cgroup/memory",
        ],
    ),
    (
        "two controllers in one hierarchy",
        "cpu",
        HYBRID_LINES,
        HYBRID,
        1,
        &["/sys/fs/cgroup/cpu,cpuacct"],
    ),
    (
        "a controller that version 2 has on a hybrid machine",
        "pids",
        HYBRID_LINES,
        HYBRID,
        2,
        &["/sys/fs/cgroup/unified/a.slice", "/sys/fs/cgroup/unified"],
    ),
    (
        "a container of version 1: what is above it is not mounted",
        "memory",
        "4:memory:/docker/0a1b\n2:cpu:/docker/0a1b/inner\n0::/\n",
        CONTAINER_ONE,
        1,
        &["/sys/fs/cgroup/memory"],
    ),
    (
        "a group inside a container of version 1",
        "cpu",
        "4:memory:/docker/0a1b\n2:cpu:/docker/0a1b/inner\n",
        CONTAINER_ONE,
        1,
        &["/sys/fs/cgroup/cpu/inner", "/sys/fs/cgroup/cpu"],
    ),
    (
        "a container of version 1 whose lines are of its own namespace",
        "memory",
        "4:memory:/\n",
        CONTAINER_ONE,
        1,
        &["/sys/fs/cgroup/memory"],
    ),
    (
        "a container of version 2",
        "memory",
        "0::/\n",
        CONTAINER_TWO,
        2,
        &["/sys/fs/cgroup"],
    ),
    (
        "a process that was moved beside its namespace's root",
        "memory",
        "0::/../other\n",
        CONTAINER_TWO,
        2,
        &["/sys/fs/cgroup"],
    ),
    (
        "a mount from above the namespace",
        "cpu",
        "0::/\n",
        ABOVE,
        2,
        &["/sys/fs/cgroup"],
    ),
    (
        "names with blanks, backslashes and colons",
        "cpu",
        "0::/a:b\n",
        ODD_NAMES,
        2,
        &["/mnt/c groups\\x/a:b", "/mnt/c groups\\x"],
    ),
];

#[test]
fn the_group_is_found_in_every_kind_of_tree() {
    for (case, controller, cgroup, mountinfo, version, folders) in TREES {
        let expected = folders.iter().map(|folder| (*folder).to_owned()).collect();
        assert_eq!(
            found(controller, cgroup, mountinfo),
            Some((*version, expected)),
            "{case}"
        );
    }
}

#[test]
fn where_nothing_is_mounted_nothing_is_found() {
    let table = [
        ("no texts", "", ""),
        ("no mount", "0::/a\n", ""),
        ("no cgroups", "", UNIFIED),
        // The controller is version 1's, and only version 2 is mounted: its files are not there.
        ("another version's", "4:memory:/a\n0::/a\n", UNIFIED),
        ("a line that ends early", "4:memory\n", HYBRID),
        (
            "a mount that ends early",
            "0::/\n",
            "1 2 0:3 / /sys/fs/cgroup rw - cgroup2",
        ),
        (
            "a mount without a dash",
            "0::/\n",
            "1 2 0:3 / /sys/fs/cgroup rw cgroup2 cgroup2 rw",
        ),
    ];
    for (case, cgroup, mountinfo) in table {
        assert_eq!(found("memory", cgroup, mountinfo), None, "{case}");
    }
}
