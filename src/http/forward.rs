//! What changes in a head on its way through (RFC 9110 §7.6, RFC 9112 §6 and §9).

use std::net::IpAddr;

use crate::http::body::Framing;
use crate::http::field::Fields;
use crate::http::request::Request;
use crate::http::request::Version;
use crate::http::response::Response;
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

/// Writes the head that the output gets.
pub fn request(
    _request: &Request,
    _fields: &Fields,
    _bytes: &[u8],
    _rules: &RequestRules<'_>,
    _out: &mut Writer<'_>,
) -> Result<(), Full> {
    todo!()
}

/// How a response goes on to a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Onward {
    pub framing: Framing,
    /// The client's connection has to close behind it (an HTTP/1.0 client and no known length).
    pub must_close: bool,
}

/// How `response`'s body is framed for a client that speaks `client`.
pub fn onward(_response: &Response, _client: Version) -> Onward {
    todo!()
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

/// Writes the head that the client gets.
pub fn response(
    _response: &Response,
    _fields: &Fields,
    _bytes: &[u8],
    _rules: &ResponseRules,
    _out: &mut Writer<'_>,
) -> Result<(), Full> {
    todo!()
}
