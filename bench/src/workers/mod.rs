//! `halb-bench workers`: what several workers bring and cost.
//!
//! Each has a quarter of a CPU, so that the generator on its one core is not the limit: one worker with 0.25 CPU, two
//! with 0.5 on two cores. Then one of two is stopped and let go again, and it is seen whom that delays.
//!
//! - [`metrics`] reads what HALB says of each worker; [`stall`] stops one worker's thread.

pub mod metrics;
pub mod stall;

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::allotment::Allotment;
use crate::compare::adapter::beside_this;
use crate::compare::print;
use crate::compare::refusal;
use crate::crew::Crew;
use crate::crew::Reply;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::station::order::Gate;
use crate::station::order::Kind;
use crate::station::order::Load;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::stats::Summary;
use crate::trouble::Trouble;
use crate::trouble::While;
use crate::verify::subject::Program;
use crate::verify::subject::Subject;
use crate::verify::trial::order;
use crate::workers::metrics::Worker;
use crate::workers::stall::Stall;

/// CPUs of each worker: four of them need no more than one generator can ask for.
const CPUS_EACH: f64 = 0.25;
const MEMORY_BYTES: u64 = 1 << 30;
/// Of each worker, on average.
const CONNECTIONS_EACH: usize = 64;
const ROUNDS: usize = 3;
const WARM_MS: u64 = 500;
/// While a worker is stopped: far below what the other one can do.
const STALL_RATE: f64 = 1000.0;
/// An answer after this waited for the worker that was stopped.
const SLOW_NS: u64 = 10_000_000;

#[derive(Args)]
pub struct WorkersOptions {
    /// HALB's program; without it, the `halb` beside this program.
    #[arg(long)]
    halb: Option<PathBuf>,
    /// Length of each measurement.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Measure although the machine is busy or not fit for it.
    #[arg(long)]
    even_if_busy: bool,
    /// Write the figures here, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// So many workers.
#[derive(Serialize)]
struct Row {
    workers: usize,
    cpus: f64,
    rate: Option<Summary>,
    /// CPU per request.
    process_us: Option<Summary>,
    /// How busy the generator's core was, at most: near 1, and the rate is the generator's.
    load_core: f64,
    /// The least and the most that one worker had, of the last round.
    connections: (f64, f64),
    requests: (f64, f64),
    faults: u64,
}

/// What clients see while one of two workers is stopped half of the time, and without that.
#[derive(Serialize)]
struct Stalled {
    stalled: bool,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
    /// The part of the answers that took longer than 10 ms.
    slow: f64,
    /// The part of the requests that the worker had which is stopped.
    share: f64,
    faults: u64,
}

#[derive(Default, Serialize)]
struct Figures {
    complete: bool,
    doubts: Vec<String>,
    rows: Vec<Row>,
    stalls: Vec<Stalled>,
}

/// The answer says whether no request failed.
pub fn run(options: WorkersOptions) -> Result<bool, Trouble> {
    if !(0.1..=60.0).contains(&options.seconds) {
        return Err(Trouble::new("a measurement has 0.1 to 60 seconds"));
    }
    let interrupt = Interrupt::hold()?;
    let cores = halb::ring::thread::cores().during("asking which cores there are")?;
    let doubts = refusal::doubts(&cores, &[], &interrupt)?;
    if !doubts.is_empty() && !options.even_if_busy {
        return Err(refusal::refuse(&doubts));
    }
    let folder = tempfile::tempdir().during("making a folder for the run")?;
    let counts: Vec<usize> = [1, 2, 4]
        .into_iter()
        .filter(|count| *count <= cores.len())
        .collect();
    let mut trial = Trial {
        path: options.halb.map_or_else(|| beside_this("halb"), Ok)?,
        cores,
        folder: folder.path(),
        interrupt: &interrupt,
        measure_ms: (options.seconds * 1000.0) as u64,
        progress: Progress::new(counts.len() * ROUNDS + 2),
    };
    let mut figures = Figures {
        doubts,
        ..Figures::default()
    };
    let end = trial.all(&counts, &mut figures);
    trial.progress.end();
    figures.complete = matches!(end, Ok(Some(())));
    print(&text(&figures))?;
    if let Some(path) = &options.json {
        let json = serde_json::to_vec_pretty(&figures).during("writing the figures")?;
        std::fs::write(path, json).during("writing the figures")?;
    }
    end?;
    let faults: u64 = figures.rows.iter().map(|row| row.faults).sum();
    let more: u64 = figures.stalls.iter().map(|stalled| stalled.faults).sum();
    Ok(figures.complete && faults + more == 0)
}

struct Trial<'a> {
    path: PathBuf,
    cores: Vec<usize>,
    folder: &'a Path,
    interrupt: &'a Interrupt,
    measure_ms: u64,
    progress: Progress,
}

