//! Made-up records for the tests of what is shown. No figure here was measured.

use std::collections::BTreeMap;

use crate::allotment::Allotment;
use crate::machine::memory::Memory;
use crate::record::Comparison;
use crate::record::FORM;
use crate::record::Verification;
use crate::record::cell;
use crate::record::check::Check;
use crate::record::contender::Contender;
use crate::record::memory::Doing;
use crate::record::memory::MemoryFigure;
use crate::record::run::Mark;
use crate::record::run::Part;
use crate::record::run::Run;
use crate::record::run::Scene;
use crate::record::surroundings::Surroundings;
use crate::record::target::Target;
use crate::record::target::Verdict;
use crate::station::order::Held;
use crate::station::order::Kind;

const ROUNDS: usize = 3;
/// Name and microseconds of CPU for a small request.
const CONTENDERS: [(&str, f64); 5] = [
    ("direct", 0.0),
    ("relay", 10.0),
    ("halb", 12.0),
    ("haproxy", 20.0),
    ("nginx", 17.0),
];

/// All parts, five contenders.
pub fn comparison() -> Comparison {
    of(&scenes(), &CONTENDERS)
}

/// One part alone, and few contenders, one of them a stranger.
pub fn small() -> Comparison {
    let mut record = of(&scenes()[..1], &[("halb", 12.0), ("someone-else", 30.0)]);
    record.complete = false;
    record.memory.clear();
    record.targets.clear();
    let command = ["halb-bench", "compare", "--quick"];
    record.surroundings.command = command.map(str::to_owned).to_vec();
    record.surroundings.warnings = vec!["the machine is <not> quiet & loud".to_owned()];
    record
}

/// Checks that passed and one that did not.
pub fn verification() -> Verification {
    let check = |name: &str, (wanted, found): (f64, f64), unit: &str, headroom| Check {
        name: name.to_owned(),
        allotment: "0.4 CPU, 96 MB".to_owned(),
        wanted,
        found,
        unit: unit.to_owned(),
        headroom,
        passed: found >= wanted,
        remarks: Vec::new(),
    };
    let mut lost = check("40,000 sessions", (40_000.0, 39_998.0), "sessions", None);
    lost.allotment = "1 CPU, 1 GB".to_owned();
    lost.remarks = vec!["2 connections were closed before they answered again".to_owned()];
    let mut rate = check(
        "6,000 requests/s",
        (6000.0, 6000.4),
        "requests/s",
        Some(3.42),
    );
    rate.remarks = vec!["p99 812 µs, peak 21.4 MB".to_owned()];
    Verification {
        form: FORM,
        complete: true,
        surroundings: surroundings("verify"),
        checks: vec![
            rate,
            check("15 MB/s", (15.0, 15.25), "MB/s", Some(1.08)),
            lost,
        ],
    }
}

fn of(scenes: &[Scene], contenders: &[(&str, f64)]) -> Comparison {
    let mut runs = Vec::new();
    for scene in scenes {
        for round in 0..ROUNDS {
            runs.extend(
                contenders
                    .iter()
                    .map(|(name, cost_us)| run(name, *cost_us, *scene, round)),
            );
        }
    }
    Comparison {
        form: FORM,
        complete: true,
        surroundings: surroundings("compare"),
        targets: targets(),
        cells: cell::all(&runs),
        memory: memory(contenders),
        runs,
    }
}

fn surroundings(verb: &str) -> Surroundings {
    let versions = [
        ("halb", "halb 0.1.0"),
        ("haproxy", "HAProxy version 2.6.12-1+deb12u2 2024/10/10"),
        ("nginx", "nginx version: nginx/1.22.1"),
    ];
    let versions = versions.map(|(name, version)| (name.to_owned(), version.to_owned()));
    Surroundings {
        unix_s: 1_795_340_000,
        kernel: "6.18.0".to_owned(),
        processor: "A processor of nobody".to_owned(),
        cores: 2,
        memory: "24,000,000 kB".to_owned(),
        congestion_control: "cubic".to_owned(),
        versions: versions.into(),
        command: vec!["halb-bench".to_owned(), verb.to_owned()],
        quick: false,
        doubtful: false,
        warnings: Vec::new(),
    }
}

fn scenes() -> Vec<Scene> {
    let keep = Scene {
        part: Part::Requests,
        kind: Kind::Keep,
        connections: 64,
        body_bytes: 128,
        offered: None,
        allotment: None,
    };
    let with = |connections| Scene {
        connections,
        ..keep
    };
    let mut scenes: Vec<Scene> = [16, 64, 256].map(with).to_vec();
    let growth = |connections| Scene {
        part: Part::Growth,
        ..with(connections)
    };
    scenes.extend([64, 1000, 4000, 10_000].map(growth));
    let bodies = |body_bytes| Scene {
        part: Part::Bodies,
        body_bytes,
        ..with(16)
    };
    scenes.extend([65_536, 1 << 20, 1 << 30].map(bodies));
    scenes.push(Scene {
        part: Part::Fresh,
        kind: Kind::Fresh,
        ..keep
    });
    let rate = |offered| Scene {
        part: Part::Rates,
        kind: Kind::Offered,
        offered: Some(offered),
        ..keep
    };
    scenes.extend([5000.0, 15_000.0, 30_000.0, 45_000.0, 60_000.0].map(rate));
    let allotment = Allotment {
        cpus: 0.4,
        memory_bytes: 96_000_000,
    };
    scenes.push(Scene {
        part: Part::Quota,
        allotment: Some(allotment),
        ..with(128)
    });
    scenes
}

