//! Cgroups of a test's own, in whichever version the machine has. Making one needs root; so does what is tested.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

/// Removed when dropped; all its processes have ended by then.
pub struct Cgroup {
    pub folder: PathBuf,
    /// 1 or 2.
    pub version: u8,
}

static MADE: AtomicU32 = AtomicU32::new(0);

impl Cgroup {
    /// One that limits `controller`: `cpu` or `memory`.
    pub fn new(controller: &str) -> Cgroup {
        let (version, root) = mounted(controller);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("halb-e2e-{controller}-{}-{number}", std::process::id());
        if version == 2 {
            allow(&root, controller);
        }
        Cgroup::at(root.join(name), version)
    }

    /// One below it.
    pub fn child(&self, controller: &str) -> Cgroup {
        if self.version == 2 {
            allow(&self.folder, controller);
        }
        Cgroup::at(self.folder.join("inner"), self.version)
    }

    fn at(folder: PathBuf, version: u8) -> Cgroup {
        std::fs::create_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error} (this test needs root)", folder.display()));
        Cgroup { folder, version }
    }

    /// A program that will run in it.
    pub fn wrap(&self, command: &Command) -> Command {
        let mut wrapped = Command::new("sh");
        let script = r#"echo $$ > "$1/cgroup.procs" && shift && exec "$@""#;
        wrapped.args(["-c", script, "sh"]).arg(&self.folder);
        wrapped.arg(command.get_program()).args(command.get_args());
        wrapped.env_clear();
        let set = |(name, value): (_, Option<_>)| Some((name, value?));
        wrapped.envs(command.get_envs().filter_map(set));
        wrapped
    }

    pub fn limit_memory(&self, bytes: u64) {
        self.write(self.memory_file(), &bytes.to_string());
    }

    /// The file that has the limit of memory.
    pub fn memory_file(&self) -> &'static str {
        if self.version == 1 {
            "memory.limit_in_bytes"
        } else {
            "memory.max"
        }
    }

    /// The file that has how much of it is used.
    pub fn used_file(&self) -> &'static str {
        if self.version == 1 {
            "memory.usage_in_bytes"
        } else {
            "memory.current"
        }
    }

    /// Grants so many microseconds of each 100 ms.
    pub fn limit_cpu(&self, quota_us: u64) {
        if self.version == 1 {
            self.write("cpu.cfs_quota_us", &quota_us.to_string());
        } else {
            self.write("cpu.max", &format!("{quota_us} 100000"));
        }
    }

    /// The quota and the period that are set.
    pub fn quota(&self) -> (String, String) {
        if self.version == 1 {
            return (
                self.read("cpu.cfs_quota_us"),
                self.read("cpu.cfs_period_us"),
            );
        }
        let line = self.read("cpu.max");
        let (quota, period) = line.split_once(' ').unwrap();
        (quota.to_owned(), period.to_owned())
    }

    /// How many processes of it the kernel has killed for want of memory.
    pub fn killed(&self) -> String {
        let file = if self.version == 1 {
            "memory.oom_control"
        } else {
            "memory.events"
        };
        let text = self.read(file);
        let mut counts = text
            .lines()
            .filter_map(|line| line.strip_prefix("oom_kill "));
        counts.next().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        let file = self.folder.join(name);
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.folder.join(name);
        std::fs::write(&file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // What has just been killed may not have left yet; then the group stays, empty, until the machine restarts.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// Where the controller is mounted, and in which version.
fn mounted(controller: &str) -> (u8, PathBuf) {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point = |line: &str| PathBuf::from(line.split(' ').nth(4).unwrap());
    let is_one = |line: &&str| {
        let options = line.rsplit(' ').next().unwrap();
        line.contains(" - cgroup ") && options.split(',').any(|option| option == controller)
    };
    if let Some(line) = text.lines().find(is_one) {
        return (1, point(line));
    }
    let two = text.lines().find(|line| line.contains(" - cgroup2 "));
    let two = two.expect("no cgroups are mounted: this test needs them");
    (2, point(two))
}

/// The groups below it are to be limited.
fn allow(folder: &Path, controller: &str) {
    let file = folder.join("cgroup.subtree_control");
    std::fs::write(&file, format!("+{controller}")).unwrap_or_else(|error| {
        panic!(
            "{}: {error} (this test needs root, outside a container)",
            file.display()
        )
    });
}
