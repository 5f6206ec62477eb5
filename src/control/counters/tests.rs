use super::*;
use crate::control::figures::Depth;
use crate::control::shared::tests::current_of;
use crate::control::shared::tests::shared_of;
use crate::model::output::OutputId;
use crate::model::standing::Health;

fn names(of: &[Counter]) -> Vec<&str> {
    of.iter().map(|counter| counter.name.as_str()).collect()
}

#[test]
fn the_seeds_62_are_there_whatever_is_connected() {
    let one = shared_of("out3 = '10.0.0.1'");
    let counters = counters(&Figures::collect(&one));
    let mut expected = Vec::new();
    for output in 1..=8 {
        for name in [
            "status",
            "queue",
            "queue_max",
            "sessions_active",
            "sessions_max",
            "sessions_total",
            "errors",
        ] {
            expected.push(format!("out{output}_{name}"));
        }
    }
    expected.extend(
        [
            "queue",
            "queue_max",
            "sessions_active",
            "sessions_max",
            "sessions_total",
            "errors",
        ]
        .map(str::to_owned),
    );
    assert_eq!(expected.len(), 62);
    assert_eq!(names(&counters), expected);
}

#[test]
fn more_outputs_have_counters_while_they_are_connected() {
    let shared = shared_of("out1 = '10.0.0.1'\nout9 = '10.0.0.9'\nout64 = '10.0.0.64'");
    let found = counters(&Figures::collect(&shared));
    assert_eq!(found.len(), 62 + 2 * OF_OUTPUT.len());
    assert_eq!(found[56].name, "out9_status");
    assert_eq!(found[63].name, "out64_status");
    assert!(found[63].description.starts_with("status of out64: 0 "));
    shared.put_in_force(|_| Some(current_of("out1 = '10.0.0.1'")));
    assert_eq!(counters(&Figures::collect(&shared)).len(), 62);
}

#[test]
fn each_counter_reads_its_own_figure() {
    let shared = shared_of("out1 = '10.0.0.1'");
    let mut figures = Figures::collect(&shared);
    let output = &mut figures.outputs[0];
    (output.health, output.queue) = (Health::Down, Depth { now: 2, most: 3 });
    (output.sessions_active, output.sessions_max) = (4, 5);
    (output.sessions_total, output.errors) = (6, 7);
    figures.queue = Depth { now: 8, most: 9 };
    (figures.sessions_active, figures.sessions_max) = (10, 11);
    (figures.sessions_total, figures.errors) = (12, 13);
    let values: Vec<u64> = counters(&figures).iter().map(|c| c.value).collect();
    assert_eq!(values[..7], [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(values[7], 100, "out2 is not connected");
    assert_eq!(values[56..], [8, 9, 10, 11, 12, 13]);
}

#[test]
fn what_only_grows_is_called_a_counter() {
    for counter in counters(&Figures::collect(&shared_of("out1 = 'a'"))) {
        let grows = counter.name.ends_with("total") || counter.name.ends_with("errors");
        let kind = if grows { Kind::Counter } else { Kind::Gauge };
        assert_eq!(counter.kind, kind, "{}", counter.name);
    }
}

/// Workers and the plane are the same after a reload, and an output that goes takes nothing out of a sum.
#[test]
fn a_reload_takes_nothing_back() {
    let shared = shared_of("out1 = '10.0.0.1'\nout9 = '10.0.0.9'");
    let out9 = OutputId::from_name("out9").unwrap();
    let places = shared.plane.outputs();
    assert!(places.try_take(out9));
    places.give_back(out9, |_| {});
    let page = shared.plane.page(0);
    page.outputs.of(out9).sessions_total.add(5);
    shared.probes.change(out9, |state| state.failed = 3);
    let value = |name: &str| {
        let all = counters(&Figures::collect(&shared));
        let found = all.iter().find(|counter| counter.name == name);
        found.map(|counter| counter.value)
    };
    let both = |expected| {
        assert_eq!(
            (value("sessions_total"), value("errors")),
            (Some(5), Some(3))
        );
        assert_eq!(value("sessions_max"), Some(1));
        assert_eq!(
            (value("out9_sessions_total"), value("out9_errors")),
            expected
        );
    };
    both((Some(5), Some(3)));
    shared.put_in_force(|_| Some(current_of("out1 = '10.0.0.1'")));
    both((None, None));
    let other = current_of("out1 = '10.0.0.1'\nout9 = '10.0.0.10'");
    shared.put_in_force(|_| Some(other));
    both((Some(5), Some(3)));
}

/// The tables of docs/monitoring.md, word for word.
#[test]
fn the_manual_has_them_all() {
    let manual = include_str!("../../../docs/monitoring.md");
    let mut rows = Vec::new();
    for definition in &OF_OUTPUT {
        rows.push(row(definition));
    }
    for definition in &OVER_ALL {
        rows.push(row(definition));
    }
    let table = rows.join("\n");
    assert!(
        manual.contains(&table),
        "docs/monitoring.md is to say\n{table}"
    );
}

fn row<F>(definition: &Definition<F>) -> String {
    format!(
        "| `{}` | {} | {} | {} |",
        definition.name,
        definition.description,
        definition.unit,
        definition.kind.word()
    )
}
