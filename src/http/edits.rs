//! What is changed in the field lines of a head on its way through. Everything else stays as it is, byte by byte.

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::http::field::FIELDS_MAX;
use crate::http::field::Span;
use crate::http::writer::Full;
use crate::http::writer::Writer;

/// One for each line there can be, so that a head with one edit in a line never has too many of them.
pub const EDITS_MAX: usize = FIELDS_MAX;
/// The longest text that takes a place: `private, ` and `out64~` are what there is.
pub const PUT_BYTES_MAX: usize = 16;

/// A list of edits for the field lines of one head: spans that are cut, with what takes their place, and lines
/// that come behind all others. Made once per worker, and cleared for every head that needs it.
///
/// It holds [`EDITS_MAX`] edits. When it is full, further ones are left out, and the bytes they are about stay as
/// they came. Only a request whose Cookie lines name the same cookie more often than that can bring this about;
/// the only one it can confuse is its own sender.
pub struct Edits {
    /// In ascending order, none over another, none over the end of a line.
    list: Vec<Edit>,
    /// What is put in places, one text behind the other.
    text: Vec<u8>,
    /// Whole lines that come behind the others.
    added: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Edit {
    cut: Span,
    /// In `text`.
    put: Span,
}

/// Nothing is changed.
pub static NONE: Edits = Edits {
    list: Vec::new(),
    text: Vec::new(),
    added: Vec::new(),
};

impl Edits {
    #[expect(
        clippy::new_without_default,
        reason = "it takes memory; nobody should make one by accident"
    )]
    pub fn new() -> Edits {
        Edits {
            list: Vec::with_capacity(EDITS_MAX),
            text: Vec::with_capacity(EDITS_MAX * PUT_BYTES_MAX),
            // The one line that is ever added; a longer cookie name makes it grow, once.
            added: Vec::with_capacity(256),
        }
    }

    pub fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
        self.added.clear();
    }

    /// Whether the head goes on as it is.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.added.is_empty()
    }

    /// Leaves out `span`, which lies within one line or is one (then with its CRLF).
    pub fn cut(&mut self, span: Span) {
        self.replace(span, b"");
    }

    /// Puts `text` before the byte at `position`, which is not the first of a line.
    pub fn insert(&mut self, position: u16, text: &[u8]) {
        let nothing = Span {
            start: position,
            end: position,
        };
        self.replace(nothing, text);
    }

    /// Puts `text` in the place of `span`, which lies within one line. The order of calls does not matter.
    pub fn replace(&mut self, span: Span, text: &[u8]) {
        assert!(text.len() <= PUT_BYTES_MAX, "texts are short and our own");
        if self.list.len() == EDITS_MAX {
            return;
        }
        let at = self.list.partition_point(|edit| edit.cut.end <= span.start);
        let next = self.list.get(at);
        assert!(
            next.is_none_or(|next| span.end <= next.cut.start),
            "no edit lies over another"
        );
        let start = self.text.len();
        self.text.extend_from_slice(text);
        let put = Span::new(start, self.text.len());
        self.list.insert(at, Edit { cut: span, put });
    }

    /// Adds a line behind the others: `parts` one behind the other, and its end.
    pub fn add_line(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.added.extend_from_slice(part);
        }
        self.added.extend_from_slice(b"\r\n");
    }

    /// The lines that come behind the others.
    pub(crate) fn added(&self) -> &[u8] {
        &self.added
    }

    /// Writes whole lines, `run` of `bytes`, with what is to be changed in them.
    pub(crate) fn copy(
        &self,
        bytes: &[u8],
        run: Range<usize>,
        out: &mut Writer<'_>,
    ) -> Result<(), Full> {
        if self.list.is_empty() {
            return out.put(&bytes[run]);
        }
        let first = self
            .list
            .partition_point(|edit| edit.cut.range().start < run.start);
        let mut at = run.start;
        for edit in &self.list[first..] {
            let cut = edit.cut.range();
            if cut.start >= run.end {
                break;
            }
            out.put(&bytes[at..cut.start])?;
            out.put(edit.put.of(&self.text))?;
            at = cut.end;
        }
        out.put(&bytes[at..run.end])
    }
}
