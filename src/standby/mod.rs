//! The pair thread: joins the machine of [`crate::pair`] with the links, the warden, the workers and the disk, and waits
//! for none of them.
//!
//! - `handle`: what control has of it
#![forbid(unsafe_code)]

pub mod handle;
