//! Upgrade: the protocols that a message names, and those of them that may go on (RFC 9110 §7.8).

#[cfg(test)]
mod tests;

use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::field::elements;
use crate::http::field::is_token;
use crate::http::writer::Full;
use crate::http::writer::Writer;

/// Whether Upgrade names at least one protocol that goes on. A list that is none names nothing.
pub(crate) fn offers(fields: &Fields, bytes: &[u8]) -> bool {
    named(fields, bytes).all(is_protocol) && named(fields, bytes).any(goes_on)
}

/// Whether Upgrade names protocols all of which may be spoken through us.
pub(crate) fn grants(fields: &Fields, bytes: &[u8]) -> bool {
    offers(fields, bytes) && named(fields, bytes).all(goes_on)
}

/// Writes the line that goes on; there has to be something to go on.
pub(crate) fn write(fields: &Fields, bytes: &[u8], out: &mut Writer<'_>) -> Result<(), Full> {
    let mut before: &[u8] = b"Upgrade: ";
    for protocol in named(fields, bytes).filter(|protocol| goes_on(protocol)) {
        out.put(before)?;
        out.put(protocol)?;
        before = b", ";
    }
    out.put(b"\r\n")
}

/// What stands in the list; empty elements do not count (RFC 9110 §5.6.1).
fn named<'h>(fields: &'h Fields, bytes: &'h [u8]) -> impl Iterator<Item = &'h [u8]> {
    let lines = fields.all(Known::Upgrade);
    let all = lines.flat_map(|field| elements(field.value.of(bytes)));
    all.filter(|element| !element.is_empty())
}

/// `name` or `name/version`, both tokens.
fn is_protocol(element: &[u8]) -> bool {
    let mut parts = element.splitn(2, |byte| *byte == b'/');
    parts.all(is_token)
}

/// HTTP/2 without TLS would pass requests by us that we have not read. Its name is compared without regard to case
/// (RFC 9110 §7.8), and whatever its version.
fn goes_on(element: &[u8]) -> bool {
    let name = element.split(|byte| *byte == b'/').next();
    name.is_some_and(|name| !name.eq_ignore_ascii_case(b"h2c"))
}
