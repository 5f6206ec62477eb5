//! The kernel, and the only room that may hold `unsafe`.
//!
//! [`port`] is what the data plane sees of it: a trait small enough that a simulator can stand in. [`arena`]
//! owns the memory the kernel may write.
#![expect(
    unsafe_code,
    reason = "the one room that talks to the kernel and owns what it may write"
)]

pub mod arena;
pub mod port;
pub mod token;
