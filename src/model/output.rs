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

#[cfg(test)]
mod tests {
    use super::*;

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
