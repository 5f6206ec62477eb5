//! The plain view, for a terminal: `curl`, `watch`.

use std::fmt::Write;

use crate::control::overview::shape::OutputView;
use crate::control::overview::shape::Overview;
use crate::control::overview::shape::Word;
use crate::control::ui::domain;
use crate::control::ui::format::bytes;
use crate::control::ui::format::count;
use crate::control::ui::format::length;
use crate::control::ui::format::memory;
use crate::control::ui::format::micros;
use crate::control::ui::format::rate;
use crate::control::ui::format::time_of_day;

/// So many of the newest events; the page and `/api/overview` have more.
const EVENTS: usize = 10;

/// The heads of the table. Names in capitals stand over several columns on the page.
const HEADS: [&str; 19] = [
    "output",
    "address",
    "Status",
    "since",
    "Queue Curr.",
    "Max.",
    "Sessions Curr.",
    "Max.",
    "Cumul.",
    "Errors Conn.",
    "Resp.",
    "Check",
    "Down",
    "req/s",
    "p50",
    "p99",
    "in/s",
    "out/s",
    "last probe",
];
/// The first of them stand to the left, and so does the last; numbers stand to the right.
const LEFT: [usize; 5] = [0, 1, 2, 3, 18];

/// Everything, as text.
pub fn of(overview: &Overview) -> String {
    let mut text = head(overview);
    let rows: Vec<_> = overview
        .outputs
        .iter()
        .map(|output| row(output, overview.unix_ms))
        .collect();
    if let Some(domain) = &overview.domain {
        let file = domain["file"]["text"].as_str().unwrap_or_default();
        let sentence = domain::sentence(domain);
        let _ = writeln!(text, "domain: {sentence} Its file: {file}");
    }
    text.push('\n');
    table(&mut text, &rows);
    text.push('\n');
    for event in overview.events.iter().take(EVENTS) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {}", time_of_day(event.unix_ms), event.text);
    }
    text
}

fn head(overview: &Overview) -> String {
    let (figures, limits, passed) = (&overview.figures, &overview.limits, &overview.passed);
    let percentile = |share| micros(passed.response.percentile(share));
    format!(
        "HALB {version} on {node}\n\
         nbcproc {nbcproc}, uptime {uptime}\n\
         system limits: memmax {memmax}, ulimit-n {ulimit}, maxsock {maxsock}, maxconn {maxconn}\n\
         current conns {conns}, sessions {active} (most {most}, {total} in all), queue {queue} (most {queued})\n\
         {requests} requests/s, latency p50 {p50}, p99 {p99}, {bytes_in}/s in, {bytes_out}/s out\n",
        version = env!("CARGO_PKG_VERSION"),
        node = overview.node,
        nbcproc = limits.nbcproc,
        uptime = length(overview.uptime),
        memmax = memory(limits.memmax),
        ulimit = count(limits.ulimit_n),
        maxsock = count(limits.maxsock),
        maxconn = count(figures.max_connections),
        conns = count(figures.connections_active),
        active = count(figures.sessions_active),
        most = count(figures.sessions_max),
        total = count(figures.sessions_total),
        queue = count(figures.queue.now),
        queued = count(figures.queue.most),
        requests = rate(passed.requests_per_s),
        p50 = percentile(0.5),
        p99 = percentile(0.99),
        bytes_in = bytes(passed.bytes_in_per_s),
        bytes_out = bytes(passed.bytes_out_per_s),
    )
}

fn row(output: &OutputView, unix_ms: u64) -> [String; HEADS.len()] {
    let (figures, passed) = (&output.figures, &output.passed);
    let name = if output.backup {
        format!("{} backup", figures.id)
    } else {
        figures.id.to_string()
    };
    let probe = output.probe.as_ref().map_or_else(String::new, |probe| {
        let ago = std::time::Duration::from_millis(unix_ms.saturating_sub(probe.unix_ms));
        format!("{}, {} ago", probe.text, length(ago))
    });
    [
        name,
        output.name.clone(),
        output.word().text().to_owned(),
        since(output),
        count(figures.queue.now),
        count(figures.queue.most),
        count(figures.sessions_active),
        count(figures.sessions_max),
        count(figures.sessions_total),
        count(figures.connect_errors),
        count(figures.response_errors),
        count(figures.errors),
        count(figures.downs),
        rate(passed.requests_per_s),
        micros(passed.response.percentile(0.5)),
        micros(passed.response.percentile(0.99)),
        bytes(passed.bytes_in_per_s),
        bytes(passed.bytes_out_per_s),
        probe,
    ]
}

/// Health lasts; since when a switch stands nobody knows.
fn since(output: &OutputView) -> String {
    match output.word() {
        Word::Disabled | Word::Drain => "–".to_owned(),
        Word::Up | Word::Down | Word::Checking => length(output.since),
    }
}

/// Columns as wide as what stands in them.
fn table(text: &mut String, rows: &[[String; HEADS.len()]]) {
    let heads = HEADS.map(str::to_owned);
    let lines = || std::iter::once(&heads).chain(rows);
    let width = |column: usize| lines().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for line in lines() {
        let mut written = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            // Writing to a String cannot fail.
            let _ = if LEFT.contains(&column) {
                write!(written, "{cell:<width$}  ")
            } else {
                write!(written, "{cell:>width$}  ")
            };
        }
        text.push_str(written.trim_end());
        text.push('\n');
    }
}
