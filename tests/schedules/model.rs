//! The words of `src/model` that `src/plane` names.
#![allow(dead_code, reason = "a part of the program's sources, used in part")]

#[path = "../../src/model/output.rs"]
pub mod output;
#[path = "../../src/model/standing.rs"]
pub mod standing;
#[path = "../../src/model/time.rs"]
pub mod time;
