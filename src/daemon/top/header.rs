//! The first lines: who it is, how it is doing as a whole, and whether it answers.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::daemon::top::figure;
use crate::daemon::top::machine::Machine;
use crate::daemon::top::paint;
use crate::daemon::top::paint::Ink;
use crate::daemon::top::paint::Paint;
use crate::daemon::top::reading::Peak;
use crate::daemon::top::reading::Reading;

/// Between two figures of one line.
const GAP: u16 = 3;

/// Draws it from the top and says how many lines it took.
pub fn draw(buffer: &mut Buffer, area: Rect, paint: Paint, machine: &Machine) -> u16 {
    title(buffer, area, paint, machine);
    let mut y = area.y + 1;
    if let Some(reading) = &machine.reading {
        y = figures(buffer, area, paint, y, &all(reading));
    }
    if let Some(trouble) = &machine.trouble {
        y = wrapped(buffer, area, paint, y, &complaint(machine, trouble));
    } else if machine.reading.is_none() {
        let asking = format!("asking {} …", machine.asked);
        paint::put(
            buffer,
            area,
            area.x + 1,
            y,
            &asking,
            paint.style(Ink::Label),
        );
        y += 1;
    }
    y - area.y
}

fn title(buffer: &mut Buffer, area: Rect, paint: Paint, machine: &Machine) {
    let (x, y) = (area.x + 1, area.y);
    let strong = paint.style(Ink::Strong);
    let label = paint.style(Ink::Label);
    let mut behind = match &machine.reading {
        None => paint::put(buffer, area, x, y, "HALB", strong),
        Some(reading) => {
            let name = format!("HALB {}", reading.node);
            let behind = paint::put(buffer, area, x, y, name.trim_end(), strong);
            let up = figure::length(reading.uptime_s);
            let mut more = format!("{} · up {up}", reading.version);
            if !reading.domain.is_empty() {
                more.push_str(&format!(" · {}", reading.domain));
            }
            paint::put(buffer, area, behind + 2, y, &more, label)
        }
    };
    behind += GAP;
    let (word, ink) = if machine.paused {
        ("paused".to_owned(), Ink::Warning)
    } else if machine.trouble.is_some() {
        ("no answer".to_owned(), Ink::Bad)
    } else {
        (
            format!("{} every {}", machine.asked, machine.interval),
            Ink::Label,
        )
    };
    let at = area.right().saturating_sub(paint::width(&word) + 1);
    if at >= behind {
        paint::put(buffer, area, at, y, &word, paint.style(ink));
    } else if ink != Ink::Label {
        paint::put(buffer, area, behind, y, &word, paint.style(ink));
    }
}

/// Each figure with its name; what is wanted most comes first.
fn all(reading: &Reading) -> Vec<(&'static str, String)> {
    let connections = format!(
        "{} of {}",
        figure::count(reading.connections),
        figure::count(reading.connections_max)
    );
    let latency = &reading.latency;
    let percentiles = format!(
        "p50 {}  p90 {}  p99 {}  p99.9 {}",
        figure::milliseconds(latency.p50),
        figure::milliseconds(latency.p90),
        figure::milliseconds(latency.p99),
        figure::milliseconds(latency.p999)
    );
    vec![
        ("requests/s", figure::rate(reading.requests_per_s)),
        ("in", format!("{}/s", figure::bytes(reading.in_per_s))),
        ("out", format!("{}/s", figure::bytes(reading.out_per_s))),
        ("latency, ms", percentiles),
        ("connections", connections),
        ("sessions", peak(reading.sessions)),
        ("queue", peak(reading.queue)),
        ("errors", figure::count(reading.errors)),
        ("completed", figure::count(reading.sessions_total)),
    ]
}

fn peak(peak: Peak) -> String {
    format!(
        "{} (most {})",
        figure::count(peak.now),
        figure::count(peak.most)
    )
}

/// As many in each line as there is room for; returns the line below.
fn figures(
    buffer: &mut Buffer,
    area: Rect,
    paint: Paint,
    y: u16,
    figures: &[(&'static str, String)],
) -> u16 {
    let (mut x, mut y) = (area.x + 1, y);
    let last = y + (area.height / 4).max(1) - 1;
    for (name, value) in figures {
        let long = paint::width(name) + 1 + paint::width(value);
        if x > area.x + 1 && x + long > area.right() {
            if y == last {
                break;
            }
            x = area.x + 1;
            y += 1;
        }
        x = paint::put(buffer, area, x, y, name, paint.style(Ink::Label));
        x = paint::put(buffer, area, x + 1, y, value, paint.style(Ink::Strong)) + GAP;
    }
    y + 1
}

fn complaint(machine: &Machine, trouble: &str) -> String {
    let again = format!("{trouble}; asking again every {}", machine.interval);
    if machine.reading.is_none() {
        return again;
    }
    let age = machine.now.since(machine.read_at).as_secs_f64();
    format!(
        "{again}. These figures are {} old.",
        figure::length(Some(age))
    )
}

/// Word by word over as many lines as it takes; returns the line below.
fn wrapped(buffer: &mut Buffer, area: Rect, paint: Paint, y: u16, text: &str) -> u16 {
    let (mut x, mut y) = (area.x + 1, y);
    for word in text.split(' ') {
        let long = paint::width(word);
        if x > area.x + 1 && x + long > area.right() {
            x = area.x + 1;
            y += 1;
        }
        x = paint::put(buffer, area, x, y, word, paint.style(Ink::Bad)) + 1;
    }
    y + 1
}
