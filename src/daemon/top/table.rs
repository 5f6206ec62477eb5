//! The table of outputs: which columns there is room for, how wide they are, which rows are in sight.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::style::Style;

use crate::daemon::top::figure;
use crate::daemon::top::machine::Machine;
use crate::daemon::top::paint;
use crate::daemon::top::paint::Ink;
use crate::daemon::top::paint::Paint;
use crate::daemon::top::reading::Output;

/// Lines above the first row: groups, and names.
const HEAD_LINES: u16 = 2;
/// Between two columns, and between two groups of them.
const GAP: u16 = 1;
const GROUP_GAP: u16 = 2;
/// Less of a probe's sentence than this says nothing.
const PROBE_WIDTH_MIN: u16 = 18;

/// One column.
struct Column {
    /// What stands above it and its neighbours of the same group.
    group: &'static str,
    name: &'static str,
    /// The lower, the sooner it gives way; 0 never does.
    rank: u8,
    /// So that a column does not move with each digit.
    width_min: u16,
    left: bool,
    cell: fn(&Output) -> String,
}

const fn column(
    group: &'static str,
    name: &'static str,
    rank: u8,
    width_min: u16,
    cell: fn(&Output) -> String,
) -> Column {
    Column {
        group,
        name,
        rank,
        width_min,
        left: false,
        cell,
    }
}

const fn left(name: &'static str, rank: u8, cell: fn(&Output) -> String) -> Column {
    Column {
        group: "",
        name,
        rank,
        width_min: 0,
        left: true,
        cell,
    }
}

/// All of them, from left to right; the last one, the probe's sentence, takes what is left.
const COLUMNS: &[Column] = &[
    left("output", 0, |o| o.name.clone()),
    left("status", 0, |o| o.status.clone()),
    left("", 8, |o| {
        if o.backup {
            "backup".to_owned()
        } else {
            String::new()
        }
    }),
    left("address", 9, |o| o.address.clone()),
    column("", "req/s", 1, 6, |o| figure::rate(o.requests_per_s)),
    column("bytes/s", "in", 11, 7, |o| figure::bytes(o.in_per_s)),
    column("bytes/s", "out", 7, 7, |o| figure::bytes(o.out_per_s)),
    column("queue", "now", 3, 3, |o| figure::count(o.queue.now)),
    column("queue", "max", 13, 3, |o| figure::count(o.queue.most)),
    column("sessions", "now", 2, 4, |o| figure::count(o.sessions.now)),
    column("sessions", "max", 12, 4, |o| figure::count(o.sessions.most)),
    column("sessions", "total", 14, 5, |o| {
        figure::count(o.sessions_total)
    }),
    column("errors", "conn", 5, 4, |o| figure::count(o.errors.conn)),
    column("errors", "resp", 5, 4, |o| figure::count(o.errors.resp)),
    column("errors", "check", 15, 5, |o| figure::count(o.errors.check)),
    column("errors", "down", 15, 4, |o| figure::count(o.errors.down)),
    column("ms", "p50", 10, 4, |o| figure::milliseconds(o.latency.p50)),
    column("ms", "p90", 16, 4, |o| figure::milliseconds(o.latency.p90)),
    column("ms", "p99", 4, 4, |o| figure::milliseconds(o.latency.p99)),
];
/// The rank of the probe's sentence.
const PROBE_RANK: u8 = 6;

impl Column {
    /// Whether they stand under one name.
    fn is_beside(&self, next: &Column) -> bool {
        self.group == next.group && !self.group.is_empty()
    }
}

/// A column that is shown.
struct Placed {
    column: &'static Column,
    x: u16,
    width: u16,
}

/// How many lines all outputs take.
pub fn lines(machine: &Machine) -> u16 {
    let outputs = machine.reading.as_ref().map_or(0, |all| all.outputs.len());
    HEAD_LINES + 1 + u16::try_from(outputs).unwrap_or(u16::MAX / 2)
}

