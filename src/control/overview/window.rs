//! What has passed lately: figures as they were, to be held against figures as they are.

use std::collections::VecDeque;
use std::time::Duration;

use crate::control::figures::Figures;
use crate::control::figures::OutputFigures;
use crate::model::output::OutputId;
use crate::model::time::Instant;
use crate::plane::histogram::Reading;

/// Rates and percentiles are over so much time; while figures come once a second, up to a step more.
pub const WINDOW: Duration = Duration::from_secs(10);
/// A mark is kept for each step: 64 outputs have 1.6 kB in each of six marks.
const STEP: Duration = Duration::from_secs(2);

/// What passed in a stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    pub requests_per_s: f64,
    /// Responses with a status of 500 or more, and connections to outputs that could not be established.
    pub errors_per_s: f64,
    pub bytes_in_per_s: f64,
    pub bytes_out_per_s: f64,
    /// From a request's head to its response's head.
    pub response: Reading,
}

/// The figures that only rise, at one moment.
pub struct Mark {
    at: Instant,
    all: Sums,
    outputs: Vec<(OutputId, Sums)>,
}

#[derive(Clone, Default)]
struct Sums {
    requests: u64,
    errors: u64,
    bytes_in: u64,
    bytes_out: u64,
    response: Reading,
}

/// The marks of the last seconds, oldest first.
#[derive(Default)]
pub struct Window(VecDeque<Mark>);

impl Mark {
    pub fn of(at: Instant, figures: &Figures) -> Mark {
        let connected = figures.outputs.iter().filter(|output| output.connected);
        let outputs: Vec<_> = connected
            .map(|output| (output.id, Sums::of(output)))
            .collect();
        let mut all = Sums::default();
        for (_, output) in &outputs {
            all.add(output);
        }
        all.requests = figures.requests_total;
        Mark { at, all, outputs }
    }
}

impl Window {
    /// Keeps a mark, if the last one is old enough, and drops those that nobody needs any more.
    pub fn put(&mut self, mark: Mark) {
        if let Some(last) = self.0.back()
            && mark.at.since(last.at) < STEP
        {
            return;
        }
        let at = mark.at;
        self.0.push_back(mark);
        while self
            .0
            .get(1)
            .is_some_and(|next| at.since(next.at) >= WINDOW)
        {
            self.0.pop_front();
        }
    }

    /// What passed since the oldest mark: over all outputs, and for each in the order of the figures.
    pub fn passed(&self, now: Instant, figures: &Figures) -> (Passed, Vec<Passed>) {
        let new = Mark::of(now, figures);
        let Some(old) = self.0.front() else {
            return (
                Passed::default(),
                vec![Passed::default(); new.outputs.len()],
            );
        };
        let length = now.since(old.at);
        let each = new.outputs.iter().map(|(id, sums)| {
            let before = old.outputs.iter().find(|(old, _)| old == id);
            // One that was not connected then begins now.
            before.map_or_else(Passed::default, |(_, before)| sums.since(before, length))
        });
        let each: Vec<Passed> = each.collect();
        let mut all = new.all.since(&old.all, length);
        // The sum of the outputs, so that one that has gone takes nothing away.
        all.response = Reading::default();
        each.iter()
            .for_each(|passed| all.response.add(&passed.response));
        (all, each)
    }
}

impl Sums {
    fn of(output: &OutputFigures) -> Sums {
        Sums {
            requests: output.sessions_total,
            errors: output.connect_errors + output.response_errors,
            bytes_in: output.bytes_in,
            bytes_out: output.bytes_out,
            response: output.response.clone(),
        }
    }

    fn add(&mut self, other: &Sums) {
        self.errors += other.errors;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }

    fn since(&self, earlier: &Sums, length: Duration) -> Passed {
        let seconds = length.as_secs_f64();
        let rate = |now: u64, then: u64| match now.saturating_sub(then) {
            0 => 0.0,
            passed => passed as f64 / seconds.max(f64::MIN_POSITIVE),
        };
        Passed {
            requests_per_s: rate(self.requests, earlier.requests),
            errors_per_s: rate(self.errors, earlier.errors),
            bytes_in_per_s: rate(self.bytes_in, earlier.bytes_in),
            bytes_out_per_s: rate(self.bytes_out, earlier.bytes_out),
            response: self.response.since(&earlier.response),
        }
    }
}
