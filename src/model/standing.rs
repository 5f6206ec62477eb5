//! Whether an output may serve, and whether it can: two questions with one answerer each.

use crate::model::output::OutputId;

/// What an operator ordered: whether an output may serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Switch {
    #[default]
    Enabled,
    /// Clients that are tied to it are still served, nobody new is.
    Draining,
    /// Nobody is served; running sessions finish.
    Disabled,
}

/// What probes found: whether an output can serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Health {
    /// No probe has answered yet.
    #[default]
    Checking,
    Up,
    Down,
}

/// How the outputs stand at the moment of a choice.
pub trait Standing {
    fn switch(&self, output: OutputId) -> Switch;

    fn health(&self, output: OutputId) -> Health;

    /// Whether one more session fits under its maximum. Another worker may be quicker: who chooses it
    /// still has to take the place.
    fn has_place(&self, output: OutputId) -> bool;

    /// How many probes of it have succeeded.
    fn proofs(&self, output: OutputId) -> u64;

    /// Its sessions over all workers.
    fn sessions_active(&self, output: OutputId) -> u64;
}
