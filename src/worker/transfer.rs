//! What both directions of a session share: taking the next stretch of a body from one side's buffer, ready to
//! be sent to the other.

use std::ops::Range;

use crate::http::body;
use crate::http::body::BodyFault;
use crate::http::body::Relay;
use crate::ring::arena::Buffer;
use crate::ring::arena::HEADROOM;
use crate::ring::arena::SMALL_BYTES;
use crate::ring::arena::TAILROOM;
use crate::ring::port::Ring;
use crate::ring::port::Size;
use crate::worker::client::Client;
use crate::worker::session::Session;
use crate::worker::stream::Stream;
use crate::worker::table::Table;
use crate::worker::upstream::Upstream;

// The parser of bodies and the arena agree on what is kept free around them, and the longest trailer line that is
// ever left for more bytes fits in the smallest buffer.
const _: () = assert!(HEADROOM == body::HEADROOM && TAILROOM == body::TAILROOM);
const _: () = assert!(body::TRAILER_BYTES_MAX + HEADROOM + TAILROOM <= SMALL_BYTES);

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// From the client to the output.
    Up,
    /// From the output to the client.
    Down,
}

/// Where the bytes of one direction come from, and where they go.
pub fn ends<'w>(
    clients: &'w mut Table<Client>,
    upstreams: &'w mut Table<Upstream>,
    session: &Session,
    way: Way,
) -> (Option<&'w mut Stream>, Option<&'w mut Stream>) {
    let client = clients.get_mut(session.client).map(|one| &mut one.stream);
    let upstream = session.upstream.and_then(|key| upstreams.get_mut(key));
    let upstream = upstream.map(|one| &mut one.stream);
    match way {
        Way::Up => (client, upstream),
        Way::Down => (upstream, client),
    }
}

/// The next stretch of a body.
pub enum Taken {
    /// Send this.
    Piece(Buffer, Range<usize>),
    /// More bytes are needed first.
    More,
    /// There is no more.
    Done,
    /// Nothing is free to hold what lies behind the body.
    NoBuffer,
}

/// Takes what can be sent of the bytes that `stream` holds. They are re-framed where they lie; the buffer
/// itself goes on its way, and only what lies behind the body's end (a pipelined request) is copied.
pub fn take_piece<R: Ring>(
    ring: &mut R,
    stream: &mut Stream,
    relay: &mut Relay,
) -> Result<Taken, BodyFault> {
    loop {
        if relay.finished() {
            return Ok(Taken::Done);
        }
        let Some((buffer, held)) = stream.held_mut() else {
            return Ok(Taken::More);
        };
        let piece = relay.piece(buffer, held.clone())?;
        if piece.output.is_empty() {
            if piece.consumed == 0 {
                return Ok(Taken::More);
            }
            stream.consume(ring, piece.consumed);
            continue;
        }
        let rest = held.start + piece.consumed..held.end;
        let Some(buffer) = stream.take_held() else {
            return Ok(Taken::More);
        };
        if !rest.is_empty() && !keep_rest(ring, stream, &buffer[rest]) {
            ring.give_back(buffer);
            return Ok(Taken::NoBuffer);
        }
        return Ok(Taken::Piece(buffer, piece.output));
    }
}

/// Copies as much of the body as lies at hand behind a head that was just composed, so that both leave in one
/// send. Returns the new length of what is in `first`.
pub fn add_to_head<R: Ring>(
    ring: &mut R,
    stream: &mut Stream,
    relay: &mut Relay,
    first: &mut [u8],
    length: usize,
) -> Result<usize, BodyFault> {
    let Some((buffer, held)) = stream.held_mut() else {
        return Ok(length);
    };
    let room = first.len().saturating_sub(length);
    if relay.finished() || held.len() + HEADROOM + TAILROOM > room {
        return Ok(length);
    }
    let piece = relay.piece(buffer, held)?;
    let end = length + piece.output.len();
    first[length..end].copy_from_slice(&buffer[piece.output]);
    stream.consume(ring, piece.consumed);
    Ok(end)
}

/// Puts a head into a large buffer, if the bytes of the body at hand do not fit beside it but would there: to
/// copy them costs less than a send of their own.
pub fn make_room<R: Ring>(ring: &mut R, stream: &Stream, first: &mut Buffer, length: usize) {
    let wanted = stream.bytes().len() + HEADROOM + TAILROOM;
    let fits = wanted <= first.len() - length;
    if fits || first.size() == Size::Large || stream.bytes().len() > SMALL_BYTES {
        return;
    }
    if let Some(mut larger) = ring.lease(Size::Large) {
        larger[..length].copy_from_slice(&first[..length]);
        ring.give_back(std::mem::replace(first, larger));
    }
}

fn keep_rest<R: Ring>(ring: &mut R, stream: &mut Stream, rest: &[u8]) -> bool {
    let fits_small = rest.len() + HEADROOM + TAILROOM <= SMALL_BYTES;
    let size = if fits_small { Size::Small } else { Size::Large };
    let Some(mut buffer) = ring.lease(size) else {
        return false;
    };
    let range = HEADROOM..HEADROOM + rest.len();
    buffer[range.clone()].copy_from_slice(rest);
    stream.hold(buffer, range);
    true
}
