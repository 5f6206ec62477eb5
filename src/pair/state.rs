//! What a server of a domain is, and what is the matter with it.

/// One of four, at every moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum State {
    /// Takes no part in any event of the domain; still follows the file.
    Maintenance,
    /// Serves. At most one.
    Active,
    /// Everything loaded; watches the active.
    Standby,
    /// Declared, but neither main nor backup.
    #[default]
    Inactive,
}

impl State {
    pub const fn word(self) -> &'static str {
        match self {
            State::Maintenance => "maintenance",
            State::Active => "active",
            State::Standby => "standby",
            State::Inactive => "inactive",
        }
    }
}

/// Shown beside the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Conditions {
    /// Neither a ping address nor a peer is heard.
    pub isolated: bool,
    /// It would claim, but somebody answers for the addresses.
    pub blind: bool,
    /// It has reported a local failure that nobody has acknowledged.
    pub failing: bool,
    /// It is asking, storing or collecting votes in order to become active.
    pub claiming: bool,
}
