//! Response heads (RFC 9112 §4).

use crate::http::body::Framing;
use crate::http::field::Fields;
use crate::http::request::Method;
use crate::http::request::Version;

/// What is wrong with a response head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    Malformed,
    HeadTooLong,
    Framing,
}

/// A response head that was read whole and found sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Response {
    pub status: u16,
    pub version: Version,
    pub head_bytes: usize,
    /// With regard to the request's method and the status (RFC 9112 §6.3).
    pub body: Framing,
    /// The output will take another request on this connection.
    pub persistent: bool,
}

impl Response {
    /// A 1xx: the final response is still to come.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status)
    }
}

/// Reads a response head from the start of `bytes`. `None`: more bytes are needed.
pub fn parse(
    _bytes: &[u8],
    _limit: usize,
    _asked: Method,
    _fields: &mut Fields,
) -> Result<Option<Response>, Broken> {
    todo!()
}
