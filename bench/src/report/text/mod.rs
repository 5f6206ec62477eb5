//! A record for the terminal: at most 140 columns wide.

#[cfg(test)]
mod tests;

use comfy_table::CellAlignment;
use comfy_table::ContentArrangement;
use comfy_table::presets::NOTHING;

use crate::record::Comparison;
use crate::record::Verification;
use crate::record::surroundings::Surroundings;
use crate::report::tables;
use crate::report::tables::Entry;
use crate::report::tables::Table;
use crate::report::words;

/// The whole width, the indent included.
const WIDTH: u16 = 140;
const INDENT: &str = "  ";

/// What `compare` found.
pub fn comparison(record: &Comparison) -> String {
    let mut text = around(&record.surroundings, record.complete);
    for table in tables::comparison(record) {
        text += &set(&table);
    }
    let mut notes: Vec<String> = words::legend(record)
        .into_iter()
        .map(str::to_owned)
        .collect();
    notes.extend(words::faults(record));
    if !notes.is_empty() {
        text.push('\n');
    }
    text + &wrapped(&notes)
}

/// What `verify` found.
pub fn verification(record: &Verification) -> String {
    let mut text = around(&record.surroundings, record.complete);
    for table in tables::verification(record) {
        text += &set(&table);
    }
    text
}

/// What it was measured on.
fn around(here: &Surroundings, complete: bool) -> String {
    let mut text = format!("{}\n{}\n", words::machine(here), words::date(here));
    for (name, version) in &here.versions {
        text += &format!("{INDENT}{name:8} {version}\n");
    }
    for (word, alarm) in words::alarms(here, complete) {
        text += &format!("{word}: {alarm}\n");
    }
    text
}

fn set(table: &Table) -> String {
    let mut grid = grid();
    grid.set_header(table.columns.iter().map(|column| column.name));
    for row in &table.rows {
        grid.add_row(row.iter().map(Entry::words));
    }
    let last = table.columns.len().saturating_sub(1);
    for (index, column) in table.columns.iter().enumerate() {
        let Some(set) = grid.column_mut(index) else {
            continue;
        };
        set.set_padding((0, if index == last { 0 } else { 2 }));
        if !column.words {
            set.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("\n{}\n", table.title) + &indented(&grid) + &wrapped(&table.remarks)
}

/// Lines that may be longer than a terminal is wide.
fn wrapped(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut grid = grid();
    for line in lines {
        grid.add_row([line]);
    }
    if let Some(column) = grid.column_mut(0) {
        column.set_padding((0, 0));
    }
    indented(&grid)
}

fn grid() -> comfy_table::Table {
    let mut grid = comfy_table::Table::new();
    grid.load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH - INDENT.len() as u16);
    grid
}

fn indented(grid: &comfy_table::Table) -> String {
    let lines = grid.trim_fmt();
    lines
        .lines()
        .map(|line| format!("{INDENT}{line}\n"))
        .collect()
}
