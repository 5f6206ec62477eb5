//! What servers tell each other about the file. Any of it may be lost, late or doubled: what nobody answers is given up
//! after a while, and heads are told again until both sides have the same.

use std::fmt;
use std::sync::Arc;

use crate::pair::advert::FileVersion;
use crate::pair::file::head::Head;

/// The text of a file.
pub type Text = Arc<[u8]>;

/// One thing that is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// What I have. `aside`: the files that it names, with a hash of what is in each here.
    Head {
        head: Head,
        aside: Vec<(String, u64)>,
    },
    /// Send me what you have.
    Give,
    /// What was asked for by [`Message::Give`].
    Given { head: Head, text: Text },
    /// Could you take this?
    Propose { head: Head, text: Text },
    /// I could, and will when told so.
    Prepared { version: FileVersion },
    /// I could not.
    Refused { version: FileVersion, why: Refusal },
    /// Everybody could: take it.
    Commit { version: FileVersion },
    /// Somebody could not: forget it.
    Abort { version: FileVersion },
    /// I have it; a sentence of what changed.
    Applied { version: FileVersion, said: String },
}

/// Why a server does not take a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Another change is under way there.
    Busy,
    /// It does not descend from what that server has.
    Stale,
    /// As a configuration of that server it has mistakes: a line for each.
    Mistaken(String),
    /// It cannot be written there.
    NotWritten(String),
    /// It said nothing in time.
    Silent,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Busy => f.write_str("another change is under way there"),
            Refusal::Stale => f.write_str("it has a later file already"),
            Refusal::Mistaken(lines) => f.write_str(lines.trim_end()),
            Refusal::NotWritten(cause) => write!(f, "the file cannot be written there: {cause}"),
            Refusal::Silent => f.write_str("no answer in time"),
        }
    }
}
