//! The few numbers that rounds are condensed to.

use serde::Deserialize;
use serde::Serialize;

/// Several measurements of one thing.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub count: usize,
}

impl Summary {
    /// `None` when there is nothing to condense. Values that are no numbers are left out.
    pub fn of(values: &[f64]) -> Option<Summary> {
        let mut sorted: Vec<f64> = values
            .iter()
            .copied()
            .filter(|value| value.is_finite())
            .collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Summary {
            median,
            least,
            most,
            count: sorted.len(),
        })
    }

    /// From the least to the most, as a part of the median.
    pub fn spread(&self) -> f64 {
        if self.median == 0.0 {
            return 0.0;
        }
        (self.most - self.least) / self.median.abs()
    }
}

/// The median of `ours / theirs`, round by round: what drifts from round to round moves both and cancels.
/// Rounds in which one is missing, or theirs is not positive, are left out.
pub fn ratio(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<Summary> {
    let pairs = ours.iter().zip(theirs);
    let ratios: Vec<f64> = pairs
        .filter_map(|(ours, theirs)| Some(((*ours)?, (*theirs)?)))
        .filter(|(_, theirs)| *theirs > 0.0)
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    Summary::of(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_odd_and_even_counts() {
        let odd = Summary::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.least, odd.median, odd.most), (1.0, 2.0, 3.0));
        let even = Summary::of(&[4.0, 1.0, 2.0, 3.0]).unwrap();
        assert!((even.median - 2.5).abs() < 1e-12);
        assert!((even.spread() - 1.2).abs() < 1e-12);
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[f64::NAN]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ours = [Some(1.0), Some(10.0), None, Some(5.0)];
        let theirs = [Some(2.0), Some(20.0), Some(1.0), Some(0.0)];
        let summary = ratio(&ours, &theirs).unwrap();
        assert!((summary.median - 0.5).abs() < 1e-12);
        assert_eq!(summary.count, 2);
        assert_eq!(ratio(&[None], &[Some(1.0)]), None);
    }
}
