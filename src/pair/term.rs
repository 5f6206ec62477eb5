//! Which claim to the service is the later one.

use crate::pair::node::NodeId;

/// Of two claims the one with the higher term holds. Compared by the number, then main before everybody else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Term {
    pub number: u64,
    /// Whether the one who claimed is the domain's main server.
    pub main: bool,
}

impl Term {
    /// No domain comes so far; it keeps a number from a broken peer from overflowing.
    pub const NUMBER_MAX: u64 = u64::MAX >> 1;

    /// The next higher one, for a claim of main or of another server.
    pub fn next(self, main: bool) -> Term {
        Term {
            number: self.number.saturating_add(1).min(Term::NUMBER_MAX),
            main,
        }
    }

    /// As it travels, and as it is stored: in the same order.
    pub fn bits(self) -> u64 {
        self.number.min(Term::NUMBER_MAX) << 1 | u64::from(self.main)
    }

    pub const fn from_bits(bits: u64) -> Term {
        Term {
            number: bits >> 1,
            main: bits & 1 == 1,
        }
    }
}

/// What a server must not forget: it is stored before anybody is told of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ballot {
    /// The highest term seen or claimed.
    pub term: Term,
    /// Who got this server's vote in that term; one vote a term.
    pub vote: Option<NodeId>,
}
