//! The table of a run.

use crate::stats::Summary;
use crate::takeover::Figures;
use crate::takeover::Row;
use crate::takeover::faults::Fault;
use crate::takeover::steady::Steady;

/// A line for each fault and contender.
pub fn text(figures: &Figures) -> String {
    let mut lines = Vec::new();
    if !figures.complete {
        lines.push("PARTIAL: it did not come to its end; this is what there was".to_owned());
    }
    lines.extend(figures.steady.iter().map(steady));
    lines.push(format!(
        "{:<34} {:<16} {:>5} {:>9} {:>9} {:>8} {:>7}",
        "what happens", "to", "times", "median", "worst", "refused", "broken"
    ));
    for fault in Fault::ALL {
        let rows = figures.rows.iter().filter(|row| row.fault == fault);
        lines.extend(rows.map(row));
    }
    lines.push(
        "The longest time without a whole response, in ms; a new connection every 2 ms. refused: no connection within \
         100 ms; broken: connected, and no whole response; both over all times."
            .to_owned(),
    );
    lines.join("\n") + "\n"
}

fn row(row: &Row) -> String {
    let gaps: Vec<f64> = row.trials.iter().map(|trial| trial.gap_ms).collect();
    let gone = row.trials.iter().filter(|trial| !trial.recovered).count();
    let refused: usize = row.trials.iter().map(|trial| trial.not_connected).sum();
    let broken: usize = row.trials.iter().map(|trial| trial.failed).sum();
    let figures = match Summary::of(&gaps) {
        Some(gap) => format!("{:>9.0} {:>9.0}", gap.median, gap.most),
        None => format!("{:>9} {:>9}", "-", "-"),
    };
    let mut line = format!(
        "{:<34} {:<16} {:>5} {figures} {refused:>8} {broken:>7}",
        row.fault.word(),
        row.contender,
        row.trials.len()
    );
    if gone > 0 {
        line += &format!("  {gone} times it did not come back");
    }
    let stayed = row.trials.iter().filter(|trial| !trial.moved).count();
    if stayed > 0 {
        line += &format!("  {stayed} times not only the other had the address then");
    }
    if let Some(trouble) = &row.trouble {
        line += &format!("  {trouble}");
    }
    line
}

fn steady(one: &Steady) -> String {
    let beside = if one.paired { "in a pair" } else { "alone" };
    format!(
        "{} {beside}, nothing happens: {:.1} ms of CPU a second, p50 {:.0} µs, p99 {:.0} µs, {} refused, {} broken, \
         the address strayed {} times",
        one.contender,
        one.cpu_ms_per_s,
        one.p50_us,
        one.p99_us,
        one.not_connected,
        one.failed,
        one.strayed
    )
}
