//! Targets and checks: what was wanted, beside what was found.

use crate::record::check::Check;
use crate::record::target::Target;
use crate::report::tables::Entry;
use crate::report::tables::Table;
use crate::report::tables::figure;
use crate::report::tables::words;
use crate::report::words::grouped;

/// What HALB promises; none where nothing was judged.
pub fn targets(targets: &[Target]) -> Option<Table> {
    if targets.is_empty() {
        return None;
    }
    let columns = vec![
        words("verdict"),
        words("target"),
        words("gate"),
        words("aim"),
        words("found"),
    ];
    let mut table = Table::new("Targets".to_owned(), columns);
    table.rows = targets.iter().map(target).collect();
    Some(table)
}

fn target(target: &Target) -> Vec<Entry> {
    let aim = target.aim.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        Entry::Verdict(target.verdict),
        Entry::Text(target.name.clone()),
        Entry::Text(target.gate.clone()),
        Entry::Text(aim),
        Entry::Text(target.found.clone()),
    ]
}

/// What `verify` looked at.
pub fn checks(checks: &[Check]) -> Table {
    let columns = vec![
        words("verdict"),
        words("check"),
        words("allowed"),
        figure("wanted"),
        figure("found"),
        words("unit"),
        figure("headroom"),
    ];
    let mut table = Table::new("Checks".to_owned(), columns);
    for check in checks {
        table.rows.push(vec![
            Entry::Passed(check.passed),
            Entry::Text(check.name.clone()),
            Entry::Text(check.allotment.clone()),
            Entry::Text(amount(check.wanted)),
            Entry::Text(amount(check.found)),
            Entry::Text(check.unit.clone()),
            Entry::Headroom(check.headroom),
        ]);
        let remarks = check.remarks.iter();
        table
            .remarks
            .extend(remarks.map(|remark| format!("{}: {remark}", check.name)));
    }
    table
}

/// Small figures need their digits, large ones do not.
fn amount(value: f64) -> String {
    let digits = if value.abs() < 100.0 && value.fract() != 0.0 {
        2
    } else {
        0
    };
    grouped(value, digits)
}
