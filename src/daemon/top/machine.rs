//! What `halb top` is in the middle of: keys and answers go in, what is to be shown and asked comes out.

use std::cmp::Ordering;
use std::collections::VecDeque;

use crate::daemon::top::reading::Output;
use crate::daemon::top::reading::Reading;
use crate::model::time::Instant;

/// More than any terminal is wide.
const HISTORY_MAX: usize = 600;
/// Rows that Page Up and Page Down go by.
const PAGE_ROWS: isize = 10;

/// Everything there is to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Whom it asks, for the eye.
    pub asked: String,
    pub interval: String,
    pub reading: Option<Reading>,
    /// When `reading` came.
    pub read_at: Instant,
    pub now: Instant,
    /// Why there was no answer the last time.
    pub trouble: Option<String>,
    /// Requests a second, oldest first; `None` where there was no answer.
    pub history: VecDeque<Option<u64>>,
    pub sort: Sort,
    pub paused: bool,
    pub mode: Mode,
    /// What became of the last order.
    pub said: Option<Said>,
    /// The name of the chosen output: it stays chosen wherever the order of rows takes it.
    chosen: Option<String>,
}

/// What keys mean at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    Watching,
    /// Whether this order shall be given.
    Asking(Order),
    Help,
}

/// What an operator can order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub verb: Verb,
    pub output: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Enable,
    Drain,
    Disable,
}

/// A line about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    pub done: bool,
}

/// What the outputs are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Name,
    Status,
    Requests,
    Sessions,
    Errors,
    Latency,
}

/// What somebody pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Letter(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Escape,
    Interrupt,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Give(Order),
    Leave,
}

impl Machine {
    pub fn new(asked: &str, interval: &str) -> Machine {
        Machine {
            asked: asked.to_owned(),
            interval: interval.to_owned(),
            reading: None,
            read_at: Instant::ZERO,
            now: Instant::ZERO,
            trouble: None,
            history: VecDeque::new(),
            sort: Sort::Name,
            paused: false,
            mode: Mode::Watching,
            said: None,
            chosen: None,
        }
    }

    /// Time went on.
    pub fn on_time(&mut self, now: Instant) {
        self.now = now;
    }

    /// Somebody pressed a key.
    pub fn on_key(&mut self, key: Key) -> Option<Request> {
        if key == Key::Interrupt {
            return Some(Request::Leave);
        }
        match std::mem::replace(&mut self.mode, Mode::Watching) {
            Mode::Watching => self.watching(key),
            Mode::Asking(order) => match key {
                Key::Letter('y' | 'Y') => Some(Request::Give(order)),
                Key::Letter('n' | 'N' | 'q') | Key::Escape => None,
                _ => {
                    self.mode = Mode::Asking(order);
                    None
                }
            },
            // Any key closes it.
            Mode::Help => None,
        }
    }

    /// What HALB says of itself, or why it says nothing.
    pub fn on_answer(&mut self, answer: Result<Reading, String>) {
        if self.paused {
            return;
        }
        match answer {
            Ok(reading) => {
                let rate = reading.requests_per_s.filter(|rate| *rate >= 0.0);
                self.remember(rate.map(|rate| rate.round() as u64));
                self.trouble = None;
                self.read_at = self.now;
                self.reading = Some(reading);
            }
            Err(trouble) => {
                self.remember(None);
                self.trouble = Some(trouble);
            }
        }
    }

    /// What became of an order.
    pub fn on_ordered(&mut self, order: &Order, result: Result<(), String>) {
        self.said = Some(match result {
            Ok(()) => Said {
                text: format!("{} {}", order.output, order.verb.done()),
                done: true,
            },
            Err(why) => Said {
                text: format!("cannot {} {}: {why}", order.verb.word(), order.output),
                done: false,
            },
        });
    }

    /// The outputs in the order they are shown.
    pub fn rows(&self) -> Vec<&Output> {
        let outputs = self.reading.iter().flat_map(|reading| &reading.outputs);
        let mut rows: Vec<&Output> = outputs.collect();
        // Stable: what is alike stays in the order of the names, which is that of the answer.
        rows.sort_by(|one, other| self.sort.compare(one, other));
        rows
    }

