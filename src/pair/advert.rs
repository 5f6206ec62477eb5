//! What servers tell each other every 50 ms on every link, and at once when something has changed. Everything that two
//! servers agree on travels in it and is repeated, so that nothing depends on one datagram.

use crate::pair::node::NodeId;
use crate::pair::state::Conditions;
use crate::pair::state::State;
use crate::pair::term::Term;

/// The numbered protocol of the links. One that is a neighbour's may be standby, with a warning.
pub const PROTOCOL: u16 = 1;

/// What one server says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    /// Set by an active that has released on purpose, until it is active again: whoever takes over need not ask. The
    /// term it served by.
    pub released: Option<Term>,
    /// Whether a ping address has answered lately (within 500 ms).
    pub reaches_ping: bool,
    /// Whether it could take over at once: same file, mirror level, an output up, the interface has a carrier.
    pub ready: bool,
    /// What it asks the active for.
    pub wish: Wish,
    /// In whose favour it votes in which term; with three or more servers.
    pub vote: Option<(Term, NodeId)>,
    /// Its domain file.
    pub file: FileVersion,
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
