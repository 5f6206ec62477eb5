//! `halb-bench compare`: everybody does the same job on the same core, in turns, and is counted twice.
//!
//! - [`stages`]: which loads there are; [`turns`] carries them, [`held`] measures memory.
//! - [`adapter`]: how each contender is started; [`contender`]: those that are.
//! - [`refusal`]: what would make the figures worthless.

pub mod adapter;
pub mod contender;
mod held;
pub mod refusal;
pub mod stages;
mod turns;

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::allotment::Group;
use crate::compare::adapter::Version;
use crate::compare::contender::Cast;
use crate::compare::contender::Scenery;
use crate::compare::contender::Started;
use crate::compare::stages::Stage;
use crate::compare::stages::Work;
use crate::crew::Crew;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::record;
use crate::record::Record;
use crate::record::cell;
use crate::record::contender::Contender;
use crate::record::memory::MemoryFigure;
use crate::record::surroundings::Surroundings;
use crate::record::target;
use crate::report;
use crate::report::text;
use crate::trouble::Trouble;
use crate::trouble::While;

/// What is to be compared, and how.
pub struct Plan {
    pub cast: Cast,
    pub load_core: usize,
    pub stages: Vec<Stage>,
    pub idle_head_bytes: usize,
    pub head_bytes: usize,
    pub warm_ms: u64,
    pub quick: bool,
    pub even_if_busy: bool,
    pub json: Option<PathBuf>,
    pub html: Option<PathBuf>,
}

/// Whether to go on after a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

/// Runs the plan and gives the report out. The answer says whether every run was without faults.
pub fn run(plan: &Plan) -> Result<bool, Trouble> {
    let interrupt = Interrupt::hold()?;
    let folder = tempfile::tempdir().during("making a folder for the run")?;
    let surroundings = surroundings(plan, &interrupt)?;
    for allotment in plan.stages.iter().filter_map(|stage| stage.allotment) {
        // Better now than after half an hour.
        drop(Group::create("compare-trial", &allotment)?);
    }
    let proxies = plan.cast.adapters.len();
    let steps = plan.stages.iter().map(|stage| stage.steps(proxies)).sum();
    tell_time(plan, steps);
    let mut comparison = Comparison {
        plan,
        interrupt: &interrupt,
        folder: folder.path(),
        report: record::Comparison {
            form: record::FORM,
            complete: false,
            surroundings,
            targets: Vec::new(),
            cells: Vec::new(),
            memory: Vec::new(),
            runs: Vec::new(),
        },
        progress: Progress::new(steps),
    };
    let end = comparison.measure();
    comparison.finish(end)
}

/// What it is measured on; refused when that would be worth nothing.
fn surroundings(plan: &Plan, interrupt: &Interrupt) -> Result<Surroundings, Trouble> {
    let version = |adapter: &adapter::Adapter| (adapter.contender.clone(), adapter.version());
    let versions: Vec<(Contender, Version)> = plan.cast.adapters.iter().map(version).collect();
    let doubts = refusal::doubts(&[plan.cast.core, plan.load_core], &versions, interrupt)?;
    if !doubts.is_empty() && !plan.even_if_busy {
        return Err(refusal::refuse(&doubts));
    }
    let lines = versions
        .into_iter()
        .map(|(contender, version)| (contender.name().to_owned(), version.line));
    Ok(Surroundings {
        quick: plan.quick,
        doubtful: !doubts.is_empty(),
        warnings: doubts,
        ..Surroundings::find(lines.collect())
    })
}

/// Whoever waits is told for how long.
fn tell_time(plan: &Plan, steps: usize) {
    let proxies = plan.cast.adapters.len();
    let times = plan
        .stages
        .iter()
        .map(|stage| stage.time(proxies, plan.warm_ms));
    let minutes = times.sum::<Duration>().as_secs_f64() / 60.0;
    // Progress that cannot be shown is no reason to stop.
    let _shown = writeln!(
        std::io::stderr(),
        "{steps} runs, about {minutes:.0} minutes"
    );
}

struct Comparison<'a> {
    plan: &'a Plan,
    interrupt: &'a Interrupt,
    folder: &'a Path,
    report: record::Comparison,
    progress: Progress,
}

impl Comparison<'_> {
    fn measure(&mut self) -> Result<Next, Trouble> {
        for (number, stage) in self.plan.stages.iter().enumerate() {
            let folder = self.folder.join(number.to_string());
            std::fs::create_dir(&folder).during("making a folder for a part")?;
            if self.stage(stage, &folder)? == Next::Stop {
                return Ok(Next::Stop);
            }
        }
        Ok(Next::GoOn)
    }

    fn stage(&mut self, stage: &Stage, folder: &Path) -> Result<Next, Trouble> {
        let mut crew = Crew::start(
            self.plan.load_core,
            stage.stations()?,
            folder,
            self.interrupt,
        )?;
        let scenery = Scenery {
            origin: crew.origin,
            folder,
            threads: stage.threads(),
            allotment: stage.allotment,
        };
        if let (true, Work::Loads(scenes)) = (stage.alone, &stage.work) {
            return self.alone(scenes, stage, &mut crew, &scenery);
        }
        let mut started = vec![Started::direct(crew.origin)];
        for adapter in &self.plan.cast.adapters {
            started.push(self.plan.cast.start(adapter, &scenery)?);
        }
        match &stage.work {
            Work::Loads(scenes) => {
                for scene in scenes {
                    if self.scene(*scene, stage, &mut crew, &mut started)? == Next::Stop {
                        return Ok(Next::Stop);
                    }
                }
                Ok(Next::GoOn)
            }
            Work::Rates {
                connections,
                factors,
            } => self.rates(*connections, factors, stage, &mut crew, &mut started),
            Work::Held(held) => self.held(held, &mut crew, &mut started),
        }
    }

    /// Gives out what there is, also when it is not all.
    fn finish(mut self, end: Result<Next, Trouble>) -> Result<bool, Trouble> {
        self.progress.end();
        // Whatever failed after a signal failed because of it.
        let end = if self.interrupt.seen() {
            Ok(Next::Stop)
        } else {
            end
        };
        self.report.complete = matches!(end, Ok(Next::GoOn));
        self.report.cells = cell::all(&self.report.runs);
        self.report.targets = target::judge(&self.report.cells, &self.report.memory);
        let sound = self.report.complete
            && self.report.runs.iter().all(|run| run.faults.is_empty())
            && self.report.memory.iter().all(MemoryFigure::sound);
        print(&text::comparison(&self.report))?;
        let plan = self.plan;
        report::write(
            &Record::Compare(self.report),
            plan.json.as_deref(),
            plan.html.as_deref(),
        )?;
        end?;
        Ok(sound)
    }
}

/// Writes to standard output.
pub fn print(text: &str) -> Result<(), Trouble> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .during("writing to standard output")
}
