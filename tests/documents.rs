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

/// What `halb check` says of the first configuration in a document; it is sound.
fn check(text: &str, name: &str, node: &str) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, block(text, "toml")).unwrap();
    let check = halb(&["check", "--node", node, "-f", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.success(), "{said}");
    said
}

#[test]
fn the_first_configuration_is_sound() {
    let said = check(include_str!("../README.md"), "readme.toml", "edge");
    assert!(!said.contains("warning"), "{said}");
}

/// But for what this host lacks: interface, network and key.
#[test]
fn the_configuration_of_a_pair_is_sound() {
    for node in ["lb1", "lb2"] {
        let said = check(include_str!("../docs/domain.md"), "domain.toml", node);
        let is_of_host = |line: &&str| {
            [
                "interface eth0",
                "eth0 has no",
                "key_file",
                "no address of this host",
            ]
            .iter()
            .any(|part| line.contains(part))
        };
        let strange: Vec<&str> = said.lines().filter(|line| !is_of_host(line)).collect();
        assert_eq!(strange, [""; 0]);
    }
}

/// The test of a fault waits for the lines under its heading in docs/faults.md.
#[test]
fn no_fault_with_lines_is_without_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/domain");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.is_file());
    let tests: String = texts
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut count = 0;
    for section in include_str!("../docs/faults.md").split("\n## ").skip(1) {
        let (heading, rest) = section.split_once('\n').unwrap();
        if rest.contains("\n    ") {
            let call = format!("logs_are_as_shown(\"{heading}\")");
            assert!(tests.contains(&call), "no test calls {call}");
            count += 1;
        }
    }
    assert!(count > 10, "the headings are found");
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
