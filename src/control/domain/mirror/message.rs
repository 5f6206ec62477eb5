//! What servers say of the mirror to each other.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind |
//! | 8 | number: which following it belongs to |
//! | 8 | sequence: of the leader's messages in it, from 0 |
//! | … | sessions: 16 bytes key, 1 output, 1 what; or text in JSON |
//!
//! Numbers are big-endian.

use serde_json::Value;

use crate::model::output::OutputId;
use crate::plane::inbox::Entry;

const HEAD_BYTES: usize = 17;
const SESSION_BYTES: usize = 18;

/// One message.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    pub number: u64,
    pub sequence: u64,
    pub what: What,
}

#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// To the active: from now on everything, please. With what the one who follows knows of orders and counters.
    Follow(Value),
    /// To the active: everything up to there is in force.
    Have,
    /// By the active, and all further ones: learned just now.
    Learned(Vec<Entry>),
    /// Known from before.
    Known(Vec<Entry>),
    /// Everything from before has been told.
    Whole,
    /// Switches, health, counters.
    State(Value),
    /// Nothing new.
    Alive,
}

/// Why bytes are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable;

impl Message {
    pub fn encode(&self) -> Vec<u8> {
        let (kind, body) = match &self.what {
            What::Follow(value) => (1, value.to_string().into_bytes()),
            What::Have => (2, Vec::new()),
            What::Learned(entries) => (3, sessions(entries)),
            What::Known(entries) => (4, sessions(entries)),
            What::Whole => (5, Vec::new()),
            What::State(value) => (6, value.to_string().into_bytes()),
            What::Alive => (7, Vec::new()),
        };
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
        bytes.push(kind);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Message, Unreadable> {
        let (head, body) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(Unreadable)?;
        let [kind, n0, n1, n2, n3, n4, n5, n6, n7, sequence @ ..] = *head;
        let json = || serde_json::from_slice(body).map_err(|_| Unreadable);
        let what = match kind {
            1 => What::Follow(json()?),
            2 => What::Have,
            3 => What::Learned(entries(body)?),
            4 => What::Known(entries(body)?),
            5 => What::Whole,
            6 => What::State(json()?),
            7 => What::Alive,
            _ => return Err(Unreadable),
        };
        Ok(Message {
            number: u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7]),
            sequence: u64::from_be_bytes(sequence),
            what,
        })
    }
}

fn sessions(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * SESSION_BYTES);
    for entry in entries {
        bytes.extend_from_slice(&entry.key.to_be_bytes());
        bytes.extend_from_slice(&[entry.output.index() as u8, entry.what]);
    }
    bytes
}

fn entries(bytes: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    let (sessions, []) = bytes.as_chunks::<SESSION_BYTES>() else {
        return Err(Unreadable);
    };
    let entry = |session: &[u8; SESSION_BYTES]| {
        let [key @ .., output, what] = *session;
        Some(Entry {
            key: u128::from_be_bytes(key),
            output: OutputId::from_index(output.into())?,
            what,
        })
    };
    let all: Option<Vec<Entry>> = sessions.iter().map(entry).collect();
    all.ok_or(Unreadable)
}
