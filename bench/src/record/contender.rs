//! Who takes part, by name.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// One that carries the load. Two have no program of their own to be compared: the direct run and the relay.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Contender(Cow<'static, str>);

impl Contender {
    /// The load straight to the origin: what everybody's figures are compared with.
    pub const DIRECT: Contender = Contender(Cow::Borrowed("direct"));
    /// The relay without parsing.
    pub const RELAY: Contender = Contender(Cow::Borrowed("relay"));
    pub const HALB: Contender = Contender(Cow::Borrowed("halb"));
    pub const HAPROXY: Contender = Contender(Cow::Borrowed("haproxy"));
    pub const NGINX: Contender = Contender(Cow::Borrowed("nginx"));

    pub fn named(name: &str) -> Contender {
        Contender(Cow::Owned(name.to_owned()))
    }

    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}
