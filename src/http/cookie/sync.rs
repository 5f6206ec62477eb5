//! Mode sync: the backend's cookie carries the output's name in front of its value, `out3~VALUE`, between us and
//! the client only.

use crate::http::cookie::NAME_BYTES_MAX;
use crate::http::cookie::read_name;
use crate::http::cookie::set;
use crate::http::cookie::values;
use crate::http::cookie::write_name;
use crate::http::edits::Edits;
use crate::http::field::Fields;
use crate::http::field::Span;
use crate::model::output::OutputId;

const MARK: u8 = b'~';

/// Takes the name of an output that is `known` off every value of the cookie `name`, and gives the first such
/// output. All other values stay as they are.
pub fn request(
    fields: &Fields,
    bytes: &[u8],
    name: &[u8],
    known: impl Fn(OutputId) -> bool,
    edits: &mut Edits,
) -> Option<OutputId> {
    let mut first = None;
    for value in values(fields, bytes, name) {
        let Some((output, prefix)) = prefix(bytes, value).filter(|(output, _)| known(*output))
        else {
            continue;
        };
        first = first.or(Some(output));
        edits.cut(prefix);
    }
    first
}

/// Puts the name of `output` in front of every value that is set for the cookie `name`, inside its quotes.
///
/// Only an empty value stays as it is: with a name in front of it a cookie that was to be gone would have a value.
/// One that is deleted in another way (`SID=deleted; Max-Age=0`) gets the name like any other, as with HAProxy:
/// a client that drops it does not look at the value, and one whose clock says otherwise keeps its output.
pub fn response(fields: &Fields, bytes: &[u8], name: &[u8], output: OutputId, edits: &mut Edits) {
    let mut room = [0; NAME_BYTES_MAX];
    let prefix = write_name(output, &[MARK], &mut room);
    for cookie in set::all(fields, bytes, name) {
        if !cookie.value.is_empty() {
            edits.insert(cookie.value.start, prefix);
        }
    }
}

/// The output that a value names in front, and where it does.
fn prefix(bytes: &[u8], value: Span) -> Option<(OutputId, Span)> {
    let text = value.of(bytes);
    let start = &text[..text.len().min(NAME_BYTES_MAX)];
    let length = start.iter().position(|byte| *byte == MARK)?;
    let output = read_name(&start[..length])?;
    let end = value.range().start + length + 1;
    Some((output, Span::new(value.range().start, end)))
}
