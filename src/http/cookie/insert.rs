//! Mode insert: a cookie of our own, `NAME=out3`, that no output ever sees.

use std::ops::Range;

use crate::http::cookie::Item;
use crate::http::cookie::NAME_BYTES_MAX;
use crate::http::cookie::items;
use crate::http::cookie::lines;
use crate::http::cookie::private;
use crate::http::cookie::read_name;
use crate::http::cookie::set;
use crate::http::cookie::value;
use crate::http::cookie::write_name;
use crate::http::edits::Edits;
use crate::http::field::Field;
use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::field::Span;
use crate::http::request::Method;
use crate::http::response::Response;
use crate::model::output::OutputId;

/// The cookie that is set.
#[derive(Clone, Copy, Debug)]
pub struct Inserted<'p> {
    pub name: &'p [u8],
    /// `cookie_secure`
    pub secure: bool,
}

/// Takes the cookie `name` out of all Cookie lines, and gives the output that the first of them names, if that is
/// `known`. A line in which nothing else was is dropped.
pub fn request(
    fields: &Fields,
    bytes: &[u8],
    name: &[u8],
    known: impl Fn(OutputId) -> bool,
    edits: &mut Edits,
) -> Option<OutputId> {
    let first = value(fields, bytes, name)?;
    for line in lines(fields, Known::Cookie) {
        remove(bytes, line, name, edits);
    }
    read_name(first.of(bytes)).filter(|output| known(*output))
}

/// Sets the cookie to `output`; `None`: the client already brought it. An output that sets a cookie of the same name
/// does so by mistake, and the line is dropped, as HAProxy does without `preserve`: the client would lose its output.
///
/// For final responses and switches only: an interim response is not what the client keeps (RFC 9110 §15.2).
pub fn response(
    response: &Response,
    asked: Method,
    fields: &Fields,
    bytes: &[u8],
    cookie: Inserted<'_>,
    output: Option<OutputId>,
    edits: &mut Edits,
) {
    for namesake in set::all(fields, bytes, cookie.name) {
        edits.cut(namesake.line);
    }
    let Some(output) = output else {
        return;
    };
    let mut room = [0; NAME_BYTES_MAX];
    edits.add_line(&[
        b"Set-Cookie: ",
        cookie.name,
        b"=",
        write_name(output, b"", &mut room),
        b"; path=/; HttpOnly; SameSite=Lax",
        if cookie.secure { b"; Secure" } else { b"" },
    ]);
    private::keep(response, asked, fields, bytes, edits);
}

/// Cuts the cookie `name` out of one line. With it goes the semicolon before it, or, where nothing stands before it,
/// the one behind it with the white space that follows, so that the others stay as they are.
fn remove(bytes: &[u8], line: &Field, name: &[u8], edits: &mut Edits) {
    let ours = |item: &Item| item.value_of(bytes, name).is_some();
    if !items(bytes, line.value).any(|item| ours(&item)) {
        return;
    }
    if items(bytes, line.value).all(|item| item.is_empty() || ours(&item)) {
        edits.cut(line.line);
        return;
    }
    let value = line.value.range();
    let mut others_before = false;
    let mut cut = value.start..value.start;
    for item in items(bytes, line.value) {
        if !ours(&item) {
            others_before = true;
            continue;
        }
        let span = if others_before {
            item.whole.start - 1..item.whole.end
        } else {
            let rest = &bytes[item.whole.end + 1..value.end];
            item.whole.start..value.end - rest.trim_ascii_start().len()
        };
        // Neighbours go in one cut.
        if span.start > cut.end {
            cut_if_any(&cut, edits);
            cut = span;
        } else {
            cut.end = span.end;
        }
    }
    cut_if_any(&cut, edits);
}

fn cut_if_any(cut: &Range<usize>, edits: &mut Edits) {
    if !cut.is_empty() {
        edits.cut(Span::new(cut.start, cut.end));
    }
}
