//! From what came of a trial to a verdict. Nothing here measures; what it is given decides.

use std::collections::BTreeMap;

use crate::allotment::Allotment;
use crate::allotment::Throttled;
use crate::record::check::Check;
use crate::report::words;
use crate::station::order::Held;
use crate::station::order::Load;
use crate::verify::wanted::MEGABYTE;

/// At the end of a window some answers are on their way; they come, but are not counted in it any more.
const RATE_REACHED: f64 = 0.995;
const MB: f64 = (1 << 20) as f64;

/// What the kernel says of a program in its group.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub memory_peak: u64,
    pub throttled: Throttled,
    /// Processes killed for want of memory.
    pub killed: u64,
    /// Its last words, when it has ended and should not have.
    pub ended: Option<String>,
}

/// What was to be carried, in the unit of its check.
pub struct Promise {
    pub name: String,
    pub allotment: Allotment,
    pub wanted: f64,
    pub unit: &'static str,
}

/// What came of an order: the reason, where it could not be done.
pub type Came<T> = Result<T, String>;

/// A rate that was offered, with so many of the unit in an answer. `most`: a closed loop in the same place.
pub fn rate(
    promise: &Promise,
    each: f64,
    offered: &Came<Load>,
    most: Option<&Came<Load>>,
    seen: &Seen,
) -> Check {
    let per_second = |load: &Load| {
        let wall = load.window.wall_ns.max(1) as f64 / 1e9;
        load.answered as f64 * each / wall
    };
    let mut judged = Judged::new(promise, seen);
    match offered {
        Err(reason) => judged.fail(reason.clone()),
        Ok(load) => {
            judged.found = per_second(load);
            if judged.found < promise.wanted * RATE_REACHED {
                judged.fail("not all that was asked was answered in time".to_owned());
            }
            if load.unsent > 0 {
                let unsent = grouped(load.unsent as f64);
                judged.fail(format!(
                    "{unsent} requests could not be sent: all connections waited"
                ));
            }
            judged.faults(&load.faults);
            let latency = &load.latency;
            let [p50, p99, max] = [latency.p50_us, latency.p99_us, latency.max_us].map(millis);
            judged.remark(format!(
                "answered after {p50} (p50), {p99} (p99), {max} (longest)"
            ));
        }
    }
    match most {
        Some(Ok(load)) if load.faults.is_empty() => {
            judged.headroom = Some(per_second(load) / promise.wanted);
        }
        Some(Ok(load)) => judged.remark(format!(
            "the search for the most had {}",
            list(&load.faults)
        )),
        Some(Err(reason)) => judged.remark(format!("the search for the most failed: {reason}")),
        None => {}
    }
    judged.check()
}

/// So many requests, each of which waits for the origin. `more`: how many were tried then, and what came of it.
pub fn outstanding(
    promise: &Promise,
    came: &Came<Load>,
    more: Option<(usize, &Came<Load>)>,
    seen: &Seen,
) -> Check {
    let mut judged = Judged::new(promise, seen);
    match came {
        Err(reason) => judged.fail(reason.clone()),
        Ok(load) => {
            judged.found = load.answered as f64;
            if judged.found < promise.wanted {
                let lost = grouped(promise.wanted - judged.found);
                judged.fail(format!("{lost} were not answered"));
            }
            judged.faults(&load.faults);
            let latency = &load.latency;
            let [p50, max] = [latency.p50_us, latency.max_us].map(millis);
            judged.remark(format!("answered after {p50} (p50), {max} (longest)"));
        }
    }
    match more {
        Some((tried, Ok(load))) => {
            judged.headroom = Some(load.answered as f64 / promise.wanted);
            let (answered, tried) = (grouped(load.answered as f64), grouped(tried as f64));
            judged.remark(format!("of {tried} tried then {answered} were answered"));
            if !load.faults.is_empty() {
                judged.remark(format!("these had {}", list(&load.faults)));
            }
        }
        Some((tried, Err(reason))) => {
            let tried = grouped(tried as f64);
            judged.remark(format!("{tried} tried then failed: {reason}"));
        }
        None => {}
    }
    judged.check()
}

/// Connections that were held, and what the program's memory was meanwhile.
pub struct Holding<'a> {
    pub sessions: usize,
    /// Those with a response under way.
    pub moving: usize,
    pub came: &'a Came<Held>,
    pub rss_bytes: u64,
}

