//! Who is who in a domain.

use std::fmt;

use crate::model::fingerprint::fingerprint;

/// A server by its name: the same on every server, also while their files differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct NodeId(u64);

impl NodeId {
    /// The server that is called so.
    pub fn of(name: &str) -> NodeId {
        NodeId(fingerprint(name.as_bytes()))
    }

    /// As it travels.
    pub const fn from_bits(bits: u64) -> NodeId {
        NodeId(bits)
    }

    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
