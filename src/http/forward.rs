//! What changes in a head on its way through (RFC 9110 §7.6, RFC 9112 §6 and §9).

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use crate::http::body::Framing;
use crate::http::edits::Edits;
use crate::http::field::Field;
use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::request::Form;
use crate::http::request::Request;
use crate::http::request::Version;
use crate::http::request::max_forwards;
use crate::http::response::Response;
use crate::http::upgrade;
use crate::http::writer::Full;
use crate::http::writer::Writer;

/// What the configuration and the connection say about requests.
#[derive(Clone, Copy, Debug)]
pub struct RequestRules<'p> {
    pub client: IpAddr,
    /// Add `X-Forwarded-For`, `-Proto`, `-Host`.
    pub forwarded: bool,
    /// The client is a trusted proxy: what it says in those fields is kept and extended.
    pub trusted: bool,
    pub via: bool,
    /// What `Host:` says when an HTTP/1.0 client said nothing.
    pub default_host: &'p str,
}

/// Writes the head that the output gets, with `edits`.
pub fn request(
    request: &Request,
    fields: &Fields,
    bytes: &[u8],
    edits: &Edits,
    rules: &RequestRules<'_>,
    out: &mut Writer<'_>,
) -> Result<(), Full> {
    out.put(request.method_text.of(bytes))?;
    out.put(b" ")?;
    out.put(request.target.prefix(request.method, bytes))?;
    out.put(request.target.path.of(bytes))?;
    out.put(b" HTTP/1.1\r\n")?;
    let host = new_host(request, bytes, rules);
    let hops = max_forwards(request.method, fields, bytes);
    if let Some(host) = host {
        line(out, b"Host: ", host)?;
    }
    kept(fields, bytes, edits, out, |field| match field.known {
        Known::Host => host.is_none(),
        Known::ContentLength | Known::TransferEncoding => false,
        Known::Trailer => request.body == Framing::Chunked,
        // An interim response could not be passed on to HTTP/1.0 (RFC 9110 §15.2).
        Known::Expect => request.version == Version::Http11,
        Known::MaxForwards => hops.is_none(),
        Known::XForwardedFor => !rules.forwarded,
        Known::XForwardedProto | Known::XForwardedHost => !rules.forwarded || rules.trusted,
        _ => true,
    })?;
    if let Some(hops) = hops {
        out.put(b"Max-Forwards: ")?;
        out.decimal(hops.saturating_sub(1))?;
        out.put(b"\r\n")?;
    }
    if request.upgrade {
        out.put(b"Connection: upgrade\r\n")?;
        upgrade::write(fields, bytes, out)?;
    }
    body_framing(request.body, out)?;
    if rules.forwarded {
        forwarded(request, fields, bytes, rules, out)?;
    }
    if rules.via {
        via(request.version, out)?;
    }
    out.put(b"\r\n")
}

/// Whether the head that goes out names the output itself, because the client named no host.
pub fn names_output(request: &Request) -> bool {
    request.target.form != Form::Absolute && request.host.is_empty()
}

/// Names another output in a head that [`request`] wrote at the start of `buffer` for a client that named no host;
/// `used` bytes are written in all. Returns how many are then.
pub fn rename_output(buffer: &mut [u8], used: usize, name: &str) -> Result<usize, Full> {
    const HOST: &[u8] = b"\r\nHost: ";
    let written = buffer.get(..used).ok_or(Full)?;
    let line = written
        .windows(HOST.len())
        .position(|bytes| bytes == HOST)
        .ok_or(Full)?;
    let start = line + HOST.len();
    let length = written[start..]
        .iter()
        .position(|byte| *byte == b'\r')
        .ok_or(Full)?;
    let end = start + name.len();
    let grown = (used + name.len())
        .checked_sub(length)
        .filter(|grown| *grown <= buffer.len());
    let grown = grown.ok_or(Full)?;
    buffer.copy_within(start + length..used, end);
    buffer[start..end].copy_from_slice(name.as_bytes());
    Ok(grown)
}

/// How a response goes on to a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Onward {
    pub framing: Framing,
    /// The client's connection has to close behind it (an HTTP/1.0 client and no known length).
    pub must_close: bool,
}

/// How `response`'s body is framed for a client that speaks `client`.
pub fn onward(response: &Response, client: Version) -> Onward {
    match (response.body, client) {
        (Framing::Chunked | Framing::UntilClose, Version::Http10) => Onward {
            framing: Framing::UntilClose,
            must_close: true,
        },
        (Framing::Chunked | Framing::UntilClose, Version::Http11) => Onward {
            framing: Framing::Chunked,
            must_close: false,
        },
        (framing @ (Framing::None | Framing::Length(_)), _) => Onward {
            framing,
            must_close: false,
        },
    }
}

/// What the connection says about responses.
#[derive(Clone, Copy, Debug)]
pub struct ResponseRules {
    pub client: Version,
    pub framing: Framing,
    /// The connection closes behind this response, and says so.
    pub close: bool,
    pub via: bool,
    /// For `Date`, when the output sent none (RFC 9110 §6.6.1).
    pub unix_seconds: u64,
}

