//! What servers tell each other every 50 ms on every link, and at once when something has changed. Everything that two
//! servers agree on travels in it and is repeated, so that nothing depends on one datagram.

pub mod bytes;
#[cfg(test)]
pub mod tests;

use crate::pair::node::NodeId;
use crate::pair::state::Conditions;
use crate::pair::state::State;
use crate::pair::term::Term;

/// The numbered protocol of the links. One that is a neighbour's may be standby, with a warning.
pub const PROTOCOL: u16 = 1;

/// What one server says of itself; by default, nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Advert {
    pub from: NodeId,
    /// Drawn at each start.
    pub boot: u64,
    /// The protocol it speaks.
    pub protocol: u16,
    /// `major << 16 | minor` of its release.
    pub release: u32,
    /// The highest term it knows; of an active, the one it serves by.
    pub term: Term,
    pub state: State,
    pub conditions: Conditions,
    /// Whether it holds the addresses, or may still hold them.
    pub holds: bool,
    /// Set by an active that has released on purpose, until anybody is active or it claims back: whoever takes over need not
    /// ask. The term it served by.
    pub released: Option<Term>,
    /// Whether a ping address has answered lately (within 240 ms).
    pub reaches_ping: bool,
    /// Whether it could serve at all: the interface has a carrier, the workers serve.
    pub able: bool,
    /// Whether it could take over at once: able, same file, mirror level, an output up.
    pub ready: bool,
    /// It has just begun: it claims only when nobody who was there before does.
    pub starting: bool,
    /// What it asks the active for.
    pub wish: Wish,
    /// Of an active: in whose favour it hands over now.
    pub handing: Option<NodeId>,
    /// In whose favour it votes in which term; with three or more servers.
    pub vote: Option<(Term, NodeId)>,
    /// When it says so, by its own clock, in nanoseconds; nobody else reads it, but it comes back in `heeds`.
    pub stamp: u64,
    /// The last word of the active, or of the one who has its vote: for 500 ms from then it votes for nobody else.
    pub heeds: Option<Heed>,
    /// Its domain file.
    pub file: FileVersion,
}

impl Advert {
    /// What decides between two that are active: the term, and where both claimed by the same one, the name. Two servers can
    /// do that while their files differ in who is main; three and more cannot, since one of them has the votes.
    pub fn claim(&self) -> (Term, NodeId) {
        (self.term, self.from)
    }
}

/// A word of another server that has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heed {
    pub node: NodeId,
    pub boot: u64,
    /// The `stamp` of that word.
    pub stamp: u64,
}

/// A planned switch in favour of the one who wishes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wish {
    #[default]
    None,
    /// After `switch_grace` what is still under way is cut.
    Switch,
    /// After `switch_grace` the switch is called off.
    SwitchWithoutCut,
}

/// A version of the domain file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct FileVersion {
    /// Under which it was written.
    pub term: u64,
    pub generation: u64,
    /// SipHash-2-4 of the text.
    pub hash: u64,
}
