//! Weighted rotation: even over any stretch, never a burst to one output.
//!
//! Each turn every candidate gains its weight; the one that has gained most is chosen and pays the sum of all
//! weights (the "smooth" weighted round robin that nginx made common). With weights 5:3:1 nine choices hold
//! exactly 5, 3 and 1, spread out.

use crate::balance::set::Set;

/// One worker's rotation over the outputs of a plan.
pub struct Rotation {
    seats: Vec<Seat>,
}

struct Seat {
    weight: i64,
    gained: i64,
}

impl Rotation {
    /// A rotation over outputs with these weights. `worker` staggers the start, so that the first choices of
    /// many workers do not all fall on the same output.
    pub fn new(weights: impl IntoIterator<Item = u32>, worker: usize) -> Rotation {
        let mut rotation = Rotation {
            seats: weights
                .into_iter()
                .map(|w| Seat {
                    weight: i64::from(w),
                    gained: 0,
                })
                .collect(),
        };
        let all = Set::first(rotation.seats.len());
        let skipped = worker.checked_rem(rotation.seats.len()).unwrap_or(0);
        for _ in 0..skipped {
            rotation.next(all);
        }
        rotation
    }

    /// The next of `candidates`, counted from zero; `None` when there is none with a weight.
    pub fn next(&mut self, candidates: Set) -> Option<usize> {
        let mut sum = 0;
        let mut best: Option<usize> = None;
        for index in candidates.iter() {
            let Some(seat) = self.seats.get_mut(index) else {
                break;
            };
            if seat.weight == 0 {
                continue;
            }
            seat.gained += seat.weight;
            sum += seat.weight;
            let gained = seat.gained;
            if best.is_none_or(|other| gained > self.seats[other].gained) {
                best = Some(index);
            }
        }
        let chosen = best?;
        self.seats[chosen].gained -= sum;
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rotation: &mut Rotation, candidates: Set, turns: usize) -> Vec<usize> {
        let mut counts = vec![0; 3];
        for _ in 0..turns {
            counts[rotation.next(candidates).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn shares_follow_weights_exactly() {
        let mut rotation = Rotation::new([5, 3, 1], 0);
        assert_eq!(counts(&mut rotation, Set::first(3), 9), [5, 3, 1]);
        assert_eq!(counts(&mut rotation, Set::first(3), 900), [500, 300, 100]);
    }

    #[test]
    fn equal_weights_take_turns() {
        let mut rotation = Rotation::new([1, 1, 1], 0);
        let order: Vec<_> = (0..6)
            .map(|_| rotation.next(Set::first(3)).unwrap())
            .collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn workers_start_at_different_outputs() {
        let first = |worker| Rotation::new([1, 1, 1], worker).next(Set::first(3));
        assert_eq!(
            [first(0), first(1), first(2), first(3)],
            [Some(0), Some(1), Some(2), Some(0)]
        );
    }

    #[test]
    fn only_candidates_are_chosen() {
        let mut rotation = Rotation::new([1, 1, 1], 0);
        let without_second = Set::first(3).without(1);
        assert_eq!(counts(&mut rotation, without_second, 10), [5, 0, 5]);
        assert_eq!(rotation.next(Set::EMPTY), None);
        assert_eq!(Rotation::new([0], 0).next(Set::first(1)), None);
        assert_eq!(Rotation::new([], 3).next(Set::first(0)), None);
    }
}
