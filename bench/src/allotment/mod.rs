//! What a program is allowed: a part of a CPU and some memory, held by the kernel (cgroups, of either version).
//!
//! - [`place`]: where a group can be made; [`text`]: what is written into its files, and what stands there.

pub mod place;
#[cfg(test)]
mod tests;
pub mod text;

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Seek;
use std::os::fd::AsFd;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use halb::daemon::resources::group::Version;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::poll;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::Deserialize;
use serde::Serialize;

use crate::allotment::place::Folders;
use crate::process::Deadline;
use crate::trouble::Trouble;
use crate::trouble::While;

/// The period over which the CPU's part is counted; the seed's.
pub const PERIOD_MS: u64 = 10;
/// What is still in a group so long after its program has ended is killed.
const LEAVE_LIMIT: Duration = Duration::from_secs(3);

/// So much and no more.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Allotment {
    /// CPUs: 0.4 is 4 ms of every 10.
    pub cpus: f64,
    pub memory_bytes: u64,
}

impl fmt::Display for Allotment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MB: u64 = 1 << 20;
        const GB: u64 = 1 << 30;
        write!(formatter, "{} CPU, ", self.cpus)?;
        match self.memory_bytes {
            whole if whole > 0 && whole.is_multiple_of(GB) => {
                write!(formatter, "{} GB", whole / GB)
            }
            other => write!(formatter, "{} MB", other / MB),
        }
    }
}

/// How often a group had used up its part of the CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Throttled {
    /// Periods in which anything of it ran.
    pub periods: u64,
    /// Those at whose end it had to wait.
    pub throttled: u64,
    pub waited_us: u64,
}

/// A cgroup for one program and what it starts. Dropped, after the program has ended, it is removed.
pub struct Group {
    folders: Folders,
}

impl Group {
    /// Makes the group. Whoever starts a program puts it in: [`crate::process::Place`].
    pub fn create(name: &str, allotment: &Allotment) -> Result<Group, Trouble> {
        let folders = place::make(name).map_err(|trouble| {
            Trouble::new(format!(
                "no cgroup for {name} can be made: {trouble}; this needs root, or a group that systemd hands over: \
                 `systemd-run --user --scope halb-bench …`"
            ))
        })?;
        let group = Group { folders }; // from here on it is removed whatever happens
        for half in [&group.folders.cpu, &group.folders.memory] {
            for (file, text) in text::settings(half.version, half.controller, allotment) {
                half.write(file, &text)?;
            }
        }
        group
            .folders
            .memory
            .write_if_there(text::swap(group.folders.memory.version, allotment))?;
        Ok(group)
    }

    /// Whoever writes its own process number into all of these is in the group.
    pub fn doors(&self) -> Vec<PathBuf> {
        let folders = self.folders.different();
        folders
            .iter()
            .map(|folder| folder.join("cgroup.procs"))
            .collect()
    }

    /// The most memory that it ever had, what the kernel counts to it included.
    pub fn memory_peak(&self) -> Result<u64, Trouble> {
        let file = match self.folders.memory.version {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        };
        self.number(file)
    }

    pub fn memory_now(&self) -> Result<u64, Trouble> {
        let file = match self.folders.memory.version {
            Version::One => "memory.usage_in_bytes",
            Version::Two => "memory.current",
        };
        self.number(file)
    }

    /// Processes of it that the kernel killed because they wanted more memory.
    pub fn killed(&self) -> Result<u64, Trouble> {
        let file = match self.folders.memory.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = self.folders.memory.read(file)?;
        text::field(&text, "oom_kill").ok_or_else(|| not_understood(file))
    }

    pub fn throttled(&self) -> Result<Throttled, Trouble> {
        let text = self.folders.cpu.read("cpu.stat")?;
        text::throttled(&text).ok_or_else(|| not_understood("cpu.stat"))
    }

    fn number(&self, file: &str) -> Result<u64, Trouble> {
        let text = self.folders.memory.read(file)?;
        text.trim().parse().map_err(|_| not_understood(file))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in self.folders.different() {
            let deadline = Deadline::after(LEAVE_LIMIT);
            await_empty(&folder, &deadline);
            // Who is still there was not ended by whoever started it, and would use the machine for ever.
            for process in members(&folder) {
                let _gone_already = kill(Pid::from_raw(process), Signal::SIGKILL);
            }
            await_empty(&folder, &Deadline::after(LEAVE_LIMIT));
            let _left_to_the_next_run = std::fs::remove_dir(&folder);
        }
    }
}

/// Waits until nobody is in the group. Version 2 has an event for that, version 1 none.
fn await_empty(folder: &Path, deadline: &Deadline) {
    let mut events = File::open(folder.join("cgroup.events")).ok();
    while !deadline.reached() && !members(folder).is_empty() {
        match &mut events {
            None => deadline.look_again(),
            Some(events) => {
                if !populated(events) {
                    return;
                }
                let mut watched = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
                let _late_or_interrupted = poll(&mut watched, deadline.left());
            }
        }
    }
}

/// What `cgroup.events` says. Reading it is what arms its event.
fn populated(events: &mut File) -> bool {
    let mut text = String::new();
    let read = events
        .rewind()
        .and_then(|()| events.read_to_string(&mut text));
    read.is_ok() && text::field(&text, "populated") != Some(0)
}

fn members(folder: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn not_understood(file: &str) -> Trouble {
    Trouble::new(format!("the cgroup's {file} is not understood"))
}

/// One controller's folder of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Half {
    pub controller: &'static str,
    pub version: Version,
    pub folder: PathBuf,
}

impl Half {
    fn write(&self, file: &str, text: &str) -> Result<(), Trouble> {
        let path = self.folder.join(file);
        std::fs::write(&path, text).during(&format!("writing {text} into {}", path.display()))
    }

    /// For what not every kernel is built with.
    fn write_if_there(&self, (file, text): (&str, String)) -> Result<(), Trouble> {
        let path = self.folder.join(file);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Ok(_) | Err(_) => self.write(file, &text),
        }
    }

    fn read(&self, file: &str) -> Result<String, Trouble> {
        let path = self.folder.join(file);
        std::fs::read_to_string(&path).during(&format!("reading {}", path.display()))
    }
}
