//! Bodies: how long they are, and their way through (RFC 9112 §6, §7).

use std::ops::Range;

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
    from: Framing,
    to: Framing,
}

impl Relay {
    /// A body that comes framed as `from` and leaves framed as `to`.
    pub fn new(from: Framing, to: Framing) -> Relay {
        Relay { from, to }
    }

    /// The whole body has been consumed.
    pub fn finished(&self) -> bool {
        todo!("{:?} {:?}", self.from, self.to)
    }

    /// How many more bytes will come, as far as that is known; `None`: it is not.
    pub fn remaining(&self) -> Option<u64> {
        todo!()
    }

    /// Takes `buffer[input]`, in place. Needs HEADROOM bytes before and TAILROOM bytes behind the input.
    pub fn piece(&mut self, _buffer: &mut [u8], _input: Range<usize>) -> Result<Piece, BodyFault> {
        todo!()
    }

    /// The sender's stream ended. What is still to be sent after it (the last chunk, or nothing).
    pub fn end_of_stream(&mut self) -> Result<&'static [u8], BodyFault> {
        todo!()
    }
}
