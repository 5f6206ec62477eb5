//! Words, properties, limits and configuration. No I/O and no clock.
#![forbid(unsafe_code)]

pub mod address;
pub mod amount;
pub mod config;
pub mod error_page;
pub mod fingerprint;
pub mod load;
pub mod manual;
pub mod output;
pub mod pattern;
pub mod plan;
pub mod planning;
pub mod property;
pub mod standing;
pub mod time;
