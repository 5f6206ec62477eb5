//! Cookies (RFC 6265): the one parser of Cookie and Set-Cookie, and what the modes do with them.
//!
//! A line is cut at every `;`. A part is a name and a value around its first `=`, each without the white space
//! around it (§5.2, which is what browsers do and so what servers have to read). A part without `=` is nobody's
//! cookie and stays where it is. A value in double quotes is what stands between them. Names are case-sensitive.
//!
//! Two things are not done, and HAProxy 2.6 does both:
//! - A comma separates nothing. It did in RFC 2965, which RFC 6265 made historic; §5.4 joins by `; ` only, browsers
//!   send commas in values as they were set, and the servers behind us (PHP, Rack, Django, Go, Node) read them so.
//!   Whoever takes `a=1,SID=x` for two cookies finds, and cuts, what is inside somebody else's value. HAProxy makes
//!   `a=1, b=2` of `a=1,SID=out1,b=2`, whose `a` was `1,SID=out1,b=2` for everybody else.
//! - Quotes protect nothing: `q="x; SID=y"` ends at the semicolon, as it does for those who set it and those who
//!   read it. Otherwise one quote too many in any cookie hides all cookies behind it: in HAProxy, `SID` of
//!   `a="u; SID=x`.
//!
//! Lines that Connection names do not go on (RFC 9110 §7.6.1), so they count for nothing here.

mod date;
pub mod insert;
pub mod passive;
mod private;
#[cfg(test)]
mod properties;
pub mod set;
pub mod sync;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::http::field::Field;
use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::field::Span;
use crate::http::writer::Writer;
use crate::model::output::OutputId;

/// The values of the cookie `name` in all Cookie lines, in their order, without the quotes around them.
pub fn values<'h>(
    fields: &'h Fields,
    bytes: &'h [u8],
    name: &'h [u8],
) -> impl Iterator<Item = Span> + 'h {
    lines(fields, Known::Cookie).flat_map(move |line| {
        let named = items(bytes, line.value).filter_map(move |item| item.value_of(bytes, name));
        named.map(|value| inside_quotes(bytes, value))
    })
}

/// The value of the cookie `name`; of several the first, as most servers see it.
pub fn value(fields: &Fields, bytes: &[u8], name: &[u8]) -> Option<Span> {
    values(fields, bytes, name).next()
}

/// What stands between two semicolons of a line.
struct Item {
    /// All of it, with the white space.
    whole: Range<usize>,
    name: Span,
    /// With its quotes; `None`: there is no `=`.
    value: Option<Span>,
}

impl Item {
    fn read(bytes: &[u8], whole: Range<usize>) -> Item {
        let equals = bytes[whole.clone()].iter().position(|byte| *byte == b'=');
        let name_end = equals.map_or(whole.end, |length| whole.start + length);
        Item {
            name: trimmed(bytes, whole.start..name_end),
            value: equals.map(|_| trimmed(bytes, name_end + 1..whole.end)),
            whole,
        }
    }

    /// The value, if this is the cookie `name`.
    fn value_of(&self, bytes: &[u8], name: &[u8]) -> Option<Span> {
        self.value.filter(|_| self.name.of(bytes) == name)
    }

    /// Whether there is nothing but white space.
    fn is_empty(&self) -> bool {
        self.name.is_empty() && self.value.is_none()
    }
}

/// The parts of a line's value; at least one, which may be empty.
fn items(bytes: &[u8], value: Span) -> impl Iterator<Item = Item> {
    let Range { mut start, end } = value.range();
    std::iter::from_fn(move || {
        let rest = bytes.get(start..end)?;
        let length = rest.iter().position(|byte| *byte == b';');
        let whole = start..length.map_or(end, |length| start + length);
        start = whole.end + 1;
        Some(Item::read(bytes, whole))
    })
}

/// The lines of one field that go on.
fn lines(fields: &Fields, known: Known) -> impl Iterator<Item = &Field> {
    fields.all(known).filter(|field| !field.hop_by_hop)
}

fn trimmed(bytes: &[u8], part: Range<usize>) -> Span {
    let text = &bytes[part.clone()];
    let end = part.start + text.trim_ascii_end().len();
    let start = part.end - text.trim_ascii_start().len();
    Span::new(start.min(end), end)
}

/// What stands between the quotes, when there is one at each end.
fn inside_quotes(bytes: &[u8], value: Span) -> Span {
    match value.of(bytes) {
        [b'"', .., b'"'] => Span {
            start: value.start + 1,
            end: value.end - 1,
        },
        _ => value,
    }
}

/// An output's name as it stands in cookies, with `mark` behind it.
fn write_name<'r>(output: OutputId, mark: &[u8], room: &'r mut [u8; NAME_BYTES_MAX]) -> &'r [u8] {
    let mut writer = Writer::new(room);
    let written = writer
        .put(b"out")
        .and_then(|()| writer.decimal(output.number() as u64))
        .and_then(|()| writer.put(mark));
    assert!(written.is_ok(), "it is as long as the longest name");
    let used = writer.used();
    &room[..used]
}

/// `out64~`
const NAME_BYTES_MAX: usize = 6;

/// The output called `name`.
fn read_name(name: &[u8]) -> Option<OutputId> {
    std::str::from_utf8(name).ok().and_then(OutputId::from_name)
}
