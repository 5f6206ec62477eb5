//! How all servers of a domain come to have the same domain file: a change is checked by all that can be reached and
//! then taken by all or by none; who was away catches up; of two files that went separate ways one is taken by rule and
//! the other is kept. Events and the time go in, actions come out; no disk, no socket, no clock.
//!
//! - `head`: versions, what they descend from, and which of two is the later one
//! - `message`: what servers tell each other; `bytes`: how that travels
//! - `words`: what goes in and what comes out; `keeper`: the machine; `change`, `follow`: its two sides

pub mod bytes;
mod change;
mod follow;
pub mod head;
pub mod keeper;
pub mod message;
pub mod words;

#[cfg(test)]
mod tests;
