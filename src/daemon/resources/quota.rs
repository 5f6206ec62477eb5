//! The quota that `[resources] cpu` asks for, set where the process has a cgroup to itself. Nothing here sleeps: where
//! no quota can be set there is none.

use std::fmt;
use std::fs::read_to_string;
use std::fs::write;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::daemon::resources::group::Group;
use crate::daemon::resources::group::Version;

/// The kernel's default of 100 ms lets a process that has used its share rest for up to that long; a tenth of it keeps
/// the longest rest at what a client does not notice.
pub const PERIOD_US: u64 = 10_000;

/// What has become of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Quota {
    Set(PathBuf),
    /// Why not.
    NotSet(String),
}

/// Where a quota is written; the kernel itself, or a table of a test.
pub trait Files {
    fn read(&self, file: &Path) -> io::Result<String>;
    fn write(&mut self, file: &Path, text: &str) -> io::Result<()>;
}

/// The kernel's files.
pub struct Kernel;

impl Files for Kernel {
    fn read(&self, file: &Path) -> io::Result<String> {
        read_to_string(file)
    }

    fn write(&mut self, file: &Path, text: &str) -> io::Result<()> {
        write(file, text)
    }
}

/// Grants the group of this process, which is process `own`, so many thousandths of a core. A group that others are
/// in is not its own: their time is not ours to ration.
pub fn set(group: Option<&Group>, thousandths: u64, own: u32, files: &mut dyn Files) -> Quota {
    let Some((group, folder)) = group.and_then(|group| Some((group, group.folders.first()?)))
    else {
        return Quota::NotSet("no cgroup with a cpu controller".to_owned());
    };
    if let Err(cause) = alone(&folder.join("cgroup.procs"), own, files) {
        return Quota::NotSet(cause);
    }
    let quota = thousandths * PERIOD_US / 1000;
    match group.version {
        Version::Two => {
            let file = folder.join("cpu.max");
            match files.write(&file, &format!("{quota} {PERIOD_US}")) {
                Ok(()) => Quota::Set(file),
                Err(error) => refused(&file, &error),
            }
        }
        Version::One => set_in_steps(folder, quota, files),
    }
}

/// Version 1 has a file for the quota and one for the period. Between two writes the share must be neither ten times
/// as large, which a parent may refuse, nor a tenth: so there is none for a moment.
fn set_in_steps(folder: &Path, quota: u64, files: &mut dyn Files) -> Quota {
    let (quota_file, period_file) = (
        folder.join("cpu.cfs_quota_us"),
        folder.join("cpu.cfs_period_us"),
    );
    let before = [files.read(&period_file), files.read(&quota_file)];
    let steps = [
        (&quota_file, "-1".to_owned()),
        (&period_file, PERIOD_US.to_string()),
        (&quota_file, quota.to_string()),
    ];
    for (file, text) in steps {
        if let Err(error) = files.write(file, &text) {
            for (file, before) in [&period_file, &quota_file].into_iter().zip(before) {
                // What was there is allowed; when even that fails, the cause we give is still the first one.
                let _ = before.and_then(|before| files.write(file, before.trim()));
            }
            return refused(file, &error);
        }
    }
    Quota::Set(quota_file)
}

fn refused(file: &Path, error: &io::Error) -> Quota {
    Quota::NotSet(format!("{}: {error}", file.display()))
}

/// Whether process `own` is the only one in the group.
fn alone(procs: &Path, own: u32, files: &dyn Files) -> Result<(), String> {
    let listed = files
        .read(procs)
        .map_err(|error| format!("{}: {error}", procs.display()))?;
    let others = |line: &&str| line.trim() != own.to_string();
    match listed.lines().filter(others).count() {
        0 => Ok(()),
        1 => Err(format!("another process is in {}", procs.display())),
        many => Err(format!("{many} other processes are in {}", procs.display())),
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quota::Set(file) => write!(
                f,
                "set in {}, with a period of {} ms",
                file.display(),
                PERIOD_US / 1000
            ),
            Quota::NotSet(cause) => write!(f, "not set: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests;
