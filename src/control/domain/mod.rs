//! What a server of a domain does in control.
//!
//! - `stream`: encrypted streams to the other servers

pub mod stream;
