//! Field lines: the one parser of that grammar, for heads and trailers (RFC 9112 §5, RFC 9110 §5).

/// A part of the bytes that were parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    pub start: u16,
    pub end: u16,
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

/// The fields HALB acts on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Known {
    #[default]
    Other,
    Host,
}

/// More lines than this in one head: 431 (HAProxy's own bound is 101).
pub const FIELDS_MAX: usize = 128;

/// The field lines of one head. Made once per worker and used again for every head.
pub struct Fields {
    list: Vec<Field>,
}

impl Fields {
    #[expect(
        clippy::new_without_default,
        reason = "it takes memory; nobody should make one by accident"
    )]
    pub fn new() -> Fields {
        Fields {
            list: Vec::with_capacity(FIELDS_MAX),
        }
    }
}
