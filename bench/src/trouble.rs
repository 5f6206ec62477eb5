//! What a person who runs the harness reads when it cannot go on: what was being done, and why it failed.

use std::fmt;

/// One sentence for the person at the terminal. Nothing in the harness decides by it.
#[derive(Debug)]
pub struct Trouble(String);

impl Trouble {
    pub fn new(sentence: impl Into<String>) -> Trouble {
        Trouble(sentence.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Turns a foreign error into a [`Trouble`] that says what was being done.
pub trait While<T> {
    /// `doing` reads like "reading the configuration".
    fn during(self, doing: &str) -> Result<T, Trouble>;
}

impl<T, E: fmt::Display> While<T> for Result<T, E> {
    fn during(self, doing: &str) -> Result<T, Trouble> {
        self.map_err(|cause| Trouble::new(format!("{doing}: {cause}")))
    }
}
