//! A head and a body on their way out, piece by piece, with Content-Length or in chunks.

use std::io::Write;

use crate::station::body::pattern::Pattern;

/// What a piece holds besides head and data: a size line, the chunk's end, and the last chunk.
const FRAMING_BYTES: usize = 16;

/// One message on its way out.
pub struct Outgoing {
    /// Empty when it has gone.
    head: Vec<u8>,
    total: u64,
    done: u64,
    chunked: bool,
    over: bool,
}

impl Outgoing {
    /// `head` must be shorter than any buffer that it will be put into.
    pub fn new(head: Vec<u8>, total: u64, chunked: bool) -> Outgoing {
        Outgoing {
            head,
            total,
            done: 0,
            chunked,
            over: false,
        }
    }

    /// Whether everything has been put into pieces.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Bytes of the body that were put into pieces.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Bytes of the body that were not.
    pub fn left(&self) -> u64 {
        self.total - self.done
    }

    /// Puts the next piece into `buffer`, with at most `most` bytes of the body, and says how long it is.
    pub fn next(&mut self, buffer: &mut [u8], most: u64, pattern: &Pattern) -> usize {
        let head = std::mem::take(&mut self.head);
        buffer[..head.len()].copy_from_slice(&head);
        let mut end = head.len();
        let room = buffer.len().saturating_sub(end + FRAMING_BYTES);
        let count = self.left().min(most).min(room as u64);
        let count = usize::try_from(count).unwrap_or(room);
        if self.chunked && count > 0 {
            let mut size = &mut buffer[end..];
            let before = size.len();
            // A size line is shorter than the room kept for it.
            let _written = write!(size, "{count:x}\r\n");
            end += before - size.len();
        }
        let offset = usize::try_from(self.done % crate::station::body::pattern::PERIOD as u64);
        pattern.fill(&mut buffer[end..end + count], offset.unwrap_or(0));
        end += count;
        self.done += count as u64;
        self.over = self.done == self.total;
        let tail: &[u8] = match (self.chunked, count > 0, self.over) {
            (false, _, _) | (true, false, false) => b"",
            (true, true, false) => b"\r\n",
            (true, true, true) => b"\r\n0\r\n\r\n",
            (true, false, true) => b"0\r\n\r\n",
        };
        buffer[end..end + tail.len()].copy_from_slice(tail);
        end + tail.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_goes_out_than_is_allowed() {
        let pattern = Pattern::new();
        let mut outgoing = Outgoing::new(b"head".to_vec(), 100, true);
        let mut buffer = vec![0; 200];
        let count = outgoing.next(&mut buffer, 1, &pattern);
        assert!(buffer[..count].starts_with(b"head1\r\n"));
        assert!(buffer[..count].ends_with(b"\r\n"));
        assert_eq!((outgoing.done(), outgoing.left()), (1, 99));
        assert_eq!(outgoing.next(&mut buffer, 0, &pattern), 0);
        let count = outgoing.next(&mut buffer, 500, &pattern);
        assert!(buffer[..count].starts_with(b"63\r\n"));
        assert!(buffer[..count].ends_with(b"\r\n0\r\n\r\n"));
        assert!(outgoing.is_over());
    }

    #[test]
    fn a_body_of_nothing_is_its_head() {
        let pattern = Pattern::new();
        let mut buffer = vec![0; 200];
        let mut plain = Outgoing::new(b"head".to_vec(), 0, false);
        assert_eq!(plain.next(&mut buffer, 9, &pattern), 4);
        assert!(plain.is_over());
        let mut chunked = Outgoing::new(b"head".to_vec(), 0, true);
        let count = chunked.next(&mut buffer, 9, &pattern);
        assert_eq!(&buffer[..count], b"head0\r\n\r\n");
    }
}
