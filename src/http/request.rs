//! Request heads (RFC 9112 §3).

mod host;
#[cfg(test)]
mod properties;
mod target;
#[cfg(test)]
mod tests;

use crate::http::body::Declared;
use crate::http::body::Framing;
use crate::http::body::declared;
use crate::http::ending::Refusal;
use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::field::SPAN_MAX;
use crate::http::field::Span;
use crate::http::field::token_end;
pub use crate::http::request::target::Form;
pub use crate::http::request::target::Target;
use crate::http::upgrade;

/// HTTP/1.0 or HTTP/1.1 (a higher minor version is treated as 1.1, RFC 9110 §2.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    Http10,
    Http11,
}

/// The methods whose meaning matters to an intermediary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Other,
}

impl Method {
    /// Sending it twice does no more than sending it once (RFC 9110 §9.2.2).
    pub fn is_idempotent(self) -> bool {
        match self {
            Method::Get | Method::Head | Method::Put | Method::Delete | Method::Options => true,
            Method::Post | Method::Other => false,
        }
    }

    /// Method names are case-sensitive (RFC 9110 §9.1).
    fn of(text: &[u8]) -> Method {
        match text {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"OPTIONS" => Method::Options,
            _ => Method::Other,
        }
    }
}

/// A request head that was read whole and found sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    pub method: Method,
    pub method_text: Span,
    pub target: Target,
    pub version: Version,
    /// The value of Host; empty when there is none.
    pub host: Span,
    /// Bytes of the head with its empty line; the body begins there.
    pub head_bytes: usize,
    pub body: Framing,
    /// The client will take another response on this connection.
    pub persistent: bool,
    /// `Expect: 100-continue`
    pub expects_continue: bool,
    /// It asks to switch to a protocol that may be spoken through us (RFC 9110 §7.8).
    pub upgrade: bool,
    /// OPTIONS that may go no further (`Max-Forwards: 0`): HALB answers it itself (RFC 9110 §7.6.2).
    pub last_hop: bool,
}

/// Reads a request head from the start of `bytes`, of at most `limit` bytes. `None`: more bytes are needed.
///
/// Nothing is remembered between calls, and a fault is told as soon as it can be seen: what is refused stays
/// refused whatever comes behind it.
pub fn parse(bytes: &[u8], limit: usize, fields: &mut Fields) -> Result<Option<Request>, Refusal> {
    let limit = limit.min(SPAN_MAX);
    let window = &bytes[..bytes.len().min(limit)];
    let too_long = bytes.len() >= limit;
    let Some(line) = request_line(window)? else {
        return if too_long {
            Err(Refusal::TargetTooLong)
        } else {
            Ok(None)
        };
    };
    let read = fields.read(window, line.end);
    let Some(head_bytes) = read.map_err(Refusal::Field)? else {
        return if too_long {
            Err(Refusal::HeadTooLong)
        } else {
            Ok(None)
        };
    };
    judge(window, &line, head_bytes, fields).map(Some)
}

/// The request line, taken apart.
struct RequestLine {
    method: Method,
    method_text: Span,
    /// `None`: a method that is not served, whose target has a form of its own.
    target: Option<Target>,
    version: Version,
    /// Where the field lines begin.
    end: usize,
}

fn request_line(bytes: &[u8]) -> Result<Option<RequestLine>, Refusal> {
    // One empty line ahead of it: some clients end a body with a CRLF too many (RFC 9112 §2.2).
    let start = match bytes {
        [] | [b'\r'] => return Ok(None),
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    };
    let method_end = token_end(bytes, start);
    match bytes.get(method_end) {
        None => return Ok(None),
        Some(b' ') if method_end > start => {}
        Some(_) => return Err(Refusal::RequestLine),
    }
    let method_text = Span::new(start, method_end);
    let method = Method::of(method_text.of(bytes));
    let target_end = target::end(bytes, method_end + 1);
    match bytes.get(target_end) {
        None => return Ok(None),
        Some(b' ') => {}
        Some(b'\r' | b'\n') => return Err(Refusal::RequestLine),
        Some(_) => return Err(Refusal::Target),
    }
    // First of all the version: what stands before it may mean something in another one (`PRI * HTTP/2.0`).
    let rest = bytes.get(target_end + 1..).unwrap_or_default();
    let Some(version) = version(rest)? else {
        return Ok(None);
    };
    let target = if is_served(method_text.of(bytes)) {
        let span = Span::new(method_end + 1, target_end);
        Some(target::parse(bytes, span, method).ok_or(Refusal::Target)?)
    } else {
        None
    };
    Ok(Some(RequestLine {
        method,
        method_text,
        target,
        version,
        end: target_end + 1 + VERSION_LINE.len(),
    }))
}

