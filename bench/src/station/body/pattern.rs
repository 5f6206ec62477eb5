//! What bodies are made of: a fixed sequence without repetition inside a piece, so that bytes lost, added or
//! moved by whoever stands between are seen wherever a piece begins or ends.

/// The sequence repeats after so many bytes.
pub const PERIOD: usize = 64 * 1024;
/// Bodies up to so many bytes are compared whole; of longer ones, the ends of each piece that arrives.
const WHOLE_BYTES: u64 = 4096;
/// Bytes compared at each end of a piece of a longer body: a shift by any distance changes them.
const EDGE_BYTES: usize = 64;

/// The sequence, written out once.
pub struct Pattern {
    bytes: Vec<u8>,
}

impl Pattern {
    pub fn new() -> Pattern {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes = Vec::with_capacity(PERIOD);
        while bytes.len() < PERIOD {
            // Marsaglia's xorshift64: any sequence would do that does not repeat within the period.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        Pattern { bytes }
    }

    /// Fills `target` with what a body holds from `offset` on.
    pub fn fill(&self, target: &mut [u8], offset: usize) {
        let mut done = 0;
        while done < target.len() {
            let start = (offset + done) % PERIOD;
            let count = (PERIOD - start).min(target.len() - done);
            target[done..done + count].copy_from_slice(&self.bytes[start..start + count]);
            done += count;
        }
    }

    /// Whether `piece` is what a body of `total` bytes holds at `offset`. Of unknown length: `total` is 0.
    pub fn matches(&self, piece: &[u8], offset: u64, total: u64) -> bool {
        if total <= WHOLE_BYTES || piece.len() <= 2 * EDGE_BYTES {
            return self.same(piece, offset);
        }
        let tail = piece.len() - EDGE_BYTES;
        self.same(&piece[..EDGE_BYTES], offset) && self.same(&piece[tail..], offset + tail as u64)
    }

    fn same(&self, piece: &[u8], offset: u64) -> bool {
        let start = usize::try_from(offset % PERIOD as u64).unwrap_or(0);
        let first = piece.len().min(PERIOD - start);
        if piece[..first] != self.bytes[start..start + first] {
            return false;
        }
        let mut laps = piece[first..].chunks(PERIOD);
        laps.all(|lap| *lap == self.bytes[..lap.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_matches_and_a_shift_does_not() {
        let pattern = Pattern::new();
        for offset in [0, 1, 100, PERIOD - 5, PERIOD, 3 * PERIOD + 17] {
            let mut piece = vec![0; 1000];
            pattern.fill(&mut piece, offset);
            assert!(pattern.matches(&piece, offset as u64, 1000));
            assert!(pattern.matches(&piece, offset as u64, 1_000_000));
            assert!(!pattern.matches(&piece, offset as u64 + 1, 1_000_000));
            assert!(!pattern.matches(&piece, offset as u64 + 8, 1_000_000));
        }
    }

    #[test]
    fn a_small_body_is_compared_byte_by_byte() {
        let pattern = Pattern::new();
        let mut piece = vec![0; 1000];
        pattern.fill(&mut piece, 0);
        piece[500] ^= 1;
        assert!(!pattern.matches(&piece, 0, 1000));
    }
}
