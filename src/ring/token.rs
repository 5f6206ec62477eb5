//! What a completion says about its operation: who asked, and which life of it. Never a pointer.

/// Names the operation a completion belongs to. It travels through the kernel in `user_data`, beside the
/// index of the buffer that the operation holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Token {
    /// What was asked, by whom. At most [`Token::KIND_MAX`].
    pub kind: u8,
    /// The slot of the connection in its table. At most [`Token::SLOT_MAX`].
    pub slot: u32,
    /// The life of that slot, modulo 2^20: a late completion must never reach a newer connection.
    pub generation: u32,
}

const SLOT_BITS: u32 = 20;
const GENERATION_BITS: u32 = 20;
const BUFFER_BITS: u32 = 20;

const _: () = assert!(4 + SLOT_BITS + GENERATION_BITS + BUFFER_BITS == 64);

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

impl Token {
    pub const KIND_MAX: u8 = 15;
    pub const SLOT_MAX: u32 = (1 << SLOT_BITS) - 1;
    pub const GENERATION_MAX: u32 = (1 << GENERATION_BITS) - 1;
    /// The buffer field's value for "none".
    pub const NO_BUFFER: u32 = (1 << BUFFER_BITS) - 1;

    /// This token and a buffer index (or [`Token::NO_BUFFER`]) in 64 bits.
    pub fn pack(self, buffer: u32) -> u64 {
        debug_assert!(self.kind <= Token::KIND_MAX, "a kind has four bits");
        debug_assert!(self.slot <= Token::SLOT_MAX, "a table is bounded");
        debug_assert!(buffer <= Token::NO_BUFFER, "an arena is bounded");
        u64::from(self.kind & Token::KIND_MAX) << 60
            | (u64::from(self.slot) & mask(SLOT_BITS)) << 40
            | (u64::from(self.generation) & mask(GENERATION_BITS)) << 20
            | (u64::from(buffer) & mask(BUFFER_BITS))
    }

    /// What [`Token::pack`] packed.
    pub fn unpack(bits: u64) -> (Token, u32) {
        let field =
            |shift: u32, width: u32| u32::try_from(bits >> shift & mask(width)).unwrap_or(0);
        let token = Token {
            kind: u8::try_from(bits >> 60).unwrap_or(0),
            slot: field(40, SLOT_BITS),
            generation: field(20, GENERATION_BITS),
        };
        (token, field(0, BUFFER_BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        for kind in [0, 1, Token::KIND_MAX] {
            for slot in [0, 1, Token::SLOT_MAX] {
                for generation in [0, 1, Token::GENERATION_MAX] {
                    for buffer in [0, 1, Token::NO_BUFFER] {
                        let token = Token {
                            kind,
                            slot,
                            generation,
                        };
                        assert_eq!(Token::unpack(token.pack(buffer)), (token, buffer));
                    }
                }
            }
        }
    }
}
