use std::io::Write;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use super::*;
use crate::control::state::write::Disk;
use crate::control::state::write::replace;

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A folder of a test's own, removed with all that is in it.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("halb-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // a later clean takes what stays
    }
}

/// Does so many steps; then the process is dead and nothing is done any more. Each byte is a step.
pub(in crate::control) struct Dying {
    steps: std::rc::Rc<std::cell::Cell<usize>>,
    order: Vec<&'static str>,
}

pub(in crate::control) struct DyingFile {
    file: File,
    steps: std::rc::Rc<std::cell::Cell<usize>>,
}

fn step(steps: &std::cell::Cell<usize>) -> io::Result<()> {
    let left = steps.get().checked_sub(1);
    steps.set(left.ok_or(io::ErrorKind::BrokenPipe)?);
    Ok(())
}

impl Dying {
    pub(in crate::control) fn after(steps: usize) -> Dying {
        Dying {
            steps: std::rc::Rc::new(std::cell::Cell::new(steps)),
            order: Vec::new(),
        }
    }

    fn step(&mut self, name: &'static str) -> io::Result<()> {
        step(&self.steps)?;
        self.order.push(name);
        Ok(())
    }
}

impl Disk for Dying {
    type File = DyingFile;

    fn create(&mut self, path: &Path) -> io::Result<DyingFile> {
        self.step("create")?;
        Ok(DyingFile {
            file: Kernel.create(path)?,
            steps: std::rc::Rc::clone(&self.steps),
        })
    }

    fn sync(&mut self, file: &DyingFile) -> io::Result<()> {
        self.step("sync")?;
        Kernel.sync(&file.file)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename")?;
        Kernel.rename(from, to)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        self.step("sync folder")?;
        Kernel.sync_folder(path)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step("remove")?;
        Kernel.remove(path)
    }
}

impl Write for DyingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        step(&self.steps)?;
        self.file.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[test]
fn a_write_that_dies_at_any_step_leaves_the_old_or_the_new() {
    let scratch = Scratch::new();
    let (old, new) = ("the old content", "new content");
    let all = new.len() + 4;
    for steps in 0..all {
        Kernel
            .create(&scratch.0.join("a"))
            .unwrap()
            .write_all(old.as_bytes())
            .unwrap();
        let mut disk = Dying::after(steps);
        replace(&mut disk, &scratch.0, "a", new.as_bytes()).unwrap_err();
        // Only the last step, the folder's, comes after the name was taken.
        let expected = if steps == all - 1 { new } else { old };
        assert_eq!(scratch.text("a"), expected, "after {steps} steps");
        // What lies about is in nobody's way.
        replace(&mut Kernel, &scratch.0, "a", b"next").unwrap();
        assert_eq!(scratch.text("a"), "next");
        assert!(!scratch.0.join("a.new").exists());
    }
    let mut disk = Dying::after(all);
    replace(&mut disk, &scratch.0, "a", new.as_bytes()).unwrap();
    assert_eq!(disk.order, ["create", "sync", "rename", "sync folder"]);
    assert_eq!(scratch.text("a"), new);
}

/// Fails once, as a full disk does, and lives on.
struct Full(bool);

struct FullFile(bool);

impl Disk for Full {
    type File = FullFile;

    fn create(&mut self, path: &Path) -> io::Result<FullFile> {
        Kernel.create(path).map(|_| FullFile(self.0))
    }

    fn sync(&mut self, _: &FullFile) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        Kernel.rename(from, to)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        Kernel.sync_folder(path)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        Kernel.remove(path)
    }
}

impl Write for FullFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full = || io::ErrorKind::StorageFull.into();
        if self.0 { Err(full()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_keeps_the_old_and_nothing_else() {
    for while_writing in [true, false] {
        let scratch = Scratch::new();
        replace(&mut Kernel, &scratch.0, "a", b"old").unwrap();
        let error = replace(&mut Full(while_writing), &scratch.0, "a", b"new").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(scratch.text("a"), "old");
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    }
}

#[test]
fn a_folder_is_made_and_held_by_one() {
    let scratch = Scratch::new();
    let path = scratch.0.join("deep/down");
    let folder = Folder::open(&path).unwrap();
    assert!(matches!(Folder::open(&path), Err(Denied::Taken)));
    drop(folder);
    Folder::open(&path).unwrap();
    let below_a_file = path.join(LOCK).join("x");
    assert!(matches!(
        Folder::open(&below_a_file),
        Err(Denied::Unusable(_))
    ));
}

#[test]
fn a_damaged_file_is_set_aside() {
    let scratch = Scratch::new();
    let folder = Folder::open(&scratch.0).unwrap();
    let decode = |bytes: &[u8]| if bytes == b"good" { Ok(7) } else { Err("bad") };
    assert_eq!(folder.read("a", decode), None, "there is none yet");
    folder.write("a", b"good").unwrap();
    assert_eq!(folder.read("a", decode), Some(7));
    folder.write("a", b"goof").unwrap();
    assert_eq!(folder.read("a", decode), None);
    assert_eq!(scratch.text("a.damaged"), "goof");
    assert!(!scratch.0.join("a").exists());
    folder.write("a", b"good").unwrap();
    assert_eq!(folder.read("a", decode), Some(7));
}
