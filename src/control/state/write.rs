//! Replacing a file so that at every moment, whatever happens, either the old or the new content is there, whole.
//!
//! The new content goes to a file beside it and to the disk; then that takes the name. A power cut after the
//! name was taken must not undo it, so the folder goes to the disk, too.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::control::state::FILE_MODE;

/// What the new content is called until it is whole. One that lies about is from a process that died.
const NEW: &str = "new";

/// What is asked of a file system, so that a test can let each step fail.
pub trait Disk {
    type File: Write;

    /// Empty, whatever was there.
    fn create(&mut self, path: &Path) -> io::Result<Self::File>;
    fn sync(&mut self, file: &Self::File) -> io::Result<()>;
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    fn sync_folder(&mut self, path: &Path) -> io::Result<()>;
    fn remove(&mut self, path: &Path) -> io::Result<()>;
}

/// Writes `bytes` as `name` in `folder`.
pub fn replace<D: Disk>(disk: &mut D, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = folder.join(format!("{name}.{NEW}"));
    let written = put(disk, &new, bytes).and_then(|()| disk.rename(&new, &folder.join(name)));
    match written {
        Ok(()) => disk.sync_folder(folder),
        Err(error) => {
            // What was written takes room on a disk that may be full. If it stays, the next write clears it.
            let _ = disk.remove(&new);
            Err(error)
        }
    }
}

fn put<D: Disk>(disk: &mut D, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk.create(path)?;
    file.write_all(bytes)?;
    disk.sync(&file)
}

/// The real one.
pub struct Kernel;

impl Disk for Kernel {
    type File = File;

    fn create(&mut self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        options.mode(FILE_MODE).open(path)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
