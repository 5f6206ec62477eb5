//! `halb-bench compare`: everybody does the same job on the same core, in turns, and is counted twice.

pub mod contender;

use std::io::Write;
use std::path::PathBuf;

use crate::compare::contender::Programs;
use crate::compare::contender::Started;
use crate::crew::Crew;
use crate::crew::Reply;
use crate::interrupt::Interrupt;
use crate::machine::memory;
use crate::progress::Progress;
use crate::record;
use crate::record::Record;
use crate::record::cell;
use crate::record::contender::Contender;
use crate::record::memory::Doing;
use crate::record::memory::MemoryFigure;
use crate::record::run::Cores;
use crate::record::run::Part;
use crate::record::run::Run;
use crate::record::run::Scene;
use crate::record::surroundings::Surroundings;
use crate::report::text;
use crate::station::order::Asked;
use crate::station::order::Gate;
use crate::station::order::Kind;
use crate::station::order::Load;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::trouble::Trouble;
use crate::trouble::While;

/// What is to be compared, and how.
pub struct Plan {
    pub programs: Programs,
    pub load_core: usize,
    pub contenders: Vec<Contender>,
    pub scenes: Vec<Scene>,
    pub idle_connections: Option<usize>,
    pub idle_head_bytes: usize,
    pub head_bytes: usize,
    pub rounds: usize,
    pub warm_ms: u64,
    pub measure_ms: u64,
    pub json: Option<PathBuf>,
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
    let mut comparison = Comparison {
        plan,
        report: record::Comparison {
            form: record::FORM,
            complete: false,
            surroundings: Surroundings::find(plan.programs.versions(&plan.contenders)),
            targets: Vec::new(),
            cells: Vec::new(),
            memory: Vec::new(),
            runs: Vec::new(),
        },
        progress: Progress::new(steps(plan)),
    };
    let mut crew = Crew::start(plan.load_core, 1, folder.path(), &interrupt)?;
    let mut started = Vec::new();
    for contender in &plan.contenders {
        let one = plan.programs.start(contender, crew.origin, folder.path());
        started.push(one?);
    }
    let end = comparison.measure(&mut crew, &mut started, &interrupt);
    comparison.finish(end)
}

struct Comparison<'a> {
    plan: &'a Plan,
    report: record::Comparison,
    progress: Progress,
}