/// CONNECT has nothing to connect to behind a balancer; TRACE shows fields that clients may not see (RFC 9110 §9.3.8).
fn is_served(method: &[u8]) -> bool {
    !matches!(method, b"CONNECT" | b"TRACE")
}

const VERSION_LINE: &[u8; 10] = b"HTTP/1.1\r\n";

/// Reads the version and the line's end.
fn version(rest: &[u8]) -> Result<Option<Version>, Refusal> {
    let matches = VERSION_LINE.iter().zip(rest).all(|(wanted, byte)| {
        if wanted.is_ascii_digit() {
            byte.is_ascii_digit()
        } else {
            byte == wanted
        }
    });
    if !matches {
        return Err(Refusal::RequestLine);
    }
    match rest.first_chunk::<10>() {
        None => Ok(None),
        Some([_, _, _, _, _, b'1', _, b'0', ..]) => Ok(Some(Version::Http10)),
        Some([_, _, _, _, _, b'1', ..]) => Ok(Some(Version::Http11)),
        Some(_) => Err(Refusal::Version),
    }
}

/// What only the whole head can tell.
fn judge(
    bytes: &[u8],
    line: &RequestLine,
    head_bytes: usize,
    fields: &Fields,
) -> Result<Request, Refusal> {
    let Some(target) = line.target else {
        return Err(Refusal::Method);
    };
    let host = host_of(bytes, line.version, fields)?;
    let body = declared(fields, bytes, line.version).map_err(Refusal::Framing)?;
    let persistent = match line.version {
        Version::Http10 => fields.keep_alive() && !fields.close(),
        Version::Http11 => !fields.close(),
    };
    Ok(Request {
        method: line.method,
        method_text: line.method_text,
        target,
        version: line.version,
        host,
        head_bytes,
        body: match body {
            Declared::Nothing => Framing::None,
            Declared::Length(bytes) => Framing::Length(bytes),
            Declared::Chunked => Framing::Chunked,
        },
        persistent,
        expects_continue: expects_continue(bytes, line.version, fields),
        upgrade: asks_to_switch(bytes, line.version, fields),
        last_hop: max_forwards(line.method, fields, bytes) == Some(0),
    })
}

/// How many more hops an OPTIONS may take; `None`: as many as it likes. TRACE, the other method that knows this
/// field, is not served, and for all others it has no meaning (RFC 9110 §7.6.2).
pub(crate) fn max_forwards(method: Method, fields: &Fields, bytes: &[u8]) -> Option<u64> {
    if method != Method::Options {
        return None;
    }
    let mut lines = fields.all(Known::MaxForwards);
    let digits = lines.next()?.value.of(bytes);
    if lines.next().is_some() || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |value: u64, digit: &u8| {
        value
            .saturating_mul(10)
            .saturating_add((digit - b'0').into())
    };
    Some(digits.iter().fold(0, add))
}

/// RFC 9112 §3.2: one, and valid. An empty one counts as none, whose place the configured name takes (§3.3).
fn host_of(bytes: &[u8], version: Version, fields: &Fields) -> Result<Span, Refusal> {
    let mut lines = fields.all(Known::Host);
    let Some(field) = lines.next() else {
        return match version {
            Version::Http10 => Ok(Span::default()),
            Version::Http11 => Err(Refusal::HostMissing),
        };
    };
    if lines.next().is_some() {
        return Err(Refusal::HostRepeated);
    }
    if field.value.is_empty() || host::is_valid(field.value.of(bytes)) {
        Ok(field.value)
    } else {
        Err(Refusal::HostInvalid)
    }
}

/// HTTP/1.0 knows no interim responses, so it cannot expect one (RFC 9110 §10.1.1). Other expectations are for
/// the server behind us to judge.
fn expects_continue(bytes: &[u8], version: Version, fields: &Fields) -> bool {
    let continues = |value: &[u8]| value.eq_ignore_ascii_case(b"100-continue");
    version == Version::Http11
        && fields
            .all(Known::Expect)
            .any(|field| continues(field.value.of(bytes)))
}

/// HTTP/1.0 cannot switch (RFC 9110 §7.8), and without Connection beside it Upgrade was not meant for us.
fn asks_to_switch(bytes: &[u8], version: Version, fields: &Fields) -> bool {
    version == Version::Http11 && fields.upgrade() && upgrade::offers(fields, bytes)
}
