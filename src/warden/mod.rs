//! The small process that alone may change addresses: it holds them while it is told to, many times a second, and lets
//! them go when nobody does. It also speaks with the service network, for which the same rights are needed.
//!
//! - `wire`: what it is told, and what it says, over one pipe
#![forbid(unsafe_code)]

pub mod wire;
