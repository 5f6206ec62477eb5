//! The rule first, then single changes, then everything that can go wrong at once.

mod bytes;
mod changes;
mod rule;
mod storm;
mod world;
