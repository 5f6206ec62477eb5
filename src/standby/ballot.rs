//! The file in which a server keeps its ballot: two slots, written in turns.
//!
//! The file has its full size, and its blocks, from the start, so that a full disk does not stop a claim. A write touches
//! the older slot alone and is on the disk when it returns; whatever happens meanwhile, the newer one is whole.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::model::fingerprint::fingerprint;
use crate::pair::node::NodeId;
use crate::pair::term::Ballot;
use crate::pair::term::Term;

/// What it is called in `state_dir`.
pub const NAME: &str = "ballot";

const MAGIC: [u8; 8] = *b"HALBBAL1";
/// Magic, serial, number of the term, vote, two flags, and the sum of all.
const SLOT: usize = 8 + 8 + 8 + 8 + 8 + 8;
/// A slot has a block of its own, so that a write of one cannot tear the other.
const APART: usize = 4096;
const FILE: usize = 2 * APART;
/// Nobody but HALB's user has a say.
const MODE: u32 = 0o600;

const MAIN: u64 = 1;
const VOTED: u64 = 2;

/// The open file.
#[derive(Debug)]
pub struct Store {
    file: File,
    /// Of the newest slot.
    serial: u64,
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    Ballot(Ballot),
    /// There was no file: this server has never had a ballot, or has lost it.
    New,
    /// There was something else. It is made anew.
    Damaged,
}

/// Why there is no file to write in.
#[derive(Debug)]
pub struct Unusable(io::Error);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the ballot of this server cannot be kept: {} (a server must not forget for whom it has voted)",
            self.0
        )
    }
}

impl Store {
    /// Opens the file, and makes it where it is missing or damaged.
    pub fn open(path: &Path) -> Result<(Store, Found), Unusable> {
        let opened = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(path);
        let file = opened.map_err(Unusable)?;
        let mut bytes = [0; FILE];
        let length = read(&file, &mut bytes).map_err(Unusable)?;
        let (serial, found) = match newest(&bytes[..length]) {
            Some((serial, ballot)) if length == FILE => (serial, Found::Ballot(ballot)),
            _ if length == 0 => (0, Found::New),
            _ => (0, Found::Damaged),
        };
        let mut store = Store { file, serial };
        let is_new = matches!(found, Found::New);
        if is_new || matches!(found, Found::Damaged) {
            store.make(is_new).map_err(Unusable)?;
            sync_folder(path).map_err(Unusable)?;
        }
        Ok((store, found))
    }

    #[cfg(test)]
    pub fn of(file: File) -> Store {
        Store { file, serial: 0 }
    }

    /// Writes a ballot down; it is on the disk when this returns. After an error the one before it stands.
    pub fn put(&mut self, ballot: Ballot) -> io::Result<()> {
        let serial = self.serial + 1;
        self.file
            .write_all_at(&encode(serial, ballot), offset(serial))?;
        self.file.sync_data()?;
        self.serial = serial;
        Ok(())
    }
}

impl Store {
    /// A new file says that there never was a ballot, so that the next start does not take it for damaged. A damaged one
    /// stays so until there is something to write.
    fn make(&mut self, is_new: bool) -> io::Result<()> {
        self.file.write_all_at(&[0; FILE], 0)?;
        self.file.set_len(FILE as u64)?;
        self.file.sync_all()?;
        match is_new {
            true => self.put(Ballot::default()),
            false => Ok(()),
        }
    }
}

/// Serials in turn have the one slot and the other.
fn offset(serial: u64) -> u64 {
    serial % 2 * APART as u64
}

fn read(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < bytes.len() {
        match file.read_at(&mut bytes[length..], length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn encode(serial: u64, ballot: Ballot) -> [u8; SLOT] {
    let flags = u64::from(ballot.term.main) * MAIN + u64::from(ballot.vote.is_some()) * VOTED;
    let vote = ballot.vote.map_or(0, NodeId::bits);
    let mut slot = [0; SLOT];
    let words = [
        u64::from_le_bytes(MAGIC),
        serial,
        ballot.term.number,
        vote,
        flags,
    ];
    for (to, word) in slot.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    let sum = fingerprint(&slot[..SLOT - 8]);
    slot[SLOT - 8..].copy_from_slice(&sum.to_le_bytes());
    slot
}

/// The newest of the slots that are whole.
fn newest(file: &[u8]) -> Option<(u64, Ballot)> {
    let slots = file.chunks(APART).filter_map(decode);
    slots.max_by_key(|(serial, _)| *serial)
}

fn decode(slot: &[u8]) -> Option<(u64, Ballot)> {
    let slot = slot.get(..SLOT)?;
    let mut words = [0; SLOT / 8];
    for (word, bytes) in words.iter_mut().zip(slot.chunks_exact(8)) {
        *word = bytes
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | u64::from(*byte));
    }
    let [magic, serial, number, vote, flags, written] = words;
    let is_whole = magic == u64::from_le_bytes(MAGIC)
        && written == fingerprint(&slot[..SLOT - 8])
        && serial < u64::MAX;
    let ballot = Ballot {
        term: Term {
            number,
            main: flags & MAIN != 0,
        },
        vote: (flags & VOTED != 0).then(|| NodeId::from_bits(vote)),
    };
    is_whole.then_some((serial, ballot))
}

#[cfg(test)]
mod tests;
