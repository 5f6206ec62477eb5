//! What control has of the pair thread: orders go in, what has happened comes out, and how it stands can be looked at
//! any time. Neither side waits for the other.

use crate::pair::action::Note;
use crate::pair::action::Outcome;
use crate::pair::event::Event;
pub use crate::pair::standing::Peer;
pub use crate::pair::standing::Standing;

/// What the pair thread tells control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    Note(Note),
    /// To the order with that number.
    Answer(u32, Outcome),
    /// The process may end.
    Leave,
}

/// What control gives the pair thread: only `Crashed`, `Readiness`, `Domain` and `Order` make sense from there.
pub struct Given {
    /// Of an order, so that its answer is known.
    pub number: u32,
    pub event: Event,
}
