//! What the harness keeps: every run, what the rounds are condensed to, and what it was measured on. The same
//! types are written as JSON and read again by `halb-bench report`.

pub mod cell;
pub mod check;
pub mod contender;
pub mod memory;
pub mod run;
pub mod surroundings;
pub mod target;

use serde::Deserialize;
use serde::Serialize;

use crate::record::cell::Cell;
use crate::record::check::Check;
use crate::record::memory::MemoryFigure;
use crate::record::run::Run;
use crate::record::surroundings::Surroundings;
use crate::record::target::Target;

/// The number of this form; a file of another one is refused.
pub const FORM: u32 = 1;

/// One JSON file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Record {
    Compare(Comparison),
    Verify(Verification),
}

/// What `halb-bench compare` found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Comparison {
    pub form: u32,
    /// False when it was interrupted or could not go on: then it holds what there was.
    pub complete: bool,
    pub surroundings: Surroundings,
    pub targets: Vec<Target>,
    pub cells: Vec<Cell>,
    pub memory: Vec<MemoryFigure>,
    pub runs: Vec<Run>,
}

/// What `halb-bench verify` found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verification {
    pub form: u32,
    pub complete: bool,
    pub surroundings: Surroundings,
    pub checks: Vec<Check>,
}
