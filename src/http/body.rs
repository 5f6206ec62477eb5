//! Bodies: how long they are, and their way through (RFC 9112 §6, §7).

mod chunked;
mod declared;
#[cfg(test)]
mod properties;
mod reframe;
#[cfg(test)]
mod tests;
mod trailer;

use std::ops::Range;

use crate::http::body::chunked::Decoder;
pub(crate) use crate::http::body::declared::Declared;
pub use crate::http::body::declared::FramingFault;
pub(crate) use crate::http::body::declared::declared;
pub use crate::http::body::trailer::TRAILER_BYTES_MAX;
pub use crate::http::body::trailer::TRAILERS_MAX;

/// Bytes that have to be free before the input: a chunk's size line, or what is left of the last chunk, goes there.
pub const HEADROOM: usize = 16;
/// Bytes that have to be free behind the input, for a chunk's end.
pub const TAILROOM: usize = 16;

/// How a body is delimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// There is none.
    None,
    /// `Content-Length`
    Length(u64),
    /// `Transfer-Encoding: chunked`
    Chunked,
    /// It lasts until the connection closes (responses only).
    UntilClose,
}

/// What is wrong with a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyFault {
    /// Chunked coding that no strict reader accepts.
    MalformedChunk,
    /// A trailer line that is no field line, or trailers beyond the bound.
    MalformedTrailer,
    /// The connection ended before the body did.
    Truncated,
}

/// One stretch of a body on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// What to send, as a part of the same buffer. It may begin before the input and end behind it.
    pub output: Range<usize>,
    /// How many bytes of the input were used. The rest was not touched: it belongs to the next message, or is a
    /// line that is not whole yet and must be presented again with more behind it.
    pub consumed: usize,
}

/// The way of one body from the side that sends it to the side that gets it, re-framed.
pub struct Relay {
    way: Way,
}

/// One variant for each pair of framings that can meet (`forward::onward` decides which).
enum Way {
    /// As it comes, so many bytes more.
    Length { left: u64 },
    /// As it comes, to the end of the stream.
    UntilClose,
    /// To the end of the stream, chunked by us.
    Chunking { ended: bool },
    /// Chunked, and chunked anew.
    Rechunking(Decoder),
    /// Chunked, and sent without it to a client that does not know it.
    Unchunking(Decoder),
}

impl Relay {
    /// A body that comes framed as `from` and leaves framed as `to`.
    pub fn new(from: Framing, to: Framing) -> Relay {
        let way = match (from, to) {
            (Framing::None, Framing::None) => Way::Length { left: 0 },
            (Framing::Length(left), Framing::Length(same)) if left == same => Way::Length { left },
            (Framing::UntilClose, Framing::UntilClose) => Way::UntilClose,
            (Framing::UntilClose, Framing::Chunked) => Way::Chunking { ended: false },
            (Framing::Chunked, Framing::Chunked) => Way::Rechunking(Decoder::new()),
            (Framing::Chunked, Framing::UntilClose) => Way::Unchunking(Decoder::new()),
            _ => panic!("no body goes from {from:?} to {to:?}"),
        };
        Relay { way }
    }

    /// The whole body has been consumed.
    pub fn finished(&self) -> bool {
        match &self.way {
            Way::Length { left } => *left == 0,
            Way::UntilClose => false,
            Way::Chunking { ended } => *ended,
            Way::Rechunking(decoder) | Way::Unchunking(decoder) => decoder.finished(),
        }
    }

    /// How many more bytes will come, as far as that is known; `None`: it is not.
    pub fn remaining(&self) -> Option<u64> {
        match &self.way {
            Way::Length { left } => Some(*left),
            _ if self.finished() => Some(0),
            Way::UntilClose | Way::Chunking { .. } | Way::Rechunking(_) | Way::Unchunking(_) => {
                None
            }
        }
    }

    /// The other side can tell the body's end only from the end of the connection.
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.way, Way::UntilClose | Way::Unchunking(_))
    }

    /// So many bytes of a body of known length went by without passing through here.
    pub fn went_by(&mut self, bytes: usize) {
        match &mut self.way {
            Way::Length { left } if *left >= bytes as u64 => *left -= bytes as u64,
            _ => panic!("only what has a length goes by, and never more than that"),
        }
    }

    /// Takes `buffer[input]`, in place. Needs [`HEADROOM`] bytes before and [`TAILROOM`] bytes behind the input, and
    /// may write there: what an earlier piece left before the input must have been sent.
    pub fn piece(&mut self, buffer: &mut [u8], input: Range<usize>) -> Result<Piece, BodyFault> {
        assert!(
            input.start >= HEADROOM && input.end + TAILROOM <= buffer.len(),
            "room on both sides of the input"
        );
        assert!(input.start <= input.end, "an input, if an empty one");
        if self.finished() {
            return Ok(Piece {
                output: input.start..input.start,
                consumed: 0,
            });
        }
        match &mut self.way {
            Way::Length { left } => {
                let taken =
                    usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= taken as u64;
                Ok(Piece {
                    output: input.start..input.start + taken,
                    consumed: taken,
                })
            }
            Way::UntilClose => Ok(Piece {
                consumed: input.len(),
                output: input,
            }),
            Way::Chunking { .. } => Ok(Piece {
                consumed: input.len(),
                output: reframe::one_chunk(buffer, input),
            }),
            Way::Rechunking(decoder) => reframe::rechunk(decoder, buffer, input),
            Way::Unchunking(decoder) => reframe::unchunk(decoder, buffer, input),
        }
    }

    /// The sender's stream ended. What is still to be sent after it (the last chunk, or nothing).
    pub fn end_of_stream(&mut self) -> Result<&'static [u8], BodyFault> {
        match &mut self.way {
            Way::UntilClose => Ok(b""),
            Way::Chunking { ended: false } => {
                self.way = Way::Chunking { ended: true };
                Ok(b"0\r\n\r\n")
            }
            Way::Length { .. }
            | Way::Chunking { ended: true }
            | Way::Rechunking(_)
            | Way::Unchunking(_) => {
                if self.finished() {
                    Ok(b"")
                } else {
                    Err(BodyFault::Truncated)
                }
            }
        }
    }
}
