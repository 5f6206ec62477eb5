//! The table of a run.

use crate::stats::Summary;
use crate::stats::ratio;
use crate::takeover::Figures;
use crate::takeover::Row;
use crate::takeover::faults::Fault;
use crate::takeover::steady::Steady;
use crate::takeover::steady::Turn;

/// A line for each fault and contender.
pub fn text(figures: &Figures) -> String {
    let mut lines = Vec::new();
    if !figures.complete {
        lines.push("PARTIAL: it did not come to its end; this is what there was".to_owned());
    }
    lines.extend(figures.steady.iter().filter_map(steady));
    lines.extend(price(&figures.steady));
    lines.push(format!(
        "{:<34} {:<16} {:>5} {:>9} {:>9} {:>8} {:>7}",
        "what happens", "to", "times", "median", "worst", "refused", "broken"
    ));
    for fault in Fault::ALL {
        let tried =
            |row: &&Row| row.fault == fault && (!row.trials.is_empty() || row.trouble.is_some());
        let rows = figures.rows.iter().filter(tried);
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

/// Medians over its turns; `None`: there were none.
fn steady(one: &Steady) -> Option<String> {
    let beside = if one.paired { "in a pair" } else { "alone" };
    let median = |part: fn(&Turn) -> f64| Summary::of(&all(one, part)).map(|found| found.median);
    let sum = |part: fn(&Turn) -> usize| one.turns.iter().map(part).sum::<usize>();
    Some(format!(
        "{} {beside}, nothing happens: {:.1} ms of CPU a second, p50 {:.0} µs, p99 {:.0} µs; {} refused, {} broken, \
         the address strayed {} times",
        one.contender,
        median(|turn| turn.cpu_ms_per_s)?,
        median(|turn| turn.p50_us)?,
        median(|turn| turn.p99_us)?,
        sum(|turn| turn.not_connected),
        sum(|turn| turn.failed),
        sum(|turn| turn.strayed)
    ))
}

/// What a pair takes of what HALB takes alone, turn by turn.
fn price(watched: &[Steady]) -> Option<String> {
    let alone = watched.iter().find(|one| !one.paired)?;
    let paired = watched
        .iter()
        .find(|one| one.paired && one.contender == alone.contender)?;
    let ratio = |part: fn(&Turn) -> f64| {
        let values = |one| all(one, part).into_iter().map(Some).collect::<Vec<_>>();
        ratio(&values(paired), &values(alone))
    };
    let (cpu, p99) = (ratio(|turn| turn.cpu_ms_per_s)?, ratio(|turn| turn.p99_us)?);
    Some(format!(
        "{} in a pair, of what it takes alone: CPU {:.2} ({:.2} to {:.2}), p99 {:.2} ({:.2} to {:.2}), {} turns",
        alone.contender,
        cpu.median,
        cpu.least,
        cpu.most,
        p99.median,
        p99.least,
        p99.most,
        cpu.count
    ))
}

fn all(one: &Steady, part: fn(&Turn) -> f64) -> Vec<f64> {
    one.turns.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(paired: bool, cpu: &[f64]) -> Steady {
        let turn = |cpu_ms_per_s: &f64| Turn {
            cpu_ms_per_s: *cpu_ms_per_s,
            p50_us: 1.0,
            p99_us: 2.0,
            not_connected: 0,
            failed: 0,
            strayed: 1,
        };
        Steady {
            contender: "halb".to_owned(),
            paired,
            turns: cpu.iter().map(turn).collect(),
        }
    }

    #[test]
    fn a_pair_is_compared_with_one_alone_turn_by_turn() {
        let both = [
            watched(true, &[50.0, 90.0, 30.0]),
            watched(false, &[40.0, 60.0, 30.0]),
        ];
        let price = price(&both).unwrap();
        assert!(
            price.contains("CPU 1.25 (1.00 to 1.50), p99 1.00"),
            "{price}"
        );
        let line = steady(&both[0]).unwrap();
        assert!(line.contains("50.0 ms of CPU a second"), "{line}");
        assert!(line.ends_with("strayed 3 times"), "{line}");
    }

    #[test]
    fn there_is_no_price_without_one_alone() {
        assert_eq!(price(&[watched(true, &[50.0])]), None);
        assert_eq!(steady(&watched(true, &[])), None);
    }
}
