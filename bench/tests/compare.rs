//! The whole harness, end to end, with relays as the only contenders: every kind of run, and the report.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use serde_json::Value;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/example");

/// A run of the relay alone, as short as it can be. The build under test has no optimisation, and other tests run.
fn command(json: &Path, rounds: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halb-bench"));
    command.args(["compare", "--only", "relay", "--even-if-busy"]);
    command.args([
        "--rounds",
        rounds,
        "--seconds",
        "0.1",
        "--warm-seconds",
        "0.05",
    ]);
    command.arg("--json").arg(json);
    command
}

fn compare(arguments: &[&str]) -> (Output, Value) {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let output = command(&json, "1").args(arguments).output().unwrap();
    (output.clone(), read(&json, &output))
}

fn read(json: &Path, output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = std::fs::read(json).unwrap_or_else(|error| panic!("{error}: {errors}"));
    serde_json::from_slice(&text).unwrap()
}

fn array<'a>(report: &'a Value, name: &str) -> &'a Vec<Value> {
    report[name].as_array().unwrap()
}

/// The runs of one part.
fn runs<'a>(report: &'a Value, part: &str) -> Vec<&'a Value> {
    let runs = array(report, "runs").iter();
    runs.filter(|run| run["scene"]["part"] == part).collect()
}

#[test]
fn every_kind_of_run_is_measured_without_faults() {
    let (output, report) = compare(&[
        "--parts=requests,growth,bodies,memory",
        "--connections=4",
        "--bytes=0,128,3000,5000",
        "--growth=2,8",
        "--bodies=65536,200000",
        "--idle=100",
        "--active=0",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(report["complete"], true);
    for (part, scenes) in [("requests", 4), ("growth", 2), ("bodies", 2)] {
        let runs = runs(&report, part);
        assert_eq!(runs.len(), scenes * 2, "direct and relay, {part}");
        for run in runs {
            assert!(run["answered"].as_u64().unwrap() > 0, "{run}");
            assert!(run["p50_us"].as_f64().unwrap() > 0.0, "{run}");
            let relay = run["contender"] == "relay";
            let spent = run["process_us"].as_f64().is_some_and(|time| time > 0.0);
            assert_eq!(spent, relay, "{run}");
            assert_eq!(run["beyond_us"].is_number(), relay, "{run}");
        }
    }
    let idle = &array(&report, "memory")[0];
    assert_eq!(
        (&idle["held"], &idle["answered_again"]),
        (&100.into(), &100.into())
    );
    // A build without optimisation is measured only on demand, and the record says so.
    assert_eq!(report["surroundings"]["doubtful"], true);
    let targets = array(&report, "targets");
    assert!(targets.iter().all(|target| target["verdict"] == "unknown"));
    let text = String::from_utf8_lossy(&output.stdout);
    for words in ["kept-alive connections", "user-space bytes each", "WARNING"] {
        assert!(text.contains(words), "{words} is missing in:\n{text}");
    }
}

#[test]
fn rates_are_offered_as_parts_of_the_greatest() {
    let (output, report) = compare(&["--parts=rates", "--rates=0.1,0.2"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let runs = runs(&report, "rates");
    let most = runs[0]["rate"].as_f64().unwrap();
    assert_eq!(runs[0]["scene"]["offered"], Value::Null);
    for (run, part) in [(1, 0.1), (3, 0.2)] {
        let offered = runs[run]["scene"]["offered"].as_f64().unwrap();
        assert!((offered - most * part).abs() <= 0.5, "{offered} of {most}");
        assert_eq!(runs[run]["contender"], "direct");
        assert_eq!(runs[run + 1]["contender"], "relay");
    }
}

#[test]
fn a_contender_of_ones_own_takes_part() {
    let more = [
        "--parts=requests",
        "--connections=4",
        "--only=second-relay",
        "--peer",
        EXAMPLE,
    ];
    let (output, report) = compare(&more);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let runs = runs(&report, "requests");
    let names: Vec<&str> = runs
        .iter()
        .filter_map(|run| run["contender"].as_str())
        .collect();
    assert_eq!(names, ["direct", "relay", "second-relay"]);
    let version = report["surroundings"]["versions"]["second-relay"].as_str();
    assert!(
        version.is_some_and(|line| line.starts_with("halb-bench ")),
        "{version:?}"
    );
}

#[test]
fn a_signal_leaves_a_partial_record() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let mut child = command(&json, "100000")
        .args(["--parts=requests", "--connections=4"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Its third line of progress: something has been measured.
    let errors = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut lines = std::io::BufRead::lines(errors);
    let third = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("[3/")));
    assert!(third.is_some());
    let process = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = read(&json, &output);
    assert_eq!(report["complete"], false);
    assert!(array(&report, "runs").len() >= 2);
    assert!(String::from_utf8_lossy(&output.stdout).contains("PARTIAL"));
}

#[test]
fn a_contender_that_cannot_start_is_named_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(&folder.path().join("report.json"), "1")
        .args(["--only", "halb", "--halb", "/nowhere/halb"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    let named = errors.contains("halb ended") && errors.contains("/nowhere/halb");
    assert!(named, "{errors}");
}

#[test]
fn what_would_be_worth_nothing_is_not_measured() {
    let output = Command::new(env!("CARGO_BIN_EXE_halb-bench"))
        .args(["compare", "--only", "relay", "--parts", "requests"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    let refused = errors.contains("without optimisation") && errors.contains("--even-if-busy");
    assert!(refused, "{errors}");
}