/// What one load came to.
struct Came {
    load: Load,
    /// What each worker had meanwhile.
    workers: Vec<Worker>,
}

impl Trial<'_> {
    /// `None`: the person wants it to end.
    fn all(&mut self, counts: &[usize], figures: &mut Figures) -> Result<Option<()>, Trouble> {
        let load_core = *self
            .cores
            .last()
            .ok_or_else(|| Trouble::new("there is no core"))?;
        let mut crew = Crew::start(load_core, 1, self.folder, self.interrupt)?;
        let mut rounds: Vec<Vec<Came>> = counts.iter().map(|_| Vec::new()).collect();
        // In turns, so that whatever drifts in the machine drifts through all.
        for round in 0..ROUNDS {
            for (count, came) in counts.iter().zip(&mut rounds) {
                self.progress
                    .tell(&format!("{count} workers, round {}", round + 1));
                let subject = self.subject(*count, *count as f64 * CPUS_EACH, &crew)?;
                let order = Order {
                    warm_ms: WARM_MS,
                    measure_ms: self.measure_ms,
                    ..order(Kind::Keep, CONNECTIONS_EACH * count, &subject)
                };
                match self.load(&mut crew, &order, &subject)? {
                    Some(one) => came.push(one),
                    None => return Ok(None),
                }
            }
        }
        let rows = counts.iter().zip(&rounds);
        figures.rows = rows
            .map(|(count, came)| row(*count, came, load_core))
            .collect();
        for stalled in [false, true] {
            match self.stalled(&mut crew, stalled)? {
                Some(one) => figures.stalls.push(one),
                None => return Ok(None),
            }
        }
        Ok(Some(()))
    }

    /// A fixed rate over two workers, the second of which is perhaps stopped and let go again and again.
    fn stalled(&mut self, crew: &mut Crew, stalled: bool) -> Result<Option<Stalled>, Trouble> {
        let word = if stalled {
            "one is stopped and let go"
        } else {
            "nobody is stopped"
        };
        self.progress
            .tell(&format!("2 workers at {STALL_RATE} requests/s, {word}"));
        let subject = self.subject(2, self.cores.len() as f64, crew)?;
        let order = Order {
            rate: STALL_RATE,
            warm_ms: WARM_MS,
            measure_ms: self.measure_ms,
            ..order(Kind::Offered, 2 * CONNECTIONS_EACH, &subject)
        };
        let stall = match (stalled, subject.processes.first()) {
            (true, Some(process)) => Some(Stall::begin(*process, "halb-worker-1")?),
            _ => None,
        };
        let came = self.load(crew, &order, &subject);
        if let Some(stall) = stall {
            stall.end()?;
        }
        let Some(Came { load, workers }) = came? else {
            return Ok(None);
        };
        let all: u64 = load.spectrum.iter().map(|(_, count)| count).sum();
        let slow = load.spectrum.iter().filter(|(nanos, _)| *nanos > SLOW_NS);
        let slow: u64 = slow.map(|(_, count)| count).sum();
        let requests: f64 = workers.iter().map(|worker| worker.requests).sum();
        Ok(Some(Stalled {
            stalled,
            p50_us: load.latency.p50_us,
            p99_us: load.latency.p99_us,
            max_us: load.latency.max_us,
            slow: slow as f64 / all.max(1) as f64,
            share: workers.get(1).map_or(0.0, |worker| worker.requests) / requests.max(1.0),
            faults: load.faults.values().sum(),
        }))
    }

    fn subject(&self, workers: usize, cpus: f64, crew: &Crew) -> Result<Subject, Trouble> {
        let program = Program::Halb {
            path: self.path.clone(),
            workers: Some(workers),
        };
        let allotment = Allotment {
            cpus,
            memory_bytes: MEMORY_BYTES,
        };
        // The first cores: the generator's is the last one, which is shared only when all are needed.
        let cores = self.cores.get(..workers).unwrap_or(&self.cores);
        Subject::start(&program, &allotment, cores, crew.origin, self.folder)
    }

    fn load(
        &self,
        crew: &mut Crew,
        order: &Order,
        subject: &Subject,
    ) -> Result<Option<Came>, Trouble> {
        let mut workers = Vec::new();
        let mut at_gate = |_: Gate| {
            workers = metrics::read(subject.ui)?;
            Ok(())
        };
        let load = match crew.order(order, &mut at_gate, self.interrupt)? {
            Reply::Interrupted => return Ok(None),
            Reply::Done(Outcome::Load(load)) => *load,
            Reply::Done(Outcome::Failed(reason)) => return Err(Trouble::new(reason)),
            Reply::Done(Outcome::Held(_)) => {
                return Err(Trouble::new("the station did another job"));
            }
        };
        // Connections are those at the gate, when all stood; requests are those since.
        for (worker, after) in workers.iter_mut().zip(metrics::read(subject.ui)?) {
            worker.requests = after.requests - worker.requests;
        }
        Ok(Some(Came { load, workers }))
    }
}

