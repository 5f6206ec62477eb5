//! Which claim to the service is the later one.

use crate::pair::node::NodeId;

/// Of two claims the one with the higher term holds. Compared by the number, then main before everybody else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Term {
    pub number: u64,
    /// Whether the one who claimed is the domain's main server.
    pub main: bool,
}

/// Who claimed, in words.
const MAIN: &str = "main";
const OTHER: &str = "other";

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

    /// As a person reads it in a file: `7 main`, `8 other`.
    pub fn text(self) -> String {
        let role = if self.main { MAIN } else { OTHER };
        format!("{} {role}", self.number)
    }

    pub fn from_text(text: &str) -> Option<Term> {
        let (number, role) = text.split_once(' ')?;
        Some(Term {
            number: number.parse().ok()?,
            main: match role {
                MAIN => true,
                OTHER => false,
                _ => return None,
            },
        })
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