    /// The index of the chosen output among these rows.
    pub fn chosen(&self, rows: &[&Output]) -> usize {
        let name = self.chosen.as_deref().unwrap_or_default();
        let at = rows.iter().position(|output| output.name == name);
        at.unwrap_or(0)
    }

    fn watching(&mut self, key: Key) -> Option<Request> {
        self.said = None;
        match key {
            Key::Up | Key::Letter('k') => self.choose(-1),
            Key::Down | Key::Letter('j') => self.choose(1),
            Key::PageUp => self.choose(-PAGE_ROWS),
            Key::PageDown => self.choose(PAGE_ROWS),
            Key::Home | Key::Letter('g') => self.choose(isize::MIN),
            Key::End | Key::Letter('G') => self.choose(isize::MAX),
            Key::Letter('e') => self.ask(Verb::Enable),
            Key::Letter('d') => self.ask(Verb::Drain),
            Key::Letter('x') => self.ask(Verb::Disable),
            Key::Letter('s') => self.sort = self.sort.next(),
            Key::Letter('p' | ' ') => self.paused = !self.paused,
            Key::Letter('?' | 'h') => self.mode = Mode::Help,
            Key::Letter('q') | Key::Escape => return Some(Request::Leave),
            Key::Letter(_) | Key::Interrupt => {}
        }
        None
    }

    fn choose(&mut self, by: isize) {
        let rows = self.rows();
        let last = rows.len().saturating_sub(1);
        let to = self.chosen(&rows).saturating_add_signed(by).min(last);
        self.chosen = rows.get(to).map(|output| output.name.clone());
    }

    fn ask(&mut self, verb: Verb) {
        let rows = self.rows();
        let output = rows
            .get(self.chosen(&rows))
            .map(|output| output.name.clone());
        if let Some(output) = output {
            self.chosen = Some(output.clone());
            self.mode = Mode::Asking(Order { verb, output });
        }
    }

    fn remember(&mut self, rate: Option<u64>) {
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(rate);
    }
}

impl Verb {
    /// As `ctl` wants it.
    pub fn word(self) -> &'static str {
        match self {
            Verb::Enable => "enable",
            Verb::Drain => "drain",
            Verb::Disable => "disable",
        }
    }

    pub fn done(self) -> &'static str {
        match self {
            Verb::Enable => "enabled",
            Verb::Drain => "draining",
            Verb::Disable => "disabled",
        }
    }

    /// What it means for clients.
    pub fn meaning(self) -> &'static str {
        match self {
            Verb::Enable => "Traffic again.",
            Verb::Drain => "Only clients that are tied to it.",
            Verb::Disable => "Nobody new; the rest finishes.",
        }
    }
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Status => "status",
            Sort::Requests => "requests",
            Sort::Sessions => "sessions",
            Sort::Errors => "errors",
            Sort::Latency => "p99",
        }
    }

    fn next(self) -> Sort {
        match self {
            Sort::Name => Sort::Status,
            Sort::Status => Sort::Requests,
            Sort::Requests => Sort::Sessions,
            Sort::Sessions => Sort::Errors,
            Sort::Errors => Sort::Latency,
            Sort::Latency => Sort::Name,
        }
    }

    /// What wants to be seen comes first.
    fn compare(self, one: &Output, other: &Output) -> Ordering {
        let by = |figure: fn(&Output) -> Option<f64>| {
            let figure = |output| figure(output).unwrap_or(-1.0);
            figure(other).total_cmp(&figure(one))
        };
        match self {
            Sort::Name => Ordering::Equal,
            Sort::Status => rank(one).cmp(&rank(other)),
            Sort::Requests => by(|output| output.requests_per_s),
            Sort::Sessions => by(|output| output.sessions.now),
            Sort::Errors => by(|output| Some(output.errors.conn? + output.errors.resp?)),
            Sort::Latency => by(|output| output.latency.p99),
        }
    }
}

/// The worst first.
fn rank(output: &Output) -> u8 {
    match output.status.as_str() {
        "DOWN" => 0,
        "CHECKING" => 1,
        "DRAIN" => 2,
        "DISABLED" => 3,
        "UP" => 5,
        _ => 4,
    }
}

#[cfg(test)]
mod tests;
