//! What outlives a restart: a folder with a few small files, each written whole or not at all.
//!
//! - `switches`: what operators ordered; `sessions`: what was learned (its form is [`crate::balance::ties`])
//! - `whereabouts`: where `ctl` is asked
//! - `summed`: a text that shows damage; `write`: how a file is replaced

pub mod sessions;
pub mod summed;
pub mod switches;
pub mod whereabouts;
pub mod write;

use std::fmt;
use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use crate::control::log;
use crate::control::state::write::Kernel;
use crate::model::plan::PlannedOutput;

/// The folder, and what is in it, is for HALB's user alone: the key of the learned sessions is a secret.
const FOLDER_MODE: u32 = 0o700;
pub(super) const FILE_MODE: u32 = 0o600;
const LOCK: &str = "lock";
/// What a damaged file is called from then on.
const DAMAGED: &str = "damaged";

/// The folder `state_dir`, held by this process alone.
pub struct Folder {
    path: PathBuf,
    /// Let go by the kernel when the process ends, however it ends.
    _lock: File,
}

/// Why there is no such folder.
#[derive(Debug)]
pub enum Denied {
    /// Another HALB keeps its state there.
    Taken,
    /// It is not there and cannot be made, or nothing can be written in it.
    Unusable(io::Error),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Taken => f.write_str("another halb keeps its state there"),
            Denied::Unusable(error) => write!(f, "{error}"),
        }
    }
}

impl Folder {
    /// Makes the folder where it is missing, and keeps all others out of it.
    pub fn open(path: &Path) -> Result<Folder, Denied> {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(path)
            .map_err(Denied::Unusable)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(FILE_MODE)
            .open(path.join(LOCK))
            .map_err(Denied::Unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Denied::Taken),
            Err(TryLockError::Error(error)) => Err(Denied::Unusable(error)),
        }
    }

    /// What `decode` makes of a file. One that is not there, or that cannot be used, is as good as none; the
    /// latter is set aside, and said.
    pub fn read<T, E: fmt::Display>(
        &self,
        name: &str,
        decode: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Option<T> {
        let cause = match fs::read(self.path.join(name)) {
            Ok(bytes) => match decode(&bytes) {
                Ok(content) => return Some(content),
                Err(damage) => damage.to_string(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => error.to_string(),
        };
        self.set_aside(name, &cause);
        None
    }

    /// Replaces a file, or leaves it as it was. Another write of the same file must not be under way.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write::replace(&mut Kernel, &self.path, name, bytes)
    }

    /// Removes a file. One that cannot be removed is only out of date.
    pub fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path.join(name));
    }

    fn set_aside(&self, name: &str, cause: &str) {
        let (from, to) = (
            self.path.join(name),
            self.path.join(format!("{name}.{DAMAGED}")),
        );
        let kept: &dyn fmt::Display = match fs::rename(&from, &to) {
            Ok(()) => &to.display(),
            Err(_) => &"nowhere", // it is read-only or gone: the next write says so
        };
        log::event(
            "state_damaged",
            &[("file", &from.display()), ("cause", &cause), ("kept", kept)],
        );
    }
}

/// What an output is known by from one start to the next: with another address it is another output.
pub fn name(output: &PlannedOutput) -> String {
    format!("{} {}", output.id, output.name)
}

#[cfg(test)]
pub(in crate::control) mod tests;