/// Draws it below a line across; `chosen` is the row that keys act on.
pub fn draw(buffer: &mut Buffer, area: Rect, paint: Paint, machine: &Machine, choosing: bool) {
    let rows = machine.rows();
    let room = usize::from(area.height.saturating_sub(HEAD_LINES + 1));
    let chosen = machine.chosen(&rows);
    let first = (chosen + 1).saturating_sub(room);
    let last = rows.len().min(first + room);
    let sight = if rows.len() > room && room > 0 {
        format!("{}–{last} of {}", first + 1, rows.len())
    } else {
        String::new()
    };
    let title = format!("outputs by {}", machine.sort.word());
    paint::rule(buffer, area, paint, &title, &sight);
    let (placed, probe) = place(&rows, area);
    heads(buffer, area, paint, &placed, probe);
    for (index, output) in rows.iter().enumerate().take(last).skip(first) {
        let y = area.y + 1 + HEAD_LINES + (index - first) as u16; // no more rows than lines
        row(buffer, area, paint, &placed, probe, output, y);
        if choosing && index == chosen {
            let line = Rect {
                y,
                height: 1,
                ..area
            }
            .intersection(area);
            buffer.set_style(line, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

/// The columns there is room for, and where the probe's sentence begins.
fn place(rows: &[&Output], area: Rect) -> (Vec<Placed>, Option<u16>) {
    let mut shown: Vec<(&'static Column, u16)> = COLUMNS
        .iter()
        .map(|column| (column, needed(column, rows)))
        .filter(|(_, width)| *width > 0)
        .collect();
    let mut probe = PROBE_WIDTH_MIN + GROUP_GAP;
    while extent(&widened(&shown)) + probe > area.width {
        let worst = shown.iter().map(|(column, _)| column.rank).max();
        match worst.unwrap_or(0) {
            worst if probe > 0 && PROBE_RANK > worst => probe = 0,
            0 => break,
            worst => shown.retain(|(column, _)| column.rank != worst),
        }
    }
    let mut placed: Vec<Placed> = Vec::new();
    let mut x = area.x;
    for (column, width) in widened(&shown) {
        x += placed.last().map_or(0, |before| gap(before.column, column));
        placed.push(Placed { column, x, width });
        x += width;
    }
    let probe = (probe > 0).then_some(x + GROUP_GAP);
    (placed, probe)
}

/// The first column of a group makes room where the group's name is longer than all its columns.
fn widened(shown: &[(&'static Column, u16)]) -> Vec<(&'static Column, u16)> {
    let mut wide = shown.to_vec();
    for group in wide.chunk_by_mut(|(one, _), (next, _)| one.is_beside(next)) {
        let lacking = paint::width(group[0].0.group).saturating_sub(extent(group));
        group[0].1 += lacking;
    }
    wide
}

/// Its widest cell; nothing where all cells are empty.
fn needed(column: &Column, rows: &[&Output]) -> u16 {
    let cells = rows
        .iter()
        .map(|output| paint::width(&(column.cell)(output)));
    let widest = cells.max().unwrap_or(0);
    if column.name.is_empty() {
        return widest;
    }
    widest.max(paint::width(column.name)).max(column.width_min)
}

fn extent(shown: &[(&'static Column, u16)]) -> u16 {
    let widths: u16 = shown.iter().map(|(_, width)| width).sum();
    let pairs = shown.iter().zip(shown.iter().skip(1));
    widths + pairs.map(|(one, next)| gap(one.0, next.0)).sum::<u16>()
}

fn gap(one: &Column, next: &Column) -> u16 {
    if one.is_beside(next) { GAP } else { GROUP_GAP }
}

fn heads(buffer: &mut Buffer, area: Rect, paint: Paint, placed: &[Placed], probe: Option<u16>) {
    let label = paint.style(Ink::Label);
    let (groups, names) = (area.y + 1, area.y + 2);
    let mut done = "";
    for one in placed {
        text(buffer, area, one, names, one.column.name, label);
        if one.column.group == done {
            continue;
        }
        done = one.column.group;
        let of_group = placed.iter().filter(|other| other.column.group == done);
        let end = of_group
            .map(|other| other.x + other.width)
            .max()
            .unwrap_or(0);
        let x = end.saturating_sub(paint::width(done));
        paint::put(buffer, area, x, groups, done, label);
    }
    if let Some(x) = probe {
        paint::put(buffer, area, x, names, "last probe", label);
    }
}

fn row(
    buffer: &mut Buffer,
    area: Rect,
    paint: Paint,
    placed: &[Placed],
    probe: Option<u16>,
    output: &Output,
    y: u16,
) {
    for one in placed {
        let style = match one.column.name {
            "output" => paint.style(Ink::Strong),
            "status" => paint.status(&output.status),
            "" | "address" => paint.style(Ink::Label),
            "conn" | "resp" if (one.column.cell)(output) != "0" => paint.style(Ink::Warning),
            _ => paint.style(Ink::Plain),
        };
        text(buffer, area, one, y, &(one.column.cell)(output), style);
    }
    if let (Some(x), Some(last)) = (probe, &output.probe) {
        let ink = if last.ok { Ink::Label } else { Ink::Bad };
        paint::clip(buffer, area, x, y, &last.text, paint.style(ink));
    }
}

fn text(buffer: &mut Buffer, area: Rect, at: &Placed, y: u16, text: &str, style: Style) {
    let before = if at.column.left {
        0
    } else {
        at.width.saturating_sub(paint::width(text))
    };
    paint::put(buffer, area, at.x + before, y, text, style);
}
