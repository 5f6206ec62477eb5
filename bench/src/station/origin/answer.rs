//! What the origin answers. Plain answers are made once for each length, because nothing must cost less than
//! what is between; all others piece by piece.

use halb::ring::arena::Buffer;
use halb::ring::arena::LARGE_BYTES;
use halb::ring::arena::SMALL_BYTES;
use halb::ring::port::Ring;
use halb::ring::port::Size;

use crate::station::body::outgoing::Outgoing;
use crate::station::body::pattern::PERIOD;
use crate::station::body::pattern::Pattern;
use crate::station::origin::request::Request;

/// A large buffer holds one period, so a place in it always holds the same part of the sequence.
const _: () = assert!(LARGE_BYTES == PERIOD);

/// The plain answer of one length.
pub struct Answer {
    pub body_bytes: u64,
    /// Head and, when it fits a small buffer, body.
    pub start: Vec<u8>,
    pub head_bytes: usize,
}

impl Answer {
    pub fn new(body_bytes: u64, pattern: &Pattern) -> Answer {
        let mut start = head(body_bytes, false);
        let head_bytes = start.len();
        let total = head_bytes as u64 + body_bytes;
        if total <= SMALL_BYTES as u64 {
            start.resize(usize::try_from(total).unwrap_or(head_bytes), 0);
            pattern.fill(&mut start[head_bytes..], 0);
        }
        Answer {
            body_bytes,
            start,
            head_bytes,
        }
    }

    pub fn total(&self) -> u64 {
        self.head_bytes as u64 + self.body_bytes
    }
}

/// Any other answer.
pub fn composed(request: &Request) -> Outgoing {
    let head = head(request.body_bytes, request.chunked);
    Outgoing::new(head, request.body_bytes, request.chunked)
}

/// A large buffer with the head at its beginning and the sequence behind it; `None` when there is none left.
pub fn turned<R: Ring>(
    ring: &mut R,
    held: Option<(Buffer, usize)>,
    answer: &Answer,
    pattern: &Pattern,
) -> Option<Buffer> {
    let head = answer.head_bytes;
    let mut buffer = match held {
        Some((buffer, turned_by)) if turned_by == head => buffer,
        other => {
            let mut buffer = match other {
                Some((buffer, _)) => buffer,
                None => ring.lease(Size::Large)?,
            };
            pattern.fill(&mut buffer[head..], 0);
            buffer
        }
    };
    buffer[..head].copy_from_slice(&answer.start[..head]);
    Some(buffer)
}

/// It has the fields that real origins send; its values never change, so that runs are alike.
fn head(body_bytes: u64, chunked: bool) -> Vec<u8> {
    let framing = if chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {body_bytes}")
    };
    format!(
        "HTTP/1.1 200 OK\r\nServer: halb-bench\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n\
         Content-Type: application/octet-stream\r\n{framing}\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_head_and_the_sequence() {
        let pattern = Pattern::new();
        let answer = Answer::new(128, &pattern);
        assert_eq!(answer.total(), answer.start.len() as u64);
        assert!(answer.start.ends_with(&{
            let mut body = vec![0; 128];
            pattern.fill(&mut body, 0);
            body
        }));
        let long = Answer::new(1 << 20, &pattern);
        assert_eq!(long.start.len(), long.head_bytes);
    }
}
