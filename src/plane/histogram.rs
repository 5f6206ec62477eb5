//! How long things take: counts by length of time, in steps that grow with it. One writer, no allocation.
//!
//! A step is an eighth of its power of two: a value read back is off by at most a sixteenth (6.25 %). Lengths are
//! in microseconds; what takes longer than two minutes counts as that.

use std::time::Duration;

use crate::plane::page::Count;

/// Steps in each power of two.
const STEPS: usize = 8;
const STEPS_BITS: u32 = STEPS.trailing_zeros();
/// Lengths from 2^26 µs (67 s) share the last power of two.
const LAST_POWER: u32 = 26;
/// All steps: those below 8 µs count single microseconds.
pub const BUCKETS: usize = STEPS * (LAST_POWER - STEPS_BITS + 2) as usize;

/// Counts of one worker.
pub struct Histogram {
    buckets: [Count; BUCKETS],
    /// Microseconds in all.
    sum: Count,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            buckets: std::array::from_fn(|_| Count::default()),
            sum: Count::default(),
        }
    }
}

impl Histogram {
    /// By its worker only.
    pub fn note(&self, length: Duration) {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(micros)].add(1);
        self.sum.add(micros);
    }

    /// Adds what is counted here to `sum`.
    pub fn add_to(&self, sum: &mut Reading) {
        for (sum, bucket) in sum.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.get();
        }
        sum.sum_micros += self.sum.get();
    }
}

/// What was read from several histograms, added up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    buckets: Vec<u64>,
    /// Microseconds in all.
    pub sum_micros: u64,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading {
            buckets: vec![0; BUCKETS],
            sum_micros: 0,
        }
    }
}

impl Reading {
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many were counted up to and including the last whole step that ends at or below `micros`.
    pub fn count_up_to(&self, micros: u64) -> u64 {
        let ends = (0..BUCKETS).map(end_of);
        let within = self
            .buckets
            .iter()
            .zip(ends)
            .filter(|(_, end)| *end <= micros);
        within.map(|(count, _)| count).sum()
    }

    /// The length that `share` (0 to 1) of all did not exceed, in microseconds: the middle of its step. `None` of
    /// nothing.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = (share * count as f64).ceil().max(1.0);
        let mut passed = 0;
        for (bucket, counted) in self.buckets.iter().enumerate() {
            passed += counted;
            if passed as f64 >= wanted {
                return Some((start_of(bucket) + end_of(bucket)) as f64 / 2.0);
            }
        }
        None
    }

    /// What was counted since `earlier`.
    pub fn since(&self, earlier: &Reading) -> Reading {
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        Reading {
            buckets: pairs.map(|(now, then)| now.saturating_sub(*then)).collect(),
            sum_micros: self.sum_micros.saturating_sub(earlier.sum_micros),
        }
    }

    /// Adds another reading.
    pub fn add(&mut self, other: &Reading) {
        for (sum, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *sum += count;
        }
        self.sum_micros += other.sum_micros;
    }
}

fn bucket_of(micros: u64) -> usize {
    if micros < STEPS as u64 {
        return usize::try_from(micros).unwrap_or(0);
    }
    let power = micros.ilog2();
    if power > LAST_POWER {
        return BUCKETS - 1;
    }
    let step = (micros >> (power - STEPS_BITS)) as usize - STEPS;
    STEPS * (power - STEPS_BITS + 1) as usize + step
}

/// The first length of a step, in microseconds.
fn start_of(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let shift = (bucket / STEPS - 1) as u32;
    ((STEPS + bucket % STEPS) as u64) << shift
}

/// The first length behind a step.
fn end_of(bucket: usize) -> u64 {
    start_of(bucket + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other_without_a_gap() {
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(start_of(bucket)), bucket);
            assert_eq!(bucket_of(end_of(bucket) - 1), bucket);
            let width = end_of(bucket) - start_of(bucket);
            assert!(bucket < STEPS || width * STEPS as u64 <= start_of(bucket));
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        assert!(end_of(BUCKETS - 1) >= 120_000_000, "two minutes");
    }

    #[test]
    fn what_was_noted_is_read_back() {
        let (one, two) = (Histogram::default(), Histogram::default());
        for micros in 1..=1000 {
            let of = if micros % 2 == 0 { &one } else { &two };
            of.note(Duration::from_micros(micros));
        }
        let mut reading = Reading::default();
        one.add_to(&mut reading);
        let half = reading.clone();
        two.add_to(&mut reading);
        assert_eq!((half.count(), reading.count()), (500, 1000));
        assert_eq!(reading.sum_micros, 500_500);
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = reading.percentile(share).unwrap();
            assert!((found - expected).abs() <= expected / 16.0, "{found}");
        }
        assert_eq!(reading.count_up_to(512), 511);
        assert_eq!(reading.since(&half).count(), 500);
        assert_eq!(Reading::default().percentile(0.5), None);
        let mut both = half.clone();
        both.add(&half);
        assert_eq!(both.count(), 1000);
    }
}
