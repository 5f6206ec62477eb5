//! `/metrics`, the alerts and the dashboard fit each other and what Prometheus reads. `tests/monitoring/metrics.txt` is
//! the text of `/metrics` for fixed figures, `domain.txt` what there is besides in a domain; unit tests of
//! `control::metrics` hold them.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const METRICS: &str = include_str!("monitoring/metrics.txt");
const DOMAIN: &str = include_str!("monitoring/domain.txt");
const ALERTS: &str = include_str!("../tuning/monitoring/halb-alerts.yml");
const DASHBOARD: &str = include_str!("../tuning/monitoring/halb-dashboard.json");
const MANUAL: &str = include_str!("../docs/monitoring.md");

/// Prometheus' own judge; what it says is shown when it is not content.
fn promtool(arguments: &[&str], input: Option<&str>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(root);
    if let Some(input) = input {
        command.stdin(File::open(root.join(input)).unwrap());
    }
    let output = command
        .output()
        .expect("promtool is there (scripts/packages)");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[test]
fn prometheus_reads_the_metrics() {
    promtool(&["check", "metrics"], Some("tests/monitoring/metrics.txt"));
    promtool(&["check", "metrics"], Some("tests/monitoring/domain.txt"));
}

#[test]
fn prometheus_takes_the_alerts_and_they_fire() {
    promtool(
        &["check", "rules", "tuning/monitoring/halb-alerts.yml"],
        None,
    );
    promtool(&["test", "rules", "tests/monitoring/alerts.yml"], None);
}

/// The names of all series.
fn series() -> BTreeSet<&'static str> {
    let lines = METRICS.lines().chain(DOMAIN.lines());
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect()
}

/// The names of metrics in a query, ours and those of every process.
fn names(query: &str) -> BTreeSet<&str> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    query
        .split(|c| !in_name(c))
        .filter(|word| word.starts_with("halb_") || word.starts_with("process_"))
        .collect()
}

#[test]
fn the_alerts_name_what_there_is() {
    let expressions: Vec<&str> = ALERTS
        .split("expr:")
        .skip(1)
        .map(|rest| rest.split(" labels:").next().unwrap())
        .collect();
    assert!(expressions.len() >= 24, "the alerts are found");
    let series = series();
    for expression in expressions {
        for name in names(expression) {
            assert!(series.contains(name), "{name} in {expression}");
        }
    }
}

#[test]
fn the_dashboard_names_what_there_is() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries.push(target["expr"].as_str().unwrap());
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        queries.extend(variable["definition"].as_str());
    }
    assert!(queries.len() >= 30, "the queries are found");
    let series = series();
    for query in queries {
        let found = names(query);
        assert!(!found.is_empty(), "{query}");
        for name in found {
            assert!(series.contains(name), "{name} in {query}");
        }
    }
}

#[test]
fn the_manual_has_them_all() {
    for text in [METRICS, DOMAIN] {
        is_in_the_manual(text);
    }
}

fn is_in_the_manual(metrics: &str) {
    let heads = metrics.lines().filter_map(|line| line.strip_prefix("# "));
    let heads: Vec<&str> = heads.collect();
    let rows: Vec<String> = heads
        .chunks(2)
        .map(|head| {
            let (name, help) = head[0]["HELP ".len()..].split_once(' ').unwrap();
            let kind = head[1].rsplit(' ').next().unwrap();
            format!("| `{name}` | {kind} | {help} |")
        })
        .collect();
    let table = rows.join("\n");
    assert!(
        MANUAL.contains(&table),
        "docs/monitoring.md is to say\n{table}"
    );
}
