use std::collections::BTreeMap;

use super::*;

/// Files that may be read, and written but for those in `refused`.
#[derive(Default)]
struct Table {
    files: BTreeMap<PathBuf, String>,
    refused: Option<(&'static str, &'static str)>,
    writes: Vec<String>,
}

impl Table {
    fn new(files: &[(&str, &str)]) -> Table {
        let file = |(name, text): &(&str, &str)| (PathBuf::from(name), (*text).to_owned());
        Table {
            files: files.iter().map(file).collect(),
            ..Table::default()
        }
    }

    fn says(&self, name: &str) -> &str {
        &self.files[Path::new(name)]
    }
}

impl Files for Table {
    fn read(&self, file: &Path) -> io::Result<String> {
        let text = self.files.get(file).cloned();
        text.ok_or(io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, file: &Path, text: &str) -> io::Result<()> {
        let name = file.file_name().unwrap().to_str().unwrap();
        self.writes.push(format!("{name} {text}"));
        if self.refused == Some((name, text)) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.files.insert(file.to_owned(), text.to_owned());
        Ok(())
    }
}

fn group(version: Version) -> Group {
    let folders = vec![PathBuf::from("/g/a"), PathBuf::from("/g")];
    Group { version, folders }
}

const ONE: &[(&str, &str)] = &[
    ("/g/a/cgroup.procs", "7\n"),
    ("/g/a/cpu.cfs_period_us", "100000\n"),
    ("/g/a/cpu.cfs_quota_us", "80000\n"),
];

#[test]
fn version_2_has_one_file_for_it() {
    let mut files = Table::new(&[("/g/a/cgroup.procs", "7\n")]);
    let quota = set(Some(&group(Version::Two)), 400, 7, &mut files);
    assert_eq!(quota, Quota::Set(PathBuf::from("/g/a/cpu.max")));
    assert_eq!(files.says("/g/a/cpu.max"), "4000 10000");
    assert_eq!(
        quota.to_string(),
        "set in /g/a/cpu.max, with a period of 10 ms"
    );
}

#[test]
fn version_1_has_no_wrong_share_in_between() {
    let mut files = Table::new(ONE);
    let quota = set(Some(&group(Version::One)), 1500, 7, &mut files);
    assert_eq!(quota, Quota::Set(PathBuf::from("/g/a/cpu.cfs_quota_us")));
    let expected = [
        "cpu.cfs_quota_us -1",
        "cpu.cfs_period_us 10000",
        "cpu.cfs_quota_us 15000",
    ];
    assert_eq!(files.writes, expected);
}

#[test]
fn what_was_there_comes_back_when_version_1_refuses() {
    let mut files = Table::new(ONE);
    files.refused = Some(("cpu.cfs_quota_us", "4000"));
    let quota = set(Some(&group(Version::One)), 400, 7, &mut files);
    let cause = "not set: /g/a/cpu.cfs_quota_us: permission denied";
    assert_eq!(quota.to_string(), cause);
    assert_eq!(files.says("/g/a/cpu.cfs_period_us"), "100000");
    assert_eq!(files.says("/g/a/cpu.cfs_quota_us"), "80000");
}

#[test]
fn others_are_not_rationed() {
    let table = [
        ("7\n8\n", "not set: another process is in /g/a/cgroup.procs"),
        (
            "1\n7\n8\n",
            "not set: 2 other processes are in /g/a/cgroup.procs",
        ),
        // 0 is a process that this namespace cannot see.
        ("0\n", "not set: another process is in /g/a/cgroup.procs"),
    ];
    for (procs, expected) in table {
        let mut files = Table::new(&[("/g/a/cgroup.procs", procs)]);
        let quota = set(Some(&group(Version::Two)), 400, 7, &mut files);
        assert_eq!(quota.to_string(), expected);
        assert!(files.writes.is_empty());
    }
}

#[test]
fn without_a_group_there_is_no_quota() {
    let mut files = Table::default();
    let quota = set(None, 400, 7, &mut files);
    assert_eq!(
        quota.to_string(),
        "not set: no cgroup with a cpu controller"
    );
    let quota = set(Some(&group(Version::Two)), 400, 7, &mut files);
    assert_eq!(
        quota.to_string(),
        "not set: /g/a/cgroup.procs: entity not found"
    );
}
