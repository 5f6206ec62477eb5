//! The outputs `out1` … `out64`.

use std::fmt;

/// One of the outputs, `out1` … `out64`. Held as its index, so that tables can be arrays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct OutputId(u8);

/// The seed has eight; up to 64 are accepted so that nobody outgrows them (and a set fits one word).
pub const OUTPUTS_MAX: usize = 64;

impl OutputId {
    /// The output at `index`, counted from zero.
    pub fn from_index(index: usize) -> Option<OutputId> {
        if index < OUTPUTS_MAX {
            u8::try_from(index).ok().map(OutputId)
        } else {
            None
        }
    }

    /// The output called `name` (`out1` … `out64`; no sign, no leading zero).
    pub fn from_name(name: &str) -> Option<OutputId> {
        let digits = name.strip_prefix("out")?;
        if digits.is_empty()
            || digits.starts_with('0')
            || !digits.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let number: usize = digits.parse().ok()?;
        OutputId::from_index(number.checked_sub(1)?)
    }

    /// Counted from zero.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Counted from one, as users do.
    pub fn number(self) -> usize {
        self.index() + 1
    }
}

impl fmt::Display for OutputId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out{}", self.number())
    }
}

/// A set of outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct OutputSet(u64);

impl OutputSet {
    pub const EMPTY: OutputSet = OutputSet(0);
    pub const ALL: OutputSet = OutputSet(u64::MAX);

    #[must_use]
    pub fn with(self, output: OutputId) -> OutputSet {
        OutputSet(self.0 | 1 << output.0)
    }

    #[must_use]
    pub fn or(self, other: OutputSet) -> OutputSet {
        OutputSet(self.0 | other.0)
    }

    #[must_use]
    pub fn and(self, other: OutputSet) -> OutputSet {
        OutputSet(self.0 & other.0)
    }

    pub fn contains(self, output: OutputId) -> bool {
        self.0 & 1 << output.0 != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members in order.
    pub fn iter(self) -> impl Iterator<Item = OutputId> {
        (0..OUTPUTS_MAX)
            .filter_map(OutputId::from_index)
            .filter(move |output| self.contains(*output))
    }
}

impl FromIterator<OutputId> for OutputSet {
    fn from_iter<I: IntoIterator<Item = OutputId>>(outputs: I) -> OutputSet {
        outputs.into_iter().fold(OutputSet::EMPTY, OutputSet::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let ids: Vec<_> = [0, 5, 63].map(|i| OutputId::from_index(i).unwrap()).into();
        let set: OutputSet = ids.iter().copied().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), ids);
        assert!(!set.is_empty() && OutputSet::EMPTY.is_empty());
        assert!(!set.contains(OutputId::from_index(1).unwrap()));
        assert_eq!(OutputSet::ALL.iter().count(), OUTPUTS_MAX);
    }

    #[test]
    fn names_and_indices_agree() {
        for index in 0..OUTPUTS_MAX {
            let id = OutputId::from_index(index).unwrap();
            assert_eq!(OutputId::from_name(&id.to_string()), Some(id));
        }
        assert_eq!(OutputId::from_index(OUTPUTS_MAX), None);
        for wrong in [
            "out0", "out65", "out01", "out+1", "out", "Out1", "out1 ", "1",
        ] {
            assert_eq!(OutputId::from_name(wrong), None, "{wrong}");
        }
    }
}
