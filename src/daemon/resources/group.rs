//! Where the cgroups of this process are, from the kernel's texts alone (cgroups(7), proc_pid_mountinfo(5)).

use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// Which interface a controller has: each is in one hierarchy only, so a machine with both has some here and some
/// there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    One,
    Two,
}

/// Where a controller is set for this process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    pub version: Version,
    /// Its own folder first, then its parents' up to the last that is mounted. Every one of them limits it.
    pub folders: Vec<PathBuf>,
}

/// The group of `controller`; `None` where it has none, or none that is mounted. `cgroup` is the text of
/// `/proc/self/cgroup`, `mountinfo` that of `/proc/self/mountinfo`.
pub fn group(controller: &str, cgroup: &str, mountinfo: &str) -> Option<Group> {
    let first = cgroup.lines().find_map(|line| line_of(line, controller));
    let (version, path) = match first {
        Some(path) => (Version::One, path),
        None => (Version::Two, cgroup.lines().find_map(unified)?),
    };
    let mounts = mountinfo.lines().filter_map(Mount::read);
    let mounts: Vec<Mount> = mounts.filter(|m| m.carries(version, controller)).collect();
    let below = |mount: &Mount| mount.folders(Path::new(path));
    // A path that no mount has belongs to a namespace above this one: what is mounted is all that can be seen, and
    // it holds for this process too.
    let folders = mounts.iter().find_map(below);
    let folders = folders.or_else(|| mounts.first().map(|mount| vec![mount.point.clone()]))?;
    Some(Group { version, folders })
}

/// `4:cpu,cpuacct:/path` of version 1, when it is the controller's. A path may have colons.
fn line_of<'a>(line: &'a str, controller: &str) -> Option<&'a str> {
    let mut parts = line.splitn(3, ':').skip(1);
    let named = parts.next()?.split(',').any(|name| name == controller);
    parts.next().filter(|_| named)
}

/// `0::/path` of version 2.
fn unified(line: &str) -> Option<&str> {
    line.strip_prefix("0::")
}

/// One line of `mountinfo`.
struct Mount {
    /// Which part of the hierarchy is mounted.
    root: PathBuf,
    /// Where.
    point: PathBuf,
    kind: String,
    /// The controllers of version 1 are among them.
    options: String,
}

impl Mount {
    /// `35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory`
    fn read(line: &str) -> Option<Mount> {
        let (front, back) = line.split_once(" - ")?;
        let mut front = front.split(' ').skip(3);
        let mut back = back.split(' ');
        Some(Mount {
            root: unescape(front.next()?),
            point: unescape(front.next()?),
            kind: back.next()?.to_owned(),
            options: back.nth(1)?.to_owned(),
        })
    }

    fn carries(&self, version: Version, controller: &str) -> bool {
        match version {
            Version::One => {
                self.kind == "cgroup" && self.options.split(',').any(|option| option == controller)
            }
            Version::Two => self.kind == "cgroup2",
        }
    }

    /// The folder of the cgroup at `path`, and its parents' as far as they are mounted.
    fn folders(&self, path: &Path) -> Option<Vec<PathBuf>> {
        let below = path.strip_prefix(&self.root).ok()?;
        let seen = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !below.components().all(seen) {
            return None; // `/../other`: beside what this namespace shows
        }
        let parents = below.ancestors().map(|part| self.point.join(part));
        // Joining nothing leaves a slash at the end.
        Some(
            parents
                .map(|folder| folder.components().collect())
                .collect(),
        )
    }
}

/// Blanks, tabs, line feeds and backslashes are written as three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(3).unwrap_or((part, ""));
        match u8::from_str_radix(digits, 8) {
            Ok(byte) => plain.push(char::from(byte)),
            Err(_) => plain.push_str(digits),
        }
        plain.push_str(rest);
    }
    PathBuf::from(plain)
}

#[cfg(test)]
mod tests;
