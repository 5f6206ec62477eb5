//! The few answers HALB gives itself.

#[cfg(test)]
mod tests;

use crate::http::ending::Ending;
use crate::http::writer::Full;
use crate::http::writer::Writer;
use crate::model::error_page::ErrorPage;

/// What an answer of our own depends on besides its ending.
#[derive(Clone, Copy, Debug)]
pub struct ReplyRules<'p> {
    /// The request was HEAD: no body.
    pub head_only: bool,
    /// Say `Connection: close`.
    pub close: bool,
    pub unix_seconds: u64,
    /// What the operator wants said with this status, instead of our own words.
    pub page: Option<&'p ErrorPage>,
}

/// No answer in our own words is longer, and no head of one in the operator's.
pub const REPLY_BYTES_MAX: usize = 512;

/// Seconds after which a client may ask again: by then a probe has looked at every output.
const RETRY_AFTER: &[u8] = b"Retry-After: 5\r\n";
/// CONNECT and TRACE are what we do not serve; an output may allow fewer (RFC 9110 §10.2.1).
const ALLOW: &[u8] = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";

/// Writes the answer to `ending`; writes nothing when it calls for none (nobody is left to read it).
pub fn write(ending: Ending, rules: &ReplyRules<'_>, out: &mut Writer<'_>) -> Result<(), Full> {
    let Some(status) = ending.status() else {
        return Ok(());
    };
    let (name, content) = (name(status), content(status, rules));
    out.put(b"HTTP/1.1 ")?;
    title(status, name, out)?;
    out.put(b"\r\nDate: ")?;
    out.date(rules.unix_seconds)?;
    out.put(b"\r\n")?;
    if let Some(media_type) = content.media_type() {
        out.put(b"Content-Type: ")?;
        out.put(media_type.as_bytes())?;
        // Nobody may keep an answer that says nothing of the resource (RFC 9111 §4.2.2).
        out.put(b"\r\nCache-Control: no-store\r\n")?;
    }
    match status {
        200 | 405 => out.put(ALLOW)?,
        503 => out.put(RETRY_AFTER)?,
        _ => {}
    }
    if rules.close {
        out.put(b"Connection: close\r\n")?;
    }
    out.put(b"Content-Length: ")?;
    out.decimal(content.bytes(name))?;
    out.put(b"\r\n\r\n")?;
    if rules.head_only {
        return Ok(());
    }
    match content {
        Content::Nothing => Ok(()),
        Content::Sentence(sentence) => body(status, name, sentence, out),
        Content::Page(page) => out.put(&page.body),
    }
}

/// What stands in the body.
#[derive(Clone, Copy)]
enum Content<'p> {
    Nothing,
    /// A short page of our own around it.
    Sentence(&'static str),
    Page(&'p ErrorPage),
}

impl Content<'_> {
    fn media_type(&self) -> Option<&'static str> {
        match self {
            Content::Nothing => None,
            Content::Sentence(_) => Some("text/html"),
            Content::Page(page) => Some(page.media_type),
        }
    }

    fn bytes(&self, name: &str) -> u64 {
        match self {
            Content::Nothing => 0,
            Content::Sentence(sentence) => body_bytes(name, sentence),
            Content::Page(page) => page.body.len() as u64,
        }
    }
}

fn content<'p>(status: u16, rules: &ReplyRules<'p>) -> Content<'p> {
    match (rules.page, sentence(status)) {
        (_, None) => Content::Nothing,
        (Some(page), Some(_)) => Content::Page(page),
        (None, Some(sentence)) => Content::Sentence(sentence),
    }
}

const BODY_START: &str = "<!doctype html>\n<title>";
const BODY_HEADING: &str = "</title>\n<h1>";
const BODY_SENTENCE: &str = "</h1>\n<p>";
const BODY_END: &str = "</p>\n";
/// The status and the space behind it.
const STATUS_BYTES: usize = 4;

fn body(status: u16, name: &str, sentence: &str, out: &mut Writer<'_>) -> Result<(), Full> {
    out.put(BODY_START.as_bytes())?;
    title(status, name, out)?;
    out.put(BODY_HEADING.as_bytes())?;
    title(status, name, out)?;
    out.put(BODY_SENTENCE.as_bytes())?;
    out.put(sentence.as_bytes())?;
    out.put(BODY_END.as_bytes())
}

fn body_bytes(name: &str, sentence: &str) -> u64 {
    let frame = BODY_START.len() + BODY_HEADING.len() + BODY_SENTENCE.len() + BODY_END.len();
    (frame + 2 * (STATUS_BYTES + name.len()) + sentence.len()) as u64
}

fn title(status: u16, name: &str, out: &mut Writer<'_>) -> Result<(), Full> {
    out.decimal(u64::from(status))?;
    out.put(b" ")?;
    out.put(name.as_bytes())
}

/// The names of the statuses that [`Ending::status`] gives.
fn name(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        414 => "URI Too Long",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => unreachable!("no ending is answered with {status}"),
    }
}

/// What went wrong, for a person. `None`: nothing did.
fn sentence(status: u16) -> Option<&'static str> {
    let sentence = match status {
        400 => "The request is not valid HTTP.",
        405 => "This method is not served here.",
        408 => "The request did not arrive in time.",
        414 => "The address is longer than this server takes.",
        431 => "The header fields are larger than this server takes.",
        501 => "This transfer coding is not known here.",
        502 => "The server behind this one gave no valid answer.",
        503 => "No server is available for this request now.",
        504 => "The server behind this one did not answer in time.",
        505 => "This server speaks HTTP/1.0 and HTTP/1.1.",
        _ => return None,
    };
    Some(sentence)
}
