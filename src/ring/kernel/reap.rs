//! What travels in `user_data` beside the token, and what a completion means.

use std::os::fd::RawFd;

use nix::errno::Errno;

use crate::ring::token::Token;

/// The kind that is the ring's own: closes and cancels, which succeed silently.
pub(super) const INTERNAL_KIND: u8 = Token::KIND_MAX;

/// Values of the buffer field that name no buffer.
const NOTHING: u32 = Token::NO_BUFFER;
const ACCEPT: u32 = Token::NO_BUFFER - 1;
const WAKE: u32 = Token::NO_BUFFER - 2;
const PICK: u32 = Token::NO_BUFFER - 3;
/// Buffers an arena of a ring may have: the values above are taken.
pub(super) const MOST_BUFFERS: u32 = PICK;

/// What an operation holds, as far as its completion has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holding {
    Nothing,
    /// It makes sockets.
    Accept,
    /// It reads the event counter.
    Wake,
    /// The kernel may pick a buffer for it.
    Pick,
    /// The buffer lent under this index.
    Buffer(u32),
}

/// Token and holding in 64 bits.
pub(super) fn pack(token: Token, holding: Holding) -> u64 {
    token.pack(match holding {
        Holding::Nothing => NOTHING,
        Holding::Accept => ACCEPT,
        Holding::Wake => WAKE,
        Holding::Pick => PICK,
        Holding::Buffer(index) => index,
    })
}

/// What [`pack`] packed.
pub(super) fn unpack(bits: u64) -> (Token, Holding) {
    let (token, field) = Token::unpack(bits);
    let holding = match field {
        NOTHING => Holding::Nothing,
        ACCEPT => Holding::Accept,
        WAKE => Holding::Wake,
        PICK => Holding::Pick,
        index => Holding::Buffer(index),
    };
    (token, holding)
}

/// The `user_data` of a close or a cancel of `socket`: the number is for whoever reads a trace.
pub(super) fn internal(socket: RawFd) -> u64 {
    let token = Token {
        kind: INTERNAL_KIND,
        slot: socket.unsigned_abs() & Token::SLOT_MAX,
        generation: 0,
    };
    pack(token, Holding::Nothing)
}

/// A completion's number: what was done, or which error.
pub(super) fn result(number: i32) -> Result<u32, Errno> {
    u32::try_from(number).map_err(|_| Errno::from_raw(number.wrapping_neg()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holdings_come_back() {
        let token = Token {
            kind: 14,
            slot: Token::SLOT_MAX,
            generation: 77,
        };
        let every = [
            Holding::Nothing,
            Holding::Accept,
            Holding::Wake,
            Holding::Pick,
            Holding::Buffer(0),
            Holding::Buffer(MOST_BUFFERS - 1),
        ];
        for holding in every {
            assert_eq!(unpack(pack(token, holding)), (token, holding));
        }
    }

    #[test]
    fn numbers_below_zero_are_errors() {
        assert_eq!(result(0), Ok(0));
        assert_eq!(result(4096), Ok(4096));
        assert_eq!(result(-104), Err(Errno::ECONNRESET));
        assert_eq!(result(-125), Err(Errno::ECANCELED));
    }

    #[test]
    fn what_is_internal_says_so() {
        let (token, holding) = unpack(internal(5));
        assert_eq!(token.kind, INTERNAL_KIND);
        assert_eq!(holding, Holding::Nothing);
    }
}
