#![forbid(unsafe_code)]
pub mod log;
pub mod serve;
pub mod state;
