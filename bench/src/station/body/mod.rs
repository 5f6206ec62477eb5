//! Bodies in both directions: what they are made of, how they are sent, and how they are checked.

pub mod incoming;
pub mod outgoing;
pub mod pattern;
pub mod response;
