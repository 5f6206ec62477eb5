//! HTTP/1.0 and HTTP/1.1 as an intermediary speaks them (RFC 9110, RFC 9112). Bytes in, decisions and bytes
//! out; no I/O, no clock.
#![forbid(unsafe_code)]

pub mod body;
pub mod client;
pub mod cookie;
pub mod edits;
pub mod ending;
pub mod field;
pub mod forward;
pub mod reply;
pub mod request;
pub mod response;
mod upgrade;
pub mod writer;
