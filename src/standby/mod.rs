//! The pair thread: joins the machine of [`crate::pair`] with the links, the warden, the workers and the disk, and waits
//! for none of them.
//!
//! - `thread`: the thread itself
//! - `domain`: what the domain file says for this server
//! - `key`: the domain key
//! - `ballot`: the file of what a server must not forget; `scribe`: who writes it
//! - `handle`: what control has of the pair thread
#![forbid(unsafe_code)]

pub mod ballot;
pub mod domain;
pub mod handle;
pub mod key;
pub mod scribe;
pub mod thread;