fn row(count: usize, came: &[Came], load_core: usize) -> Row {
    let column = |pick: fn(&Load) -> f64| {
        let values: Vec<f64> = came.iter().map(|one| pick(&one.load)).collect();
        Summary::of(&values)
    };
    let busy = came.iter().filter_map(|one| {
        let window = &one.load.window;
        let core = window.cores.get(load_core)?;
        Some(core.busy_ns as f64 / window.wall_ns.max(1) as f64)
    });
    let workers = came.last().map_or(&[][..], |one| &one.workers);
    Row {
        workers: count,
        cpus: count as f64 * CPUS_EACH,
        rate: column(|load| load.answered as f64 / (load.window.wall_ns.max(1) as f64 / 1e9)),
        process_us: column(|load| {
            load.window.watched.total_ns as f64 / load.answered.max(1) as f64 / 1000.0
        }),
        load_core: busy.fold(0.0, f64::max),
        connections: span(workers.iter().map(|worker| worker.connections)),
        requests: span(workers.iter().map(|worker| worker.requests)),
        faults: came.iter().flat_map(|one| one.load.faults.values()).sum(),
    }
}

fn span(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    (least.min(f64::MAX), values.fold(0.0, f64::max))
}

fn text(figures: &Figures) -> String {
    let mut lines: Vec<String> = figures
        .doubts
        .iter()
        .map(|doubt| format!("WARNING: {doubt}"))
        .collect();
    if !figures.complete {
        lines.push("PARTIAL: it did not come to its end; this is what there was".to_owned());
    }
    let median = |summary: Option<Summary>| summary.map_or(0.0, |summary| summary.median);
    let first = figures.rows.first().map_or(0.0, |row| median(row.rate));
    for row in &figures.rows {
        lines.push(format!(
            "{} workers, {} CPU: {:.0} requests/s ({:.2} × one), {:.2} µs of CPU each, {:.0} to {:.0} connections and \
             {:.0} to {:.0} requests for a worker, generator's core {:.0} % busy, {} faults",
            row.workers, row.cpus, median(row.rate), median(row.rate) / first.max(1.0), median(row.process_us),
            row.connections.0, row.connections.1, row.requests.0, row.requests.1, row.load_core * 100.0, row.faults
        ));
    }
    for one in &figures.stalls {
        let word = if one.stalled {
            "one of two stopped half of the time"
        } else {
            "two workers, none stopped"
        };
        lines.push(format!(
            "{word}: p50 {:.2} ms, p99 {:.2} ms, longest {:.1} ms; {:.1} % of the answers took more than 10 ms, the \
             second worker had {:.1} % of the requests; {} faults",
            one.p50_us / 1000.0, one.p99_us / 1000.0, one.max_us / 1000.0, one.slow * 100.0, one.share * 100.0, one.faults
        ));
    }
    lines.join("\n") + "\n"
}
