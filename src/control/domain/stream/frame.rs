//! What is said inside: frames, one behind the other, whatever pieces they are sealed in.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind |
//! | 1 | subject, 0 where there is none |
//! | 4 | number of a question and of its answer, 0 otherwise |
//! | 4 | length of the body |
//! | … | the body |
//!
//! Numbers are big-endian. A kind that this release does not know is passed over: a neighbour's may.

/// What stands in front of a body.
pub const HEAD_BYTES: usize = 10;
/// No body is longer: a domain file with everything about it has room, and nobody fills our memory.
pub const BODY_MOST: usize = 4 << 20;

/// Long bodies are rare: the room that one has taken is given back.
const KEPT_MOST: usize = 256 << 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The first frame of each side, and only that.
    Hello,
    Ask,
    /// To the question with that number.
    Answer,
    /// Why there is none: a sentence.
    Refusal,
    Tell,
    /// Nothing; so that whatever stands between both does not forget the connection.
    Alive,
    /// The last frame: this end is meant.
    Farewell,
    /// Of another release.
    Unknown(u8),
}

const KINDS: [Kind; 7] = [
    Kind::Hello,
    Kind::Ask,
    Kind::Answer,
    Kind::Refusal,
    Kind::Tell,
    Kind::Alive,
    Kind::Farewell,
];

impl Kind {
    fn from_byte(byte: u8) -> Kind {
        let known = KINDS.get(usize::from(byte).wrapping_sub(1));
        known.copied().unwrap_or(Kind::Unknown(byte))
    }

    fn byte(self) -> u8 {
        match self {
            Kind::Unknown(byte) => byte,
            known => KINDS
                .iter()
                .position(|kind| *kind == known)
                .map_or(0, |at| at as u8 + 1),
        }
    }
}

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub kind: Kind,
    pub subject: u8,
    pub number: u32,
    pub body: Vec<u8>,
}

/// It announces a body that is longer than any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

impl Frame {
    /// One without subject or number.
    pub fn plain(kind: Kind, body: Vec<u8>) -> Frame {
        Frame {
            kind,
            subject: 0,
            number: 0,
            body,
        }
    }

    /// As it travels.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.body.len());
        bytes.extend_from_slice(&[self.kind.byte(), self.subject]);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&(self.body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Puts frames together from pieces.
#[derive(Default)]
pub struct Assembler {
    bytes: Vec<u8>,
    /// What of it has been taken.
    taken: usize,
}

impl Assembler {
    /// Where the next piece is appended.
    pub fn room(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_MOST {
            self.bytes = Vec::new();
        }
        &mut self.bytes
    }

    /// The next frame that is whole. Memory is taken for what has come, not for what is announced.
    pub fn take(&mut self) -> Result<Option<Frame>, TooLong> {
        let rest = &self.bytes[self.taken..];
        let Some((head, rest)) = rest.split_first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let [kind, subject, n0, n1, n2, n3, l0, l1, l2, l3] = *head;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        if length > BODY_MOST {
            return Err(TooLong);
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        self.taken += HEAD_BYTES + length;
        Ok(Some(Frame {
            kind: Kind::from_byte(kind),
            subject,
            number: u32::from_be_bytes([n0, n1, n2, n3]),
            body: body.to_vec(),
        }))
    }
}
