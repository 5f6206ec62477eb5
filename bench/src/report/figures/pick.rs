//! What there is to be plotted in a comparison.

use crate::record::Comparison;
use crate::record::cell::Cell;
use crate::record::contender::Contender;
use crate::record::memory::Doing;
use crate::record::run::Part;
use crate::record::run::Scene;
use crate::report::tables::scenes::BULK_BYTES;
use crate::report::tables::scenes::MEGABYTE;
use crate::report::tables::scenes_of;
use crate::report::words::bytes;
use crate::report::words::grouped;
use crate::station::order::Kind;
use crate::stats::Summary;

/// Who answers less than this part of what is offered does not keep up.
const KEEPS_UP: f64 = 0.98;
/// What growth is told against, where it was measured.
const GROWTH_FROM: usize = 64;

/// Plots that are read together, not drawn yet; each with its caption.
pub struct Picked {
    pub title: &'static str,
    pub explanation: String,
    pub keys: Vec<String>,
    pub plots: Vec<(String, Plot)>,
}

pub enum Plot {
    Lines(Lines),
    Bars(Bars),
}

pub struct Lines {
    pub x_unit: &'static str,
    pub y_unit: String,
    pub x_range: Range,
    pub y_range: Range,
    /// By contender.
    pub series: Vec<(String, Vec<Point>)>,
}

/// What an axis shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Range {
    FromZero,
    /// Only where there are values.
    Around,
    Logarithmic,
}

pub struct Point {
    pub x: f64,
    pub y: Summary,
    pub kept_up: bool,
}

pub struct Bars {
    pub unit: &'static str,
    pub digits: usize,
    pub groups: Vec<(String, Vec<Bar>)>,
}

pub struct Bar {
    pub name: String,
    pub value: Summary,
}

type Figure = fn(&Cell) -> Option<Summary>;

impl Lines {
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.series.iter().flat_map(|(_, points)| points)
    }

    fn keys(&self) -> impl Iterator<Item = &String> {
        self.series.iter().map(|(name, _)| name)
    }
}

/// Everything that the record has figures for, in the order it is shown.
pub fn groups(record: &Comparison) -> Vec<Picked> {
    let cells = &record.cells;
    let all = [
        latency(cells),
        load(cells),
        requests(cells),
        growth(cells),
        bulk(cells),
        quota(cells),
        memory(record),
    ];
    let shown = all.into_iter().filter(|group| !group.plots.is_empty());
    shown.collect()
}

fn picked(title: &'static str, explanation: &str, plots: Vec<(String, Plot)>) -> Picked {
    let mut keys: Vec<String> = Vec::new();
    for (_, plot) in &plots {
        if let Plot::Lines(lines) = plot {
            for name in lines.keys() {
                if !keys.contains(name) {
                    keys.push(name.clone());
                }
            }
        }
    }
    let explanation = explanation.to_owned();
    Picked {
        title,
        explanation,
        keys,
        plots,
    }
}

fn latency(cells: &[Cell]) -> Picked {
    let figures: [(&str, Figure); 3] = [
        ("p50", |cell| cell.p50_us),
        ("p99", |cell| cell.p99_us),
        ("p99.9", |cell| cell.p999_us),
    ];
    let plots = offered(cells, &figures, "µs, logarithmic", Range::Logarithmic);
    let text = "From when a request was due to the last byte of its answer. A hollow sign: less than 98 % of what \
                was offered was answered. Thin bars: from the least to the most of all rounds.";
    picked("Latency against offered load", text, plots)
}

fn load(cells: &[Cell]) -> Picked {
    let time: [(&str, Figure); 2] = [
        ("Process", |cell| cell.process_us),
        ("Whole machine beyond direct", |cell| cell.beyond_us),
    ];
    let mut plots = offered(cells, &time, "µs per request", Range::FromZero);
    let busy: [(&str, Figure); 1] = [("The proxy's core, busy", |cell| {
        let own = cell.contender != Contender::DIRECT;
        own.then(|| scaled(cell.proxy_core, 100.0)).flatten()
    })];
    plots.extend(offered(cells, &busy, "%", Range::FromZero));
    let text = "CPU per request at less than full load, and how much of its core the proxy used.";
    picked("CPU against offered load", text, plots)
}

