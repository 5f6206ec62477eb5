use crate::allotment::Allotment;
use crate::machine::memory::Memory;
use crate::record::cell::Cell;
use crate::record::cell::Ratio;
use crate::record::contender::Contender;
use crate::record::memory::Doing;
use crate::record::memory::MemoryFigure;
use crate::record::run::Mark;
use crate::record::run::Part;
use crate::record::run::Scene;
use crate::record::target::Target;
use crate::record::target::Verdict;
use crate::record::target::judge;
use crate::station::order::Held;
use crate::station::order::Kind;
use crate::stats::Summary;

fn scene(part: Part, connections: usize) -> Scene {
    Scene {
        part,
        kind: Kind::Keep,
        connections,
        body_bytes: 128,
        offered: None,
        allotment: None,
    }
}

fn allotted(part: Part) -> Scene {
    Scene {
        allotment: Some(Allotment {
            cpus: 0.4,
            memory_bytes: 96 << 20,
        }),
        ..scene(part, 128)
    }
}

fn cell(contender: Contender, scene: Scene) -> Cell {
    Cell {
        contender,
        scene,
        rounds: 1,
        rate: None,
        process_us: None,
        user_us: None,
        beyond_us: None,
        known_beyond_us: None,
        p50_us: None,
        p90_us: None,
        p99_us: None,
        p999_us: None,
        proxy_core: None,
        load_core: None,
        faults: 0,
        unsent: 0,
        marks: Vec::new(),
        ratios: Vec::new(),
    }
}

fn one(value: f64) -> Option<Summary> {
    Summary::of(&[value])
}

/// HALB's cell with its ratios to another's.
fn against(scene: Scene, to: Contender, set: impl FnOnce(&mut Ratio)) -> Cell {
    let mut cell = cell(Contender::HALB, scene);
    cell.ratios.push(ratio(to, set));
    cell
}

fn ratio(to: Contender, set: impl FnOnce(&mut Ratio)) -> Ratio {
    let mut ratio = Ratio {
        to,
        rate: None,
        process: None,
        known: None,
        machine: None,
        p99: None,
    };
    set(&mut ratio);
    ratio
}

fn named(targets: Vec<Target>, words: &str) -> Target {
    let mut found = targets
        .into_iter()
        .filter(|target| target.name.contains(words));
    let target = found.next().unwrap();
    assert!(found.next().is_none(), "{words} names several");
    target
}

fn cpu_verdict(process: f64, machine: Option<f64>) -> Target {
    let cell = against(scene(Part::Requests, 64), Contender::HAPROXY, |ratio| {
        ratio.process = one(process);
        ratio.machine = machine.and_then(one);
    });
    named(judge(&[cell], &[]), "64 connections, of HAProxy's")
}

#[test]
fn without_figures_everything_is_unknown() {
    let targets = judge(&[], &[]);
    assert_eq!(targets.len(), 15);
    for target in targets {
        assert_eq!(target.verdict, Verdict::Unknown, "{}", target.name);
        assert_eq!(target.found, "not measured");
    }
}

#[test]
fn of_two_counts_of_cpu_the_worse_one_decides() {
    let aim = cpu_verdict(0.45, Some(0.49));
    assert_eq!(aim.verdict, Verdict::Aim);
    assert_eq!(aim.found, "0.45 × process, 0.49 × machine");
    assert_eq!(
        (aim.gate.as_str(), aim.aim.as_deref()),
        ("≤ 0.6 ×", Some("≤ 0.5 ×"))
    );
    assert_eq!(cpu_verdict(0.45, Some(0.6)).verdict, Verdict::Gate);
    assert_eq!(cpu_verdict(0.61, Some(0.4)).verdict, Verdict::Missed);
    assert_eq!(cpu_verdict(0.4, Some(0.61)).verdict, Verdict::Missed);
    // One count alone is no ground for a claim.
    assert_eq!(cpu_verdict(0.4, None).verdict, Verdict::Unknown);
}

#[test]
fn of_a_cost_turned_round_the_smaller_multiple_decides() {
    let verdict = |process: f64, machine: f64| {
        let mut theirs = cell(Contender::HAPROXY, scene(Part::Fresh, 64));
        theirs.ratios.push(ratio(Contender::HALB, |ratio| {
            ratio.process = one(process);
            ratio.machine = one(machine);
        }));
        let targets = judge(&[theirs], &[]);
        named(targets, "HAProxy's CPU, of HALB's").verdict
    };
    assert_eq!(verdict(1.9, 1.5), Verdict::Aim);
    assert_eq!(verdict(1.9, 1.2), Verdict::Gate);
    assert_eq!(verdict(1.9, 1.1), Verdict::Missed);
}

