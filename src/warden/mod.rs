//! The small process that alone may change addresses: it holds them while it is told to, many times a second, and lets
//! them go when nobody does. It also speaks with the service network, for which the same rights are needed.
//!
//! - `wire`: what it is told, and what it says, over one pipe
//! - `start`: how the daemon gets one; `rights`: who may what
#![forbid(unsafe_code)]

pub mod rights;
pub mod start;
pub mod wire;
