//! `/metrics` of a running HALB: what Prometheus reads, and that it agrees with what else counts.

use std::fs::File;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::backend::Backend;
use crate::backend::Refusing;
use crate::client::Client;
use crate::client::Response;
use crate::node::Node;
use crate::process::Folder;

fn ask(address: SocketAddr, path: &str) -> Response {
    let mut client = Client::connect(address);
    client.say(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
    client.response()
}

fn metrics(node: &Node) -> String {
    let response = ask(node.ui, "/metrics");
    assert_eq!(response.status, 200, "{}", response.head);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(response.field("Content-Type"), Some(kind));
    response.text()
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let line = line.unwrap_or_else(|| panic!("no {series} in\n{text}"));
    line.trim_start().parse().unwrap()
}

#[test]
fn prometheus_reads_what_was_counted() {
    let (good, bad) = (Backend::named("good"), Refusing::new());
    let node = Node::start(
        &[good.address, bad.address],
        "workers = 2\nhealthcheck_interval = 0.1",
    );
    for _ in 0..20 {
        assert_eq!(node.get("/"), "good");
    }
    // Both are counted by others than those who answer.
    let text = loop {
        let text = metrics(&node);
        let last = "halb_endings_total{reason=\"answered\",fault=\"nobody\"}";
        let counted = value(&text, last) >= 20.0;
        if counted && value(&text, "halb_output_errors_total{output=\"out2\"}") >= 1.0 {
            break text;
        }
    };
    for (series, expected) in [
        ("halb_output_sessions_total{output=\"out1\"}", 20.0),
        (
            "halb_output_responses_total{output=\"out1\",class=\"2xx\"}",
            20.0,
        ),
        ("halb_output_response_seconds_count{output=\"out1\"}", 20.0),
        (
            "halb_output_total_seconds_bucket{output=\"out1\",le=\"+Inf\"}",
            20.0,
        ),
        (
            "halb_endings_total{reason=\"answered\",fault=\"nobody\"}",
            20.0,
        ),
        ("halb_requests_total", 20.0),
        ("halb_output_status{output=\"out1\"}", 0.0),
        ("halb_output_status{output=\"out2\"}", 1.0),
        ("halb_output_status{output=\"out8\"}", 100.0),
        ("halb_output_health{output=\"out2\",health=\"down\"}", 1.0),
        ("halb_output_probe_success{output=\"out2\"}", 0.0),
        ("halb_mon_connected", 0.0),
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
    for series in [
        "halb_output_response_seconds_sum{output=\"out1\"}",
        "halb_output_request_bytes_total{output=\"out1\"}",
        "halb_output_response_bytes_total{output=\"out1\"}",
        "halb_uptime_seconds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    ] {
        assert!(value(&text, series) > 0.0, "{series}");
    }
    assert!(text.contains("\nhalb_worker_connections{worker=\"1\"} "));
    promtool(&text);
    agrees(&node, &text);
    node.stop();
}

/// What only grows may have grown since; all else stands still.
fn agrees(node: &Node, text: &str) {
    let counters: Value = serde_json::from_str(&ask(node.ctl, "/api/counters").text()).unwrap();
    for (name, now) in counters["status"].as_object().unwrap() {
        let series = match name.split_once('_') {
            _ if name == "code" || name == "message" => continue,
            Some((output, rest)) if output.starts_with("out") => format!("halb_output_{rest}"),
            _ => format!("halb_{name}"),
        };
        let label = match name.split_once('_') {
            Some((output, _)) if output.starts_with("out") => format!("{{output=\"{output}\"}}"),
            _ => String::new(),
        };
        let now = now.as_f64().unwrap();
        if name.ends_with("errors") {
            assert!(
                value(text, &format!("{series}_total{label} ")) <= now,
                "{name}"
            );
        } else {
            assert_eq!(value(text, &format!("{series}{label} ")), now, "{name}");
        }
    }
}

fn promtool(text: &str) {
    let folder = Folder::new();
    let file = folder.write("metrics", text.as_bytes());
    let output = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(File::open(file).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{text}");
}

#[test]
fn a_password_stands_before_it() {
    let backend = Backend::named("secret");
    let node = Node::start(
        &[backend.address],
        "username = \"u\"\npassword = \"long enough\"",
    );
    let response = ask(node.ui, "/metrics");
    assert_eq!(response.status, 401, "{}", response.head);
    assert!(response.field("WWW-Authenticate").is_some());
    node.stop();
}

#[test]
fn what_mon_drops_is_seen() {
    let backend = Backend::named("counted");
    let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mon = format!(
        "mon = \"statsd://{}\"\nmon_interval = 0.1",
        gone.local_addr().unwrap()
    );
    drop(gone);
    let node = Node::start(&[backend.address], &mon);
    while value(&metrics(&node), "halb_mon_dropped_total") == 0.0 {}
    node.stop();
}
