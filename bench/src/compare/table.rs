//! The report for a terminal.

use std::fmt::Write;

use crate::record::Comparison;
use crate::record::cell::Cell;
use crate::record::contender::Contender;
use crate::record::memory::MemoryFigure;
use crate::record::run::Mark;
use crate::record::run::Scene;
use crate::station::order::Kind;
use crate::stats::Summary;

/// From this size on, time is also told per megabyte.
const BULK_BYTES: u64 = 32 * 1024;
const MEGABYTE: f64 = 1_000_000.0;

/// The whole report as text.
pub fn render(report: &Comparison) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail; the results are of no use here.
    let _infallible = surroundings(&mut text, report);
    let mut scenes: Vec<Scene> = Vec::new();
    for cell in &report.cells {
        if !scenes.contains(&cell.scene) {
            scenes.push(cell.scene);
        }
    }
    for scene in scenes {
        let cells: Vec<&Cell> = report
            .cells
            .iter()
            .filter(|cell| cell.scene == scene)
            .collect();
        let _infallible = scene_table(&mut text, scene, &cells);
    }
    let _infallible = idle_table(&mut text, &report.memory);
    let _infallible = legend(&mut text, report);
    text
}

fn surroundings(text: &mut String, report: &Comparison) -> std::fmt::Result {
    let here = &report.surroundings;
    writeln!(
        text,
        "Linux {}, {} × {}, {}, {}",
        here.kernel, here.cores, here.processor, here.memory, here.congestion_control
    )?;
    for (name, version) in &here.versions {
        writeln!(text, "  {name:8} {version}")?;
    }
    for warning in &here.warnings {
        writeln!(text, "WARNING: {warning}")?;
    }
    if !report.complete {
        writeln!(text, "PARTIAL: the comparison did not come to its end")?;
    }
    Ok(())
}

fn scene_table(text: &mut String, scene: Scene, cells: &[&Cell]) -> std::fmt::Result {
    let kind = match scene.kind {
        Kind::Keep => "kept-alive connections",
        Kind::Fresh => "at a time, each request on a new connection",
        Kind::Offered => "connections, at a fixed rate",
        Kind::Idle | Kind::Hold => "held connections",
    };
    let rounds = cells.iter().map(|cell| cell.rounds).max().unwrap_or(0);
    writeln!(
        text,
        "\n{} {kind}, {}-byte bodies, {rounds} rounds (medians)",
        scene.connections, scene.body_bytes
    )?;
    writeln!(
        text,
        "  {:8} {:>9} {:>10} {:>7} {:>7} {:>11} {:>7} {:>9} {:>9} {:>6} {:>6}  marks",
        "",
        "req/s",
        "process µs",
        "user µs",
        "spread",
        "beyond dir.",
        "spread",
        "p50 µs",
        "p99 µs",
        "proxy%",
        "load%"
    )?;
    for cell in cells {
        writeln!(
            text,
            "  {:8} {:>9} {:>10} {:>7} {:>7} {:>11} {:>7} {:>9} {:>9} {:>6} {:>6}  {}",
            cell.contender.name(),
            median(cell.rate, 0),
            median(cell.process_us, 2),
            median(cell.user_us, 2),
            spread(cell.process_us),
            median(cell.beyond_us, 2),
            spread(cell.beyond_us),
            median(cell.p50_us, 0),
            median(cell.p99_us, 0),
            percent(cell.proxy_core),
            percent(cell.load_core),
            letters(cell),
        )?;
    }
    if scene.body_bytes >= BULK_BYTES {
        per_megabyte(text, scene, cells)?;
    }
    ratios(text, cells)
}

fn per_megabyte(text: &mut String, scene: Scene, cells: &[&Cell]) -> std::fmt::Result {
    let megabytes = scene.body_bytes as f64 / MEGABYTE;
    for cell in cells
        .iter()
        .filter(|cell| cell.contender != Contender::DIRECT)
    {
        let each = |summary: Option<Summary>| {
            summary.map_or("-".to_owned(), |it| format!("{:.1}", it.median / megabytes))
        };
        writeln!(
            text,
            "  {:8} µs of CPU per MB: process {}, beyond direct {}",
            cell.contender.name(),
            each(cell.process_us),
            each(cell.beyond_us)
        )?;
    }
    Ok(())
}

fn ratios(text: &mut String, cells: &[&Cell]) -> std::fmt::Result {
    let mut lines = Vec::new();
    for cell in cells {
        let others = cell
            .ratios
            .iter()
            .filter(|ratio| match cell.contender.name() {
                "halb" => true,
                "haproxy" => ratio.to != Contender::HALB,
                _ => false,
            });
        lines.extend(others.map(|ratio| (cell.contender.clone(), ratio)));
    }
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "  {:20} {:>9} {:>17} {:>15} {:>8}",
        "ratios", "process", "process+generator", "whole machine", "req/s"
    )?;
    for (contender, ratio) in lines {
        let name = format!("{} / {}", contender.name(), ratio.to.name());
        writeln!(
            text,
            "  {name:20} {:>9} {:>17} {:>15} {:>8}",
            median(ratio.process, 3),
            median(ratio.known, 3),
            median(ratio.machine, 3),
            median(ratio.rate, 2)
        )?;
    }
    Ok(())
}

fn idle_table(text: &mut String, figures: &[MemoryFigure]) -> std::fmt::Result {
    if figures.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "\nidle connections after one exchange: user-space bytes each"
    )?;
    writeln!(
        text,
        "  {:8} {:>9} {:>9} {:>9} {:>9} {:>12}",
        "", "RSS", "PSS", "held", "answered", "RSS then"
    )?;
    for figure in figures {
        writeln!(
            text,
            "  {:8} {:>9.0} {:>9.0} {:>9} {:>9} {:>9} kB  {}",
            figure.contender.name(),
            figure.rss_bytes_each,
            figure.pss_bytes_each,
            figure.held,
            figure.answered_again,
            figure.during.rss_bytes / 1024,
            if figure.sound() { "" } else { "E" },
        )?;
    }
    Ok(())
}

fn legend(text: &mut String, report: &Comparison) -> std::fmt::Result {
    let mut marks: Vec<Mark> = report
        .cells
        .iter()
        .flat_map(|cell| cell.marks.clone())
        .collect();
    marks.sort_unstable();
    marks.dedup();
    if !marks.is_empty() {
        writeln!(text)?;
    }
    for mark in marks {
        writeln!(text, "  {}", mark.explanation())?;
    }
    for run in report.runs.iter().filter(|run| !run.faults.is_empty()) {
        writeln!(
            text,
            "  {} round {}, {} connections: {:?}",
            run.contender.name(),
            run.round + 1,
            run.scene.connections,
            run.faults
        )?;
    }
    Ok(())
}

fn median(summary: Option<Summary>, digits: usize) -> String {
    summary.map_or("-".to_owned(), |it| format!("{:.*}", digits, it.median))
}

fn spread(summary: Option<Summary>) -> String {
    summary.map_or("-".to_owned(), |it| format!("{:.0}%", it.spread() * 100.0))
}

fn percent(summary: Option<Summary>) -> String {
    summary.map_or("-".to_owned(), |it| format!("{:.0}", it.median * 100.0))
}

fn letters(cell: &Cell) -> String {
    cell.marks.iter().map(|mark| mark.letter()).collect()
}