/// Writes the head that the client gets, with `edits`. An interim response (which only an HTTP/1.1 client may get) carries
/// neither framing nor anything about the connection; a switch says only to which protocol.
pub fn response(
    response: &Response,
    fields: &Fields,
    bytes: &[u8],
    edits: &Edits,
    rules: &ResponseRules,
    out: &mut Writer<'_>,
) -> Result<(), Full> {
    out.put(b"HTTP/1.1 ")?;
    out.decimal(u64::from(response.status))?;
    line(out, b" ", response.reason.of(bytes))?;
    kept(fields, bytes, edits, out, |field| match field.known {
        Known::ContentLength | Known::TransferEncoding => false,
        Known::Trailer => rules.framing == Framing::Chunked,
        _ => true,
    })?;
    if rules.via {
        via(response.version, out)?;
    }
    if response.switches() {
        out.put(b"Connection: upgrade\r\n")?;
        upgrade::write(fields, bytes, out)?;
        return out.put(b"\r\n");
    }
    if response.is_interim() {
        return out.put(b"\r\n");
    }
    match (rules.framing, response.length) {
        // What a body would be long: to HEAD, and in a 304. A 204 may not say (RFC 9110 §8.6).
        (Framing::None, Some(bytes)) if response.status != 204 => {
            body_framing(Framing::Length(bytes), out)?;
        }
        (framing, _) => body_framing(framing, out)?,
    }
    if !fields.has(Known::Date) {
        out.put(b"Date: ")?;
        out.date(rules.unix_seconds)?;
        out.put(b"\r\n")?;
    }
    connection(response, fields, bytes, rules, out)?;
    out.put(b"\r\n")
}

/// What the response says of the connection: what becomes of it, and with 426 what it would have to become
/// (RFC 9110 §15.5.22). Other offers to switch are not passed on: they are about the connection to the output.
fn connection(
    response: &Response,
    fields: &Fields,
    bytes: &[u8],
    rules: &ResponseRules,
    out: &mut Writer<'_>,
) -> Result<(), Full> {
    let fate = match (rules.close, rules.client) {
        (true, _) => b"close".as_slice(),
        (false, Version::Http10) => b"keep-alive",
        (false, Version::Http11) => b"",
    };
    let demands = response.status == UPGRADE_REQUIRED && upgrade::offers(fields, bytes);
    match (fate, demands) {
        (b"", false) => Ok(()),
        (fate, false) => line(out, b"Connection: ", fate),
        (fate, true) => {
            out.put(b"Connection: ")?;
            out.put(fate)?;
            out.put(if fate.is_empty() { b"" } else { b", " })?;
            out.put(b"upgrade\r\n")?;
            upgrade::write(fields, bytes, out)
        }
    }
}

const UPGRADE_REQUIRED: u16 = 426;

/// The Host that takes the place of the one in the head, if one does: a target in absolute form carries the right
/// one (RFC 9112 §3.2.2), and where there is none the configured name stands in.
fn new_host<'h>(request: &Request, bytes: &'h [u8], rules: &RequestRules<'h>) -> Option<&'h [u8]> {
    match request.target.form {
        Form::Absolute => Some(request.target.authority.of(bytes)),
        Form::Origin | Form::Asterisk if names_output(request) => {
            Some(rules.default_host.as_bytes())
        }
        Form::Origin | Form::Asterisk => None,
    }
}

/// Copies the lines that go on, neighbours in one go, and adds those that are added.
fn kept(
    fields: &Fields,
    bytes: &[u8],
    edits: &Edits,
    out: &mut Writer<'_>,
    keep: impl Fn(&Field) -> bool,
) -> Result<(), Full> {
    let mut run = 0..0;
    for field in fields.iter() {
        if field.hop_by_hop || !keep(field) {
            continue;
        }
        let line = field.line.range();
        if line.start == run.end {
            run.end = line.end;
        } else {
            edits.copy(bytes, run, out)?;
            run = line;
        }
    }
    edits.copy(bytes, run, out)?;
    out.put(edits.added())
}

fn body_framing(framing: Framing, out: &mut Writer<'_>) -> Result<(), Full> {
    match framing {
        Framing::None | Framing::UntilClose => Ok(()),
        Framing::Chunked => out.put(b"Transfer-Encoding: chunked\r\n"),
        Framing::Length(bytes) => {
            out.put(b"Content-Length: ")?;
            out.decimal(bytes)?;
            out.put(b"\r\n")
        }
    }
}

/// Who asked, and how. One line each: what a trusted proxy said goes before our own word, in its order.
fn forwarded(
    request: &Request,
    fields: &Fields,
    bytes: &[u8],
    rules: &RequestRules<'_>,
    out: &mut Writer<'_>,
) -> Result<(), Full> {
    out.put(b"X-Forwarded-For: ")?;
    if rules.trusted {
        let earlier = fields
            .all(Known::XForwardedFor)
            .map(|field| field.value.of(bytes));
        for value in earlier.filter(|value| !value.is_empty()) {
            out.put(value)?;
            out.put(b", ")?;
        }
    }
    out.address(rules.client)?;
    out.put(b"\r\n")?;
    let said = |known| rules.trusted && fields.has(known);
    if !said(Known::XForwardedProto) {
        out.put(b"X-Forwarded-Proto: http\r\n")?;
    }
    let host = match request.target.form {
        Form::Absolute => request.target.authority,
        Form::Origin | Form::Asterisk => request.host,
    };
    if !host.is_empty() && !said(Known::XForwardedHost) {
        line(out, b"X-Forwarded-Host: ", host.of(bytes))?;
    }
    Ok(())
}

/// The version is the one in which the message came to us (RFC 9110 §7.6.3).
fn via(received: Version, out: &mut Writer<'_>) -> Result<(), Full> {
    match received {
        Version::Http10 => out.put(b"Via: 1.0 halb\r\n"),
        Version::Http11 => out.put(b"Via: 1.1 halb\r\n"),
    }
}

fn line(out: &mut Writer<'_>, start: &[u8], value: &[u8]) -> Result<(), Full> {
    out.put(start)?;
    out.put(value)?;
    out.put(b"\r\n")
}
