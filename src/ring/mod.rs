//! The kernel, and the only room that may hold `unsafe`.
//!
//! [`port`] is what the data plane sees of it: a trait small enough that a simulator can stand in. [`arena`]
//! owns the memory the kernel may write; [`kernel`] is the real ring. [`clock`], [`socket`], `filter`, [`packet`],
//! [`inbox`], [`thread`] and [`process`] hold one family of system calls each.
#![expect(
    unsafe_code,
    reason = "the one room that talks to the kernel and owns what it may write"
)]

pub mod arena;
pub mod clock;
mod filter;
pub mod inbox;
pub mod kernel;
pub mod packet;
pub mod port;
pub mod process;
pub mod socket;
pub mod thread;
pub mod token;
