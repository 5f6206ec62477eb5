//! Chunked bodies on their way, in place: what was read is framed anew, as one chunk for each piece.
//!
//! Why it always fits, even when bytes that must not be touched follow what was consumed:
//! - The first data of a piece stays where it is, later data moves down to it. The size line goes before it, into the
//!   headroom or over framing that was read.
//! - Behind the data come CRLF, and at the end the last chunk, the kept trailers and CRLF. If bytes were left
//!   unconsumed, the same things, no shorter, were consumed behind the data. If none were, there is the tailroom.
//! - A piece without data needs no size line. Of the framing it writes, at most `0 CRLF CR` was consumed by earlier
//!   pieces, and it starts [`END_BYTES`] before the input.

use std::ops::Range;

use crate::http::body::BodyFault;
use crate::http::body::Piece;
use crate::http::body::chunked::Decoder;
use crate::http::body::chunked::Step;
use crate::http::body::trailer;
use crate::http::body::trailer::Next;

const CRLF: &[u8] = b"\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n";
/// A last chunk without trailers.
const END_BYTES: usize = LAST_CHUNK.len() + CRLF.len();

/// Makes one chunk of `buffer[data]`; nothing of nothing, which would end the body.
pub(super) fn one_chunk(buffer: &mut [u8], data: Range<usize>) -> Range<usize> {
    if data.is_empty() {
        return data;
    }
    let start = size_line(buffer, &data);
    let end = put(buffer, data.end, CRLF);
    start..end
}

/// Chunked to chunked.
pub(super) fn rechunk(
    decoder: &mut Decoder,
    buffer: &mut [u8],
    input: Range<usize>,
) -> Result<Piece, BodyFault> {
    let Gathered { data, stopped } = gather(decoder, buffer, &input)?;
    let (start, mut end) = if data.is_empty() {
        let start = input.start - END_BYTES;
        (start, start)
    } else {
        let chunk = one_chunk(buffer, data);
        (chunk.start, chunk.end)
    };
    let mut at = match stopped {
        None => input.end,
        Some(at) => at,
    };
    while stopped.is_some() {
        match trailer::next(decoder, &buffer[at..input.end], at)? {
            Next::Kept(line) => {
                at = line.end;
                end = last_chunk(decoder, buffer, end);
                buffer.copy_within(line.clone(), end);
                end += line.len();
            }
            Next::Dropped(length) => at += length,
            Next::End => {
                at += CRLF.len();
                end = last_chunk(decoder, buffer, end);
                end = put(buffer, end, CRLF);
                decoder.finish();
                break;
            }
            Next::Incomplete => break,
        }
    }
    Ok(Piece {
        output: start..end,
        consumed: at - input.start,
    })
}

/// Chunked to what it carries. Trailers have no place to go and are dropped (RFC 9112 §7.1.2).
pub(super) fn unchunk(
    decoder: &mut Decoder,
    buffer: &mut [u8],
    input: Range<usize>,
) -> Result<Piece, BodyFault> {
    let Gathered { data, stopped } = gather(decoder, buffer, &input)?;
    let mut at = match stopped {
        None => input.end,
        Some(at) => at,
    };
    while stopped.is_some() {
        match trailer::next(decoder, &buffer[at..input.end], at)? {
            Next::Kept(line) => at = line.end,
            Next::Dropped(length) => at += length,
            Next::End => {
                at += CRLF.len();
                decoder.finish();
                break;
            }
            Next::Incomplete => break,
        }
    }
    Ok(Piece {
        output: data,
        consumed: at - input.start,
    })
}

/// The data of a piece, and where its trailer section begins, if it does.
struct Gathered {
    data: Range<usize>,
    stopped: Option<usize>,
}

/// Moves all data of the input together.
fn gather(
    decoder: &mut Decoder,
    buffer: &mut [u8],
    input: &Range<usize>,
) -> Result<Gathered, BodyFault> {
    let mut data = input.start..input.start;
    let mut at = input.start;
    loop {
        match decoder.step(buffer, at, input.end)? {
            Step::Data(found) => {
                at = found.end;
                if data.is_empty() {
                    data = found;
                } else {
                    let end = data.end + found.len();
                    buffer.copy_within(found, data.end);
                    data.end = end;
                }
            }
            Step::Trailers(at) => {
                return Ok(Gathered {
                    data,
                    stopped: Some(at),
                });
            }
            Step::Starved => {
                return Ok(Gathered {
                    data,
                    stopped: None,
                });
            }
        }
    }
}

fn last_chunk(decoder: &mut Decoder, buffer: &mut [u8], at: usize) -> usize {
    if decoder.last_chunk_written {
        return at;
    }
    decoder.last_chunk_written = true;
    put(buffer, at, LAST_CHUNK)
}

fn put(buffer: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let end = at + bytes.len();
    buffer[at..end].copy_from_slice(bytes);
    end
}

/// Writes the size of `data` right before it; where that begins.
fn size_line(buffer: &mut [u8], data: &Range<usize>) -> usize {
    let mut start = data.start - CRLF.len();
    put(buffer, start, CRLF);
    let mut left = data.len();
    while left > 0 {
        start -= 1;
        buffer[start] = b"0123456789abcdef"[left % 16];
        left /= 16;
    }
    start
}
