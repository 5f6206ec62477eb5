//! What goes into the keeper and what comes out.

use std::collections::BTreeSet;

use crate::pair::advert::FileVersion;
use crate::pair::file::head::Head;
use crate::pair::file::message::Message;
use crate::pair::file::message::Refusal;
use crate::pair::file::message::Text;
use crate::pair::node::NodeId;
use crate::pair::term::Term;

/// One thing that has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The time that the keeper asked for has come.
    Tick,
    /// A stream to that server has come up …
    Linked(NodeId),
    /// … or ended.
    Unlinked(NodeId),
    /// Those of whom no advert comes any more. A stream may seem to be up for long after a cable was cut.
    Silent(BTreeSet<NodeId>),
    Heard {
        from: NodeId,
        message: Message,
    },
    /// Somebody wants this text from now on, and nothing speaks against it as far as this server can see. It was made
    /// from the version `base`.
    Wanted {
        base: FileVersion,
        text: Text,
    },
    /// What came of [`Action::Check`]: nothing, or a line for each mistake.
    Checked {
        number: u32,
        result: Result<(), String>,
    },
    /// What came of [`Action::Adopt`]: what has changed, in a sentence; or why it is not on the disk.
    Adopted(Result<String, String>),
    /// The highest term that is known, and whether this server serves by it.
    Term {
        term: Term,
        serves: bool,
    },
    /// What is in the files that this server's file names.
    Aside(Vec<(String, u64)>),
}

/// One thing to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    Tell {
        to: NodeId,
        message: Message,
    },
    /// See whether this text could be this server's configuration; change nothing.
    Check {
        number: u32,
        text: Text,
    },
    /// Write it down whole, head and text, and take it into force. With `conflict` what was there until now goes into
    /// a file of its own first.
    Adopt {
        head: Head,
        text: Text,
        conflict: bool,
    },
    /// The head says something more of the same text: write it down.
    Mark(Head),
    /// What became of [`Event::Wanted`].
    Report(Report),
    /// For people.
    Note(Note),
}

/// What became of a change that somebody wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// Every server that could be reached has it, as far as they said; each with its sentence.
    Taken {
        version: FileVersion,
        said: Vec<(NodeId, Result<String, Refusal>)>,
    },
    /// Nobody has taken it, for these reasons.
    Refused(Vec<(NodeId, Refusal)>),
    /// Another server's change came first: this one was made from a version that is no longer the last.
    Late,
    /// It says what is there already.
    Nothing,
}

/// What has happened without anybody here asking for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// This server has taken what that one has.
    CaughtUp {
        from: NodeId,
        version: FileVersion,
        said: String,
    },
    /// It was to, and could not.
    Unfit {
        from: NodeId,
        version: FileVersion,
        why: Refusal,
    },
}
