//! Versions of the domain file. Each knows what it came from, so that two servers that meet can tell whether one of them
//! was merely away or whether both went on without each other.

use crate::model::fingerprint::fingerprint;
use crate::pair::advert::FileVersion;
use crate::pair::term::Term;

/// So many ancestors are remembered. Who was away for more changes than this is taken for one that went its own way:
/// its text is kept beside the file, which costs a look by an operator and never a text.
pub const ANCESTORS_MAX: usize = 128;

/// The version that a server has, and what it knows of its past.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    pub version: FileVersion,
    /// What it came from, the parent first.
    pub ancestors: Vec<FileVersion>,
    /// The highest term in which an active has served this text, or one that it descends from.
    pub served: Term,
    /// The highest term in which an active has served this very text.
    pub own: Term,
}

/// What one server's file is to another's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    Same,
    /// Theirs is an ancestor of ours: they catch up.
    Behind,
    /// Theirs descends from ours: we catch up.
    Ahead,
    /// Both went on without each other, and ours is to be taken.
    WeWin,
    /// Both went on without each other, and theirs is to be taken.
    TheyWin,
}

impl Head {
    /// The first version of a file that has no past.
    pub fn first(text: &[u8]) -> Head {
        Head {
            version: FileVersion {
                term: 0,
                generation: 1,
                hash: fingerprint(text),
            },
            ..Head::default()
        }
    }

    /// The next version, written under `term`.
    pub fn child(&self, term: u64, text: &[u8]) -> Head {
        let mut ancestors = vec![self.version];
        ancestors.extend(&self.ancestors);
        ancestors.truncate(ANCESTORS_MAX);
        Head {
            version: FileVersion {
                term,
                generation: self.version.generation.saturating_add(1),
                hash: fingerprint(text),
            },
            ancestors,
            served: self.served,
            own: Term::default(),
        }
    }

    /// Whether `version` is this one or one that it came from.
    pub fn includes(&self, version: FileVersion) -> bool {
        self.version == version || self.ancestors.contains(&version)
    }

    /// What `theirs` is to this one.
    pub fn relation(&self, theirs: &Head) -> Relation {
        if self.version == theirs.version {
            return Relation::Same;
        }
        match (
            self.includes(theirs.version),
            theirs.includes(self.version),
            self.rank() > theirs.rank(),
        ) {
            // Both cannot be; a peer that says so is damaged, and the rule decides as for any other two.
            (true, false, _) => Relation::Behind,
            (false, true, _) => Relation::Ahead,
            // The same words on both sides are no conflict.
            (_, _, true) if self.version.hash == theirs.version.hash => Relation::Behind,
            (_, _, false) if self.version.hash == theirs.version.hash => Relation::Ahead,
            (_, _, true) => Relation::WeWin,
            (_, _, false) => Relation::TheyWin,
        }
    }

    /// Of two that went separate ways the one with the higher rank is taken: what the active with the higher term was
    /// serving, and of two that came from what that served, the one that it went on with. Where that tells nothing, any
    /// order will do that all servers agree on. That a descendant never ranks below in its first part keeps three
    /// servers from taking each other's in turn.
    pub fn rank(&self) -> (Term, Term, FileVersion) {
        (self.served, self.own, self.version)
    }
}
