//! Learned sessions as bytes: saved at stop, at upgrade and now and then, read at start.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `HALBTIES` |
//! | 4 | version, 1 |
//! | 8 | length of all that follows, the checksum included |
//! | 16 | the hash key |
//! | 8 | milliseconds since 1970 at which it was saved |
//! | 1 | number of names, then each: 2 bytes length, the name |
//! | 4 | number of sessions, then each, least recently used first: 16 bytes key, 1 byte number of its name counted from 0, 1 byte trust (1 used, 2 learned), 6 bytes milliseconds since its last use |
//! | 8 | SipHash-2-4 of everything before it: against damage, not against somebody |
//!
//! Numbers are little-endian. Outputs have names here, not numbers: whoever reads it says which name is which output
//! today, and an output that now has another address is another output.

use std::fmt;
use std::time::Duration;

use crate::balance::hash::HashKey;
use crate::balance::hash::SessionKey;
use crate::balance::table::LearnedSession;
use crate::balance::table::Trust;
use crate::model::fingerprint::fingerprint;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;

const MAGIC: &[u8; 8] = b"HALBTIES";
const VERSION: u32 = 1;
const FRAME_BYTES: usize = MAGIC.len() + size_of::<u32>() + size_of::<u64>();
const CHECKSUM_BYTES: usize = size_of::<u64>();
/// One session in the file.
pub const SESSION_BYTES: usize = size_of::<u128>() + 1 + 1 + IDLE_BYTES;
const IDLE_BYTES: usize = 6;
const IDLE_MOST_MS: u64 = (1 << (8 * IDLE_BYTES)) - 1;

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Saved {
    pub hash_key: HashKey,
    /// When it was written, since 1970.
    pub saved_at: Duration,
    names: Vec<String>,
    sessions: Vec<SavedSession>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct SavedSession {
    key: SessionKey,
    name: u8,
    trust: Trust,
    idle: Duration,
}

/// Why bytes are not saved sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// They begin otherwise.
    Foreign,
    /// Another program release wrote them.
    Version(u32),
    /// They end early.
    Short,
    /// There is more behind the end.
    Long,
    Checksum,
    /// The checksum is right, but they say what cannot be.
    Nonsense,
}

/// `name_of` gives the name of an output; sessions of an output without one are left out, and unconfirmed ones.
pub fn encode<'a>(
    hash_key: &HashKey,
    saved_at: Duration,
    name_of: impl Fn(OutputId) -> Option<&'a str>,
    sessions: impl Iterator<Item = LearnedSession>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&0_u64.to_le_bytes());
    bytes.extend_from_slice(hash_key.as_bytes());
    bytes.extend_from_slice(&milliseconds(saved_at).to_le_bytes());
    let numbers = put_names(&mut bytes, name_of);
    let count_at = bytes.len();
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    let mut count: u32 = 0;
    for session in sessions {
        count += u32::from(put_session(&mut bytes, &session, &numbers));
    }
    bytes[count_at..count_at + size_of::<u32>()].copy_from_slice(&count.to_le_bytes());
    let rest = (bytes.len() - FRAME_BYTES + CHECKSUM_BYTES) as u64;
    bytes[FRAME_BYTES - size_of::<u64>()..FRAME_BYTES].copy_from_slice(&rest.to_le_bytes());
    let sum = fingerprint(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// Reads what [`encode`] has written.
pub fn decode(bytes: &[u8]) -> Result<Saved, Unreadable> {
    let mut reader = Reader(unframed(bytes)?);
    let hash_key = HashKey::from_bytes(reader.array()?);
    let saved_at = Duration::from_millis(u64::from_le_bytes(reader.array()?));
    let names = read_names(&mut reader)?;
    let count = u32::from_le_bytes(reader.array()?) as usize;
    if reader.0.len() != count.saturating_mul(SESSION_BYTES) {
        return Err(Unreadable::Nonsense);
    }
    let sessions = (0..count).map(|_| read_session(&mut reader, names.len()));
    Ok(Saved {
        hash_key,
        saved_at,
        sessions: sessions.collect::<Result<_, _>>()?,
        names,
    })
}

impl Saved {
    /// The sessions for [`SessionTable::restore`](crate::balance::table::SessionTable::restore): `lain` is how long
    /// ago they were saved, `output_of` says which output has a name today, if any.
    pub fn sessions(
        &self,
        lain: Duration,
        output_of: impl Fn(&str) -> Option<OutputId>,
    ) -> impl Iterator<Item = LearnedSession> {
        let outputs: Vec<_> = self.names.iter().map(|name| output_of(name)).collect();
        self.sessions.iter().filter_map(move |session| {
            let output = (*outputs.get(usize::from(session.name))?)?;
            Some(LearnedSession {
                key: session.key,
                output,
                trust: session.trust,
                idle: session.idle.saturating_add(lain),
            })
        })
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Foreign => f.write_str("these are not saved sessions"),
            Unreadable::Version(version) => {
                write!(
                    f,
                    "they are of version {version}; this release reads version {VERSION}"
                )
            }
            Unreadable::Short => f.write_str("they end early"),
            Unreadable::Long => f.write_str("there is more behind their end"),
            Unreadable::Checksum => f.write_str("they are damaged: the checksum is another"),
            Unreadable::Nonsense => f.write_str("they say what cannot be"),
        }
    }
}

