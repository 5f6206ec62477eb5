//! What is said around tables and plots, and how figures are written.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::record::Comparison;
use crate::record::memory::MemoryFigure;
use crate::record::run::Mark;
use crate::record::surroundings::Surroundings;
use crate::stats::Summary;

/// More faulty runs than this are counted and not told.
const FAULTS_TOLD_MAX: usize = 20;

/// The machine, in one line.
pub fn machine(here: &Surroundings) -> String {
    format!(
        "Linux {}, {} × {}, {}, {}",
        here.kernel, here.cores, here.processor, here.memory, here.congestion_control
    )
}

/// When the measurement began.
pub fn date(here: &Surroundings) -> String {
    let seconds = i64::try_from(here.unix_s).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let time = time.to_zoned(TimeZone::UTC);
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The command as it can be typed again.
pub fn command(here: &Surroundings) -> String {
    here.command.join(" ")
}

/// What a reader must not overlook, each with the word it begins with.
pub fn alarms(here: &Surroundings, complete: bool) -> Vec<(&'static str, String)> {
    let mut alarms = Vec::new();
    if !complete {
        let text = "it did not come to its end; this is what there was";
        alarms.push(("PARTIAL", text.to_owned()));
    }
    if here.command.iter().any(|word| word == "--quick") {
        let text = "short runs, to see that all works; no figures to quote";
        alarms.push(("QUICK", text.to_owned()));
    }
    let warnings = here.warnings.iter();
    alarms.extend(warnings.map(|warning| ("WARNING", warning.clone())));
    alarms
}

/// The marks that occur, explained.
pub fn legend(record: &Comparison) -> Vec<&'static str> {
    let cells = record.cells.iter();
    let mut marks: Vec<Mark> = cells.flat_map(|cell| cell.marks.clone()).collect();
    if !record.memory.iter().all(MemoryFigure::sound) {
        marks.push(Mark::Errors);
    }
    marks.sort_unstable();
    marks.dedup();
    marks.into_iter().map(Mark::explanation).collect()
}

/// What failed, run by run.
pub fn faults(record: &Comparison) -> Vec<String> {
    let runs = record.runs.iter().filter(|run| !run.faults.is_empty());
    let runs = runs.map(|run| {
        format!(
            "{} round {}, {} connections: {:?}",
            run.contender,
            run.round + 1,
            run.scene.connections,
            run.faults
        )
    });
    let held = record
        .memory
        .iter()
        .filter(|figure| !figure.faults.is_empty());
    let held = held.map(|figure| {
        format!(
            "{} holding {} connections: {:?}",
            figure.contender, figure.connections, figure.faults
        )
    });
    let mut all: Vec<String> = runs.chain(held).collect();
    if all.len() > FAULTS_TOLD_MAX {
        let more = all.len() - FAULTS_TOLD_MAX;
        all.truncate(FAULTS_TOLD_MAX);
        all.push(format!("and {more} more, in the record"));
    }
    all
}

pub fn median(summary: Option<Summary>, digits: usize) -> String {
    summary.map_or("-".to_owned(), |it| grouped(it.median, digits))
}

pub fn spread(summary: Option<Summary>) -> String {
    summary.map_or("-".to_owned(), |it| format!("{:.0} %", it.spread() * 100.0))
}

pub fn percent(summary: Option<Summary>) -> String {
    summary.map_or("-".to_owned(), |it| format!("{:.0}", it.median * 100.0))
}

pub fn letters(marks: &[Mark]) -> String {
    marks.iter().map(|mark| mark.letter()).collect()
}

/// A number with commas between thousands.
pub fn grouped(value: f64, digits: usize) -> String {
    let plain = format!("{:.*}", digits, value.abs());
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut text = String::new();
    if value < 0.0 && plain.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        text.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !part.is_empty() {
        text.push('.');
        text.push_str(part);
    }
    text
}

/// A size as people say it; whole powers of two by their own units, all else in powers of ten.
pub fn bytes(count: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    let steps = [
        (GIB, "GiB"),
        (MIB, "MiB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (KIB, "KiB"),
        (1000, "kB"),
    ];
    let whole = |(unit, _): &(u64, &str)| count >= *unit && count.is_multiple_of(*unit);
    match steps.iter().find(|step| whole(step)) {
        Some((unit, name)) => format!("{} {name}", grouped((count / unit) as f64, 0)),
        None => format!("{} bytes", grouped(count as f64, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        for (value, digits, text) in [
            (0.0, 0, "0"),
            (999.0, 0, "999"),
            (1000.0, 0, "1,000"),
            (1_234_567.891, 2, "1,234,567.89"),
            (-12_345.6, 1, "-12,345.6"),
            (-0.001, 2, "0.00"),
        ] {
            assert_eq!(grouped(value, digits), text);
        }
    }

    #[test]
    fn sizes_are_said_in_the_largest_whole_unit() {
        for (count, text) in [
            (128, "128 bytes"),
            (3000, "3 kB"),
            (65_536, "64 KiB"),
            (1 << 20, "1 MiB"),
            (1 << 30, "1 GiB"),
            (96_000_000, "96 MB"),
            (1_000_000_000, "1 GB"),
            (5001, "5,001 bytes"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
