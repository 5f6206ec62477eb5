//! The last hour: a point for each second of the last five minutes, and one for each ten seconds before.

use std::collections::VecDeque;

use serde_json::Value;
use serde_json::json;

use crate::control::overview::shape::Overview;
use crate::control::overview::shape::rounded;

/// Points a second apart: five minutes.
const FINE_POINTS: usize = 300;
/// Points ten seconds apart: an hour.
const COARSE_POINTS: usize = 360;
const COARSE_STEP_S: u64 = 10;

/// One point of all charts, 36 bytes: the hour needs 24 kB. NaN: there was nothing to measure.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    requests_per_s: f32,
    errors_per_s: f32,
    p50_ms: f32,
    p99_ms: f32,
    bytes_in_per_s: f32,
    bytes_out_per_s: f32,
    sessions: u32,
    queue: u32,
    conns: u32,
}

/// What the charts show.
#[derive(Default)]
pub struct History {
    fine: Points,
    coarse: Points,
}

#[derive(Default)]
struct Points {
    /// Of the last point; seconds since 1970 (UTC).
    last_unix_s: u64,
    kept: VecDeque<Sample>,
}

impl Sample {
    pub fn of(overview: &Overview) -> Sample {
        let passed = &overview.passed;
        let ms = |share| {
            let micros = passed.response.percentile(share);
            micros.map_or(f32::NAN, |micros| (micros / 1000.0) as f32)
        };
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Sample {
            requests_per_s: passed.requests_per_s as f32,
            errors_per_s: passed.errors_per_s as f32,
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
            bytes_in_per_s: passed.bytes_in_per_s as f32,
            bytes_out_per_s: passed.bytes_out_per_s as f32,
            sessions: small(overview.figures.sessions_active),
            queue: small(overview.figures.queue.now),
            conns: small(overview.figures.connections_active),
        }
    }
}

impl History {
    /// Once a second. A point covers the ten seconds before it, so that every tenth one says all for the hour.
    pub fn put(&mut self, unix_s: u64, sample: Sample) {
        self.fine.put(unix_s, sample, FINE_POINTS);
        if unix_s.saturating_sub(self.coarse.last_unix_s) >= COARSE_STEP_S {
            self.coarse.put(unix_s, sample, COARSE_POINTS);
        }
    }

    /// In columns, oldest point first.
    pub fn json(&self) -> Value {
        json!({
            "fine": self.fine.json(1),
            "coarse": self.coarse.json(COARSE_STEP_S),
        })
    }
}

impl Points {
    fn put(&mut self, unix_s: u64, sample: Sample, most: usize) {
        if self.kept.len() == most {
            self.kept.pop_front();
        }
        self.kept.push_back(sample);
        self.last_unix_s = unix_s;
    }

    fn json(&self, step_s: u64) -> Value {
        let column = |value: fn(&Sample) -> f32| -> Vec<Value> {
            let values = self.kept.iter().map(|sample| f64::from(value(sample)));
            values.map(rounded).collect()
        };
        let counts =
            |count: fn(&Sample) -> u32| -> Vec<u32> { self.kept.iter().map(count).collect() };
        json!({
            "step_s": step_s,
            "last_unix_s": self.last_unix_s,
            "requests_per_s": column(|sample| sample.requests_per_s),
            "errors_per_s": column(|sample| sample.errors_per_s),
            "p50_ms": column(|sample| sample.p50_ms),
            "p99_ms": column(|sample| sample.p99_ms),
            "bytes_in_per_s": column(|sample| sample.bytes_in_per_s),
            "bytes_out_per_s": column(|sample| sample.bytes_out_per_s),
            "sessions": counts(|sample| sample.sessions),
            "queue": counts(|sample| sample.queue),
            "conns": counts(|sample| sample.conns),
        })
    }
}
