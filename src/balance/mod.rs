//! Choosing an output. Deterministic: what is ready goes in, a choice comes out.
#![forbid(unsafe_code)]

pub mod choice;
pub mod rotation;
