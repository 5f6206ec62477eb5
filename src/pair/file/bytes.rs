//! Messages as they travel: numbers with the low byte first, everything of variable length behind its length.

use std::fmt;

use crate::pair::advert::FileVersion;
use crate::pair::file::head::ANCESTORS_MAX;
use crate::pair::file::head::Head;
use crate::pair::file::message::Message;
use crate::pair::file::message::Refusal;
use crate::pair::term::Term;

/// The form of what follows.
const FORM: u8 = 1;
/// More than any configuration needs, and half of what may wait for one server: the mirror goes the same way.
pub const TEXT_BYTES_MAX: usize = 512 << 10;
/// More than anybody reads.
const SENTENCE_BYTES_MAX: usize = 64 << 10;
/// Far more files than a configuration names.
const ASIDE_MAX: usize = 256;

/// Why bytes are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// Another release wrote them.
    Form(u8),
    /// They end early, go on too long, or say what cannot be.
    Damaged,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Form(form) => write!(f, "form {form}; this release reads form {FORM}"),
            Unreadable::Damaged => f.write_str("damaged"),
        }
    }
}

pub fn encode(message: &Message) -> Vec<u8> {
    let mut out = Out(vec![FORM]);
    match message {
        Message::Head { head, aside } => {
            out.byte(1);
            out.head(head);
            out.number(aside.len() as u64);
            for (name, hash) in aside {
                out.block(start(name).as_bytes());
                out.number(*hash);
            }
        }
        Message::Give => out.byte(2),
        Message::Given { head, text } => {
            out.byte(3);
            out.head(head);
            out.block(text);
        }
        Message::Propose { head, text } => {
            out.byte(4);
            out.head(head);
            out.block(text);
        }
        Message::Prepared { version } => out.about(5, *version),
        Message::Refused { version, why } => {
            out.about(6, *version);
            out.refusal(why);
        }
        Message::Commit { version } => out.about(7, *version),
        Message::Abort { version } => out.about(8, *version),
        Message::Applied { version, said } => {
            out.about(9, *version);
            out.block(start(said).as_bytes());
        }
    }
    out.0
}

pub fn decode(bytes: &[u8]) -> Result<Message, Unreadable> {
    let mut read = In(bytes);
    match read.byte()? {
        FORM => {}
        form => return Err(Unreadable::Form(form)),
    }
    let message = match read.byte()? {
        1 => Message::Head {
            head: read.head()?,
            aside: read.aside()?,
        },
        2 => Message::Give,
        3 => Message::Given {
            head: read.head()?,
            text: read.block(TEXT_BYTES_MAX)?.into(),
        },
        4 => Message::Propose {
            head: read.head()?,
            text: read.block(TEXT_BYTES_MAX)?.into(),
        },
        kind @ 5..=9 => read.about(kind)?,
        _ => return Err(Unreadable::Damaged),
    };
    match read.0 {
        [] => Ok(message),
        _ => Err(Unreadable::Damaged),
    }
}

struct Out(Vec<u8>);

impl Out {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn block(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn version(&mut self, version: FileVersion) {
        self.number(version.term);
        self.number(version.generation);
        self.number(version.hash);
    }

    fn about(&mut self, kind: u8, version: FileVersion) {
        self.byte(kind);
        self.version(version);
    }

    fn head(&mut self, head: &Head) {
        self.version(head.version);
        for term in [head.served, head.own] {
            self.number(term.number);
            self.byte(term.main.into());
        }
        self.number(head.ancestors.len() as u64);
        for ancestor in &head.ancestors {
            self.version(*ancestor);
        }
    }

    fn refusal(&mut self, why: &Refusal) {
        match why {
            Refusal::Busy => self.byte(1),
            Refusal::Stale => self.byte(2),
            Refusal::Mistaken(lines) => {
                self.byte(3);
                self.block(start(lines).as_bytes());
            }
            Refusal::NotWritten(cause) => {
                self.byte(4);
                self.block(start(cause).as_bytes());
            }
            Refusal::Silent => self.byte(5),
        }
    }
}

/// As much as fits.
fn start(text: &str) -> &str {
    &text[..text.floor_char_boundary(SENTENCE_BYTES_MAX)]
}

struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (first, rest) = self.0.split_at_checked(count).ok_or(Unreadable::Damaged)?;
        self.0 = rest;
        Ok(first)
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        Ok(self.bytes(1)?[0])
    }

    fn number(&mut self) -> Result<u64, Unreadable> {
        let bytes = self.bytes(8)?.try_into();
        bytes
            .map(u64::from_le_bytes)
            .map_err(|_| Unreadable::Damaged)
    }

    fn count(&mut self, most: usize) -> Result<usize, Unreadable> {
        let count = usize::try_from(self.number()?);
        let count = count.ok().filter(|count| *count <= most);
        count.ok_or(Unreadable::Damaged)
    }

    fn block(&mut self, most: usize) -> Result<&'a [u8], Unreadable> {
        let count = self.count(most)?;
        self.bytes(count)
    }

    fn text(&mut self) -> Result<String, Unreadable> {
        let bytes = self.block(SENTENCE_BYTES_MAX)?;
        let text = str::from_utf8(bytes).map_err(|_| Unreadable::Damaged)?;
        Ok(text.to_owned())
    }

    fn version(&mut self) -> Result<FileVersion, Unreadable> {
        Ok(FileVersion {
            term: self.number()?,
            generation: self.number()?,
            hash: self.number()?,
        })
    }

    fn head(&mut self) -> Result<Head, Unreadable> {
        let version = self.version()?;
        let (served, own) = (self.term()?, self.term()?);
        let count = self.count(ANCESTORS_MAX)?;
        let ancestors: Result<Vec<FileVersion>, Unreadable> =
            (0..count).map(|_| self.version()).collect();
        Ok(Head {
            version,
            ancestors: ancestors?,
            served,
            own,
        })
    }

    fn term(&mut self) -> Result<Term, Unreadable> {
        Ok(Term {
            number: self.number()?,
            main: match self.byte()? {
                0 => false,
                1 => true,
                _ => return Err(Unreadable::Damaged),
            },
        })
    }

    fn aside(&mut self) -> Result<Vec<(String, u64)>, Unreadable> {
        let count = self.count(ASIDE_MAX)?;
        (0..count)
            .map(|_| Ok((self.text()?, self.number()?)))
            .collect()
    }

    fn about(&mut self, kind: u8) -> Result<Message, Unreadable> {
        let version = self.version()?;
        Ok(match kind {
            5 => Message::Prepared { version },
            6 => Message::Refused {
                version,
                why: self.refusal()?,
            },
            7 => Message::Commit { version },
            8 => Message::Abort { version },
            _ => Message::Applied {
                version,
                said: self.text()?,
            },
        })
    }

    fn refusal(&mut self) -> Result<Refusal, Unreadable> {
        Ok(match self.byte()? {
            1 => Refusal::Busy,
            2 => Refusal::Stale,
            3 => Refusal::Mistaken(self.text()?),
            4 => Refusal::NotWritten(self.text()?),
            5 => Refusal::Silent,
            _ => return Err(Unreadable::Damaged),
        })
    }
}
