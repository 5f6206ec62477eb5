//! A set of outputs in one word.

use crate::model::output::OUTPUTS_MAX;

/// A set of outputs, by their indices.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Set(u64);

impl Set {
    pub const EMPTY: Set = Set(0);

    /// The first `count` outputs.
    pub fn first(count: usize) -> Set {
        if count >= OUTPUTS_MAX {
            Set(u64::MAX)
        } else {
            Set((1 << count) - 1)
        }
    }

    pub fn contains(self, index: usize) -> bool {
        index < OUTPUTS_MAX && self.0 & (1 << index) != 0
    }

    #[must_use]
    pub fn with(self, index: usize) -> Set {
        if index < OUTPUTS_MAX {
            Set(self.0 | 1 << index)
        } else {
            self
        }
    }

    #[must_use]
    pub fn without(self, index: usize) -> Set {
        if index < OUTPUTS_MAX {
            Set(self.0 & !(1 << index))
        } else {
            self
        }
    }

    #[must_use]
    pub fn minus(self, other: Set) -> Set {
        Set(self.0 & !other.0)
    }

    #[must_use]
    pub fn or(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    #[must_use]
    pub fn and(self, other: Set) -> Set {
        Set(self.0 & other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let index = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            Some(index)
        })
    }
}

impl FromIterator<usize> for Set {
    fn from_iter<I: IntoIterator<Item = usize>>(members: I) -> Set {
        members.into_iter().fold(Set::EMPTY, Set::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_sixty_four() {
        assert_eq!(Set::first(64).iter().count(), 64);
        assert!(Set::first(64).contains(63) && !Set::first(63).contains(63));
        assert!(!Set::first(64).contains(64));
        let nine = Set::EMPTY.with(5).with(9).without(5);
        assert_eq!(nine.iter().collect::<Vec<_>>(), [9]);
        assert_eq!(nine.with(64), nine);
        assert_eq!([9].into_iter().collect::<Set>(), nine);
        assert_eq!(
            Set::first(3)
                .minus(Set::first(2))
                .or(nine)
                .and(Set::first(9)),
            Set::EMPTY.with(2)
        );
    }
}
