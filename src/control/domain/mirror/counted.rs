//! What is counted by one process, by names; and what others have counted, added to figures.

use crate::control::domain::mirror::totals::Counted;
use crate::control::figures::Figures;
use crate::control::figures::OutputFigures;

/// What `figures`, of this process alone, say of what only grows.
pub fn counted(figures: &Figures) -> Counted {
    let mut figures = figures.clone();
    let mut counted = Counted::new();
    each(&mut figures, &mut |name, count| {
        if *count > 0 {
            counted.insert(name, *count);
        }
    });
    counted
}

/// Adds what other processes have counted.
pub fn add(figures: &mut Figures, others: &Counted) {
    if others.is_empty() {
        return;
    }
    each(figures, &mut |name, count| {
        *count = count.saturating_add(others.get(&name).copied().unwrap_or(0));
    });
}

/// Histograms stay those of this process.
fn each(figures: &mut Figures, visit: &mut impl FnMut(String, &mut u64)) {
    for (name, count) in [
        ("sessions", &mut figures.sessions_total),
        ("errors", &mut figures.errors),
        ("connections", &mut figures.connections_total),
        ("requests", &mut figures.requests_total),
        ("replies", &mut figures.replies_total),
    ] {
        visit(name.to_owned(), count);
    }
    for (reason, count) in &mut figures.endings {
        visit(format!("ending {reason}"), count);
    }
    for output in &mut figures.outputs {
        each_of(output, visit);
    }
}

fn each_of(output: &mut OutputFigures, visit: &mut impl FnMut(String, &mut u64)) {
    let id = output.id;
    for (name, count) in [
        ("sessions", &mut output.sessions_total),
        ("errors", &mut output.errors),
        ("downs", &mut output.downs),
        ("suspicions", &mut output.suspicions),
        ("connects", &mut output.connects_total),
        ("connect_errors", &mut output.connect_errors),
        ("response_errors", &mut output.response_errors),
        ("bytes_in", &mut output.bytes_in),
        ("bytes_out", &mut output.bytes_out),
    ] {
        visit(format!("{id} {name}"), count);
    }
    for (class, count) in output.classes.iter_mut().enumerate() {
        visit(format!("{id} class {}", class + 1), count);
    }
}
