//! What the documents show works as it stands there.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

/// The program without the `HALB_…` variables of the person who tests: they would count more than a file.
fn halb(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halb"));
    command.args(arguments).env_clear().output().unwrap()
}

/// The text between "```KIND" and the next "```".
fn block<'t>(text: &'t str, kind: &str) -> &'t str {
    let (_, rest) = text
        .split_once(&format!("```{kind}\n"))
        .expect("the block is there");
    rest.split_once("```").expect("the block ends").0
}

#[test]
fn the_first_configuration_is_sound() {
    let configuration = block(include_str!("../README.md"), "toml");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme.toml");
    fs::write(&file, configuration).unwrap();
    let check = halb(&["check", "-f", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success(), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

/// `cargo run -- config --reference >docs/configuration.md` writes it again.
#[test]
fn the_reference_of_properties_is_what_the_program_prints() {
    let printed = halb(&["config", "--reference"]);
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    let committed = include_str!("../docs/configuration.md");
    let mut lines = (1..).zip(printed.lines().zip(committed.lines()));
    let first = lines.find(|(_, (printed, committed))| printed != committed);
    assert!(
        printed == committed,
        "docs/configuration.md is not what the program prints, first in line: {first:?}"
    );
}
