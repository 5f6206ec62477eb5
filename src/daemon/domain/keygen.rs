//! `halb domain keygen`: a new domain key, readable for its owner alone, and never in place of another.

use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::daemon::args::Options;
use crate::daemon::check;
use crate::standby::key::Key;

const DEFAULT: &str = "/etc/halb/domain.key";

/// The verb.
pub fn verb(options: &Options, file: Option<&str>) -> ExitCode {
    let path = match file {
        Some(file) => PathBuf::from(file),
        None => configured(options).unwrap_or_else(|| PathBuf::from(DEFAULT)),
    };
    let shown = path.display();
    match write(&path) {
        Ok(()) => check::put(&format!(
            "{shown}: a new domain key. Copy it to every server of the domain, over a way that nobody listens to\n"
        )),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => super::fail(&format!(
            "{shown} exists and is left as it is: to make a new key, move it away first, on all servers"
        )),
        Err(error) => super::fail(&format!("cannot write {shown}: {error}")),
    }
}

/// Where the configuration has it, if it has a domain.
fn configured(options: &Options) -> Option<PathBuf> {
    let loaded = check::configuration(options).ok()?;
    Some(loaded.config.domain?.key_file)
}

fn write(path: &Path) -> io::Result<()> {
    let key = Key::draw()?;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(key.text().as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_written_once_for_its_owner_alone() {
        let name = format!("halb-test-key-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        write(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let first = std::fs::read(&path).unwrap();
        assert!(Key::read(&path).is_ok());
        let again = write(&path).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), first);
        std::fs::remove_file(&path).unwrap();
    }
}
