//! What is in each table, for the terminal and the page alike.

mod judged;
mod memory;
mod rates;
pub mod scenes;

use crate::record::Comparison;
use crate::record::Verification;
use crate::record::cell::Cell;
use crate::record::run::Part;
use crate::record::run::Scene;
use crate::record::target::Verdict;
use crate::station::order::Kind;

/// One table.
pub struct Table {
    pub title: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Entry>>,
    /// Lines below it.
    pub remarks: Vec<String>,
}

/// A column's head, and how what is below it stands.
#[derive(Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub words: bool,
}

/// What one field holds.
#[derive(Clone)]
pub enum Entry {
    Text(String),
    /// Who takes part, by name.
    Contender(String),
    Verdict(Verdict),
    Passed(bool),
    /// As a multiple of what was wanted.
    Headroom(Option<f64>),
    /// Letters of marks, maybe none.
    Marks(String),
}

impl Table {
    fn new(title: String, columns: Vec<Column>) -> Table {
        Table {
            title,
            columns,
            rows: Vec::new(),
            remarks: Vec::new(),
        }
    }
}

impl Entry {
    /// What is read, whatever it looks like.
    pub fn words(&self) -> String {
        match self {
            Entry::Text(words) | Entry::Contender(words) | Entry::Marks(words) => words.clone(),
            Entry::Verdict(verdict) => verdict_word(*verdict).to_owned(),
            Entry::Passed(true) => "passed".to_owned(),
            Entry::Passed(false) => "FAILED".to_owned(),
            Entry::Headroom(Some(headroom)) => format!("{headroom:.2} ×"),
            Entry::Headroom(None) => "-".to_owned(),
        }
    }
}

/// A column of figures, which stand at the right.
const fn figure(name: &'static str) -> Column {
    Column { name, words: false }
}

/// A column of words, which stand at the left.
const fn words(name: &'static str) -> Column {
    Column { name, words: true }
}

/// All tables of a comparison, in the order they are read in.
pub fn comparison(record: &Comparison) -> Vec<Table> {
    let mut tables: Vec<Table> = judged::targets(&record.targets).into_iter().collect();
    for scene in scenes_of(&record.cells) {
        if scene.kind == Kind::Offered {
            continue;
        }
        let cells = cells_of(&record.cells, scene);
        tables.push(scenes::load(scene, &cells));
        tables.extend(scenes::ratios(scene, &cells));
    }
    tables.extend(rates::tables(&record.cells));
    tables.extend(memory::tables(&record.memory));
    tables
}

/// The one table of a verification.
pub fn verification(record: &Verification) -> Vec<Table> {
    vec![judged::checks(&record.checks)]
}

/// Every scene once, in the order of the record.
pub fn scenes_of(cells: &[Cell]) -> Vec<Scene> {
    let mut scenes: Vec<Scene> = Vec::new();
    for cell in cells {
        if !scenes.contains(&cell.scene) {
            scenes.push(cell.scene);
        }
    }
    scenes
}

/// Everybody under one load.
pub fn cells_of(cells: &[Cell], scene: Scene) -> Vec<&Cell> {
    cells.iter().filter(|cell| cell.scene == scene).collect()
}

/// How a part is called in titles.
pub fn part_word(part: Part) -> &'static str {
    match part {
        Part::Requests => "requests",
        Part::Growth => "growth",
        Part::Bodies => "bodies",
        Part::Fresh => "new connections",
        Part::Rates => "fixed rates",
        Part::Quota => "a small allotment",
        Part::Memory => "memory",
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Aim => "aim reached",
        Verdict::Gate => "gate reached",
        Verdict::Missed => "MISSED",
        Verdict::Unknown => "unknown",
    }
}
