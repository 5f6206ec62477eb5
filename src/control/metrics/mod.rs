//! Everything that is counted, in Prometheus' text format.
//!
//! - `format`: the format; `outputs`, `program`, `domain`: what there is of each
//! - `process`: what the kernel knows of this process

mod domain;
mod format;
mod outputs;
pub mod process;
mod program;

use crate::control::domain::report;
use crate::control::figures::Figures;
use crate::control::metrics::format::Text;
use crate::control::metrics::process::Process;
use crate::control::pressure;
use crate::control::shared::Limits;
use crate::control::shared::Shared;
use crate::plane::Shortage;
use crate::ring::clock;

/// What the answer's `Content-Type` says.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A reading of this moment.
pub fn of(shared: &Shared) -> String {
    text(&Figures::collect(shared), shared)
}

/// One reading, as `/metrics` shows it.
pub fn text(figures: &Figures, shared: &Shared) -> String {
    let program = Program {
        version: env!("CARGO_PKG_VERSION"),
        node: shared.current().config.node.clone(),
        uptime_seconds: clock::read().now.since(shared.started).as_secs_f64(),
        limits: shared.limits,
        process: Process::read(),
        started_resident_bytes: shared.started_resident_bytes,
        memory: shared.memory.get(),
        memory_short: shared.plane.shortage() != Shortage::None,
        mon_sent: shared.mon.sent(),
        mon_dropped: shared.mon.dropped(),
        mon_connected: shared.mon.connected(),
        log_dropped: shared.plane.log_dropped(),
    };
    let mut text = Text::default();
    render(&mut text, figures, &program);
    domain::write(&mut text, report::report(shared).as_ref());
    text.finish()
}

/// What no worker counts.
#[derive(Clone, Debug)]
struct Program {
    version: &'static str,
    node: String,
    uptime_seconds: f64,
    limits: Limits,
    process: Process,
    started_resident_bytes: Option<u64>,
    /// What counts against a limit; `None` where there is none.
    memory: Option<pressure::Reading>,
    memory_short: bool,
    mon_sent: u64,
    mon_dropped: u64,
    mon_connected: bool,
    log_dropped: u64,
}

fn render(text: &mut Text, figures: &Figures, program: &Program) {
    program::write(text, figures, program);
    outputs::write(text, figures);
}

#[cfg(test)]
mod tests;