impl Comparison<'_> {
    fn measure(
        &mut self,
        crew: &mut Crew,
        started: &mut [Started],
        interrupt: &Interrupt,
    ) -> Result<Next, Trouble> {
        for scene in self.plan.scenes.clone() {
            for round in 0..self.plan.rounds {
                let mut direct = None;
                for one in started.iter_mut() {
                    let order = self.order(scene, one);
                    self.progress.tell(&words(&one.contender, scene, round));
                    let Reply::Done(outcome) = crew.order(&order, &mut |_| Ok(()), interrupt)?
                    else {
                        return Ok(Next::Stop);
                    };
                    let run = self
                        .run_of(outcome, one, scene, round)?
                        .less(direct.as_ref());
                    if run.contender == Contender::DIRECT {
                        direct = Some(run.clone());
                    }
                    self.report.runs.push(run);
                    if interrupt.seen() {
                        return Ok(Next::Stop);
                    }
                }
            }
        }
        self.idle(crew, started, interrupt)
    }

    fn idle(
        &mut self,
        crew: &mut Crew,
        started: &mut [Started],
        interrupt: &Interrupt,
    ) -> Result<Next, Trouble> {
        let Some(connections) = self.plan.idle_connections else {
            return Ok(Next::GoOn);
        };
        let scene = Scene {
            part: Part::Memory,
            kind: Kind::Idle,
            connections,
            body_bytes: 128,
            offered: None,
            allotment: None,
        };
        for one in started.iter_mut() {
            if one.contender == Contender::DIRECT {
                continue;
            }
            self.progress.tell(&words(&one.contender, scene, 0));
            let mut order = self.order(scene, one);
            order.asked.head_bytes = self.plan.idle_head_bytes;
            let mut readings = Vec::new();
            let mut read = |_: Gate| {
                readings.push(memory::of(&one.processes)?);
                Ok(())
            };
            match crew.order(&order, &mut read, interrupt)? {
                Reply::Interrupted => return Ok(Next::Stop),
                Reply::Done(Outcome::Held(held)) => {
                    let at = |index: usize| readings.get(index).copied().unwrap_or_default();
                    let memory = (at(0), at(1));
                    let figure = MemoryFigure::of(
                        one.contender.clone(),
                        Doing::Idle,
                        connections,
                        held,
                        memory,
                    );
                    self.report.memory.push(figure);
                }
                Reply::Done(Outcome::Failed(reason)) => {
                    let name = one.contender.name();
                    return Err(Trouble::new(format!(
                        "idle connections of {name}: {reason}"
                    )));
                }
                Reply::Done(Outcome::Load(_)) => {
                    return Err(Trouble::new("the station did another job"));
                }
            }
            one.check()?;
        }
        Ok(Next::GoOn)
    }

    fn order(&self, scene: Scene, one: &Started) -> Order {
        Order {
            target: one.target,
            kind: scene.kind,
            connections: scene.connections,
            asked: Asked {
                body_bytes: scene.body_bytes,
                head_bytes: self.plan.head_bytes,
                ..Asked::default()
            },
            rate: scene.offered.unwrap_or(0.0),
            moving: 0,
            first_source: 0,
            warm_ms: self.plan.warm_ms,
            measure_ms: self.plan.measure_ms,
            watch: one.processes.clone(),
            crew: Vec::new(),
        }
    }

    fn run_of(
        &self,
        outcome: Outcome,
        one: &mut Started,
        scene: Scene,
        round: usize,
    ) -> Result<Run, Trouble> {
        let load = match outcome {
            Outcome::Load(load) => load,
            // A contender that cannot carry this load is a result too: the others go on.
            Outcome::Failed(reason) => Load {
                faults: [(reason, 1)].into(),
                ..Load::default()
            },
            Outcome::Held(_) => return Err(Trouble::new("the station did another job")),
        };
        let same_tree = one.check()?;
        let cores = Cores {
            proxy: self.plan.programs.core,
            load: self.plan.load_core,
        };
        Ok(Run::of(
            one.contender.clone(),
            scene,
            round,
            load,
            cores,
            same_tree,
        ))
    }

    /// Gives out what there is, also when it is not all.
    fn finish(mut self, end: Result<Next, Trouble>) -> Result<bool, Trouble> {
        self.progress.end();
        self.report.complete = matches!(end, Ok(Next::GoOn));
        self.report.cells = cell::all(&self.report.runs);
        let sound = self.report.complete
            && self.report.runs.iter().all(|run| run.faults.is_empty())
            && self.report.memory.iter().all(MemoryFigure::sound);
        print(&text::comparison(&self.report))?;
        if let Some(path) = &self.plan.json {
            let text = serde_json::to_vec_pretty(&Record::Compare(self.report))
                .during("writing the report")?;
            std::fs::write(path, text).during("writing the report")?;
        }
        end?;
        Ok(sound)
    }
}

/// So many runs will be told of.
fn steps(plan: &Plan) -> usize {
    let idle = usize::from(plan.idle_connections.is_some());
    let proxies = plan
        .contenders
        .iter()
        .filter(|one| **one != Contender::DIRECT);
    plan.scenes.len() * plan.rounds * plan.contenders.len() + idle * proxies.count()
}

/// What a run is, in a few words.
fn words(contender: &Contender, scene: Scene, round: usize) -> String {
    format!(
        "{:?}, {} connections, {} bytes, round {}: {contender}",
        scene.kind,
        scene.connections,
        scene.body_bytes,
        round + 1
    )
}

/// Writes to standard output.
pub fn print(text: &str) -> Result<(), Trouble> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .during("writing to standard output")
}
