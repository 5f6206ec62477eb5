//! The domain file on the disk: replaced whole, with the mode and the owner that it had; what is not to be lost is kept
//! beside it.

use std::fs;
use std::fs::File;
use std::fs::Metadata;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::io;
use std::io::Read;
use std::iter::once;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::fchown;
use std::path::Path;
use std::path::PathBuf;

use nix::unistd::AccessFlags;
use nix::unistd::access;

use crate::control::state::write::Disk;
use crate::control::state::write::Kernel;
use crate::control::state::write::replace;
use crate::model::fingerprint::fingerprint;
use crate::pair::file::bytes::TEXT_BYTES_MAX;

/// Of a file that does not go to other servers.
pub const TOO_LONG: &str = "it is longer than 512 KiB, which is the most a domain file may have";
const _: () = assert!(TEXT_BYTES_MAX == 512 << 10);

/// Files of one generation that are kept under names of their own. Nobody has so many people.
const KEPT_MOST: u32 = 100;

/// Where the domain file is.
#[derive(Clone, Debug)]
pub struct Place {
    pub folder: PathBuf,
    pub name: String,
}

/// What is written in place of what.
pub struct Replacement<'a> {
    /// In force until now.
    pub was: &'a [u8],
    /// What it is called in the name of a file that keeps it: `lb1-17`.
    pub was_called: String,
    /// What an edit that nobody has accepted is called.
    pub edit_called: String,
    pub is: &'a [u8],
    /// Whether `was` is to be kept.
    pub keep: bool,
}

impl Place {
    /// Behind links, so that what is replaced is the file and not a link to it.
    pub fn of(path: &Path) -> io::Result<Place> {
        let path = fs::canonicalize(path)?;
        let nameless = || io::Error::other("the domain file has no name");
        let name = path.file_name().and_then(|name| name.to_str());
        Ok(Place {
            name: name.ok_or_else(nameless)?.to_owned(),
            folder: path.parent().ok_or_else(nameless)?.to_owned(),
        })
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Why no change of another server could be written here; a sentence.
    pub fn unwritable(&self) -> Option<String> {
        let how = AccessFlags::W_OK | AccessFlags::X_OK;
        let errno = access(&self.folder, how).err()?;
        Some(format!(
            "the domain file could not be replaced: {} is not writable for this user ({}); a change on another server \
             will be refused here",
            self.folder.display(),
            errno.desc()
        ))
    }

    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let most = TEXT_BYTES_MAX as u64 + 1;
        File::open(self.path())?
            .take(most)
            .read_to_end(&mut bytes)?;
        match bytes.len() > TEXT_BYTES_MAX {
            true => Err(io::Error::other(TOO_LONG)),
            false => Ok(bytes),
        }
    }

    /// Replaces the file. The names of files that were written to keep what would have been lost.
    pub fn replace(&self, what: &Replacement<'_>) -> io::Result<Vec<String>> {
        self.replace_on(&mut Kernel, what)
    }

    /// The same on any disk.
    pub fn replace_on<D: Disk>(
        &self,
        disk: &mut D,
        what: &Replacement<'_>,
    ) -> io::Result<Vec<String>> {
        let mut kept = Vec::new();
        let there = match self.read() {
            Ok(there) => Some(there),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // Then it could not be kept.
            Err(error) => {
                return Err(io::Error::new(
                    error.kind(),
                    format!("what is there cannot be read: {error}"),
                ));
            }
        };
        let mut keep = |disk: &mut D, called: &str, text: &[u8]| {
            let name = self.free_name(called, text);
            replace(disk, &self.folder, &name, text)?;
            kept.push(name);
            io::Result::Ok(())
        };
        if what.keep {
            keep(disk, &what.was_called, what.was)?;
        }
        match &there {
            Some(there) if **there == *what.is => {
                self.settle(disk)?;
                return Ok(kept);
            }
            Some(there) if fingerprint(there) != fingerprint(what.was) && !there.is_empty() => {
                keep(disk, &what.edit_called, there)?;
            }
            _ => {}
        }
        let metadata = fs::metadata(self.path()).ok();
        let mut as_it_was = AsItWas { disk, metadata };
        replace(&mut as_it_was, &self.folder, &self.name, what.is)?;
        Ok(kept)
    }

    /// The name of a file that is to keep `text`: one that keeps nothing else.
    fn free_name(&self, called: &str, text: &[u8]) -> String {
        let name = format!("{}.conflict-{called}", self.name);
        let more = (2..=KEPT_MOST).map(|number| format!("{name}-{number}"));
        let is_free = |name: &String| match fs::read(self.folder.join(name)) {
            Ok(there) => there == text,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        let free = once(name.clone()).chain(more).find(is_free);
        free.unwrap_or(name)
    }

    /// Whoever wrote what is there may not have waited for the disk. It counts as taken from now on: a power cut must not
    /// bring back what was there before, which would look like a later change then.
    pub fn settle<D: Disk>(&self, disk: &mut D) -> io::Result<()> {
        File::open(self.path())?.sync_all()?;
        disk.sync_folder(&self.folder)
    }
}

/// Gives a new file what the one before it had.
struct AsItWas<'a, D> {
    disk: &'a mut D,
    metadata: Option<Metadata>,
}

impl<D: Disk> Disk for AsItWas<'_, D> {
    type File = D::File;

    fn create(&mut self, path: &Path) -> io::Result<D::File> {
        let file = self.disk.create(path)?;
        if let Some(metadata) = &self.metadata {
            let mut options = OpenOptions::new();
            options.write(true).custom_flags(nix::libc::O_NOFOLLOW);
            let new = options.open(path)?;
            // Only root gives files away: else it belongs to whom HALB runs as, and still to a group of that user's.
            let (owner, group) = (Some(metadata.uid()), Some(metadata.gid()));
            if fchown(&new, owner, group).is_err() {
                let _ = fchown(&new, None, group);
            }
            new.set_permissions(Permissions::from_mode(metadata.mode() & 0o7777))?;
        }
        Ok(file)
    }

    fn sync(&mut self, file: &D::File) -> io::Result<()> {
        self.disk.sync(file)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        self.disk.sync_folder(path)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
}

#[cfg(test)]
mod tests;
