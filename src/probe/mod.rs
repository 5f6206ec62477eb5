//! Probes: what is asked of an output, what its answer means, and what follows for its health (SPEC 5).
//!
//! Nothing here opens a connection or reads a clock: bytes and `now` go in, verdicts come out.
//!
//! - `machine`: when an output is probed next, and what a result changes
//! - `question`: what a probe sends; `judge`: what comes back
//! - `search`: `healthcheck_regexp` in a document that comes in pieces
//! - `reason`: results in plain words
#![forbid(unsafe_code)]

pub mod judge;
pub mod machine;
pub mod question;
pub mod reason;
pub mod search;
