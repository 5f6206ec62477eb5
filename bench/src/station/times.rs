//! How long things took: histograms, and the quantiles of one or of several stations together.

use hdrhistogram::Histogram;

use crate::station::order::Latency;

/// The slowest answer a histogram tells apart.
const SLOWEST_NS: u64 = 60_000_000_000;
/// Classes differ by a thousandth of their value.
const DIGITS: u8 = 3;

/// An empty histogram of nanoseconds; all have the same classes.
pub fn histogram() -> Result<Histogram<u64>, String> {
    Histogram::new_with_bounds(1, SLOWEST_NS, DIGITS).map_err(|error| error.to_string())
}

/// The classes that were seen: the highest nanoseconds of each, and how often.
pub fn spectrum(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let seen = histogram.iter_recorded();
    seen.map(|class| {
        (
            class.value_iterated_to(),
            class.count_since_last_iteration(),
        )
    })
    .collect()
}

/// Several spectra as one: what one histogram would say of all of it.
pub fn merged<'a>(
    spectra: impl Iterator<Item = &'a [(u64, u64)]>,
) -> Result<Histogram<u64>, String> {
    let mut sum = histogram()?;
    for (nanos, count) in spectra.flatten() {
        sum.saturating_record_n(*nanos, *count);
    }
    Ok(sum)
}

pub fn quantiles(histogram: &Histogram<u64>) -> Latency {
    let micros = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    Latency {
        p50_us: micros(0.5),
        p90_us: micros(0.9),
        p99_us: micros(0.99),
        p999_us: micros(0.999),
        max_us: histogram.max() as f64 / 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_microseconds() {
        let mut times = histogram().unwrap();
        for micros in 1..=1000_u64 {
            times.saturating_record(micros * 1000);
        }
        let latency = quantiles(&times);
        assert!((latency.p50_us - 500.0).abs() < 2.0);
        assert!((latency.p99_us - 990.0).abs() < 2.0);
        assert!((latency.max_us - 1000.0).abs() < 2.0);
    }

    #[test]
    fn several_spectra_are_what_one_histogram_would_have_been() {
        let mut all = histogram().unwrap();
        let mut parts = [
            histogram().unwrap(),
            histogram().unwrap(),
            histogram().unwrap(),
        ];
        let mut nanos = 17_u64;
        for number in 0..10_000_usize {
            nanos = nanos * 48_271 % 59_999_999_999;
            all.saturating_record(nanos);
            // Unevenly: the first has few and large ones.
            let part = if nanos > 55_000_000_000 {
                0
            } else {
                1 + number % 2
            };
            parts[part].saturating_record(nanos);
        }
        let spectra = parts.map(|part| spectrum(&part));
        let sum = merged(spectra.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(quantiles(&sum), quantiles(&all));
        assert_eq!(spectrum(&sum), spectrum(&all));
        assert_eq!(sum.len(), 10_000);
    }

    #[test]
    fn nothing_seen_is_nothing() {
        let none = merged(std::iter::empty()).unwrap();
        assert_eq!(quantiles(&none), Latency::default());
        assert_eq!(spectrum(&none), Vec::new());
    }
}
