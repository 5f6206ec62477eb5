//! Choosing an output. Deterministic: what is ready goes in, a choice comes out.
#![forbid(unsafe_code)]

pub mod choice;
pub mod hash;
pub mod rotation;
pub mod set;
pub mod sharing;
pub mod source;
pub mod table;
pub mod ties;
