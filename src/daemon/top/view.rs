//! One frame: what stands where, for any size of terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::RenderDirection;
use ratatui::widgets::Sparkline;
use ratatui::widgets::Widget;

use crate::daemon::top::figure;
use crate::daemon::top::header;
use crate::daemon::top::machine::Machine;
use crate::daemon::top::machine::Mode;
use crate::daemon::top::paint;
use crate::daemon::top::paint::Ink;
use crate::daemon::top::paint::Paint;
use crate::daemon::top::reading::Output;
use crate::daemon::top::table;

/// What keys do, in the order of the help line; the higher the rank, the sooner it gives way.
const KEYS: &[(&str, &str, u8)] = &[
    ("↑↓", "choose", 4),
    ("e", "enable", 2),
    ("d", "drain", 2),
    ("x", "disable", 2),
    ("s", "sort", 3),
    ("p", "pause", 5),
    ("?", "help", 1),
    ("q", "quit", 0),
];

const HELP: &[&str] = &[
    "↑ ↓ j k        choose an output",
    "PgUp PgDn g G  further, to the first, to the last",
    "e              enable it: traffic again",
    "d              drain it: only clients that are tied to it",
    "x              disable it: nobody new; what is under way finishes",
    "s              sort by name, status, requests, sessions, errors, p99",
    "p              pause: the figures stand still, orders are carried out",
    "q Esc Ctrl-C   leave",
    "",
    "Every order is asked for once more: y gives it, n does not.",
    "Figures come from ctl. Latencies are those of the last 10 s;",
    "errors resp are answers of 5xx, check failed probes, down how",
    "often it went down. Times are UTC.",
];

/// All of it, as a widget.
pub struct View<'m> {
    pub machine: &'m Machine,
    pub paint: Paint,
    /// Whether somebody sits before it: else there is nothing to choose and no keys.
    pub live: bool,
}

impl Widget for View<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let foot = u16::from(self.live);
        let body = Rect {
            height: area.height.saturating_sub(foot),
            ..area
        };
        let used = header::draw(buffer, body, self.paint, self.machine);
        let body = below(body, used);
        if self.live && self.machine.mode == Mode::Help {
            self.help(buffer, body);
        } else {
            self.body(buffer, body);
        }
        if self.live && area.height > 0 {
            let line = below(area, area.height - 1);
            self.foot(buffer, line);
        }
    }
}