/// Writes the names and gives every output's number among them.
fn put_names<'a>(
    bytes: &mut Vec<u8>,
    name_of: impl Fn(OutputId) -> Option<&'a str>,
) -> [Option<u8>; OUTPUTS_MAX] {
    let mut numbers = [None; OUTPUTS_MAX];
    let count_at = bytes.len();
    bytes.push(0);
    for id in (0..OUTPUTS_MAX).filter_map(OutputId::from_index) {
        let Some(name) = name_of(id) else {
            continue;
        };
        let Ok(length) = u16::try_from(name.len()) else {
            continue;
        };
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
        numbers[id.index()] = Some(bytes[count_at]);
        bytes[count_at] += 1;
    }
    numbers
}

/// Whether it was written.
fn put_session(
    bytes: &mut Vec<u8>,
    session: &LearnedSession,
    numbers: &[Option<u8>; OUTPUTS_MAX],
) -> bool {
    let trust = match session.trust {
        Trust::Tied => return false,
        Trust::Used => 1,
        Trust::Learned => 2,
    };
    let Some(name) = numbers[session.output.index()] else {
        return false;
    };
    let idle_ms = milliseconds(session.idle).min(IDLE_MOST_MS);
    bytes.extend_from_slice(&session.key.0.to_le_bytes());
    bytes.extend_from_slice(&[name, trust]);
    bytes.extend_from_slice(&idle_ms.to_le_bytes()[..IDLE_BYTES]);
    true
}

/// What is between frame and checksum.
fn unframed(bytes: &[u8]) -> Result<&[u8], Unreadable> {
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] {
        return Err(Unreadable::Foreign);
    }
    let mut reader = Reader(&bytes[known..]);
    let version = u32::from_le_bytes(reader.array().map_err(|_| Unreadable::Short)?);
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let length = u64::from_le_bytes(reader.array().map_err(|_| Unreadable::Short)?);
    match (reader.0.len() as u64).cmp(&length) {
        std::cmp::Ordering::Less => return Err(Unreadable::Short),
        std::cmp::Ordering::Greater => return Err(Unreadable::Long),
        std::cmp::Ordering::Equal => {}
    }
    let Some((checked, sum)) = bytes.split_last_chunk() else {
        return Err(Unreadable::Short);
    };
    if fingerprint(checked) != u64::from_le_bytes(*sum) {
        return Err(Unreadable::Checksum);
    }
    checked.get(FRAME_BYTES..).ok_or(Unreadable::Nonsense)
}

fn read_names(reader: &mut Reader<'_>) -> Result<Vec<String>, Unreadable> {
    let [count] = reader.array()?;
    if usize::from(count) > OUTPUTS_MAX {
        return Err(Unreadable::Nonsense);
    }
    let mut names = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let length = u16::from_le_bytes(reader.array()?);
        let name = reader.take(usize::from(length))?;
        names.push(String::from_utf8(name.to_vec()).map_err(|_| Unreadable::Nonsense)?);
    }
    Ok(names)
}

fn read_session(reader: &mut Reader<'_>, names: usize) -> Result<SavedSession, Unreadable> {
    let key = SessionKey(u128::from_le_bytes(reader.array()?));
    let [name, trust] = reader.array()?;
    let mut idle_ms = [0; size_of::<u64>()];
    idle_ms[..IDLE_BYTES].copy_from_slice(reader.take(IDLE_BYTES)?);
    let trust = match trust {
        1 => Trust::Used,
        2 => Trust::Learned,
        _ => return Err(Unreadable::Nonsense),
    };
    if usize::from(name) >= names {
        return Err(Unreadable::Nonsense);
    }
    Ok(SavedSession {
        key,
        name,
        trust,
        idle: Duration::from_millis(u64::from_le_bytes(idle_ms)),
    })
}

/// Bytes yet to be read. Behind the checksum, too few of them are nonsense.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(Unreadable::Nonsense)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Unreadable::Nonsense)?;
        self.0 = rest;
        Ok(*taken)
    }
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
