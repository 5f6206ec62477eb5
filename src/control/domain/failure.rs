//! A failure that was reported on this server is remembered until somebody says that it is repaired: a restart repairs
//! nothing.

use std::fmt;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::control::log;
use crate::control::state::Folder;
use crate::control::state::summed;
use crate::control::state::summed::Unreadable;

const FILE: &str = "failure";
const KIND: &str = "HALB failure ";
const VERSION: u32 = 1;

/// The failure of one server.
#[derive(Default)]
pub struct Failure {
    /// Where it is written down. Without a folder it is known until the end of this process.
    folder: Option<Arc<Folder>>,
}

/// Why bytes are no failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct NoFailure(Unreadable);

impl fmt::Display for NoFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unreadable::Foreign => f.write_str("this is no failure that was reported"),
            Unreadable::Version(version) => write!(
                f,
                "it is of version {version}; this release reads version {VERSION}"
            ),
            Unreadable::Damaged => f.write_str("it is damaged: the checksum is another"),
            Unreadable::Nonsense => f.write_str("it says what cannot be"),
        }
    }
}

impl Failure {
    pub fn new(folder: Option<Arc<Folder>>) -> Failure {
        Failure { folder }
    }

    /// What was reported before this start and nobody has acknowledged.
    pub fn recall(&self) -> Option<String> {
        self.folder.as_ref()?.read(FILE, decode)
    }

    /// Somebody has reported it. What cannot be written down holds all the same until the end of this process.
    pub async fn remember(&self, text: &str) {
        let Some(folder) = self.folder.clone() else {
            return;
        };
        let bytes = encode(text);
        let written = spawn_blocking(move || folder.write(FILE, &bytes)).await;
        if let Ok(Err(error)) = written {
            log::event("state_not_saved", &[("file", &FILE), ("cause", &error)]);
        }
    }

    /// It is repaired.
    pub async fn forget(&self) {
        if let Some(folder) = self.folder.clone() {
            let _ = spawn_blocking(move || folder.remove(FILE)).await; // it cannot fail
        }
    }
}

/// In one line.
fn encode(text: &str) -> Vec<u8> {
    let line = text.replace(char::is_control, " ");
    summed::write(KIND, VERSION, &format!("{line}\n"))
}

fn decode(bytes: &[u8]) -> Result<String, NoFailure> {
    let mut lines = summed::read(bytes, KIND, VERSION).map_err(NoFailure)?;
    let line = lines.next().ok_or(NoFailure(Unreadable::Nonsense))?;
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::state::tests::Scratch;

    #[test]
    fn it_is_known_until_it_is_forgotten() {
        let scratch = Scratch::new();
        let open = || Failure::new(Some(Arc::new(Folder::open(&scratch.0).unwrap())));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        assert_eq!(open().recall(), None);
        for text in ["", "the disk", "two\nlines\r"] {
            runtime.block_on(open().remember(text));
            let expected = text.replace(['\n', '\r'], " ");
            assert_eq!(open().recall(), Some(expected));
        }
        runtime.block_on(open().forget());
        runtime.block_on(open().forget());
        assert_eq!(open().recall(), None);
    }

    #[test]
    fn no_damage_goes_unseen() {
        let whole = encode("the disk");
        assert_eq!(decode(&whole), Ok("the disk".to_owned()));
        for end in 0..whole.len() {
            assert!(decode(&whole[..end]).is_err(), "{end} bytes");
        }
        for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            assert!(decode(&damaged).is_err(), "bit {bit} of byte {at}");
        }
        let nothing = summed::write(KIND, VERSION, "");
        assert_eq!(decode(&nothing), Err(NoFailure(Unreadable::Nonsense)));
    }
}
