//! What HALB hands to its kernel, held against the bandwidth that it may use.

/// The depth of its bucket: 50 ms, but at least 16 kB (SPEC 10).
const DEPTH_SHARE: u64 = 20;
const DEPTH_LEAST: u64 = 16 * 1024;
const NANOS: u128 = 1_000_000_000;

/// Bytes that left over one connection.
#[derive(Clone, Copy, Debug)]
pub struct Gone {
    pub at: u64,
    /// Who is at the other end.
    pub actor: usize,
    pub bytes: u64,
}

/// The account of one world.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    bytes_per_second: Option<u64>,
    /// What was handed over beyond what the rate has brought since; bytes times nanoseconds.
    level: u128,
    latest: u64,
    /// The highest that it was, in bytes.
    pub highest: u64,
    /// All that left, while there is a limit.
    pub gone: Vec<Gone>,
}

impl Flow {
    pub fn new(bits_per_second: Option<u64>) -> Flow {
        Flow {
            bytes_per_second: bits_per_second.map(|bits| bits / 8),
            ..Flow::default()
        }
    }

    /// So many bytes are handed over. There may never be more, over any time, than the rate brings and the depth.
    pub fn hand_over(&mut self, now: u64, bytes: usize) {
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        self.decay(now, rate);
        self.level += bytes as u128 * NANOS;
        let level = u64::try_from(self.level.div_ceil(NANOS)).expect("bytes");
        self.highest = self.highest.max(level);
        let depth = (rate / DEPTH_SHARE).max(DEPTH_LEAST);
        assert!(
            level <= depth + 1,
            "{level} bytes more than {rate} bytes a second bring; the depth is {depth}"
        );
    }

    /// The kernel says that it took so many of them less.
    pub fn take_back(&mut self, now: u64, bytes: usize) {
        if let Some(rate) = self.bytes_per_second {
            self.decay(now, rate);
            self.level = self.level.saturating_sub(bytes as u128 * NANOS);
        }
    }

    /// So many bytes have left.
    pub fn left(&mut self, at: u64, actor: usize, bytes: usize) {
        if self.bytes_per_second.is_some() {
            let bytes = bytes as u64;
            self.gone.push(Gone { at, actor, bytes });
        }
    }

    fn decay(&mut self, now: u64, rate: u64) {
        let passed = u128::from(now.saturating_sub(self.latest));
        self.latest = self.latest.max(now);
        self.level = self.level.saturating_sub(passed * u128::from(rate));
    }
}
