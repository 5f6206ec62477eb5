//! `halb-bench verify`: whether this machine carries what HALB promises, for whoever wants to know it of their own.
//!
//! - [`wanted`]: the promises; [`fitness`]: what has to be so before; [`subject`]: the program in its cgroup;
//! - [`trial`]: what is done with it; [`judge`]: from what came of it to a verdict.

pub mod fitness;
pub mod judge;
pub mod subject;
#[cfg(test)]
mod tests;
pub mod trial;
pub mod wanted;

use std::path::PathBuf;

use crate::compare::print;
use crate::crew::share;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::record;
use crate::record::Record;
use crate::record::Verification;
use crate::record::surroundings::Surroundings;
use crate::report;
use crate::trouble::Trouble;
use crate::trouble::While;
use crate::verify::subject::Program;
use crate::verify::trial::Trial;
use crate::verify::wanted::Wanted;

/// What is to be verified, and where.
pub struct Plan {
    pub program: Program,
    /// The program may use these.
    pub cores: Vec<usize>,
    pub load_core: usize,
    pub wanted: Wanted,
    pub even_if_busy: bool,
    pub json: Option<PathBuf>,
    pub html: Option<PathBuf>,
}

/// Verifies, and gives the report out. The answer says whether all checks were made and passed.
pub fn run(plan: &Plan) -> Result<bool, Trouble> {
    let version = plan.program.version()?;
    let stations = fitness::stations(share::descriptors()? as u64, &plan.wanted)?;
    let interrupt = Interrupt::hold()?;
    let warnings = fitness::check(plan, &interrupt)?;
    let folder = tempfile::tempdir().during("making a folder for the run")?;
    let mut report = Verification {
        form: record::FORM,
        complete: false,
        surroundings: Surroundings::find([(plan.program.name().to_owned(), version)].into()),
        checks: Vec::new(),
    };
    report.surroundings.doubtful = !warnings.is_empty();
    report.surroundings.warnings = warnings;
    let mut trial = Trial {
        plan,
        stations,
        folder: folder.path(),
        interrupt: &interrupt,
        progress: Progress::new(trial::STEPS),
    };
    let end = trial.all(&mut report.checks);
    trial.progress.end();
    report.complete = matches!(end, Ok(Some(())));
    let sound = report.complete && report.checks.iter().all(|check| check.passed);
    give_out(plan, report)?;
    end?;
    Ok(sound)
}

fn give_out(plan: &Plan, report: Verification) -> Result<(), Trouble> {
    print(&report::text::verification(&report))?;
    report::write(
        &Record::Verify(report),
        plan.json.as_deref(),
        plan.html.as_deref(),
    )
}
