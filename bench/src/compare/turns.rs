//! Loads: everybody in turn, and again, so that whatever drifts in the machine drifts through all.

use crate::compare::Comparison;
use crate::compare::Next;
use crate::compare::contender::Scenery;
use crate::compare::contender::Started;
use crate::compare::stages::SHORT_BODY_BYTES;
use crate::compare::stages::Stage;
use crate::compare::stages::keep;
use crate::crew::Crew;
use crate::crew::Reply;
use crate::record::contender::Contender;
use crate::record::run::Cores;
use crate::record::run::Mark;
use crate::record::run::Part;
use crate::record::run::Run;
use crate::record::run::Scene;
use crate::station::order::Asked;
use crate::station::order::Kind;
use crate::station::order::Load;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::stats::Summary;
use crate::trouble::Trouble;

impl Comparison<'_> {
    /// All rounds of one scene.
    pub fn scene(
        &mut self,
        scene: Scene,
        stage: &Stage,
        crew: &mut Crew,
        started: &mut [Started],
    ) -> Result<Next, Trouble> {
        for round in 0..stage.rounds {
            let mut direct = None;
            for one in started.iter_mut() {
                let Some(run) = self.one_run(scene, stage, round, crew, one)? else {
                    return Ok(Next::Stop);
                };
                self.keep(run, &mut direct);
            }
        }
        Ok(Next::GoOn)
    }

    /// The same, with nobody running but whose turn it is.
    pub fn alone(
        &mut self,
        scenes: &[Scene],
        stage: &Stage,
        crew: &mut Crew,
        scenery: &Scenery<'_>,
    ) -> Result<Next, Trouble> {
        let adapters = &self.plan.cast.adapters;
        for (scene, round) in scenes
            .iter()
            .flat_map(|scene| (0..stage.rounds).map(move |round| (*scene, round)))
        {
            let mut direct = None;
            for adapter in std::iter::once(None).chain(adapters.iter().map(Some)) {
                let mut one = match adapter {
                    None => Started::direct(crew.origin),
                    Some(adapter) => self.plan.cast.start(adapter, scenery)?,
                };
                let Some(run) = self.one_run(scene, stage, round, crew, &mut one)? else {
                    return Ok(Next::Stop);
                };
                self.keep(run, &mut direct);
            }
        }
        Ok(Next::GoOn)
    }

    /// With what the direct run of its round tells.
    fn keep(&mut self, run: Run, direct: &mut Option<Run>) {
        let run = run.less(direct.as_ref());
        if run.contender == Contender::DIRECT {
            *direct = Some(run.clone());
        }
        self.report.runs.push(run);
    }

    /// First how much the reference carries; then everybody is offered parts of that, those that are overloaded
    /// no more of it.
    pub fn rates(
        &mut self,
        connections: usize,
        factors: &[f64],
        stage: &Stage,
        crew: &mut Crew,
        started: &mut Vec<Started>,
    ) -> Result<Next, Trouble> {
        let most = keep(Part::Rates, connections, SHORT_BODY_BYTES);
        let reference = reference(started);
        let first = self.report.runs.len();
        if self.scene(most, stage, crew, &mut started[reference..=reference])? == Next::Stop {
            return Ok(Next::Stop);
        }
        let clean = self.report.runs[first..].iter();
        let clean = clean.filter(|run| !run.marks.contains(&Mark::Errors));
        let rates: Vec<f64> = clean.map(|run| run.rate).collect();
        let Some(most) = Summary::of(&rates) else {
            let name = &started[reference].contender;
            let warning = format!("no rates were offered: {name} did not carry any load");
            self.report.surroundings.warnings.push(warning);
            return Ok(Next::GoOn);
        };
        for factor in factors {
            let scene = Scene {
                kind: Kind::Offered,
                // A whole number is the same after it was written and read.
                offered: Some((most.median * factor).round()),
                ..keep(Part::Rates, connections, SHORT_BODY_BYTES)
            };
            let first = self.report.runs.len();
            if self.scene(scene, stage, crew, started)? == Next::Stop {
                return Ok(Next::Stop);
            }
            let runs = &self.report.runs[first..];
            started.retain(|one| !overloaded(runs, &one.contender));
        }
        Ok(Next::GoOn)
    }

    /// `None`: a signal came.
    fn one_run(
        &mut self,
        scene: Scene,
        stage: &Stage,
        round: usize,
        crew: &mut Crew,
        one: &mut Started,
    ) -> Result<Option<Run>, Trouble> {
        self.tell(&one.contender, scene, round);
        let order = Order {
            measure_ms: stage.measure_ms,
            ..self.order(scene, one)
        };
        let outcome = match one.check() {
            Ok(_) => crew.order(&order, &mut |_| Ok(()), self.interrupt)?,
            Err(gone) => Reply::Done(Outcome::Failed(gone.to_string())),
        };
        match outcome {
            Reply::Interrupted => Ok(None),
            Reply::Done(_) if self.interrupt.seen() => Ok(None),
            Reply::Done(outcome) => self.run_of(outcome, one, scene, round).map(Some),
        }
    }

    fn run_of(
        &self,
        outcome: Outcome,
        one: &mut Started,
        scene: Scene,
        round: usize,
    ) -> Result<Run, Trouble> {
        let mut load = match outcome {
            Outcome::Load(load) => *load,
            // A contender that cannot carry this load is a result too: the others go on.
            Outcome::Failed(reason) => Load {
                faults: [(reason, 1)].into(),
                ..Load::default()
            },
            Outcome::Held(_) => return Err(Trouble::new("the station did another job")),
        };
        let same_tree = one.check().unwrap_or_else(|gone| {
            load.faults.insert(gone.to_string(), 1);
            false
        });
        let cores = Cores {
            proxy: self.plan.cast.core,
            load: self.plan.load_core,
        };
        let contender = one.contender.clone();
        Ok(Run::of(contender, scene, round, load, cores, same_tree))
    }

    pub fn order(&self, scene: Scene, one: &Started) -> Order {
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
            measure_ms: 0,
            watch: one.processes.clone(),
            crew: Vec::new(),
        }
    }

    pub fn tell(&mut self, contender: &Contender, scene: Scene, round: usize) {
        let offered = scene
            .offered
            .map_or(String::new(), |rate| format!(", {rate} a second"));
        self.progress.tell(&format!(
            "{:?}: {} connections, {} bytes{offered}, round {}: {contender}",
            scene.part,
            scene.connections,
            scene.body_bytes,
            round + 1,
        ));
    }
}

/// Whose greatest rate is the measure for all: HAProxy's, or without it the last one's.
fn reference(started: &[Started]) -> usize {
    let haproxy = started
        .iter()
        .position(|one| one.contender == Contender::HAPROXY);
    haproxy.unwrap_or(started.len() - 1)
}

/// In more than half of its runs.
fn overloaded(runs: &[Run], contender: &Contender) -> bool {
    let own: Vec<&Run> = runs
        .iter()
        .filter(|run| run.contender == *contender)
        .collect();
    let over = own
        .iter()
        .filter(|run| run.marks.contains(&Mark::Overloaded));
    over.count() * 2 > own.len()
}
