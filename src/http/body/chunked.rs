//! The decoder of the chunked coding (RFC 9112 §7.1). It can stop at any byte: one state for each class of bytes
//! that may come next. Trailer lines are not its business; it says when they begin.

use std::ops::Range;

use crate::http::body::BodyFault;
use crate::http::field::is_token;

/// Hexadecimal digits of a chunk's size, leading zeros included. So many never overflow 64 bits.
const SIZE_DIGITS_MAX: u8 = 15;
/// Bytes of chunk extensions in one body. They mean nothing to us, so they must not cost much (CVE-2023-39326).
const EXTENSION_BYTES_MAX: u32 = 16 * 1024;

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The first digit of a size.
    Size,
    /// More digits, white space, `;`, or CR.
    SizeDigits,
    /// White space before a `;`.
    BeforeExtension,
    /// White space or the first byte of an extension's name.
    ExtensionStart,
    /// More of the name, white space, `=`, `;`, or CR.
    ExtensionName,
    /// White space before a `=` or `;`.
    BehindName,
    /// White space or the first byte of a value.
    ValueStart,
    /// More of a token, white space, `;`, or CR.
    ValueToken,
    /// Inside a quoted string.
    ValueQuoted,
    /// Behind a backslash in a quoted string.
    ValueEscaped,
    /// Behind a quoted string: white space, `;`, or CR.
    BehindQuoted,
    /// The LF of a size line.
    SizeLineFeed,
    /// Data, as many bytes as are left.
    Data,
    /// The CR behind the data.
    DataReturn,
    /// The LF behind the data.
    DataLineFeed,
    /// Trailer lines, or the empty line.
    Trailers,
    /// Nothing: the body is over.
    Finished,
}

/// What a step found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Data, at these positions.
    Data(Range<usize>),
    /// The trailer section begins (or goes on) at this position.
    Trailers(usize),
    /// The input is used up.
    Starved,
}

/// Reads the chunked coding.
pub(super) struct Decoder {
    state: State,
    /// Of the size line: its value so far. Of the data: what is to come.
    left: u64,
    digits: u8,
    extension_bytes: u32,
    /// What trailers have cost so far.
    pub(super) trailers: u32,
    pub(super) trailer_bytes: u32,
    /// The last chunk was passed on.
    pub(super) last_chunk_written: bool,
}

impl Decoder {
    pub(super) fn new() -> Decoder {
        Decoder {
            state: State::Size,
            left: 0,
            digits: 0,
            extension_bytes: 0,
            trailers: 0,
            trailer_bytes: 0,
            last_chunk_written: false,
        }
    }

    pub(super) fn finished(&self) -> bool {
        self.state == State::Finished
    }

    /// The empty line behind the trailers was read.
    pub(super) fn finish(&mut self) {
        assert_eq!(self.state, State::Trailers, "the end comes after trailers");
        self.state = State::Finished;
    }

    /// Reads from `at` on, up to `end`, until there is something to do about it.
    pub(super) fn step(&mut self, bytes: &[u8], at: usize, end: usize) -> Result<Step, BodyFault> {
        let mut at = at;
        while let Some(byte) = bytes[..end].get(at) {
            match self.state {
                State::Data => {
                    let room = end - at;
                    let length = usize::try_from(self.left).map_or(room, |left| left.min(room));
                    self.left -= length as u64;
                    if self.left == 0 {
                        self.state = State::DataReturn;
                    }
                    return Ok(Step::Data(at..at + length));
                }
                State::Trailers => return Ok(Step::Trailers(at)),
                State::Finished => return Ok(Step::Starved),
                _ => self.state = self.next(*byte)?,
            }
            at += 1;
        }
        Ok(Step::Starved)
    }

    /// The state behind one byte of framing.
    fn next(&mut self, byte: u8) -> Result<State, BodyFault> {
        match (self.state, byte) {
            (State::Size | State::SizeDigits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.digit(byte)
            }
            (State::SizeDigits, b'\r') => Ok(State::SizeLineFeed),
            (State::SizeLineFeed, b'\n') => Ok(self.behind_size()),
            (State::DataReturn, b'\r') => Ok(State::DataLineFeed),
            (State::DataLineFeed, b'\n') => Ok(State::Size),
            (State::SizeDigits, b' ' | b'\t' | b';')
            | (
                State::BeforeExtension
                | State::ExtensionStart
                | State::ExtensionName
                | State::BehindName
                | State::ValueStart
                | State::ValueToken
                | State::ValueQuoted
                | State::ValueEscaped
                | State::BehindQuoted,
                _,
            ) => self.extension(byte),
            _ => Err(BodyFault::MalformedChunk),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<State, BodyFault> {
        let value = char::from(byte).to_digit(16);
        let value = value.ok_or(BodyFault::MalformedChunk)?;
        if self.digits == SIZE_DIGITS_MAX {
            return Err(BodyFault::MalformedChunk);
        }
        self.digits += 1;
        self.left = self.left * 16 + u64::from(value);
        Ok(State::SizeDigits)
    }

    fn behind_size(&mut self) -> State {
        self.digits = 0;
        if self.left == 0 {
            State::Trailers
        } else {
            State::Data
        }
    }

    /// Behind the size: checked, counted, and dropped (RFC 9112 §7.1.1).
    fn extension(&mut self, byte: u8) -> Result<State, BodyFault> {
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES_MAX {
            return Err(BodyFault::MalformedChunk);
        }
        let token = is_token(&[byte]);
        match (self.state, byte) {
            (State::SizeDigits | State::BeforeExtension, b' ' | b'\t') => {
                Ok(State::BeforeExtension)
            }
            (State::ExtensionStart, b' ' | b'\t') => Ok(State::ExtensionStart),
            (State::ExtensionName | State::BehindName, b' ' | b'\t') => Ok(State::BehindName),
            (State::ExtensionName | State::BehindName, b'=') => Ok(State::ValueStart),
            (State::ValueStart, b' ' | b'\t') => Ok(State::ValueStart),
            (State::ValueStart, b'"') => Ok(State::ValueQuoted),
            (State::ValueToken | State::BehindQuoted, b' ' | b'\t') => Ok(State::BeforeExtension),
            (
                State::SizeDigits
                | State::BeforeExtension
                | State::ExtensionName
                | State::BehindName
                | State::ValueToken
                | State::BehindQuoted,
                b';',
            ) => Ok(State::ExtensionStart),
            (State::ExtensionName | State::ValueToken | State::BehindQuoted, b'\r') => {
                Ok(State::SizeLineFeed)
            }
            (State::ExtensionStart | State::ExtensionName, _) if token => Ok(State::ExtensionName),
            (State::ValueStart | State::ValueToken, _) if token => Ok(State::ValueToken),
            (State::ValueQuoted, b'"') => Ok(State::BehindQuoted),
            (State::ValueQuoted, b'\\') => Ok(State::ValueEscaped),
            (State::ValueQuoted | State::ValueEscaped, b'\t' | b' '..=b'~' | 0x80..) => {
                Ok(State::ValueQuoted)
            }
            _ => Err(BodyFault::MalformedChunk),
        }
    }
}
