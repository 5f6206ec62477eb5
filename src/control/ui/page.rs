//! The page as it is at one moment. A script keeps it live; without one it shows the same figures and loads itself
//! again.

use std::fmt::Write;

use crate::control::journal::Event;
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
use crate::model::standing::Switch;

/// Where the page is.
pub const PATH: &str = "/";

const PAGE: &str = include_str!("files/page.html");
const ROW: &str = include_str!("files/row.html");
const SWITCH: &str = include_str!("files/switch.html");
/// So many outputs that do not serve are named in one sentence.
const NAMED: usize = 4;
const NO_SWITCHES: &str = " · with <code>username</code> set, outputs are switched here";

/// The page. With a token it has switches.
pub fn of(overview: &Overview, order_token: Option<&str>) -> String {
    fill(PAGE, &|name| match name {
        "rows" => {
            let rows = overview.outputs.iter();
            rows.map(|output| row(output, order_token)).collect()
        }
        "domain" => domain::panel(overview.domain.as_ref(), order_token),
        "events" => overview.events.iter().map(event).collect(),
        "no_switches" => if order_token.is_some() {
            ""
        } else {
            NO_SWITCHES
        }
        .to_owned(),
        name => escaped(&field(overview, name)),
    })
}

fn field(overview: &Overview, name: &str) -> String {
    let (figures, limits, passed) = (&overview.figures, &overview.limits, &overview.passed);
    match name {
        "node" => overview.node.clone(),
        "title" => format!("{} · HALB", overview.node),
        "version" => env!("CARGO_PKG_VERSION").to_owned(),
        "time" => time_of_day(overview.unix_ms),
        "verdict" => verdict(overview).1,
        "verdict_kind" => verdict(overview).0.to_owned(),
        "requests_per_s" => rate(passed.requests_per_s),
        "errors_per_s" => rate(passed.errors_per_s),
        "latency_ms.p50" => micros(passed.response.percentile(0.5)),
        "latency_ms.p99" => micros(passed.response.percentile(0.99)),
        "bytes_in_per_s" => bytes(passed.bytes_in_per_s),
        "bytes_out_per_s" => bytes(passed.bytes_out_per_s),
        "sessions_active" => count(figures.sessions_active),
        "sessions_max" => count(figures.sessions_max),
        "sessions_total" => count(figures.sessions_total),
        "queue" => count(figures.queue.now),
        "queue_max" => count(figures.queue.most),
        "nbcproc" => limits.nbcproc.to_string(),
        "uptime_s" => length(overview.uptime),
        "memmax" => memory(limits.memmax),
        "ulimit_n" => count(limits.ulimit_n),
        "maxsock" => count(limits.maxsock),
        "maxconn" => count(figures.max_connections),
        "current_conns" => count(figures.connections_active),
        name => unknown(name),
    }
}

/// A word for the style, and the one sentence that says whether anything is wrong.
fn verdict(overview: &Overview) -> (&'static str, String) {
    let serves = |output: &&OutputView| matches!(output.word(), Word::Up | Word::Drain);
    let (serving, others): (Vec<_>, Vec<_>) = overview.outputs.iter().partition(serves);
    let kind = match (serving.len(), others.len()) {
        (_, 0) => "all",
        (0, _) => "none",
        _ => "some",
    };
    let all = overview.outputs.len();
    let mut text = format!("{} of {all} outputs serve", serving.len());
    for (index, output) in others.iter().take(NAMED).enumerate() {
        let between = if index == 0 { ": " } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{between}{} {}",
            output.figures.id,
            output.word().text()
        );
    }
    if others.len() > NAMED {
        text.push_str(", …");
    }
    (kind, text)
}

fn row(output: &OutputView, order_token: Option<&str>) -> String {
    fill(ROW, &|name| match name {
        "tags" => tags(output),
        "switch" => order_token.map_or_else(String::new, |token| switch(output, token)),
        name => match name.strip_prefix("nil.") {
            Some(name) => nil(&output_field(output, name)).to_owned(),
            None => escaped(&output_field(output, name)),
        },
    })
}

fn output_field(output: &OutputView, name: &str) -> String {
    let (figures, passed) = (&output.figures, &output.passed);
    match name {
        "name" => figures.id.to_string(),
        "address" => output.name.clone(),
        "status" => output.word().text().to_owned(),
        "since_s" => length(output.since),
        "probe" => probe(output),
        "queue" => count(figures.queue.now),
        "queue_max" => count(figures.queue.most),
        "sessions" => count(figures.sessions_active),
        "sessions_max" => count(figures.sessions_max),
        "sessions_total" => count(figures.sessions_total),
        "errors_conn" => count(figures.connect_errors),
        "errors_resp" => count(figures.response_errors),
        "errors_check" => count(figures.errors),
        "errors_down" => count(figures.downs),
        "requests_per_s" => rate(passed.requests_per_s),
        "latency_ms.p50" => micros(passed.response.percentile(0.5)),
        "latency_ms.p99" => micros(passed.response.percentile(0.99)),
        "bytes_in_per_s" => bytes(passed.bytes_in_per_s),
        "bytes_out_per_s" => bytes(passed.bytes_out_per_s),
        name => unknown(name),
    }
}

/// What is nothing steps back, so that the rest is seen.
fn nil(value: &str) -> &'static str {
    match value {
        "0" | "0 B" | "–" => " data-nil",
        _ => "",
    }
}

fn tags(output: &OutputView) -> String {
    let mut tags = String::new();
    if output.backup {
        tags.push_str(" <span class=\"tag\">backup</span>");
    }
    if output.weight != 1 {
        // Writing to a String cannot fail.
        let _ = write!(tags, " <span class=\"tag\">weight {}</span>", output.weight);
    }
    tags
}

fn probe(output: &OutputView) -> String {
    let Some(probe) = &output.probe else {
        return String::new();
    };
    let took = probe.took.as_secs_f64() * 1e6;
    format!("{}, {}", probe.text, micros(Some(took)))
}

fn switch(output: &OutputView, token: &str) -> String {
    let is = |switch: Switch| (output.figures.switch == switch).to_string();
    fill(SWITCH, &|name| match name {
        "token" => token.to_owned(),
        "name" => output.figures.id.to_string(),
        "is.enabled" => is(Switch::Enabled),
        "is.draining" => is(Switch::Draining),
        "is.disabled" => is(Switch::Disabled),
        name => unknown(name),
    })
}

fn event(event: &Event) -> String {
    format!(
        "<li data-kind=\"{}\"><time>{} UTC</time> <span>{}</span></li>\n",
        escaped(event.kind),
        time_of_day(event.unix_ms),
        escaped(&event.text)
    )
}

/// A template's `{name}` are what `value` gives for them.
fn fill(template: &str, value: &dyn Fn(&str) -> String) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        text.push_str(before);
        text.push_str(&value(name));
        rest = after;
    }
    text.push_str(rest);
    text
}

fn unknown(name: &str) -> String {
    debug_assert!(false, "the templates name {name}, which there is not");
    String::new()
}

pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
