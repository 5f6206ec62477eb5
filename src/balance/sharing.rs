//! Who of several equals is next: the three ways of `balance`.

use crate::balance::rotation::Rotation;
use crate::balance::set::Set;
use crate::model::config::Balance;

/// One worker's way of sharing requests out.
pub struct Sharing {
    balance: Balance,
    weights: Vec<u32>,
    rotation: Rotation,
    chance: Chance,
}

impl Sharing {
    /// `worker` staggers the rotation and seeds the chance, so that workers do not move in step.
    pub fn new(balance: Balance, weights: &[u32], worker: usize) -> Sharing {
        Sharing {
            balance,
            weights: weights.to_vec(),
            rotation: Rotation::new(weights.iter().copied(), worker),
            chance: Chance::new(worker),
        }
    }

    /// The next of `candidates`; `None` when there is none. `active` gives an output's sessions over all workers.
    pub fn next(&mut self, candidates: Set, active: impl Fn(usize) -> u64) -> Option<usize> {
        match self.balance {
            Balance::RoundRobin => self.rotation.next(candidates),
            Balance::LeastConn => {
                let least = self.least_loaded(candidates, active);
                self.rotation.next(least)
            }
            Balance::P2c => self.of_two(candidates, active),
        }
    }

    /// Those with the fewest sessions for their weight.
    fn least_loaded(&self, candidates: Set, active: impl Fn(usize) -> u64) -> Set {
        let mut least = Set::EMPTY;
        let mut lowest: Option<Load> = None;
        for index in candidates.iter().filter(|index| self.weight(*index) > 0) {
            let load = self.load(index, &active);
            match lowest {
                Some(other) if other.is_below(load) => {}
                Some(other) if !load.is_below(other) => least = least.with(index),
                _ => {
                    lowest = Some(load);
                    least = Set::EMPTY.with(index);
                }
            }
        }
        least
    }

    /// The less loaded of two that chance names by weight; of equals the first named.
    fn of_two(&mut self, candidates: Set, active: impl Fn(usize) -> u64) -> Option<usize> {
        let first = self.draw(candidates)?;
        let Some(second) = self.draw(candidates.without(first)) else {
            return Some(first);
        };
        if self
            .load(second, &active)
            .is_below(self.load(first, &active))
        {
            Some(second)
        } else {
            Some(first)
        }
    }

    fn draw(&mut self, candidates: Set) -> Option<usize> {
        let sum: u64 = candidates.iter().map(|index| self.weight(index)).sum();
        let mut ticket = self.chance.below(sum)?;
        for index in candidates.iter() {
            match ticket.checked_sub(self.weight(index)) {
                Some(rest) => ticket = rest,
                None => return Some(index),
            }
        }
        None
    }

    fn weight(&self, index: usize) -> u64 {
        self.weights.get(index).copied().map_or(0, u64::from)
    }

    fn load(&self, index: usize, active: impl Fn(usize) -> u64) -> Load {
        Load {
            active: active(index),
            weight: self.weight(index),
        }
    }
}

/// Sessions for a weight, as a fraction.
#[derive(Clone, Copy)]
struct Load {
    active: u64,
    weight: u64,
}

impl Load {
    fn is_below(self, other: Load) -> bool {
        u128::from(self.active) * u128::from(other.weight)
            < u128::from(other.active) * u128::from(self.weight)
    }
}

/// Chance that can be played again: SplitMix64, good enough to share by and nothing else.
struct Chance(u64);

impl Chance {
    fn new(worker: usize) -> Chance {
        Chance((worker as u64).wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// A number below `bound`; `None` when there is none. Bounds are small, so that no number is favoured
    /// noticeably.
    fn below(&mut self, bound: u64) -> Option<u64> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0).checked_rem(bound)
    }
}

/// The finaliser of SplitMix64: every bit of the result depends on every bit of the number.
pub(in crate::balance) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;
