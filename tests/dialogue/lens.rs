//! How the bytes of one direction are looked at: as they are, or with the chunks of chunked bodies joined.
//!
//! HALB makes one chunk of what it has at hand, so where a chunk ends depends on how the bytes came in, and means
//! nothing (RFC 9112 §7.1). What the chunks carry, and all that stands around them, has to be the same.

/// Passes on what it is fed, in one way or the other.
pub struct Lens {
    joins: bool,
    state: State,
    /// The line that is being read.
    line: Vec<u8>,
    /// What the head so far says of the body.
    chunked: bool,
    length: u64,
}

enum State {
    Head,
    /// So many bytes of a body of known length.
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    /// The CRLF behind a chunk's data.
    ChunkEnd,
    Trailers,
}

/// What stands for the last chunk.
const LAST_CHUNK: &[u8] = b"[last chunk]\r\n";

impl Lens {
    /// One that joins chunks, or one that leaves everything as it is.
    pub fn new(joins: bool) -> Lens {
        Lens {
            joins,
            state: State::Head,
            line: Vec::new(),
            chunked: false,
            length: 0,
        }
    }

    /// Looks at the bytes that follow, and adds what is seen of them to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !self.joins {
            out.extend_from_slice(bytes);
            return;
        }
        for byte in bytes {
            self.step(*byte, out);
        }
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            State::Head => {
                out.push(byte);
                self.in_head(byte);
            }
            State::Body(left) => {
                out.push(byte);
                self.state = if left > 1 {
                    State::Body(left - 1)
                } else {
                    State::Head
                };
            }
            State::ChunkData(left) => {
                out.push(byte);
                self.state = if left > 1 {
                    State::ChunkData(left - 1)
                } else {
                    State::ChunkEnd
                };
            }
            State::ChunkEnd => {
                if self.has_line(byte) {
                    self.state = State::ChunkSize;
                    self.line.clear();
                }
            }
            State::ChunkSize => {
                if self.has_line(byte) {
                    self.at_chunk_size(out);
                    self.line.clear();
                }
            }
            State::Trailers => {
                out.push(byte);
                if self.has_line(byte) {
                    if self.line == b"\r\n" {
                        self.state = State::Head;
                    }
                    self.line.clear();
                }
            }
        }
    }

    fn has_line(&mut self, byte: u8) -> bool {
        self.line.push(byte);
        self.line.ends_with(b"\r\n")
    }

    fn in_head(&mut self, byte: u8) {
        if !self.has_line(byte) {
            return;
        }
        let line = String::from_utf8_lossy(&self.line)
            .trim_end()
            .to_ascii_lowercase();
        self.line.clear();
        if line == "transfer-encoding: chunked" {
            self.chunked = true;
        } else if let Some(length) = line.strip_prefix("content-length: ") {
            self.length = length.parse().unwrap_or(0);
        } else if line.is_empty() {
            self.state = match (self.chunked, self.length) {
                (true, _) => State::ChunkSize,
                (false, 0) => State::Head,
                (false, length) => State::Body(length),
            };
            self.chunked = false;
            self.length = 0;
        }
    }

    fn at_chunk_size(&mut self, out: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        match u64::from_str_radix(&text, 16) {
            Ok(0) => {
                out.extend_from_slice(LAST_CHUNK);
                self.state = State::Trailers;
            }
            Ok(size) => self.state = State::ChunkData(size),
            // Shown as it is: it will not be what is expected.
            Err(_) => out.extend_from_slice(&self.line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(parts: &[&[u8]]) -> String {
        let mut lens = Lens::new(true);
        let mut out = Vec::new();
        for part in parts {
            lens.feed(part, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    #[test]
    fn chunks_are_joined_and_nothing_else_is_changed() {
        let joined = look(&[
            HEAD,
            b"5\r\nhello\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ]);
        let parted = look(&[
            HEAD,
            b"3\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ]);
        assert_eq!(joined, parted);
        assert!(joined.ends_with("\r\nhello[last chunk]\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n"));
        let length =
            b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n3\r\nhel\r\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(look(&[length]).as_bytes(), length);
    }

    #[test]
    fn a_difference_stays_one() {
        let whole = look(&[HEAD, b"5\r\nhello\r\n0\r\n\r\n"]);
        for other in [
            b"5\r\nhelLo\r\n0\r\n\r\n".as_slice(),
            b"5\r\nhello\r\n",
            b"5;a\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        ] {
            assert_ne!(look(&[HEAD, other]), whole);
        }
    }
}