impl View<'_> {
    /// Table, sparkline and events share what the header leaves.
    fn body(&self, buffer: &mut Buffer, area: Rect) {
        let Some(reading) = &self.machine.reading else {
            return;
        };
        let detail = if self.live && area.height >= 10 { 3 } else { 0 };
        let wanted = u16::try_from(reading.events.len()).unwrap_or(u16::MAX - 1) + 1;
        let events_least = if area.height >= 10 {
            wanted.min((area.height / 5).clamp(3, 8))
        } else {
            0
        };
        let lines = table::lines(self.machine);
        let graph = match area.height {
            _ if !self.live => 0,
            26.. => 4,
            20..26 => 2,
            // Rows come first.
            height if lines + detail + events_least + 2 <= height => 2,
            _ => 0,
        };
        let mut rest = area;
        self.graph(buffer, take(&mut rest, graph));
        let room = rest.height.saturating_sub(detail + events_least);
        let of_table = take(&mut rest, lines.min(room));
        table::draw(buffer, of_table, self.paint, self.machine, self.live);
        self.detail(buffer, take(&mut rest, detail));
        self.events(buffer, rest);
    }

    fn graph(&self, buffer: &mut Buffer, area: Rect) {
        if area.height < 2 {
            return;
        }
        let newest_first = self.machine.history.iter().rev();
        let seen = newest_first.take(usize::from(area.width)).copied();
        let rates: Vec<Option<u64>> = seen.collect();
        let most = rates.iter().flatten().max().copied().unwrap_or(0);
        let most_of = format!("most {}", figure::count(Some(most as f64)));
        paint::rule(buffer, area, self.paint, "requests/s", &most_of);
        Sparkline::default()
            .data(rates)
            .max(most.max(1))
            .direction(RenderDirection::RightToLeft)
            .style(self.paint.style(Ink::Graph))
            .absent_value_symbol("·")
            .absent_value_style(self.paint.style(Ink::Label))
            .render(below(area, 1), buffer);
    }

    /// All about the chosen output, in two lines.
    fn detail(&self, buffer: &mut Buffer, area: Rect) {
        let rows = self.machine.rows();
        let Some(output) = rows.get(self.machine.chosen(&rows)) else {
            return;
        };
        if area.height < 3 {
            return;
        }
        paint::rule(buffer, area, self.paint, &output.name, "");
        let style = self.paint.style(Ink::Plain);
        paint::clip(buffer, area, area.x + 1, area.y + 1, &about(output), style);
        let style = self.paint.style(match &output.probe {
            Some(probe) if !probe.ok => Ink::Bad,
            _ => Ink::Plain,
        });
        paint::clip(buffer, area, area.x + 1, area.y + 2, &probed(output), style);
    }

    fn events(&self, buffer: &mut Buffer, area: Rect) {
        let Some(reading) = &self.machine.reading else {
            return;
        };
        if area.height < 2 || reading.events.is_empty() {
            return;
        }
        paint::rule(buffer, area, self.paint, "events", "UTC, newest first");
        let lines = (area.y + 1)..area.bottom();
        for (y, event) in lines.zip(&reading.events) {
            let label = self.paint.style(Ink::Label);
            let moment = figure::moment(event.unix_ms);
            let x = paint::put(buffer, area, area.x + 1, y, &moment, label);
            let ink = match event.kind.as_str() {
                "down" => Ink::Bad,
                "up" => Ink::Good,
                _ => Ink::Plain,
            };
            paint::clip(buffer, area, x + 2, y, &event.text, self.paint.style(ink));
        }
    }

    fn help(&self, buffer: &mut Buffer, area: Rect) {
        paint::rule(buffer, area, self.paint, "keys", "any key closes this");
        for (y, line) in ((area.y + 1)..area.bottom()).zip(HELP) {
            paint::put(
                buffer,
                area,
                area.x + 1,
                y,
                line,
                self.paint.style(Ink::Plain),
            );
        }
    }

    /// The question, or what became of the last order, or the keys.
    fn foot(&self, buffer: &mut Buffer, area: Rect) {
        let (x, y) = (area.x + 1, area.y);
        if let Mode::Asking(order) = &self.machine.mode {
            let question = format!(
                "{} {}? {} y/n",
                capital(order.verb.word()),
                order.output,
                order.verb.meaning()
            );
            let style = self.paint.style(Ink::Warning);
            paint::put(buffer, area, x, y, &question, style);
            return;
        }
        if let Some(said) = &self.machine.said {
            let ink = if said.done { Ink::Good } else { Ink::Bad };
            paint::put(buffer, area, x, y, &said.text, self.paint.style(ink));
            return;
        }
        let mut x = x;
        for (key, word, _) in fitting(area.width) {
            x = paint::put(buffer, area, x, y, key, self.paint.style(Ink::Strong));
            x = paint::put(buffer, area, x + 1, y, word, self.paint.style(Ink::Label)) + 2;
        }
    }
}

/// The keys there is room for.
fn fitting(width: u16) -> Vec<&'static (&'static str, &'static str, u8)> {
    let mut keys: Vec<_> = KEYS.iter().collect();
    let extent = |keys: &[&(&str, &str, u8)]| -> u16 {
        let words = keys.iter();
        words
            .map(|(key, word, _)| paint::width(key) + paint::width(word) + 3)
            .sum()
    };
    while extent(&keys) > width + 1 && !keys.is_empty() {
        let worst = keys.iter().map(|(_, _, rank)| *rank).max();
        keys.retain(|(_, _, rank)| Some(*rank) != worst);
    }
    keys
}

fn about(output: &Output) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !output.address.is_empty() {
        parts.push(output.address.clone());
    }
    if output.backup {
        parts.push("backup".to_owned());
    }
    if output.weight.is_some_and(|weight| weight != 1.0) {
        parts.push(format!("weight {}", figure::count(output.weight)));
    }
    parts.push(match output.since_s {
        Some(_) => format!("{} for {}", output.status, figure::length(output.since_s)),
        None => output.status.clone(),
    });
    let errors = &output.errors;
    parts.push(format!(
        "errors: conn {}, resp {}, check {}, down {}",
        figure::count(errors.conn),
        figure::count(errors.resp),
        figure::count(errors.check),
        figure::count(errors.down)
    ));
    parts.join(" · ")
}

fn probed(output: &Output) -> String {
    let Some(probe) = &output.probe else {
        return "not probed yet".to_owned();
    };
    format!(
        "{}: {} · {} ago, in {} ms",
        if probe.ok { "probe" } else { "probe failed" },
        probe.text,
        figure::length(probe.ago_s),
        figure::milliseconds(probe.took_ms)
    )
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// The area without its first lines.
pub fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect {
        y: area.y + lines,
        height: area.height - lines,
        ..area
    }
}

/// Cuts so many lines from the top.
fn take(area: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    let taken = Rect {
        height: lines,
        ..*area
    };
    *area = below(*area, lines);
    taken
}
