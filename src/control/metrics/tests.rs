use std::time::Duration;

use super::*;
use crate::control::counters::OF_OUTPUT;
use crate::control::counters::OVER_ALL;
use crate::control::metrics::process::Load;
use crate::control::probed::Probed;
use crate::control::shared::tests::shared_of;
use crate::http::ending::Ending;
use crate::model::output::OutputId;
use crate::model::standing::Health;
use crate::model::standing::Switch;

/// Two outputs, of which one has served and one has failed.
fn figures() -> Figures {
    let shared = shared_of(
        "out1 = '10.0.0.1:8000'\nout9 = { address = '10.0.0.9', max_connections = 7 }\nbackup_outputs = 'out9'",
    );
    let [one, nine] = ["out1", "out9"].map(|name| OutputId::from_name(name).unwrap());
    let plane = &shared.plane;
    let page = plane.page(0);
    page.connections_total.add(12);
    page.connections_active.add(4);
    page.requests_total.add(10);
    page.turns.add(100);
    page.endings.of(Ending::Answered).add(9);
    page.endings.of(Ending::NoBuffer).add(1);
    let of = page.outputs.of(one);
    of.sessions_total.add(9);
    of.connects_total.add(2);
    of.classes[1].add(8);
    of.classes[4].add(1);
    of.bytes_in.add(900);
    of.bytes_out.add(90_000);
    for micros in [39, 40, 81_919, 30_000_000] {
        of.response.note(Duration::from_micros(micros));
    }
    assert!(plane.outputs().try_take(one));
    plane.set_switch(nine, Switch::Draining, |_| {});
    plane.set_health(nine, Health::Down, |_| {});
    shared.probes.change(nine, |state| {
        state.last = Some(Probed {
            unix_ms: 1_763_789_000_250,
            ok: false,
            text: "connection refused".to_owned(),
            took: Duration::from_micros(1500),
        });
        (state.since_unix_ms, state.failed, state.downs) = (1_763_788_000_000, 3, 1);
    });
    Figures::collect(&shared)
}

fn program() -> Program {
    Program {
        version: "0.0.0",
        node: "lb1".to_owned(),
        uptime_seconds: 12.5,
        limits: Limits {
            nbcproc: 2,
            memmax: 96 << 20,
            ulimit_n: 1024,
            maxsock: 2048,
        },
        process: Process {
            resident_bytes: Some(12 << 20),
            cpu_seconds: Some(3.25),
            started_seconds: Some(1_763_789_000.0),
            workers: vec![(
                0,
                Load {
                    running_nanos: 2_500_000_000,
                    waiting_nanos: 1_000_000,
                },
            )],
        },
        started_resident_bytes: Some(8 << 20),
        memory: Some(pressure::Reading {
            used_bytes: 48 << 20,
            limit_bytes: 96 << 20,
            limit: String::new(),
        }),
        memory_short: true,
        mon_sent: 5,
        mon_dropped: 6,
        mon_connected: true,
        log_dropped: 7,
    }
}

/// HALB_BLESS=1 writes the file anew, to be looked at before it is committed.
fn rendered(figures: &Figures, program: &Program) -> String {
    let mut text = Text::default();
    render(&mut text, figures, program);
    text.finish()
}

#[test]
fn the_text_is_that_of_the_file() {
    let text = rendered(&figures(), &program());
    if std::env::var_os("HALB_BLESS").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/monitoring/metrics.txt");
        std::fs::write(file, &text).unwrap();
    }
    let expected = include_str!("../../../tests/monitoring/metrics.txt");
    for (found, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(text.len(), expected.len());
}

/// What `mon` and `ctl` say is what is here.
#[test]
fn every_counter_of_the_seed_is_there_with_its_value() {
    let figures = figures();
    let text = rendered(&figures, &program());
    let mut count = 0;
    for output in &figures.outputs {
        for (definition, (name, _)) in OF_OUTPUT.iter().zip(outputs::SEED) {
            let plain = definition.name.replace("outX", "halb_output");
            assert_eq!(
                name.strip_suffix("_total").unwrap_or(name),
                plain.trim_end_matches("_total")
            );
            let value = (definition.read)(output);
            let line = format!("\n{name}{{output=\"{}\"}} {value}\n", output.id);
            assert!(text.contains(&line), "no line {line}");
            count += 1;
        }
    }
    assert_eq!(count, 9 * OF_OUTPUT.len());
    for definition in &OVER_ALL {
        let value = (definition.read)(&figures);
        let lines = ["", "_total"].map(|end| format!("\nhalb_{}{end} {value}\n", definition.name));
        assert!(
            lines.iter().any(|line| text.contains(line)),
            "none of {lines:?}"
        );
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let mut figures = figures();
    figures.connections_active = 0;
    let unknown = Program {
        process: Process::default(),
        ..program()
    };
    let text = rendered(&figures, &unknown);
    for name in [
        "process_",
        "halb_worker_cpu",
        "halb_connection_memory_bytes",
    ] {
        assert!(!text.contains(name), "{name} is there");
    }
    let probes = text
        .lines()
        .filter(|line| line.starts_with("halb_output_probe_success{"));
    assert_eq!(probes.count(), 1, "out1 was never probed");
}

#[test]
fn a_running_one_shows_itself() {
    let shared = shared_of("out1 = '10.0.0.1'");
    let text = text(&Figures::collect(&shared), &shared);
    assert!(text.contains(concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"")));
    assert!(text.contains("\nprocess_resident_memory_bytes "));
}