/// Lines over offered rates: one plot for each figure and each number of connections and size of body.
fn offered(
    cells: &[Cell],
    figures: &[(&str, Figure)],
    y_unit: &str,
    y_range: Range,
) -> Vec<(String, Plot)> {
    let at_rate = |scene: Scene| scene.kind == Kind::Offered && scene.offered.is_some();
    let scenes = scenes_of(cells).into_iter().filter(|scene| at_rate(*scene));
    let mut loads: Vec<Scene> = Vec::new();
    for scene in scenes {
        let load = Scene {
            offered: None,
            ..scene
        };
        if !loads.contains(&load) {
            loads.push(load);
        }
    }
    let mut plots = Vec::new();
    for load in &loads {
        let here: Vec<&Cell> = cells
            .iter()
            .filter(|cell| {
                at_rate(cell.scene)
                    && Scene {
                        offered: None,
                        ..cell.scene
                    } == *load
            })
            .collect();
        for (name, figure) in figures {
            let point = |cell: &Cell| {
                let offered = cell.scene.offered?;
                let answered = cell.rate.map_or(0.0, |rate| rate.median);
                Some(Point {
                    x: offered / 1000.0,
                    y: figure(cell)?,
                    kept_up: answered >= KEEPS_UP * offered,
                })
            };
            let lines = Lines {
                x_unit: "thousand requests offered per second",
                y_unit: y_unit.to_owned(),
                x_range: Range::FromZero,
                y_range,
                series: series(&here, point),
            };
            let which = if loads.len() > 1 {
                format!(", {}", short(*load))
            } else {
                String::new()
            };
            plots.push((format!("{name}{which}"), Plot::Lines(lines)));
        }
    }
    plots.retain(drawable);
    plots
}

/// The points of each contender, from the left to the right.
fn series(cells: &[&Cell], point: impl Fn(&Cell) -> Option<Point>) -> Vec<(String, Vec<Point>)> {
    let mut series: Vec<(String, Vec<Point>)> = Vec::new();
    for cell in cells {
        let Some(point) = point(cell) else {
            continue;
        };
        let name = cell.contender.name();
        match series.iter_mut().find(|(known, _)| known == name) {
            Some((_, points)) => points.push(point),
            None => series.push((name.to_owned(), vec![point])),
        }
    }
    for (_, points) in &mut series {
        points.sort_by(|one, other| one.x.total_cmp(&other.x));
    }
    series
}

fn requests(cells: &[Cell]) -> Picked {
    let here = |scene: &Scene| {
        matches!(scene.part, Part::Requests | Part::Fresh)
            && matches!(scene.kind, Kind::Keep | Kind::Fresh)
            && scene.body_bytes < BULK_BYTES
    };
    let scenes: Vec<Scene> = scenes_of(cells).into_iter().filter(here).collect();
    let plots = both_counts(cells, &scenes, "µs per request", |cell, count| count(cell));
    let text = "Closed loop, as fast as it goes. A claim needs both counts.";
    picked("CPU per request", text, plots)
}

fn bulk(cells: &[Cell]) -> Picked {
    let here = |scene: &Scene| scene.body_bytes >= BULK_BYTES && scene.kind == Kind::Keep;
    let scenes: Vec<Scene> = scenes_of(cells).into_iter().filter(here).collect();
    let plots = both_counts(cells, &scenes, "µs per MB", |cell, count| {
        scaled(count(cell), MEGABYTE / cell.scene.body_bytes as f64)
    });
    picked(
        "CPU per megabyte",
        "Bodies of 32 KiB and more; a MB is a million bytes.",
        plots,
    )
}

/// Bars by scene: once as the process count tells it, once as the whole machine does.
fn both_counts(
    cells: &[Cell],
    scenes: &[Scene],
    unit: &'static str,
    value: fn(&Cell, Figure) -> Option<Summary>,
) -> Vec<(String, Plot)> {
    let counts: [(&str, Figure); 2] = [
        ("Process", |cell| cell.process_us),
        ("Whole machine beyond direct", |cell| cell.beyond_us),
    ];
    let plot = |(name, count): (&str, Figure)| {
        let bars = bars(cells, scenes, |cell| value(cell, count));
        let digits = if unit == "µs per MB" { 1 } else { 2 };
        (
            name.to_owned(),
            Plot::Bars(Bars {
                unit,
                digits,
                groups: bars,
            }),
        )
    };
    let mut plots: Vec<(String, Plot)> = counts.into_iter().map(plot).collect();
    plots.retain(drawable);
    plots
}

fn bars(
    cells: &[Cell],
    scenes: &[Scene],
    value: impl Fn(&Cell) -> Option<Summary>,
) -> Vec<(String, Vec<Bar>)> {
    let group = |scene: &Scene| {
        let here = cells.iter().filter(|cell| cell.scene == *scene);
        let bars: Vec<Bar> = here
            .filter_map(|cell| {
                let name = cell.contender.name().to_owned();
                Some(Bar {
                    name,
                    value: value(cell)?,
                })
            })
            .collect();
        (!bars.is_empty()).then(|| (short(*scene), bars))
    };
    scenes.iter().filter_map(group).collect()
}

