//! One load, everybody who carried it, and how they compare.

use crate::allotment::Allotment;
use crate::record::cell::Cell;
use crate::record::cell::Ratio;
use crate::record::contender::Contender;
use crate::record::run::Part;
use crate::record::run::Scene;
use crate::report::tables::Column;
use crate::report::tables::Entry;
use crate::report::tables::Table;
use crate::report::tables::figure;
use crate::report::tables::part_word;
use crate::report::tables::words;
use crate::report::words::bytes;
use crate::report::words::grouped;
use crate::report::words::letters;
use crate::report::words::median;
use crate::report::words::percent;
use crate::report::words::spread;
use crate::station::order::Kind;
use crate::stats::Summary;

/// From this size on, time is also told per megabyte.
pub const BULK_BYTES: u64 = 32 * 1024;
pub const MEGABYTE: f64 = 1_000_000.0;

/// Who spent what under one load.
pub fn load(scene: Scene, cells: &[&Cell]) -> Table {
    let rounds = cells.iter().map(|cell| cell.rounds).max().unwrap_or(0);
    let title = format!("{}, {rounds} rounds (medians)", title(scene));
    let bulk = scene.body_bytes >= BULK_BYTES;
    let mut table = Table::new(title, columns(bulk));
    table.rows = cells.iter().map(|cell| row(cell, bulk)).collect();
    table
}

/// A load in words.
pub fn title(scene: Scene) -> String {
    let kind = match scene.kind {
        Kind::Keep => "kept-alive connections",
        Kind::Fresh => "at a time, each request on a new connection",
        Kind::Offered => "connections, at a fixed rate",
        Kind::Idle | Kind::Hold => "held connections",
    };
    let mut text = format!(
        "{} {kind}, bodies of {}",
        grouped(scene.connections as f64, 0),
        bytes(scene.body_bytes)
    );
    if let Some(allotment) = scene.allotment {
        text += &format!(", at {}", allowed(allotment));
    }
    // What the words before do not tell already.
    if matches!(scene.part, Part::Growth | Part::Bodies) {
        text += &format!(" ({})", part_word(scene.part));
    }
    text
}

fn allowed(allotment: Allotment) -> String {
    let memory = bytes(allotment.memory_bytes);
    format!("{} CPU and {memory}", allotment.cpus)
}

fn columns(bulk: bool) -> Vec<Column> {
    let mut columns = vec![
        words(""),
        figure("req/s"),
        figure("process µs"),
        figure("user µs"),
        figure("spread"),
        figure("beyond direct µs"),
        figure("spread"),
    ];
    if bulk {
        columns.extend([figure("process µs/MB"), figure("beyond µs/MB")]);
    } else {
        columns.extend([figure("p50 µs"), figure("p99 µs")]);
    }
    columns.extend([figure("proxy %"), figure("load %"), words("marks")]);
    columns
}

fn row(cell: &Cell, bulk: bool) -> Vec<Entry> {
    let mut row = vec![
        median(cell.rate, 0),
        median(cell.process_us, 2),
        median(cell.user_us, 2),
        spread(cell.process_us),
        median(cell.beyond_us, 2),
        spread(cell.beyond_us),
    ];
    if bulk {
        let megabytes = cell.scene.body_bytes as f64 / MEGABYTE;
        let each = |summary: Option<Summary>| {
            summary.map_or("-".to_owned(), |it| grouped(it.median / megabytes, 1))
        };
        row.extend([each(cell.process_us), each(cell.beyond_us)]);
    } else {
        row.extend([median(cell.p50_us, 0), median(cell.p99_us, 0)]);
    }
    row.extend([percent(cell.proxy_core), percent(cell.load_core)]);
    let name = Entry::Contender(cell.contender.name().to_owned());
    let figures = row.into_iter().map(Entry::Text);
    let marks = Entry::Marks(letters(&cell.marks));
    std::iter::once(name)
        .chain(figures)
        .chain([marks])
        .collect()
}

/// One against the other; none where nobody can be compared.
pub fn ratios(scene: Scene, cells: &[&Cell]) -> Option<Table> {
    let columns = vec![
        words(""),
        figure("process"),
        figure("process+generator"),
        figure("whole machine"),
        figure("req/s"),
    ];
    let mut table = Table::new(format!("Ratios, {}", title(scene)), columns);
    for cell in cells {
        let others = cell.ratios.iter().filter(|ratio| told(cell, ratio));
        table
            .rows
            .extend(others.map(|ratio| ratio_row(&cell.contender, ratio)));
    }
    (!table.rows.is_empty()).then_some(table)
}

/// HALB's to everybody; of the others only the distance to the floor, or the table would drown them.
fn told(cell: &Cell, ratio: &Ratio) -> bool {
    let floor = ratio.to == Contender::RELAY && cell.contender != Contender::RELAY;
    cell.contender == Contender::HALB || floor
}

fn ratio_row(contender: &Contender, ratio: &Ratio) -> Vec<Entry> {
    vec![
        Entry::Text(format!("{contender} / {}", ratio.to)),
        Entry::Text(median(ratio.process, 3)),
        Entry::Text(median(ratio.known, 3)),
        Entry::Text(median(ratio.machine, 3)),
        Entry::Text(median(ratio.rate, 2)),
    ]
}
