//! Trailer fields: checked like the fields of a head, bounded, and kept only where they can do no harm.

use std::ops::Range;

use crate::http::body::BodyFault;
use crate::http::body::chunked::Decoder;
use crate::http::field;
use crate::http::field::FIELDS_MAX;

/// Bytes of all trailer lines of one body. A line has to fit whole into the smallest buffer, with room around it.
pub const TRAILER_BYTES_MAX: usize = 4000;
/// Trailer lines of one body.
pub const TRAILERS_MAX: usize = FIELDS_MAX;

/// What stands at a place in the trailer section.
pub(super) enum Next {
    /// A line that goes on to the next side.
    Kept(Range<usize>),
    /// A line that does not; so many bytes.
    Dropped(usize),
    /// The empty line.
    End,
    /// A line that is not whole yet.
    Incomplete,
}

/// Reads what stands at the start of `rest`, and counts it.
pub(super) fn next(decoder: &mut Decoder, rest: &[u8], at: usize) -> Result<Next, BodyFault> {
    match rest {
        [] | [b'\r'] => return Ok(Next::Incomplete),
        [b'\r', b'\n', ..] => return Ok(Next::End),
        _ => {}
    }
    // One byte more than may come is enough to see that it is too much.
    let budget = TRAILER_BYTES_MAX - decoder.trailer_bytes as usize;
    let window = &rest[..rest.len().min(budget + 1)];
    let line = field::line(window, 0).map_err(|_| BodyFault::MalformedTrailer)?;
    let Some(line) = line else {
        return if window.len() > budget {
            Err(BodyFault::MalformedTrailer)
        } else {
            Ok(Next::Incomplete)
        };
    };
    let length = line.line.range().len();
    if length > budget || decoder.trailers as usize == TRAILERS_MAX {
        return Err(BodyFault::MalformedTrailer);
    }
    decoder.trailers += 1;
    decoder.trailer_bytes += length as u32;
    if is_harmless(line.name.of(window)) {
        Ok(Next::Kept(at..at + length))
    } else {
        Ok(Next::Dropped(length))
    }
}

/// Whether a field may stand in a trailer section, whoever merges it into the head (RFC 9110 §6.5.1).
fn is_harmless(name: &[u8]) -> bool {
    !DROPPED
        .iter()
        .any(|dropped| name.eq_ignore_ascii_case(dropped.as_bytes()))
}

const DROPPED: &[&str] = &[
    // Framing, and what concerns one connection only.
    "connection",
    "content-length",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // Routing, and who is speaking.
    "forwarded",
    "host",
    "max-forwards",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    // Who may do what.
    "authentication-info",
    "authorization",
    "cookie",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "set-cookie",
    "www-authenticate",
    // What a request asks for.
    "cache-control",
    "expect",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "range",
    // What a response says about itself.
    "age",
    "date",
    "expires",
    "location",
    "retry-after",
    "vary",
    "warning",
    // How the content is to be read.
    "content-encoding",
    "content-range",
    "content-type",
];