fn growth(cells: &[Cell]) -> Picked {
    let grown: Vec<&Cell> = cells
        .iter()
        .filter(|cell| cell.scene.part == Part::Growth)
        .collect();
    let Some(scene) = grown.first().map(|cell| cell.scene) else {
        return picked("", "", Vec::new());
    };
    // Where growth begins has often been measured as a load of its own already.
    let mut here = grown;
    if !here
        .iter()
        .any(|cell| cell.scene.connections == GROWTH_FROM)
    {
        let start = Scene {
            part: Part::Requests,
            connections: GROWTH_FROM,
            ..scene
        };
        here.extend(cells.iter().filter(|cell| cell.scene == start));
    }
    let figures: [(&str, Figure); 2] = [
        ("Process", |cell| cell.process_us),
        ("Process and generator beyond direct", |cell| {
            cell.known_beyond_us
        }),
    ];
    let from = here
        .iter()
        .map(|cell| cell.scene.connections)
        .min()
        .unwrap_or(0);
    let mut plots = Vec::new();
    for (name, figure) in figures {
        let base = |of: &Cell| {
            let mut same = here.iter().filter(|cell| cell.contender == of.contender);
            figure(same.find(|cell| cell.scene.connections == from)?)
        };
        let point = |cell: &Cell| {
            let base = base(cell).filter(|base| base.median > 0.0)?;
            Some(Point {
                x: cell.scene.connections as f64,
                y: scaled(figure(cell), 1.0 / base.median)?,
                kept_up: true,
            })
        };
        let lines = Lines {
            x_unit: "connections, logarithmic",
            y_unit: format!("× of the cost at {from}"),
            x_range: Range::Logarithmic,
            y_range: Range::Around,
            series: series(&here, point),
        };
        plots.push((name.to_owned(), Plot::Lines(lines)));
    }
    plots.retain(drawable);
    let text = format!(
        "CPU per request with more and more kept-alive connections, as a multiple of what it is with {from}."
    );
    picked("Cost growth with connections", &text, plots)
}

fn quota(cells: &[Cell]) -> Picked {
    let scenes = scenes_of(cells).into_iter();
    let scenes: Vec<Scene> = scenes.filter(|scene| scene.part == Part::Quota).collect();
    // The direct run is not bound by anybody's allotment.
    let groups = bars(cells, &scenes, |cell| {
        (cell.contender != Contender::DIRECT)
            .then_some(cell.rate)
            .flatten()
    });
    let bars = Bars {
        unit: "requests per second",
        digits: 0,
        groups,
    };
    let mut plots = vec![("Requests per second".to_owned(), Plot::Bars(bars))];
    plots.retain(drawable);
    picked(
        "A small allotment",
        "The most that a part of a CPU carries.",
        plots,
    )
}

fn memory(record: &Comparison) -> Picked {
    let kinds = [
        (Doing::Idle, "Idle after one exchange"),
        (Doing::Transfer, "A response under way on each"),
    ];
    let plot = |(doing, caption): (Doing, &str)| {
        let mut groups: Vec<(String, Vec<Bar>)> = Vec::new();
        for figure in record.memory.iter().filter(|figure| figure.doing == doing) {
            let title = format!("{} connections", grouped(figure.connections as f64, 0));
            let name = figure.contender.name().to_owned();
            let Some(value) = Summary::of(&[figure.rss_bytes_each]) else {
                continue;
            };
            let bar = Bar { name, value };
            match groups.iter_mut().find(|(known, _)| *known == title) {
                Some((_, bars)) => bars.push(bar),
                None => groups.push((title, vec![bar])),
            }
        }
        let bars = Bars {
            unit: "bytes of RSS for each connection",
            digits: 0,
            groups,
        };
        (caption.to_owned(), Plot::Bars(bars))
    };
    let mut plots: Vec<(String, Plot)> = kinds.into_iter().map(plot).collect();
    plots.retain(drawable);
    let text = "User space only; what the kernel holds for sockets is much the same for all.";
    picked("Memory against sessions", text, plots)
}

/// A plot without a single figure is left out.
fn drawable((_, plot): &(String, Plot)) -> bool {
    match plot {
        Plot::Lines(lines) => lines.points().next().is_some(),
        Plot::Bars(bars) => !bars.groups.is_empty(),
    }
}

fn scaled(summary: Option<Summary>, factor: f64) -> Option<Summary> {
    summary.map(|it| Summary {
        median: it.median * factor,
        least: it.least * factor,
        most: it.most * factor,
        count: it.count,
    })
}

/// A load in few words.
fn short(scene: Scene) -> String {
    let count = grouped(scene.connections as f64, 0);
    let kind = match scene.kind {
        Kind::Fresh => "at a time, always new",
        Kind::Keep | Kind::Offered | Kind::Idle | Kind::Hold => "connections",
    };
    let allotment = scene.allotment.map(|it| format!(", {} CPU", it.cpus));
    let size = bytes(scene.body_bytes);
    format!("{count} {kind}, {size}{}", allotment.unwrap_or_default())
}
