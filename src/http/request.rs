//! Request heads (RFC 9112 §3).

use crate::http::body::Framing;
use crate::http::ending::Refusal;
use crate::http::field::Fields;
use crate::http::field::Span;

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
}

/// A request head that was read whole and found sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    pub method: Method,
    pub method_text: Span,
    pub version: Version,
    /// Bytes of the head with its empty line; the body begins there.
    pub head_bytes: usize,
    pub body: Framing,
    /// The client will take another response on this connection.
    pub persistent: bool,
    /// `Expect: 100-continue`
    pub expects_continue: bool,
}

/// Reads a request head from the start of `bytes`. `None`: more bytes are needed.
pub fn parse(
    _bytes: &[u8],
    _limit: usize,
    _fields: &mut Fields,
) -> Result<Option<Request>, Refusal> {
    todo!()
}
