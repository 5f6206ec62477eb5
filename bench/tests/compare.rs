//! The whole harness, end to end, with the relay as the only contender: every kind of run, and the report.
#![forbid(unsafe_code)]

use std::process::Command;
use std::process::Output;

use serde_json::Value;

fn compare(arguments: &[&str]) -> (Output, Value) {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_halb-bench"))
        .args([
            "compare",
            "--only",
            "relay",
            "--rounds",
            "1",
            "--seconds",
            "0.1",
        ])
        .args(["--warm-seconds", "0.05", "--connections", "4", "--json"])
        .arg(&json)
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = std::fs::read(&json).unwrap_or_else(|error| panic!("{error}: {errors}"));
    (output, serde_json::from_slice(&text).unwrap())
}

#[test]
fn every_kind_of_run_is_measured_without_faults() {
    let sizes = "0,128,3000,5000,200000";
    let (output, report) = compare(&["--new-connections", "--idle", "100", "--bytes", sizes]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(report["complete"], true);

    let runs = report["runs"].as_array().unwrap();
    assert_eq!(
        runs.len(),
        2 * 5 * 2,
        "direct and relay, five sizes, kept and new"
    );
    for run in runs {
        assert!(run["answered"].as_u64().unwrap() > 0, "{run}");
        assert!(run["p50_us"].as_f64().unwrap() > 0.0, "{run}");
        let relay = run["contender"] == "relay";
        assert_eq!(
            run["process_us"].as_f64().is_some_and(|time| time > 0.0),
            relay,
            "{run}"
        );
        assert_eq!(run["beyond_us"].is_number(), relay, "{run}");
    }

    let idle = &report["memory"][0];
    assert_eq!(idle["held"], 100);
    assert_eq!(idle["answered_again"], 100);

    let text = String::from_utf8_lossy(&output.stdout);
    for heading in [
        "kept-alive connections",
        "on a new connection",
        "user-space bytes each",
    ] {
        assert!(text.contains(heading), "{heading} is missing in:\n{text}");
    }
}

#[test]
fn a_contender_that_cannot_start_is_named_with_its_last_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_halb-bench"))
        .args(["compare", "--only", "halb", "--halb", "/nowhere/halb"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("halb ended") && errors.contains("/nowhere/halb"),
        "{errors}"
    );
}