/// What it costs grows with everything, and wobbles from round to round.
fn run(name: &str, small_us: f64, scene: Scene, round: usize) -> Run {
    let wobble = 1.0 + 0.04 * (round as f64 - 1.0) * (name.len() as f64 - 3.0) / 4.0;
    let fresh = if scene.kind == Kind::Fresh { 2.2 } else { 1.0 };
    let growth = 0.04 + 0.002 * small_us;
    let many = (1.0 + (scene.connections as f64 / 64.0).ln().max(0.0) * growth) * fresh;
    let body_us = scene.body_bytes as f64 / 1e6 * 150.0;
    let own = name != "direct";
    let process_us = (small_us * many + if own { body_us } else { 0.0 }) * wobble;
    let station_us = (11.0 + body_us) * many * wobble;
    let cpus = scene.allotment.map_or(1.0, |allotment| allotment.cpus);
    let limit = cpus * 1e6 / process_us.max(station_us);
    let rate = scene.offered.map_or(limit, |offered| offered.min(limit));
    let used = rate / limit;
    let wait = |factor: f64| 40.0 + factor * process_us / (1.02 - used.min(1.0));
    let full = scene.offered.is_none() && process_us < station_us && own;
    Run {
        contender: Contender::named(name),
        scene,
        round,
        answered: (rate * 3.0) as u64,
        faults: BTreeMap::new(),
        rate,
        process_us: own.then_some(process_us),
        user_us: own.then_some(process_us * 0.3),
        machine_us: process_us + station_us,
        beyond_us: own.then_some(process_us * 1.1),
        known_us: process_us + station_us,
        known_beyond_us: own.then_some(process_us * 1.05),
        unsent: scene.offered.map_or(0, |offered| (offered - rate) as u64),
        p50_us: wait(1.0),
        p90_us: wait(2.0),
        p99_us: wait(4.0),
        p999_us: wait(9.0),
        proxy_core: rate * process_us / 1e6,
        load_core: (rate * station_us / 1e6).min(1.0),
        others: 0.01,
        stolen: 0.0,
        marks: if full {
            vec![Mark::GeneratorFull]
        } else {
            Vec::new()
        },
    }
}

fn memory(contenders: &[(&str, f64)]) -> Vec<MemoryFigure> {
    let mut figures = Vec::new();
    let kinds = [
        (Doing::Idle, 40_000, 20.0),
        (Doing::Transfer, 15_000, 900.0),
    ];
    for (doing, connections, bytes_each) in kinds {
        for (name, cost_us) in contenders.iter().filter(|one| one.0 != "direct") {
            let held = Held {
                held: connections as u64,
                answered_again: connections as u64 - u64::from(*name == "nginx"),
                ..Held::default()
            };
            let before = Memory {
                rss_bytes: 4_000_000,
                pss_bytes: 3_000_000,
            };
            let grown = (cost_us * bytes_each) as u64 * connections as u64;
            let during = Memory {
                rss_bytes: before.rss_bytes + grown,
                pss_bytes: before.pss_bytes + grown,
            };
            let contender = Contender::named(name);
            let both = (before, during);
            figures.push(MemoryFigure::of(contender, doing, connections, held, both));
        }
    }
    figures
}

fn targets() -> Vec<Target> {
    let all = [
        (
            "CPU per request, 64 connections, of HAProxy's",
            "≤ 0.6 ×",
            Some("≤ 0.5 ×"),
            "0.57 × process, 0.66 × machine",
            Verdict::Gate,
        ),
        (
            "Memory per idle session",
            "≤ 512 bytes",
            Some("≤ 320 bytes"),
            "193 bytes",
            Verdict::Aim,
        ),
        (
            "New connection for each request, rate, of HAProxy's",
            "≥ 1.2 ×",
            Some("≥ 1.5 ×"),
            "1.00 ×; the generator's core was full before the proxy's, so that this is not the proxy's greatest rate",
            Verdict::Missed,
        ),
        (
            "Cost growth, 64 to 10,000 connections",
            "≤ 1.2 ×",
            None,
            "no figure",
            Verdict::Unknown,
        ),
    ];
    let target =
        |(name, gate, aim, found, verdict): (&str, &str, Option<&str>, &str, Verdict)| Target {
            name: name.to_owned(),
            gate: gate.to_owned(),
            aim: aim.map(str::to_owned),
            found: found.to_owned(),
            verdict,
        };
    all.map(target).to_vec()
}
