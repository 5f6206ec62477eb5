//! The small process that alone may change addresses: it holds them while it is told to, many times a second, and lets
//! them go when nobody does. It also speaks with the service network, for which the same rights are needed.
//!
//! - `wire`: what it is told, and what it says, over one pipe
//! - `start`: how the daemon gets one; `keeper`: what starts another when it dies; `rights`: who may what
//! - `process`: the process, which waits; `turn`: what it does; `pipe`: its end of the pipe
//! - `addresses`, by `netlink`: held on the interface
//! - `segment`: the service network; `question`, `repeat` and `ping`: when what is sent into it
#![forbid(unsafe_code)]

pub mod netlink;
pub mod process;
pub mod rights;
pub mod segment;
pub mod start;
pub mod wire;

mod addresses;
mod keeper;
mod ping;
mod pipe;
mod question;
mod repeat;
mod turn;
