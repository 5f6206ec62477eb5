//! Chance from a seed: splitmix64. The same seed gives the same run on every machine.

/// One stream of numbers.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed ^ 0x5851_F42D_4C95_7F2D)
    }

    /// A stream that depends on two numbers and on nothing else.
    pub fn of(seed: u64, other: u64) -> Random {
        let mut first = Random::new(seed);
        let mixed = first.next() ^ other.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut second = Random::new(mixed);
        second.next();
        second
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// From 0 to `bound - 1`.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a choice of nothing");
        self.next() % bound
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// An index into something of `length`.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// True `per_mille` times of a thousand. Zero takes nothing from the stream's meaning: it is never.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())]
    }
}

/// `length` bytes that belong to `id` and to nothing else: every position differs from every other id's.
pub fn bytes_of(id: u64, length: usize) -> Vec<u8> {
    let mut random = Random::of(0xB0D1, id);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
