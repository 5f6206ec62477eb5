//! Checks a body as it arrives, with Content-Length or in chunks, however its bytes are cut.

use crate::station::body::pattern::Pattern;
use crate::station::body::response::Progress;
use crate::station::body::response::Wrong;

/// More digits than a chunk's size of ours ever has.
const DIGITS_MAX: u8 = 15;

/// What is expected next of a chunked body, byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Chunk {
    Size { value: u64, digits: u8 },
    SizeEnd { value: u64 },
    Data { left: u64 },
    DataReturn,
    DataEnd,
    LastReturn,
    LastEnd,
    Over,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Framing {
    Length,
    Chunked(Chunk),
}

/// One body on its way in.
pub struct Incoming {
    framing: Framing,
    seen: u64,
    /// `None`: it ends when it says so.
    expected: Option<u64>,
}

impl Incoming {
    /// A body of so many bytes, as Content-Length said.
    pub fn of_length(bytes: u64) -> Incoming {
        Incoming {
            framing: Framing::Length,
            seen: 0,
            expected: Some(bytes),
        }
    }

    /// A chunked body, of so many bytes where that is known.
    pub fn chunked(expected: Option<u64>) -> Incoming {
        let size = Chunk::Size {
            value: 0,
            digits: 0,
        };
        Incoming {
            framing: Framing::Chunked(size),
            seen: 0,
            expected,
        }
    }

    /// Bytes of the body itself, so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether more than this is still to come, as far as is known.
    pub fn is_longer_than(&self, bytes: u64) -> bool {
        let expected = self.expected.unwrap_or(u64::MAX);
        expected.saturating_sub(self.seen) > bytes
    }

    /// Looks at the next bytes, which may be none.
    pub fn feed(&mut self, piece: &[u8], pattern: &Pattern) -> Result<Progress, Wrong> {
        match self.framing {
            Framing::Length => {
                self.data(piece, pattern)?;
                Ok(if Some(self.seen) == self.expected {
                    Progress::Whole
                } else {
                    Progress::More
                })
            }
            Framing::Chunked(at) => self.chunks(at, piece, pattern),
        }
    }

    fn chunks(
        &mut self,
        mut at: Chunk,
        mut piece: &[u8],
        pattern: &Pattern,
    ) -> Result<Progress, Wrong> {
        while let Some(byte) = piece.first() {
            if let Chunk::Data { left } = at {
                let count = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
                self.data(&piece[..count], pattern)?;
                piece = &piece[count..];
                at = match left - count as u64 {
                    0 => Chunk::DataReturn,
                    left => Chunk::Data { left },
                };
            } else {
                at = at.after(*byte)?;
                piece = &piece[1..];
            }
        }
        self.framing = Framing::Chunked(at);
        match self.expected {
            _ if at != Chunk::Over => Ok(Progress::More),
            Some(expected) if expected != self.seen => Err(Wrong::Length),
            Some(_) | None => Ok(Progress::Whole),
        }
    }

    fn data(&mut self, piece: &[u8], pattern: &Pattern) -> Result<(), Wrong> {
        let after = self.seen + piece.len() as u64;
        if self.expected.is_some_and(|expected| after > expected) {
            return Err(Wrong::Excess);
        }
        let total = self.expected.unwrap_or(0); // unknown: compared whole
        if !pattern.matches(piece, self.seen, total) {
            return Err(Wrong::Content);
        }
        self.seen = after;
        Ok(())
    }
}

impl Chunk {
    /// What follows a byte that is not data. Extensions and trailers are none of ours.
    fn after(self, byte: u8) -> Result<Chunk, Wrong> {
        match (self, byte) {
            (Chunk::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).ok_or(Wrong::Chunk)?;
                if digits == DIGITS_MAX {
                    return Err(Wrong::Chunk);
                }
                Ok(Chunk::Size {
                    value: value * 16 + u64::from(digit),
                    digits: digits + 1,
                })
            }
            (Chunk::Size { value, digits: 1.. }, b'\r') => Ok(Chunk::SizeEnd { value }),
            (Chunk::SizeEnd { value: 0 }, b'\n') => Ok(Chunk::LastReturn),
            (Chunk::SizeEnd { value }, b'\n') => Ok(Chunk::Data { left: value }),
            (Chunk::DataReturn, b'\r') => Ok(Chunk::DataEnd),
            (Chunk::DataEnd, b'\n') => Ok(Chunk::Size {
                value: 0,
                digits: 0,
            }),
            (Chunk::LastReturn, b'\r') => Ok(Chunk::LastEnd),
            (Chunk::LastEnd, b'\n') => Ok(Chunk::Over),
            (Chunk::Over, _) => Err(Wrong::Excess),
            _ => Err(Wrong::Chunk),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::body::outgoing::Outgoing;

    /// What is sent of a body of so many bytes, in pieces of a buffer of `room` bytes.
    fn sent(total: u64, chunked: bool, room: usize) -> Vec<u8> {
        let pattern = Pattern::new();
        let mut outgoing = Outgoing::new(Vec::new(), total, chunked);
        let (mut buffer, mut all) = (vec![0; room], Vec::new());
        while !outgoing.is_over() {
            let count = outgoing.next(&mut buffer, u64::MAX, &pattern);
            all.extend_from_slice(&buffer[..count]);
        }
        all
    }

    fn judge(bytes: &[u8], expected: Option<u64>) -> Result<Progress, Wrong> {
        Incoming::chunked(expected).feed(bytes, &Pattern::new())
    }

    #[test]
    fn what_is_sent_is_right_wherever_it_is_cut() {
        let pattern = Pattern::new();
        for (total, room) in [(0, 100), (1, 100), (300, 100), (300, 4096)] {
            let bytes = sent(total, true, room);
            for cut in 0..bytes.len() {
                let mut incoming = Incoming::chunked(Some(total));
                assert_eq!(incoming.feed(&bytes[..cut], &pattern), Ok(Progress::More));
                assert_eq!(incoming.feed(&bytes[cut..], &pattern), Ok(Progress::Whole));
                assert_eq!(incoming.seen(), total);
            }
            assert_eq!(judge(&bytes, None), Ok(Progress::Whole));
            let mut plain = Incoming::of_length(total);
            assert_eq!(
                plain.feed(&sent(total, false, room), &pattern),
                Ok(Progress::Whole)
            );
        }
    }

    #[test]
    fn wrong_chunks_are_seen() {
        let right = sent(300, true, 100);
        assert_eq!(judge(&right, Some(299)), Err(Wrong::Excess));
        assert_eq!(judge(&right, Some(301)), Err(Wrong::Length));
        assert_eq!(
            judge(&[&right[..], b"0"].concat(), Some(300)),
            Err(Wrong::Excess)
        );
        let size_end = right.iter().position(|byte| *byte == b'\r').unwrap();
        for (place, wrong) in [
            (0, Wrong::Chunk),
            (size_end, Wrong::Chunk),
            (size_end + 2, Wrong::Content),
            (right.len() - 1, Wrong::Chunk),
        ] {
            let mut changed = right.clone();
            changed[place] = b'!';
            assert_eq!(judge(&changed, Some(300)), Err(wrong), "{place}");
        }
        for text in [
            "\r\n",
            "4;a=b\r\n",
            "0\r\nA: b\r\n\r\n",
            "1111111111111111\r\n",
        ] {
            assert_eq!(judge(text.as_bytes(), None), Err(Wrong::Chunk), "{text}");
        }
    }
}
