//! Keeping a response that sets a client's own cookie out of shared caches.

use std::ops::Range;

use crate::http::cookie::lines;
use crate::http::cookie::trimmed;
use crate::http::edits::Edits;
use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::field::Span;
use crate::http::request::Method;
use crate::http::response::Response;

/// Says `private`, if a shared cache could store the response (RFC 9111 §3).
///
/// `public` becomes `private`. Otherwise `private` goes in front of the first Cache-Control line: there it is read by
/// caches that look at one line only, and no quote that is never closed can swallow it. All else stays: `max-age` is
/// right for the client's own cache, and over `s-maxage` the stricter directive wins (RFC 9111 §4.2.1). `private`
/// that names fields leaves the rest to shared caches (§5.2.2.7), so it does not count.
///
/// A 304 counts as storable: a cache takes its fields, our cookie among them, into what it has (§3.2, §4.3.4).
/// That the request may have carried Authorization, which shared caches respect too (§3.5), is not looked at; the
/// worst is a word too many.
pub(super) fn keep(
    response: &Response,
    asked: Method,
    fields: &Fields,
    bytes: &[u8],
    edits: &mut Edits,
) {
    let said = Said::read(fields, bytes);
    if said.kept_out() || !is_storable(response.status, asked, || said.lets_store(fields, bytes)) {
        return;
    }
    if let Some(public) = said.public {
        edits.replace(public, b"private");
        return;
    }
    match lines(fields, Known::CacheControl).next() {
        None => edits.add_line(&[b"Cache-Control: private"]),
        Some(line) if line.value.is_empty() => edits.insert(line.value.start, b"private"),
        Some(line) => edits.insert(line.value.start, b"private, "),
    }
}

/// Whether a cache may store such a response, by itself or because the response says so.
fn is_storable(status: u16, asked: Method, says_so: impl Fn() -> bool) -> bool {
    match asked {
        _ if status < 200 => false,
        Method::Get | Method::Head => is_stored_by_itself(status) || says_so(),
        // RFC 9110 §9.3.3; of methods that we do not know nothing else can be assumed.
        Method::Post | Method::Other => says_so(),
        Method::Put | Method::Delete | Method::Options => false,
    }
}

/// RFC 9110 §15.1 (heuristically cacheable), and 304.
fn is_stored_by_itself(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 206 | 300 | 301 | 304 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// What the Cache-Control lines say.
#[derive(Default)]
struct Said {
    no_store: bool,
    must_understand: bool,
    private: bool,
    /// `max-age` or `s-maxage`
    lifetime: bool,
    /// The first of them.
    public: Option<Span>,
}

impl Said {
    fn read(fields: &Fields, bytes: &[u8]) -> Said {
        let mut said = Said::default();
        for line in lines(fields, Known::CacheControl) {
            for directive in directives(bytes, line.value) {
                said.note(bytes, directive);
            }
        }
        said
    }

    fn note(&mut self, bytes: &[u8], directive: Span) {
        let text = directive.of(bytes);
        let equals = text.iter().position(|byte| *byte == b'=');
        let name = text[..equals.unwrap_or(text.len())].trim_ascii_end();
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        self.no_store |= is(b"no-store");
        self.must_understand |= is(b"must-understand");
        self.private |= is(b"private") && equals.is_none();
        self.lifetime |= is(b"max-age") || is(b"s-maxage");
        if is(b"public") {
            self.public = self.public.or(Some(directive));
        }
    }

    /// No shared cache stores it as it is. A cache that knows `must-understand` passes over `no-store` beside it
    /// (RFC 9111 §5.2.2.3).
    fn kept_out(&self) -> bool {
        self.private || (self.no_store && !self.must_understand)
    }

    /// It may be stored whatever its status.
    fn lets_store(&self, fields: &Fields, bytes: &[u8]) -> bool {
        let expires = |name: Span| name.of(bytes).eq_ignore_ascii_case(b"expires");
        self.lifetime
            || self.public.is_some()
            || fields
                .iter()
                .any(|field| !field.hop_by_hop && expires(field.name))
    }
}

/// The elements of a list in which quoted strings may hold commas (RFC 9110 §5.6.4).
fn directives(bytes: &[u8], value: Span) -> impl Iterator<Item = Span> {
    let Range { mut start, end } = value.range();
    std::iter::from_fn(move || {
        let length = element_length(bytes.get(start..end)?);
        let whole = start..start + length;
        start = whole.end + 1;
        Some(trimmed(bytes, whole))
    })
}

/// Up to the next comma that stands in no quotes.
fn element_length(bytes: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let ends = |byte: &u8| {
        let ends = *byte == b',' && !quoted;
        if escaped {
            escaped = false;
        } else if *byte == b'"' {
            quoted = !quoted;
        } else {
            escaped = quoted && *byte == b'\\';
        }
        ends
    };
    bytes.iter().position(ends).unwrap_or(bytes.len())
}
