//! Everything a comparison found: each run, what the rounds are condensed to, and what it was measured on.

use serde::Serialize;

use crate::compare::contender::Contender;
use crate::compare::figures::Mark;
use crate::compare::figures::Run;
use crate::compare::figures::Scene;
use crate::compare::surroundings::Surroundings;
use crate::station::order::Idle;
use crate::stats::Summary;
use crate::stats::ratio;

/// The JSON file.
#[derive(Debug, Serialize)]
pub struct Report {
    /// False when it was interrupted or could not go on: then it holds what there was.
    pub complete: bool,
    pub surroundings: Surroundings,
    pub cells: Vec<Cell>,
    pub idle: Vec<IdleFigure>,
    pub runs: Vec<Run>,
}

/// One contender under one load, over all rounds.
#[derive(Debug, Serialize)]
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
    /// Marks of any round.
    pub marks: Vec<Mark>,
    pub ratios: Vec<Ratio>,
}

/// This contender against another: medians of the rounds' own ratios.
#[derive(Debug, Serialize)]
pub struct Ratio {
    pub to: Contender,
    pub rate: Option<Summary>,
    pub process: Option<Summary>,
    pub known: Option<Summary>,
    pub machine: Option<Summary>,
}

/// What idle connections cost one contender.
#[derive(Debug, Serialize)]
pub struct IdleFigure {
    pub contender: Contender,
    pub asked: usize,
    #[serde(flatten)]
    pub idle: Idle,
    pub rss_bytes_each: f64,
    pub pss_bytes_each: f64,
}

impl IdleFigure {
    pub fn of(contender: Contender, asked: usize, idle: Idle) -> IdleFigure {
        let each =
            |before: u64, during: u64| (during as f64 - before as f64) / idle.held.max(1) as f64;
        IdleFigure {
            rss_bytes_each: each(idle.before.rss_bytes, idle.during.rss_bytes),
            pss_bytes_each: each(idle.before.pss_bytes, idle.during.pss_bytes),
            contender,
            asked,
            idle,
        }
    }

    /// Every connection stood, stayed, and answered again.
    pub fn sound(&self) -> bool {
        let asked = self.asked as u64;
        self.idle.held == asked && self.idle.answered_again == asked && self.idle.faults.is_empty()
    }
}

/// Condenses the runs of one scene. Ratios are to whoever took part.
pub fn cells(scene: Scene, runs: &[Run], contenders: &[Contender]) -> Vec<Cell> {
    let here: Vec<&Run> = runs.iter().filter(|run| run.scene == scene).collect();
    let rounds = here.iter().map(|run| run.round + 1).max().unwrap_or(0);
    let column = |contender: Contender, pick: fn(&Run) -> Option<f64>| -> Vec<Option<f64>> {
        let in_round = |round: usize| {
            let mut runs = here.iter().filter(|run| run.contender == contender);
            let found = runs.find(|run| run.round == round)?;
            if found.marks.contains(&Mark::Errors) {
                return None; // what failed is no measurement
            }
            pick(found)
        };
        (0..rounds).map(in_round).collect()
    };
    let cell = |contender: Contender| {
        let condense = |pick: fn(&Run) -> Option<f64>| {
            let values: Vec<f64> = column(contender, pick).into_iter().flatten().collect();
            Summary::of(&values)
        };
        let own: Vec<&&Run> = here
            .iter()
            .filter(|run| run.contender == contender)
            .collect();
        let mut marks: Vec<Mark> = own.iter().flat_map(|run| run.marks.clone()).collect();
        marks.sort_unstable();
        marks.dedup();
        let others = contenders.iter().filter(|other| {
            **other != contender && **other != Contender::Direct && contender != Contender::Direct
        });
        let against = |pick: fn(&Run) -> Option<f64>, other: Contender| {
            ratio(&column(contender, pick), &column(other, pick))
        };
        Cell {
            contender,
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
            marks,
            ratios: others
                .map(|other| Ratio {
                    to: *other,
                    rate: against(|run| Some(run.rate), *other),
                    process: against(|run| run.process_us, *other),
                    known: against(|run| run.known_beyond_us, *other),
                    machine: against(|run| run.beyond_us, *other),
                })
                .collect(),
        }
    };
    contenders
        .iter()
        .map(|contender| cell(*contender))
        .collect()
}