#[test]
fn a_rate_counts_only_where_the_proxy_was_the_limit() {
    let targets = |rate: f64, times: f64, marks: Vec<Mark>| {
        let mut ours = against(allotted(Part::Quota), Contender::HAPROXY, |ratio| {
            ratio.rate = one(times);
        });
        ours.rate = one(rate);
        ours.marks = marks;
        judge(
            &[ours, cell(Contender::HAPROXY, allotted(Part::Quota))],
            &[],
        )
    };
    let of_haproxy = "96 MB, of HAProxy's";
    let alone = |targets: Vec<Target>| {
        targets
            .into_iter()
            .find(|one| one.name.ends_with("96 MB"))
            .unwrap()
    };
    let good = targets(24_000.0, 1.7, vec![]);
    assert_eq!(named(good.clone(), of_haproxy).verdict, Verdict::Gate);
    assert_eq!(alone(good).verdict, Verdict::Aim);
    let less = targets(17_000.0, 1.5, vec![Mark::OthersBusy]);
    assert_eq!(named(less.clone(), of_haproxy).verdict, Verdict::Missed);
    assert_eq!(alone(less.clone()).found, "17000/s (O)");
    assert_eq!(alone(less).verdict, Verdict::Missed);
    let full = targets(30_000.0, 3.0, vec![Mark::GeneratorFull]);
    assert_eq!(named(full.clone(), of_haproxy).verdict, Verdict::Unknown);
    assert_eq!(alone(full).verdict, Verdict::Unknown);
    // Without an allotment it is another scene.
    let mut free = cell(Contender::HALB, scene(Part::Quota, 128));
    free.rate = one(24_000.0);
    assert_eq!(alone(judge(&[free], &[])).verdict, Verdict::Unknown);
}

#[test]
fn latency_is_judged_where_half_of_haproxys_greatest_rate_was_offered() {
    let verdict = |offered: f64, times: f64| {
        let mut most = cell(Contender::HAPROXY, scene(Part::Rates, 256));
        most.rate = one(20_001.0);
        let at = |offered| Scene {
            kind: Kind::Offered,
            offered: Some(offered),
            ..scene(Part::Rates, 256)
        };
        let ours = against(at(offered), Contender::HAPROXY, |ratio| {
            ratio.p99 = one(times)
        });
        let theirs = cell(Contender::HAPROXY, at(offered));
        named(judge(&[most, ours, theirs], &[]), "p99").verdict
    };
    assert_eq!(verdict(10_001.0, 0.7), Verdict::Aim);
    assert_eq!(verdict(10_001.0, 1.0), Verdict::Gate);
    assert_eq!(verdict(10_001.0, 1.01), Verdict::Missed);
    assert_eq!(verdict(15_001.0, 0.7), Verdict::Unknown);
}

#[test]
fn growth_may_be_what_the_relays_is() {
    let cells = |contender: &Contender, times: f64| {
        [(64, 10.0), (10_000, 10.0 * times)].map(|(connections, micros)| {
            let mut cell = cell(contender.clone(), scene(Part::Growth, connections));
            cell.process_us = one(micros);
            cell.beyond_us = one(micros);
            cell
        })
    };
    let verdict = |halb: f64, relay: f64| {
        let mut all = Vec::from(cells(&Contender::HALB, halb));
        all.extend(cells(&Contender::RELAY, relay));
        named(judge(&all, &[]), "10,000 connections")
    };
    assert_eq!(verdict(1.2, 1.0).verdict, Verdict::Gate);
    assert_eq!(verdict(1.5, 1.6).verdict, Verdict::Gate);
    assert_eq!(verdict(1.5, 1.4).verdict, Verdict::Missed);
    let words = "1.50 × process, 1.50 × machine; the relay's 1.40 and 1.40";
    assert_eq!(verdict(1.5, 1.4).found, words);
}

#[test]
fn memory_counts_only_when_every_connection_was_held() {
    let verdict = |bytes: u64, answered: u64| {
        let held = Held {
            held: 100,
            answered_again: answered,
            ..Held::default()
        };
        let memory = |bytes| Memory {
            rss_bytes: bytes,
            pss_bytes: bytes,
        };
        let both = (memory(0), memory(bytes * 100));
        let figure = MemoryFigure::of(Contender::HALB, Doing::Idle, 100, held, both);
        named(judge(&[], &[figure]), "idle connection").verdict
    };
    assert_eq!(verdict(320, 100), Verdict::Aim);
    assert_eq!(verdict(512, 100), Verdict::Gate);
    assert_eq!(verdict(513, 100), Verdict::Missed);
    assert_eq!(verdict(100, 99), Verdict::Unknown);
}
