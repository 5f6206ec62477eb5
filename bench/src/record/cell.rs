//! What the rounds of one scene are condensed to.

use serde::Deserialize;
use serde::Serialize;

use crate::record::contender::Contender;
use crate::record::run::Mark;
use crate::record::run::Run;
use crate::record::run::Scene;
use crate::stats::Summary;
use crate::stats::ratio;

/// One contender under one load, over all rounds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cell {
    pub contender: Contender,
    pub scene: Scene,
    pub rounds: usize,
    pub rate: Option<Summary>,
    pub process_us: Option<Summary>,
    pub user_us: Option<Summary>,
    pub beyond_us: Option<Summary>,
    pub known_beyond_us: Option<Summary>,
    pub p50_us: Option<Summary>,
    pub p90_us: Option<Summary>,
    pub p99_us: Option<Summary>,
    pub p999_us: Option<Summary>,
    pub proxy_core: Option<Summary>,
    pub load_core: Option<Summary>,
    pub faults: u64,
    /// Requests that were due and never sent, in all rounds.
    pub unsent: u64,
    /// Marks of any round.
    pub marks: Vec<Mark>,
    pub ratios: Vec<Ratio>,
}

/// This contender against another: medians of the rounds' own ratios.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ratio {
    pub to: Contender,
    pub rate: Option<Summary>,
    pub process: Option<Summary>,
    pub known: Option<Summary>,
    pub machine: Option<Summary>,
    pub p99: Option<Summary>,
}

/// The runs of one scene.
struct Runs<'a> {
    runs: Vec<&'a Run>,
    rounds: usize,
}

/// Condenses all runs, scene by scene in the order of their first runs.
pub fn all(runs: &[Run]) -> Vec<Cell> {
    let mut scenes: Vec<Scene> = Vec::new();
    for run in runs {
        if !scenes.contains(&run.scene) {
            scenes.push(run.scene);
        }
    }
    scenes
        .into_iter()
        .flat_map(|scene| cells(scene, runs))
        .collect()
}

/// Condenses the runs of one scene. Ratios are to whoever took part.
fn cells(scene: Scene, runs: &[Run]) -> Vec<Cell> {
    let here: Vec<&Run> = runs.iter().filter(|run| run.scene == scene).collect();
    let rounds = here.iter().map(|run| run.round + 1).max().unwrap_or(0);
    let mut contenders: Vec<Contender> = Vec::new();
    for run in &here {
        if !contenders.contains(&run.contender) {
            contenders.push(run.contender.clone());
        }
    }
    let runs = Runs { runs: here, rounds };
    contenders
        .iter()
        .map(|contender| runs.cell(scene, contender, &contenders))
        .collect()
}

impl Runs<'_> {
    fn cell(&self, scene: Scene, contender: &Contender, contenders: &[Contender]) -> Cell {
        let own: Vec<&&Run> = self.of(contender).collect();
        let condense = |pick: fn(&Run) -> Option<f64>| {
            let values: Vec<f64> = self.column(contender, pick).into_iter().flatten().collect();
            Summary::of(&values)
        };
        let mut marks: Vec<Mark> = own.iter().flat_map(|run| run.marks.clone()).collect();
        marks.sort_unstable();
        marks.dedup();
        let against = |other: &Contender| {
            *other != *contender && *other != Contender::DIRECT && *contender != Contender::DIRECT
        };
        let others = contenders.iter().filter(|other| against(other));
        Cell {
            contender: contender.clone(),
            scene,
            rounds: own.len(),
            rate: condense(|run| Some(run.rate)),
            process_us: condense(|run| run.process_us),
            user_us: condense(|run| run.user_us),
            beyond_us: condense(|run| run.beyond_us),
            known_beyond_us: condense(|run| run.known_beyond_us),
            p50_us: condense(|run| Some(run.p50_us)),
            p90_us: condense(|run| Some(run.p90_us)),
            p99_us: condense(|run| Some(run.p99_us)),
            p999_us: condense(|run| Some(run.p999_us)),
            proxy_core: condense(|run| Some(run.proxy_core)),
            load_core: condense(|run| Some(run.load_core)),
            faults: own.iter().flat_map(|run| run.faults.values()).sum(),
            unsent: own.iter().map(|run| run.unsent).sum(),
            marks,
            ratios: others.map(|other| self.ratio(contender, other)).collect(),
        }
    }

    fn ratio(&self, contender: &Contender, to: &Contender) -> Ratio {
        let against = |pick: fn(&Run) -> Option<f64>| {
            ratio(&self.column(contender, pick), &self.column(to, pick))
        };
        Ratio {
            to: to.clone(),
            rate: against(|run| Some(run.rate)),
            process: against(|run| run.process_us),
            known: against(|run| run.known_beyond_us),
            machine: against(|run| run.beyond_us),
            p99: against(|run| Some(run.p99_us)),
        }
    }

    /// One figure, round by round; what failed is no measurement.
    fn column(&self, contender: &Contender, pick: fn(&Run) -> Option<f64>) -> Vec<Option<f64>> {
        let in_round = |round: usize| {
            let found = self.of(contender).find(|run| run.round == round)?;
            if found.marks.contains(&Mark::Errors) {
                return None;
            }
            pick(found)
        };
        (0..self.rounds).map(in_round).collect()
    }

    fn of<'a>(&'a self, contender: &'a Contender) -> impl Iterator<Item = &'a &'a Run> {
        self.runs
            .iter()
            .filter(move |run| run.contender == *contender)
    }
}
