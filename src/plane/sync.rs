//! The primitives that threads share words by. They have this one door, so that the models of
//! `tests/schedules` can put others in their place, which try every order of events.

pub use std::sync::Mutex;
pub use std::sync::MutexGuard;
pub use std::sync::atomic::AtomicBool;
pub use std::sync::atomic::AtomicU8;
pub use std::sync::atomic::AtomicU32;
pub use std::sync::atomic::AtomicU64;
pub use std::sync::atomic::Ordering;