/// All of them idle within `promise.wanted` MB.
pub fn idle(promise: &Promise, holding: &Holding<'_>, seen: &Seen) -> Check {
    let mut judged = Judged::new(promise, seen);
    let rss = holding.rss_bytes as f64 / MB;
    judged.hold(holding);
    judged.found = rss;
    if rss > promise.wanted {
        judged.fail("its resident memory is larger".to_owned());
    }
    if rss > 0.0 {
        judged.headroom = Some(promise.wanted / rss);
        let each = grouped(holding.rss_bytes as f64 / holding.sessions.max(1) as f64);
        judged.remark(format!(
            "{each} bytes of the whole program for each session"
        ));
    }
    judged.check()
}

/// All of them connected, some in transfer. `tight`: the same within less memory.
pub fn sessions(
    promise: &Promise,
    holding: &Holding<'_>,
    seen: &Seen,
    tight: Option<&Check>,
) -> Check {
    let mut judged = Judged::new(promise, seen);
    judged.hold(holding);
    let rss = megabytes(holding.rss_bytes);
    judged.remark(format!("resident memory {rss} while all are connected"));
    if let Some(tight) = tight {
        let word = if tight.passed { "as well" } else { "not" };
        judged.remark(format!("within {} {word}", tight.allotment));
        judged.headroom = Some(if tight.passed { 2.0 } else { 1.0 });
        if !tight.passed {
            judged.remarks.extend(
                tight
                    .remarks
                    .iter()
                    .map(|remark| format!("there: {remark}")),
            );
        }
    }
    judged.check()
}

/// A verdict in the making.
struct Judged<'a> {
    promise: &'a Promise,
    seen: &'a Seen,
    found: f64,
    headroom: Option<f64>,
    reasons: Vec<String>,
    remarks: Vec<String>,
}

impl Judged<'_> {
    fn new<'a>(promise: &'a Promise, seen: &'a Seen) -> Judged<'a> {
        Judged {
            promise,
            seen,
            found: 0.0,
            headroom: None,
            reasons: seen.ended.iter().cloned().collect(),
            remarks: Vec::new(),
        }
    }

    fn fail(&mut self, reason: String) {
        self.reasons.push(reason);
    }

    fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    fn faults(&mut self, faults: &BTreeMap<String, u64>) {
        if !faults.is_empty() {
            self.fail(list(faults));
        }
    }

    fn hold(&mut self, holding: &Holding<'_>) {
        let held = match holding.came {
            Ok(held) => held,
            Err(reason) => return self.fail(reason.clone()),
        };
        self.found = held.held as f64;
        let (sessions, moving) = (holding.sessions as u64, holding.moving as u64);
        let missing = [
            (sessions, held.held, "were not held"),
            (
                moving,
                held.moved,
                "transfers did not come to their right end",
            ),
            (
                sessions,
                held.answered_again,
                "did not answer again afterwards",
            ),
        ];
        for (wanted, found, what) in missing {
            if found < wanted {
                self.fail(format!("{} {what}", grouped((wanted - found) as f64)));
            }
        }
        self.faults(&held.faults);
    }

    /// Why it failed comes first.
    fn check(self) -> Check {
        let throttled = self.seen.throttled;
        let mut remarks = self.reasons.clone();
        remarks.extend(self.remarks);
        remarks.push(format!(
            "at most {} of memory, the kernel's part included",
            megabytes(self.seen.memory_peak)
        ));
        let part = 100.0 * throttled.throttled as f64 / throttled.periods.max(1) as f64;
        if part >= 1.0 {
            remarks.push(format!(
                "its part of the CPU was used up in {part:.0} % of the periods"
            ));
        }
        Check {
            name: self.promise.name.clone(),
            allotment: self.promise.allotment.to_string(),
            wanted: self.promise.wanted,
            found: self.found,
            unit: self.promise.unit.to_owned(),
            headroom: self.headroom,
            passed: self.reasons.is_empty(),
            remarks,
        }
    }
}

/// What each answer carries, in megabytes.
pub fn megabytes_each(body_bytes: u64) -> f64 {
    body_bytes as f64 / MEGABYTE
}

/// A whole number, as people read it.
pub fn grouped(number: f64) -> String {
    words::grouped(number, 0)
}

fn list(faults: &BTreeMap<String, u64>) -> String {
    let words = faults
        .iter()
        .map(|(name, count)| format!("{name}: {}", grouped(*count as f64)));
    words.collect::<Vec<String>>().join(", ")
}

fn millis(micros: f64) -> String {
    format!("{:.1} ms", micros / 1000.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / MB)
}
