//! What a session is known by: a keyed hash of its cookie, so that nobody outside can make two cookies meet.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::Hasher128;
use siphasher::sip128::SipHasher24;

/// 128 bits that stand for a cookie's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct SessionKey(pub u128);

/// The secret of one HALB: drawn at its first start, the same on all workers, kept with the saved sessions.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey([u8; 16]);

impl HashKey {
    pub const LENGTH: usize = 16;

    pub const fn from_bytes(bytes: [u8; HashKey::LENGTH]) -> HashKey {
        HashKey(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; HashKey::LENGTH] {
        &self.0
    }

    /// The key of a cookie's value: of its first `check_length` bytes (`cookie_check_length`), or of the
    /// whole value where that is shorter.
    pub fn session(&self, value: &[u8], check_length: usize) -> SessionKey {
        let checked = value.get(..check_length).unwrap_or(value);
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(checked);
        SessionKey(hasher.finish128().as_u128())
    }
}

/// A secret is never printed.
impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of SipHash's authors: key 00 01 … 0f.
    const KEY: HashKey =
        HashKey::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

    #[test]
    fn it_is_siphash_2_4_128() {
        // From `vectors_sip128` of the reference implementation: lengths 0, 1 and 15 of the bytes 00 01 …
        for (length, expected) in [
            (0, 0xa3817f04ba25a8e66df67214c7550293_u128),
            (1, 0xda87c1d86b99af44347659119b22fc45),
            (15, 0x5493e99933b0a8117e08ec0f97cfc3d9),
        ] {
            let bytes: Vec<u8> = (0..length).collect();
            let key = KEY.session(&bytes, usize::MAX);
            assert_eq!(key.0.to_le_bytes(), expected.to_be_bytes(), "{length}");
        }
    }

    #[test]
    fn only_the_checked_bytes_count() {
        let key = |value: &str| KEY.session(value.as_bytes(), 4);
        assert_eq!(key("abcdef"), key("abcdxy"));
        assert_eq!(key("abcd"), key("abcdef"));
        assert_ne!(key("abc"), key("abcd"));
        assert_ne!(key("abcd"), key("abcD"));
        let other = HashKey::from_bytes([7; HashKey::LENGTH]);
        assert_ne!(key("abcd"), other.session(b"abcd", 4));
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert_eq!(format!("{KEY:?}"), "HashKey(***)");
    }
}
