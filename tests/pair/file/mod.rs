//! The domain file in the simulator. Each process has the real keeper; faked are the disk that the file lies on, step by
//! step, the streams between servers, and the people who write into it. What control does between them is done here as
//! `control::domain::file` does it.
//!
//! - `text`: what a file says; `edit`: who writes one; `disk`: what becomes of it there
//! - `control`: what drives a keeper; `stream`: how keepers talk
//! - `judge`: what is promised; `subject` and `flaw`: the keeper, and wrong ones

mod control;
pub mod disk;
mod edit;
pub mod flaw;
pub mod judge;
pub mod stream;
pub mod subject;
pub mod text;

use std::collections::VecDeque;
use std::rc::Rc;

use halb::pair::advert::FileVersion;
use halb::pair::file::head::Head;
use halb::pair::file::message::Text;

use crate::file::disk::Step;
use crate::file::subject::Keeps;
use crate::net::HOSTS;

/// What a process has for the file.
pub struct Control {
    pub keeper: Box<dyn Keeps>,
    pub stalled: Option<u64>,
    /// What somebody wants is under way, one at a time.
    pub current: Option<Text>,
    pub queue: VecDeque<Submission>,
    /// How often the file had been written when it was looked at last.
    pub seen: u64,
    /// The stream to each other server that is up, and the newest that was.
    pub up: [Option<u64>; HOSTS],
    pub newest: [u64; HOSTS],
    tick_at: Option<u64>,
    writing: VecDeque<Step>,
    records: VecDeque<Head>,
    record_step: u8,
}

/// A change that somebody wants.
#[derive(Clone, Debug)]
pub enum Submission {
    /// What is in the file.
    Seen,
    /// By an order, which was made from that version.
    Order { base: FileVersion, text: Text },
}

/// What happens to the control of a process.
#[derive(Clone, Debug)]
pub enum Happening {
    /// How the pair stands is looked at.
    Look,
    /// The keeper's time has come.
    Tick,
    Linked {
        other: usize,
        stream: u64,
    },
    Unlinked {
        other: usize,
        stream: u64,
    },
    Message {
        from: usize,
        stream: u64,
        bytes: Rc<[u8]>,
    },
    /// The file was written, the so-manieth time, and has been at rest since.
    Rested(u64),
    /// What somebody wants has been looked at.
    Examined {
        base: FileVersion,
        text: Text,
    },
    Checked {
        number: u32,
        result: Result<(), String>,
    },
    /// A step of taking a version is done,
    Wrote,
    /// or one of writing the record.
    Remembered,
}
