//! The few answers HALB gives itself.

use crate::http::ending::Ending;
use crate::http::writer::Full;
use crate::http::writer::Writer;

/// What an answer of our own depends on besides its ending.
#[derive(Clone, Copy, Debug)]
pub struct ReplyRules {
    /// The request was HEAD: no body.
    pub head_only: bool,
    /// Say `Connection: close`.
    pub close: bool,
    pub unix_seconds: u64,
}

/// Writes the answer to `ending`; writes nothing when it calls for none (nobody is left to read it).
pub fn write(_ending: Ending, _rules: &ReplyRules, _out: &mut Writer<'_>) -> Result<(), Full> {
    todo!()
}
