//! One number for many bytes, by which damage shows and texts are told apart.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// SipHash-2-4 with a fixed key: of the same bytes the same on every machine and in every release. Against damage and
/// confusion, not against somebody.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files and other servers hold them.
    #[test]
    fn they_stay_what_they_are() {
        assert_eq!(fingerprint(b""), 0x1e92_4b9d_7377_00d7);
        assert_ne!(fingerprint(b"lb1"), fingerprint(b"lb2"));
    }
}
