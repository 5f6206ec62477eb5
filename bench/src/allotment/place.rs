//! Where a cgroup can be made: below this process's own group if that may be, else below the nearest parent that lets
//! us. In version 2 a group that has processes cannot have limited groups below it, so there it is mostly a parent.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;

use halb::daemon::resources::group::Group as Own;
use halb::daemon::resources::group::Version;
use halb::daemon::resources::group::group;

use crate::allotment::Half;
use crate::allotment::text;
use crate::trouble::Trouble;
use crate::trouble::While;

/// All groups of the harness begin so; then comes the process that made it.
const PREFIX: &str = "halb-bench-";

/// The folders of one group: two in version 1, in version 2 the same twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folders {
    pub cpu: Half,
    pub memory: Half,
}

impl Folders {
    pub fn different(&self) -> BTreeSet<PathBuf> {
        [&self.cpu, &self.memory]
            .map(|half| half.folder.clone())
            .into()
    }
}

/// Makes the folders of a new group.
pub fn make(name: &str) -> Result<Folders, Trouble> {
    let read = |path: &str| std::fs::read_to_string(path).during(&format!("reading {path}"));
    let cgroup = read("/proc/self/cgroup")?;
    let mountinfo = read("/proc/self/mountinfo")?;
    let own = |controller: &str| {
        let found = group(controller, &cgroup, &mountinfo);
        found.ok_or_else(|| {
            Trouble::new(format!(
                "no cgroup hierarchy with `{controller}` is mounted"
            ))
        })
    };
    let name = format!("{PREFIX}{}-{name}", std::process::id());
    let (cpu, memory) = (own("cpu")?, own("memory")?);
    if cpu == memory {
        let folder = below(&cpu, &["cpu", "memory"], &name)?;
        return Ok(Folders {
            cpu: half("cpu", &cpu, folder.clone()),
            memory: half("memory", &memory, folder),
        });
    }
    let cpu = half("cpu", &cpu, below(&cpu, &["cpu"], &name)?);
    match below(&memory, &["memory"], &name) {
        Ok(folder) => Ok(Folders {
            cpu,
            memory: half("memory", &memory, folder),
        }),
        Err(trouble) => {
            let _next_run_removes_it = std::fs::remove_dir(&cpu.folder);
            Err(trouble)
        }
    }
}

/// The process that a group of the harness belongs to, by the group's name.
pub fn owner(name: &str) -> Option<u32> {
    let (number, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    number.parse().ok()
}

fn half(controller: &'static str, own: &Own, folder: PathBuf) -> Half {
    Half {
        controller,
        version: own.version,
        folder,
    }
}

/// Makes the folder in the first group, from our own upwards, that lets us.
fn below(own: &Own, controllers: &[&str], name: &str) -> Result<PathBuf, Trouble> {
    let mut first = None;
    for parent in &own.folders {
        let made = match own.version {
            Version::One => Ok(()),
            Version::Two => hand_down(parent, controllers),
        };
        match made.and_then(|()| make_in(parent, name)) {
            Ok(folder) => return Ok(folder),
            // The last to refuse is the furthest from us, and tells least.
            Err(trouble) => first = first.or(Some(trouble)),
        }
    }
    Err(first.unwrap_or_else(|| Trouble::new("no cgroup of this process is mounted")))
}

/// Lets the groups below `parent` be limited (version 2).
fn hand_down(parent: &Path, controllers: &[&str]) -> Result<(), Trouble> {
    let read = |file: &str| {
        let path = parent.join(file);
        std::fs::read_to_string(&path).during(&format!("reading {}", path.display()))
    };
    let (there, passed) = (read("cgroup.controllers")?, read("cgroup.subtree_control")?);
    if let Some(missing) = controllers.iter().find(|one| !text::lists(&there, one)) {
        let parent = parent.display();
        return Err(Trouble::new(format!(
            "{parent} has no controller `{missing}`"
        )));
    }
    let wanted = controllers.iter().filter(|one| !text::lists(&passed, one));
    let words: Vec<String> = wanted.map(|one| format!("+{one}")).collect();
    if words.is_empty() {
        return Ok(());
    }
    let path = parent.join("cgroup.subtree_control");
    let doing = format!("writing {} into {}", words.join(" "), path.display());
    std::fs::write(&path, words.join(" ")).during(&doing)
}

fn make_in(parent: &Path, name: &str) -> Result<PathBuf, Trouble> {
    sweep(parent);
    let folder = parent.join(name);
    let made = match std::fs::create_dir(&folder) {
        // Another process had our number once. Nobody is in it, or removing fails.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            std::fs::remove_dir(&folder).and_then(|()| std::fs::create_dir(&folder))
        }
        made => made,
    };
    made.during(&format!("making {}", folder.display()))?;
    Ok(folder)
}

/// Removes what killed runs have left. A group that still has processes is not removed by the kernel.
fn sweep(parent: &Path) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(owner) else {
            continue;
        };
        if !Path::new("/proc").join(owner.to_string()).exists() {
            let _in_use = std::fs::remove_dir(entry.path());
        }
    }
}
