//! Latency at fixed offered rates: one table for each number of connections and size of body.

use crate::record::cell::Cell;
use crate::record::run::Scene;
use crate::report::tables::Entry;
use crate::report::tables::Table;
use crate::report::tables::cells_of;
use crate::report::tables::figure;
use crate::report::tables::scenes;
use crate::report::tables::scenes_of;
use crate::report::tables::words;
use crate::report::words::grouped;
use crate::report::words::letters;
use crate::report::words::median;
use crate::report::words::percent;
use crate::station::order::Kind;

pub fn tables(cells: &[Cell]) -> Vec<Table> {
    let mut groups: Vec<Vec<Scene>> = Vec::new();
    let all = scenes_of(cells).into_iter();
    for scene in all.filter(|scene| scene.kind == Kind::Offered) {
        let of_it = groups.iter_mut().find(|group| alike(group[0], scene));
        match of_it {
            Some(group) => group.push(scene),
            None => groups.push(vec![scene]),
        }
    }
    groups.iter().map(|scenes| table(scenes, cells)).collect()
}

/// The same load but for its rate.
fn alike(one: Scene, other: Scene) -> bool {
    Scene {
        offered: None,
        ..one
    } == Scene {
        offered: None,
        ..other
    }
}

fn table(scenes: &[Scene], cells: &[Cell]) -> Table {
    let columns = vec![
        figure("offered/s"),
        words(""),
        figure("achieved/s"),
        figure("p50 µs"),
        figure("p90 µs"),
        figure("p99 µs"),
        figure("p99.9 µs"),
        figure("unsent"),
        figure("process µs"),
        figure("beyond direct µs"),
        figure("proxy %"),
        words("marks"),
    ];
    let rounds = cells.iter().filter(|cell| scenes.contains(&cell.scene));
    let rounds = rounds.map(|cell| cell.rounds).max().unwrap_or(0);
    let title = format!("{}, {rounds} rounds (medians)", scenes::title(scenes[0]));
    let mut table = Table::new(title, columns);
    for scene in scenes {
        for (index, cell) in cells_of(cells, *scene).into_iter().enumerate() {
            // The rate once for all who were offered it.
            let offered = if index == 0 { scene.offered } else { None };
            table.rows.push(row(offered, cell));
        }
    }
    table
}

fn row(offered: Option<f64>, cell: &Cell) -> Vec<Entry> {
    vec![
        Entry::Text(offered.map_or(String::new(), |rate| grouped(rate, 0))),
        Entry::Contender(cell.contender.name().to_owned()),
        Entry::Text(median(cell.rate, 0)),
        Entry::Text(median(cell.p50_us, 0)),
        Entry::Text(median(cell.p90_us, 0)),
        Entry::Text(median(cell.p99_us, 0)),
        Entry::Text(median(cell.p999_us, 0)),
        Entry::Text(grouped(cell.unsent as f64, 0)),
        Entry::Text(median(cell.process_us, 2)),
        Entry::Text(median(cell.beyond_us, 2)),
        Entry::Text(percent(cell.proxy_core)),
        Entry::Marks(letters(&cell.marks)),
    ]
}
