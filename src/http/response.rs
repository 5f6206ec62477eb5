//! Response heads (RFC 9112 §4).

#[cfg(test)]
mod tests;

use crate::http::body::Declared;
use crate::http::body::Framing;
use crate::http::body::FramingFault;
use crate::http::body::declared;
use crate::http::field::FieldFault;
use crate::http::field::Fields;
use crate::http::field::SPAN_MAX;
use crate::http::field::Span;
use crate::http::field::text_end;
use crate::http::request::Method;
use crate::http::request::Version;
use crate::http::upgrade;

/// What is wrong with a response head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// A status line that is none.
    StatusLine,
    Field(FieldFault),
    Framing(FramingFault),
    HeadTooLong,
    /// A 101 that nobody asked for, or that does not say what it switches to (RFC 9110 §15.2.2).
    SwitchUnasked,
}

/// What the request was that a response answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    pub method: Method,
    /// It asked to switch protocols, and the output was told.
    pub upgrade: bool,
}

/// A response head that was read whole and found sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Response {
    pub status: u16,
    pub version: Version,
    /// May be empty.
    pub reason: Span,
    /// Bytes of the head with its empty line; the body begins there.
    pub head_bytes: usize,
    /// With regard to the request's method and the status (RFC 9112 §6.3).
    pub body: Framing,
    /// The value of Content-Length. To HEAD and with 304 it is there without a body.
    pub length: Option<u64>,
    /// The output will take another request on this connection.
    pub persistent: bool,
}

impl Response {
    /// A 1xx: the final response is still to come.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && !self.switches()
    }

    /// A 101: what follows its head is no HTTP any more.
    pub fn switches(&self) -> bool {
        self.status == SWITCHING
    }
}

/// 101 Switching Protocols
const SWITCHING: u16 = 101;

/// Reads a response head from the start of `bytes`, of at most `limit` bytes. `None`: more bytes are needed.
///
/// Like [`request::parse`](crate::http::request::parse), it remembers nothing and never takes a fault back.
pub fn parse(
    bytes: &[u8],
    limit: usize,
    asked: Asked,
    fields: &mut Fields,
) -> Result<Option<Response>, Broken> {
    let limit = limit.min(SPAN_MAX);
    let window = &bytes[..bytes.len().min(limit)];
    let line = status_line(window)?;
    let head_bytes = match line {
        None => None,
        Some(line) => fields.read(window, line.end).map_err(Broken::Field)?,
    };
    match (line, head_bytes) {
        (Some(line), Some(head_bytes)) => judge(window, line, head_bytes, asked, fields).map(Some),
        _ if bytes.len() >= limit => Err(Broken::HeadTooLong),
        _ => Ok(None),
    }
}

/// The status line, taken apart.
#[derive(Clone, Copy)]
struct StatusLine {
    version: Version,
    status: u16,
    reason: Span,
    /// Where the field lines begin.
    end: usize,
}

const STATUS_START: &[u8; 12] = b"HTTP/1.1 200";

fn status_line(bytes: &[u8]) -> Result<Option<StatusLine>, Broken> {
    let matches = STATUS_START
        .iter()
        .zip(bytes)
        .enumerate()
        .all(|(at, (wanted, byte))| {
            if at >= MINOR_VERSION && wanted.is_ascii_digit() {
                byte.is_ascii_digit()
            } else {
                byte == wanted
            }
        });
    if !matches {
        return Err(Broken::StatusLine);
    }
    let Some([.., minor, b' ', first, second, third]) = bytes.first_chunk::<12>() else {
        return Ok(None);
    };
    let digit = |byte: &u8| u16::from(byte - b'0');
    let status = digit(first) * 100 + digit(second) * 10 + digit(third);
    if !(100..600).contains(&status) {
        return Err(Broken::StatusLine); // RFC 9110 §15: other values are invalid
    }
    // Some servers leave out the space when they have no reason to give.
    let reason_start = match bytes.get(STATUS_START.len()) {
        None => return Ok(None),
        Some(b' ') => STATUS_START.len() + 1,
        Some(b'\r') => STATUS_START.len(),
        Some(_) => return Err(Broken::StatusLine),
    };
    let reason_end = text_end(bytes, reason_start);
    match bytes.get(reason_end..) {
        None | Some([] | [b'\r']) => return Ok(None),
        Some([b'\r', b'\n', ..]) => {}
        Some(_) => return Err(Broken::StatusLine),
    }
    Ok(Some(StatusLine {
        version: if *minor == b'0' {
            Version::Http10
        } else {
            Version::Http11
        },
        status,
        reason: Span::new(reason_start, reason_end),
        end: reason_end + 2,
    }))
}

const MINOR_VERSION: usize = 7;

/// What only the whole head can tell.
fn judge(
    bytes: &[u8],
    line: StatusLine,
    head_bytes: usize,
    asked: Asked,
    fields: &Fields,
) -> Result<Response, Broken> {
    let switches = line.status == SWITCHING;
    if switches && !(asked.upgrade && upgrade::grants(fields, bytes)) {
        return Err(Broken::SwitchUnasked);
    }
    let declared = declared(fields, bytes, line.version).map_err(Broken::Framing)?;
    let never = matches!(line.status, 100..200 | 204);
    let bodiless = never || line.status == 304 || asked.method == Method::Head;
    let body = match declared {
        _ if bodiless => Framing::None,
        Declared::Nothing => Framing::UntilClose,
        Declared::Length(bytes) => Framing::Length(bytes),
        Declared::Chunked => Framing::Chunked,
    };
    let length = match declared {
        Declared::Length(bytes) => Some(bytes),
        Declared::Nothing | Declared::Chunked => None,
    };
    let stays = match line.version {
        Version::Http10 => fields.keep_alive() && !fields.close(),
        Version::Http11 => !fields.close(),
    };
    // A server that announces a body where none can be may well send it: nothing behind it can be trusted.
    let announces = declared == Declared::Chunked || length.is_some_and(|bytes| bytes > 0);
    Ok(Response {
        status: line.status,
        version: line.version,
        reason: line.reason,
        head_bytes,
        body,
        length,
        persistent: stays && !switches && body != Framing::UntilClose && !(never && announces),
    })
}
