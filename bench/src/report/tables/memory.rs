//! What connections cost in user space.

use crate::record::memory::Doing;
use crate::record::memory::MemoryFigure;
use crate::record::run::Mark;
use crate::report::tables::Entry;
use crate::report::tables::Table;
use crate::report::tables::figure;
use crate::report::tables::words;
use crate::report::words::grouped;
use crate::report::words::letters;

/// One for idle connections, one for those with a response under way; without figures, none.
pub fn tables(figures: &[MemoryFigure]) -> Vec<Table> {
    let kinds = [
        (
            Doing::Idle,
            "Idle connections after one exchange: user-space bytes each",
        ),
        (
            Doing::Transfer,
            "Connections with a response under way: user-space bytes each",
        ),
    ];
    let table = |(doing, title): (Doing, &str)| {
        let of_it = figures.iter().filter(|figure| figure.doing == doing);
        let rows: Vec<Vec<Entry>> = of_it.map(row).collect();
        (!rows.is_empty()).then(|| with(title, rows))
    };
    kinds.into_iter().filter_map(table).collect()
}

fn with(title: &str, rows: Vec<Vec<Entry>>) -> Table {
    let columns = vec![
        words(""),
        figure("connections"),
        figure("RSS each"),
        figure("PSS each"),
        figure("held"),
        figure("answered again"),
        figure("RSS then kB"),
        words("marks"),
    ];
    let mut table = Table::new(title.to_owned(), columns);
    table.rows = rows;
    table
}

fn row(figure: &MemoryFigure) -> Vec<Entry> {
    let marks: &[Mark] = if figure.sound() { &[] } else { &[Mark::Errors] };
    let count = |value: u64| Entry::Text(grouped(value as f64, 0));
    vec![
        Entry::Contender(figure.contender.name().to_owned()),
        count(figure.connections as u64),
        Entry::Text(grouped(figure.rss_bytes_each, 0)),
        Entry::Text(grouped(figure.pss_bytes_each, 0)),
        count(figure.held),
        count(figure.answered_again),
        count(figure.during.rss_bytes / 1024),
        Entry::Marks(letters(marks)),
    ]
}
