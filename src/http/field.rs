//! Field lines: the one parser of that grammar, for heads and trailers (RFC 9112 §5, RFC 9110 §5).

mod connection;
mod known;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use crate::http::field::known::Known;

/// A part of the bytes that were parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    pub start: u16,
    pub end: u16,
}

impl Span {
    /// From positions below [`SPAN_MAX`].
    pub(crate) fn new(start: usize, end: usize) -> Span {
        assert!(
            start <= end && end <= SPAN_MAX,
            "heads are cut to what a span can name"
        );
        Span {
            start: start as u16,
            end: end as u16,
        }
    }

    /// The positions it covers.
    pub fn range(self) -> Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }

    /// What it covers of the bytes that were parsed.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.range()]
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One field line of a parsed head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Field {
    /// The whole line with its CRLF.
    pub line: Span,
    pub name: Span,
    /// Without the white space around it.
    pub value: Span,
    /// Which field it is, when it is one we act on.
    pub known: Known,
    /// Concerns this connection only (RFC 9110 §7.6.1), so it is not forwarded.
    pub hop_by_hop: bool,
}

/// What is wrong with the field lines of a head or of a trailer section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldFault {
    /// No colon, white space before it, or a name that is no token (RFC 9112 §5.1).
    Name,
    /// The line continues the one before it (RFC 9112 §5.2).
    Folded,
    /// A control in the value (RFC 9110 §5.5).
    Value,
    /// A CR without LF, or an LF without CR (RFC 9112 §2.2).
    LineEnd,
    /// More than [`FIELDS_MAX`] lines.
    TooMany,
    /// More than [`CONNECTION_OPTIONS_MAX`] fields named in Connection.
    TooManyOptions,
}

/// More lines than this in one head: 431 (HAProxy's own bound is 101).
pub const FIELDS_MAX: usize = 128;
/// More field names than this in Connection: 400. Each is looked for in every line, so the work has to be bounded.
pub const CONNECTION_OPTIONS_MAX: usize = 32;
/// No head can be longer, whatever the configuration says.
pub const SPAN_MAX: usize = u16::MAX as usize;

/// The field lines of one head. Made once per worker and used again for every head.
pub struct Fields {
    list: Vec<Field>,
    /// One bit for each [`Known`] that occurs.
    seen: u32,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
}

impl Fields {
    #[expect(
        clippy::new_without_default,
        reason = "it takes memory; nobody should make one by accident"
    )]
    pub fn new() -> Fields {
        Fields {
            list: Vec::with_capacity(FIELDS_MAX),
            seen: 0,
            close: false,
            keep_alive: false,
            upgrade: false,
        }
    }

    /// All lines, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.list.iter()
    }

    /// The lines of one field, in their order.
    pub fn all(&self, known: Known) -> impl DoubleEndedIterator<Item = &Field> {
        let lines: &[Field] = if self.has(known) { &self.list } else { &[] };
        lines.iter().filter(move |field| field.known == known)
    }

    /// Whether there is a line of that field.
    pub fn has(&self, known: Known) -> bool {
        self.seen & known.bit() != 0
    }

    /// `Connection: close`
    pub fn close(&self) -> bool {
        self.close
    }

    /// `Connection: keep-alive`
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// `Connection: upgrade`
    pub fn upgrade(&self) -> bool {
        self.upgrade
    }

    /// Reads field lines from `start` to the empty line, and gives the position behind it.
    pub(crate) fn read(&mut self, bytes: &[u8], start: usize) -> Result<Option<usize>, FieldFault> {
        self.clear();
        let mut at = start;
        loop {
            match bytes.get(at..) {
                None | Some([] | [b'\r']) => return Ok(None),
                Some([b'\r', b'\n', ..]) => break,
                Some([b'\r' | b'\n', ..]) => return Err(FieldFault::LineEnd),
                Some(_) => {}
            }
            if self.list.len() == FIELDS_MAX {
                return Err(FieldFault::TooMany);
            }
            let Some(field) = line(bytes, at)? else {
                return Ok(None);
            };
            self.seen |= field.known.bit();
            at = usize::from(field.line.end);
            self.list.push(field);
        }
        connection::apply(self, bytes)?;
        Ok(Some(at + 2))
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.seen = 0;
        self.close = false;
        self.keep_alive = false;
        self.upgrade = false;
    }
}

/// Reads the field line that starts at `start`; `None`: it is not whole yet.
pub(crate) fn line(bytes: &[u8], start: usize) -> Result<Option<Field>, FieldFault> {
    let name_end = token_end(bytes, start);
    match bytes.get(name_end) {
        None => return Ok(None),
        Some(b':') if name_end > start => {}
        Some(b' ' | b'\t') if name_end == start => return Err(FieldFault::Folded),
        Some(_) => return Err(FieldFault::Name),
    }
    let name = &bytes[start..name_end];
    let value_start = white_end(bytes, name_end + 1);
    let text_end = text_end(bytes, value_start);
    match bytes.get(text_end..) {
        None | Some([] | [b'\r']) => return Ok(None),
        Some([b'\r', b'\n', ..]) => {}
        Some([b'\r' | b'\n', ..]) => return Err(FieldFault::LineEnd),
        Some(_) => return Err(FieldFault::Value),
    }
    let value = bytes[value_start..text_end].trim_ascii_end();
    let known = known::recognise(name);
    Ok(Some(Field {
        line: Span::new(start, text_end + 2),
        name: Span::new(start, name_end),
        value: Span::new(value_start, value_start + value.len()),
        known,
        hop_by_hop: known.is_hop_by_hop(),
    }))
}

/// The elements of a comma-separated list, without the white space around them (RFC 9110 §5.6.1); empty ones too.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    // What white space a value holds is SP and HTAB: nothing else got past `line`.
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Where the token that starts at `start` ends (RFC 9110 §5.6.2).
pub(crate) fn token_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| !is_tchar(*byte));
    start + length.unwrap_or(rest.len())
}

/// Whether `bytes` is a token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_tchar(*byte))
}

/// Where text without controls ends: HTAB, SP, visible characters and obs-text (RFC 9110 §5.5). Eight bytes at a time.
pub(crate) fn text_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some((word, _)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        let stops = controls(word);
        if stops == 0 {
            at += 8;
            continue;
        }
        at += stops.trailing_zeros() as usize / 8;
        if bytes.get(at) != Some(&b'\t') {
            return at;
        }
        at += 1;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.iter().position(|byte| !is_text(*byte));
    at + length.unwrap_or(rest.len())
}

/// The high bit of every byte of `word` that is a control (HTAB among them). Only the lowest set bit is exact: a
/// borrow may run into the bytes above it.
fn controls(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let without_delete = word ^ (ONES * 0x7f);
    let delete = without_delete.wrapping_sub(ONES) & !without_delete;
    (below_space | delete) & HIGH
}

fn white_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(b' ' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

fn is_tchar(byte: u8) -> bool {
    TCHAR[usize::from(byte)]
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

const TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};
