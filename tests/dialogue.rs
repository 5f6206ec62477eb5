//! Dialogues: files that say in one sentence what has to hold, and then, byte for byte, what clients and backends
//! send and have to see. They cover what HALB decides for itself: how a message is written anew, in which order,
//! and how each connection ends.
//!
//! A real worker on the real ring stands between plain blocking sockets. Every case is played as written, and
//! again with HALB reading the clients' bytes, reading the outputs' bytes, and sending its own, one at a time.
//! See docs/testing.md for the notation.
#![forbid(unsafe_code)]

#[path = "dialogue/bless.rs"]
mod bless;
#[path = "dialogue/dying.rs"]
mod dying;
#[path = "dialogue/faulty.rs"]
mod faulty;
#[path = "dialogue/files.rs"]
mod files;
#[path = "dialogue/lens.rs"]
mod lens;
#[path = "dialogue/notation.rs"]
mod notation;
#[path = "dialogue/pace.rs"]
mod pace;
#[path = "dialogue/play.rs"]
mod play;
#[path = "dialogue/script.rs"]
mod script;
#[path = "dialogue/side.rs"]
mod side;
#[path = "dialogue/stage.rs"]
mod stage;
