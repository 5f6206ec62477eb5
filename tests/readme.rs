//! What README.md shows works as it stands there.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::Command;

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
    let check = Command::new(env!("CARGO_BIN_EXE_halb"))
        .args(["check", "-f"])
        .arg(&file)
        .env_clear() // a HALB_… variable of the person who tests would count more than the file
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success(), "{said}");
    assert!(!said.contains("warning"), "{said}");
}
