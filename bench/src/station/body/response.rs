//! Checks every response of a run: status, length and content, however its bytes are cut.

use memchr::memmem;

use crate::station::body::incoming::Incoming;
use crate::station::body::pattern::Pattern;

/// A head that grows beyond this is not one of ours.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What is wrong with a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// Not a final 200 of HTTP/1.1.
    Status,
    /// No Content-Length, or another one than was asked for; or it came in chunks and was not to, or the other way round; or
    /// chunks ended too early.
    Length,
    /// The body is not the sequence.
    Content,
    /// More bytes than the response has.
    Excess,
    /// A head without end.
    Head,
    /// A chunk's size, or its end, is not what it should be.
    Chunk,
    /// It came before the request had gone out whole.
    Early,
}

/// Whether the response is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    More,
    Whole,
}

/// What a response has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    pub body_bytes: u64,
    pub chunked: bool,
}

/// One response as it arrives.
pub struct Response {
    expected: Expected,
    /// `None` while the head is not whole.
    body: Option<Incoming>,
    /// A head that did not come in one piece.
    partial_head: Vec<u8>,
}

impl Response {
    pub fn expecting(expected: Expected) -> Response {
        Response {
            expected,
            body: None,
            partial_head: Vec::new(),
        }
    }

    /// Begins the next response on the same connection.
    pub fn again(&mut self, expected: Expected) {
        self.expected = expected;
        self.body = None;
    }

    /// Whether the first byte of the body is here.
    pub fn has_begun(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.seen() > 0)
    }

    /// Looks at the next bytes of the connection.
    pub fn feed(&mut self, piece: &[u8], pattern: &Pattern) -> Result<Progress, Wrong> {
        if let Some(body) = &mut self.body {
            return body.feed(piece, pattern);
        }
        if self.partial_head.is_empty() {
            return self.head(piece, pattern);
        }
        let mut joined = std::mem::take(&mut self.partial_head);
        joined.extend_from_slice(piece);
        self.head(&joined, pattern)
    }

    fn head(&mut self, bytes: &[u8], pattern: &Pattern) -> Result<Progress, Wrong> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
            if bytes.len() > HEAD_BYTES_MAX {
                return Err(Wrong::Head);
            }
            self.partial_head = bytes.to_vec();
            return Ok(Progress::More);
        };
        let (head, rest) = bytes.split_at(end + 4);
        if !head.starts_with(b"HTTP/1.1 200 ") {
            return Err(Wrong::Status);
        }
        let Expected {
            body_bytes,
            chunked,
        } = self.expected;
        let length = field(head, b"content-length:");
        let coding = field(head, b"transfer-encoding:");
        let mut body = match (chunked, length, coding) {
            (false, Value::One(length), Value::None) if length.parse() == Ok(body_bytes) => {
                Incoming::of_length(body_bytes)
            }
            (true, Value::None, Value::One(coding)) if coding.eq_ignore_ascii_case("chunked") => {
                Incoming::chunked(Some(body_bytes))
            }
            _ => return Err(Wrong::Length),
        };
        let progress = body.feed(rest, pattern);
        self.body = Some(body);
        progress
    }
}

/// How often a field is there, and with what value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    None,
    One(&'a str),
    /// More than one, or no text.
    Other,
}

/// The value of a field; `name` is in small letters and ends with a colon.
pub fn field<'a>(head: &'a [u8], name: &[u8]) -> Value<'a> {
    let mut found = Value::None;
    for line in head.split(|byte| *byte == b'\n') {
        let named = line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name);
        if !named {
            continue;
        }
        found = match (found, std::str::from_utf8(&line[name.len()..])) {
            (Value::None, Ok(text)) => Value::One(text.trim()),
            _ => return Value::Other,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: &str, length: &str, body_bytes: usize) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status}\r\nServer: x\r\n{length}\r\n\r\n");
        let mut bytes = head.into_bytes();
        let start = bytes.len();
        bytes.resize(start + body_bytes, 0);
        Pattern::new().fill(&mut bytes[start..], 0);
        bytes
    }

    fn plain(body_bytes: u64) -> Expected {
        Expected {
            body_bytes,
            chunked: false,
        }
    }

    fn judge(bytes: &[u8], expected_bytes: u64) -> Result<Progress, Wrong> {
        Response::expecting(plain(expected_bytes)).feed(bytes, &Pattern::new())
    }

    #[test]
    fn a_right_answer_is_whole_wherever_it_is_cut() {
        let pattern = Pattern::new();
        let bytes = answer("200 OK", "content-LENGTH: 128", 128);
        for cut in 0..bytes.len() {
            let mut response = Response::expecting(plain(128));
            assert_eq!(response.feed(&bytes[..cut], &pattern), Ok(Progress::More));
            assert_eq!(response.feed(&bytes[cut..], &pattern), Ok(Progress::Whole));
            response.again(plain(128));
            assert_eq!(response.feed(&bytes, &pattern), Ok(Progress::Whole));
        }
    }

    #[test]
    fn chunks_are_taken_where_they_were_asked_for_and_only_there() {
        let pattern = Pattern::new();
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n4\r\n";
        let mut bytes = head.as_bytes().to_vec();
        let start = bytes.len();
        bytes.resize(start + 4, 0);
        pattern.fill(&mut bytes[start..], 0);
        bytes.extend_from_slice(b"\r\n0\r\n\r\n");
        let expected = Expected {
            body_bytes: 4,
            chunked: true,
        };
        for cut in 0..bytes.len() {
            let mut response = Response::expecting(expected);
            assert_eq!(response.feed(&bytes[..cut], &pattern), Ok(Progress::More));
            assert_eq!(response.has_begun(), cut > start);
            assert_eq!(response.feed(&bytes[cut..], &pattern), Ok(Progress::Whole));
        }
        assert_eq!(judge(&bytes, 4), Err(Wrong::Length));
        let plain = answer("200 OK", "Content-Length: 4", 4);
        let judged = Response::expecting(expected).feed(&plain, &pattern);
        assert_eq!(judged, Err(Wrong::Length));
    }

    #[test]
    fn each_fault_has_its_name() {
        let unavailable = answer("503 Service Unavailable", "Content-Length: 128", 128);
        assert_eq!(judge(&unavailable, 128), Err(Wrong::Status));
        let other = answer("200 OK", "Content-Length: 127", 127);
        assert_eq!(judge(&other, 128), Err(Wrong::Length));
        let doubled = "Content-Length: 128\r\nContent-Length: 128";
        assert_eq!(
            judge(&answer("200 OK", doubled, 128), 128),
            Err(Wrong::Length)
        );
        let none = answer("200 OK", "Transfer-Encoding: chunked", 128);
        assert_eq!(judge(&none, 128), Err(Wrong::Length));
        let long = answer("200 OK", "Content-Length: 128", 129);
        assert_eq!(judge(&long, 128), Err(Wrong::Excess));
        let mut changed = answer("200 OK", "Content-Length: 128", 128);
        if let Some(last) = changed.last_mut() {
            *last ^= 1;
        }
        assert_eq!(judge(&changed, 128), Err(Wrong::Content));
        assert_eq!(
            judge(&vec![b'a'; HEAD_BYTES_MAX + 1], 128),
            Err(Wrong::Head)
        );
    }
}
