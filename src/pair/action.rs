//! What comes out of the machine.

use crate::pair::event::Order;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::pair::term::Ballot;
use crate::pair::term::Term;
pub use crate::pair::why::Why;

/// One thing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Tell all other servers now what [`Machine::advert`](crate::pair) says.
    Advertise,
    /// From now on each beat to the warden says so.
    Hold(bool),
    /// Have the warden tell the network again who has the addresses.
    Announce,
    /// Have the warden ask the service network; the answer carries the number.
    Ask { number: u32 },
    /// Write this down.
    Store(Ballot),
    /// What the workers are to do.
    Workers(Handover),
    /// That order has been carried out or refused. Each order but [`Order::Leave`] is answered once.
    Answer(Order, Outcome),
    /// The service has been handed over, or nobody could take it: the process may end.
    Leave,
    /// For the log and for people: what became of this server, and why.
    Note(Note),
}

/// What the workers are to do about connections that are open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Handover {
    /// Serve as ever.
    #[default]
    None,
    /// Accept nothing new, and let what is under way end.
    Drain,
    /// End what is still under way.
    Cut,
}

/// What became of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    Refused(Why),
}

/// What has happened, in a word that [`Note`] carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Note {
    pub state: State,
    pub term: Term,
    pub why: Why,
    /// The server that it is about, if it is about one.
    pub about: Option<NodeId>,
}
