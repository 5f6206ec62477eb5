//! What the generator's connections ask, and where they come from.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use halb::ring::arena::SMALL_BYTES;

use crate::station::body::response::Expected;
use crate::station::order::Asked;

/// A longer head does not fit a small buffer beside the framing of an upload.
const HEAD_BYTES_MAX: usize = SMALL_BYTES - 64;
/// Source addresses of all stations together: 127.1.0.0/16.
const SOURCES: u32 = 1 << 16;

/// What is asked, and how.
#[derive(Clone, Copy)]
pub struct Question {
    pub target: SocketAddr,
    pub asked: Asked,
    /// Every request has a connection of its own.
    pub fresh: bool,
    /// The first source address ([`crate::station::order::Order`]).
    pub first_source: u32,
}

/// What has to come back.
pub fn expected(asked: &Asked) -> Expected {
    Expected {
        body_bytes: asked.body_bytes,
        chunked: asked.chunked,
    }
}

/// The request's head, of exactly `head_bytes` when that is more than it needs.
pub fn request(question: &Question, asked: &Asked) -> Vec<u8> {
    let connection = if question.fresh {
        "Connection: close\r\n"
    } else {
        ""
    };
    let (method, framing) = match (asked.upload_bytes, asked.upload_chunked) {
        (0, _) => ("GET", String::new()),
        (_, true) => ("POST", "Transfer-Encoding: chunked\r\n".to_owned()),
        (bytes, false) => ("POST", format!("Content-Length: {bytes}\r\n")),
    };
    let (path, host) = (asked.target(), question.target);
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: halb-bench\r\nAccept: */*\r\n{framing}{connection}"
    );
    const COOKIE: &str = "Cookie: c=";
    const ENDS: usize = 4;
    let padding = asked.head_bytes.min(HEAD_BYTES_MAX);
    if let Some(letters) = padding.checked_sub(head.len() + COOKIE.len() + ENDS) {
        head.push_str(COOKIE);
        head.extend(std::iter::repeat_n('x', letters));
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// The address of 127/8 for the `number`th source; 127.0.x.x is left to everybody else.
pub fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f01_0000 + number % SOURCES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(head_bytes: usize, fresh: bool) -> Question {
        Question {
            target: SocketAddr::from(([127, 0, 0, 1], 8000)),
            asked: Asked {
                body_bytes: 128,
                head_bytes,
                ..Asked::default()
            },
            fresh,
            first_source: 0,
        }
    }

    fn head(head_bytes: usize, fresh: bool) -> Vec<u8> {
        let question = question(head_bytes, fresh);
        request(&question, &question.asked)
    }

    #[test]
    fn a_request_has_the_length_that_was_asked_for() {
        assert_eq!(head(600, false).len(), 600);
        assert_eq!(head(200, true).len(), 200);
        let least = head(0, false);
        assert!(least.starts_with(b"GET /128 HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"));
        assert!(least.ends_with(b"*/*\r\n\r\n"));
        assert!(head(0, true).ends_with(b"Connection: close\r\n\r\n"));
    }

    #[test]
    fn sources_stay_in_127_and_off_its_first_addresses() {
        for number in [0, 1, SOURCES - 1, SOURCES, u32::MAX] {
            let address = source(number);
            assert!(address.is_loopback());
            assert_eq!(address.octets()[1], 1);
        }
    }
}
