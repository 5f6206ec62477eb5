//! The warden as a process, in hosts of its own: what it holds while it is told to, and what is gone when nobody tells it
//! any more.
#![forbid(unsafe_code)]

mod capabilities;
#[path = "../kernel/network/host.rs"]
mod host;
mod main_process;

mod asking;
mod deaths;
mod holding;
mod rights;
