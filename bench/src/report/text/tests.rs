use super::*;
use crate::report::fixture;

/// Set to anything: golden files are written anew, to be looked at and committed.
const BLESS: &str = "REPORT_BLESS";

fn golden(name: &str, text: &str) {
    let path = format!(
        "{}/src/report/golden/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == wanted,
        "{name} is not as it was; {BLESS}=1 accepts:\n{text}"
    );
    for line in text.lines() {
        assert!(
            line.chars().count() <= usize::from(WIDTH),
            "too wide: {line}"
        );
        assert_eq!(line.trim_end(), line);
    }
}

#[test]
fn a_whole_comparison() {
    golden("comparison", &comparison(&fixture::comparison()));
}

#[test]
fn a_small_partial_comparison_of_strangers() {
    golden("small", &comparison(&fixture::small()));
}

#[test]
fn a_verification() {
    golden("verification", &verification(&fixture::verification()));
}

#[test]
fn what_failed_is_told_within_bounds() {
    let mut record = fixture::comparison();
    for run in &mut record.runs {
        run.faults.insert("Ended".to_owned(), 1);
    }
    let count = record.runs.len() - 20;
    let text = comparison(&record);
    assert!(text.contains("halb round 1, 16 connections: {\"Ended\": 1}"));
    assert!(text.ends_with(&format!("  and {count} more, in the record\n")));
}
