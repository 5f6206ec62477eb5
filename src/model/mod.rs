//! Words, properties, limits and configuration. No I/O and no clock.
#![forbid(unsafe_code)]

pub mod output;
pub mod plan;
pub mod time;
