//! Checks every response of a run: status, length and content, however its bytes are cut.

use memchr::memmem;

use crate::station::pattern::Pattern;

/// A head that grows beyond this is not one of ours.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What is wrong with a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// Not a final 200 of HTTP/1.1.
    Status,
    /// No Content-Length, or another one than was asked for.
    Length,
    /// The body is not the sequence.
    Content,
    /// More bytes than the response has.
    Excess,
    /// A head without end.
    Head,
}

/// Whether the response is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    More,
    Whole,
}

/// One response as it arrives.
pub struct Response {
    expected_bytes: u64,
    /// Body bytes seen; `None` while the head is not whole.
    body_bytes: Option<u64>,
    /// A head that did not come in one piece.
    partial_head: Vec<u8>,
}

impl Response {
    /// A response whose body must have exactly so many bytes.
    pub fn expecting(expected_bytes: u64) -> Response {
        Response {
            expected_bytes,
            body_bytes: None,
            partial_head: Vec::new(),
        }
    }

    /// Begins the next response on the same connection.
    pub fn again(&mut self) {
        self.body_bytes = None;
    }

    /// Looks at the next bytes of the connection.
    pub fn feed(&mut self, piece: &[u8], pattern: &Pattern) -> Result<Progress, Wrong> {
        match self.body_bytes {
            Some(seen) => self.body(piece, seen, pattern),
            None if self.partial_head.is_empty() => self.head(piece, pattern),
            None => {
                let mut joined = std::mem::take(&mut self.partial_head);
                joined.extend_from_slice(piece);
                self.head(&joined, pattern)
            }
        }
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
        if content_length(head) != Some(self.expected_bytes) {
            return Err(Wrong::Length);
        }
        self.body(rest, 0, pattern)
    }

    fn body(&mut self, piece: &[u8], seen: u64, pattern: &Pattern) -> Result<Progress, Wrong> {
        let after = seen + piece.len() as u64;
        if after > self.expected_bytes {
            return Err(Wrong::Excess);
        }
        if !pattern.matches(piece, seen, self.expected_bytes) {
            return Err(Wrong::Content);
        }
        self.body_bytes = Some(after);
        if after < self.expected_bytes {
            Ok(Progress::More)
        } else {
            Ok(Progress::Whole)
        }
    }
}

/// The value of Content-Length, if there is exactly one and it is a number.
fn content_length(head: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"content-length:";
    let mut found = None;
    for line in head.split(|byte| *byte == b'\n') {
        let named = line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME);
        if !named {
            continue;
        }
        if found.is_some() {
            return None;
        }
        let text = std::str::from_utf8(&line[NAME.len()..]).ok()?;
        found = Some(text.trim().parse().ok()?);
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

    fn judge(bytes: &[u8], expected_bytes: u64) -> Result<Progress, Wrong> {
        Response::expecting(expected_bytes).feed(bytes, &Pattern::new())
    }

    #[test]
    fn a_right_answer_is_whole_wherever_it_is_cut() {
        let pattern = Pattern::new();
        let bytes = answer("200 OK", "content-LENGTH: 128", 128);
        for cut in 0..bytes.len() {
            let mut response = Response::expecting(128);
            assert_eq!(response.feed(&bytes[..cut], &pattern), Ok(Progress::More));
            assert_eq!(response.feed(&bytes[cut..], &pattern), Ok(Progress::Whole));
            response.again();
            assert_eq!(response.feed(&bytes, &pattern), Ok(Progress::Whole));
        }
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
