//! Where `ctl` of the running HALB is asked, for `halb reload`: what the file of the configuration says may not be in
//! force yet.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::control::log;
use crate::control::state::Folder;

const FILE: &str = "ctl";

/// Written at start, and when a reload has moved it.
pub fn write(folder: &Folder, ctl: SocketAddr) {
    if let Err(error) = folder.write(FILE, format!("{ctl}\n").as_bytes()) {
        log::event("state_not_saved", &[("file", &FILE), ("cause", &error)]);
    }
}

/// What the HALB that keeps its state in `state_dir` has written; after a kill it may be one that has gone.
pub fn read(state_dir: &Path) -> Option<SocketAddr> {
    let text = fs::read_to_string(state_dir.join(FILE)).ok()?;
    text.trim_end().parse().ok()
}

/// At the end.
pub fn remove(folder: &Folder) {
    folder.remove(FILE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::state::tests::Scratch;

    #[test]
    fn it_is_there_while_halb_runs() {
        let scratch = Scratch::new();
        let folder = Folder::open(&scratch.0).unwrap();
        assert_eq!(read(&scratch.0), None);
        for text in ["127.0.0.1:8081", "[::1]:9"] {
            let address = text.parse().unwrap();
            write(&folder, address);
            assert_eq!(read(&scratch.0), Some(address));
        }
        remove(&folder);
        remove(&folder);
        assert_eq!(read(&scratch.0), None);
    }
}
