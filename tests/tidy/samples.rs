//! What each rule refuses, and what stands beside it and is right.

use crate::FILE_LINES_MAX;
use crate::FOREIGN_PATHS;
use crate::FUNCTION_LINES_MAX;
use crate::Fault;
use crate::LICENCE_FIELD;
use crate::ROOMS;
use crate::Source;
use crate::UNFINISHED;
use crate::UNSAFE_ROOM;
use crate::check;
use crate::check_licences;
use crate::check_links;
use crate::check_rooms;

fn faults(path: &str, text: &str) -> Vec<String> {
    let source = sample(path, text);
    check(&source).iter().map(Fault::to_string).collect()
}

fn sample(path: &str, text: &str) -> Source {
    Source {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

/// `text` breaks exactly one rule, on `line`, and the message holds `says`.
fn refused(path: &str, text: &str, line: usize, says: &str) {
    let found = faults(path, text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    let place = format!("{path}:{line}: ");
    assert!(
        found[0].starts_with(&place) && found[0].contains(says),
        "{text}: {found:?}"
    );
}

fn accepted(path: &str, text: &str) {
    assert_eq!(faults(path, text), [""; 0], "{text}");
}

#[test]
fn a_room_names_only_rooms_below_it() {
    let upward = "fn f() {}\nuse crate::worker::Worker;";
    refused("src/http/body.rs", upward, 2, "room `http` may not name");
    refused("src/http/mod.rs", "use super::ring;", 1, "`crate::ring`");
    refused(
        "src/http/a/b.rs",
        "use super::super::super::ring;",
        1,
        "`crate::ring`",
    );
    refused(
        "src/http/a.rs",
        "mod t { use super::super::super::plane::P; }",
        1,
        "plane",
    );
    refused(
        "src/model/a.rs",
        "fn f() { g!(crate::http::X); }",
        1,
        "crate::http::X",
    );
    refused(
        "src/worker/a.rs",
        "use crate::ring::kernel::K;",
        1,
        "crate::ring::kernel",
    );
    refused("src/worker/a.rs", "use crate::ring;", 1, "`crate::ring`");
    refused("src/worker/a.rs", "use crate::*;", 1, "`crate::`");
    refused(
        "src/cellar/mod.rs",
        "use crate::model::X;",
        1,
        "room `cellar`",
    );
    refused(
        "src/http/a.rs",
        "extern crate self as halb;",
        1,
        "extern crate",
    );
    accepted(
        "src/worker/a.rs",
        "use crate::ring::port::Ring;\nuse crate::worker::X;",
    );
    accepted(
        "src/http/a.rs",
        "use super::body::X;\nmod t { use super::super::field::Y; }",
    );
    accepted(
        "src/http/a.rs",
        "// crate::ring\npub(crate) const C: &str = \"crate::ring\";",
    );
    accepted("tests/a.rs", "use crate::net::Net;");
}

#[test]
fn unsafe_has_one_room() {
    let block = "fn f() {\n    unsafe { g() }\n}";
    refused("src/worker/a.rs", block, 2, "src/ring only");
    refused(
        "src/plane/a.rs",
        "unsafe impl Send for X {}",
        1,
        "src/ring only",
    );
    accepted("src/ring/a.rs", block);
    accepted("src/worker/a.rs", "// unsafe\nconst S: &str = \"unsafe\";");
}

#[test]
fn a_function_has_a_last_line() {
    let body = |lines: usize| format!("impl X {{\nfn f() {{\n{}}}\n}}", "g();\n".repeat(lines));
    accepted("src/model/a.rs", &body(FUNCTION_LINES_MAX - 2));
    refused(
        "src/model/a.rs",
        &body(FUNCTION_LINES_MAX - 1),
        2,
        "`f` has 71",
    );
    refused("tests/a.rs", &body(FUNCTION_LINES_MAX - 1), 2, "`f` has 71");
    accepted(
        "src/model/a.rs",
        "trait T { fn f(); }\ntype F = fn(u8) -> u8;",
    );
}

#[test]
fn a_file_has_a_last_line() {
    accepted("bench/src/a.rs", &"//\n".repeat(FILE_LINES_MAX));
    let long = "//\n".repeat(FILE_LINES_MAX + 1);
    refused("bench/src/a.rs", &long, FILE_LINES_MAX + 1, "this one 601");
    accepted("docs/long.md", &long);
}

#[test]
fn a_use_has_one_path() {
    refused("tests/a.rs", "use std::{fs, io};", 1, "one path per `use`");
    accepted(
        "tests/a.rs",
        "use std::fs;\nfn f<'a>() -> impl T + use<'a> {}",
    );
}

#[test]
fn nothing_unfinished_is_committed() {
    refused("tests/a.rs", "#[test]\n#[ignore]\nfn f() {}", 2, "ignored");
    refused(
        "tests/a.rs",
        "#[ignore = \"slow\"]\nfn f() {}",
        1,
        "ignored",
    );
    refused(
        "tests/a.rs",
        "#[cfg_attr(miri, ignore)]\nfn f() {}",
        1,
        "ignored",
    );
    refused("src/http/a.rs", "fn f() {\n    todo!()\n}", 2, "todo!");
    refused(
        "src/http/a.rs",
        "fn f() { unimplemented!(\"x\") }",
        1,
        "unimplemented!",
    );
    for word in UNFINISHED {
        refused("docs/a.md", &format!("\n{word}: more"), 2, word);
    }
    accepted("tests/a.rs", "fn ignore(todo: u8) -> u8 { todo }");
}

#[test]
fn no_path_of_a_development_machine_is_committed() {
    for path in FOREIGN_PATHS {
        refused("scripts/a", &format!("cd {path}x"), 1, path);
    }
}

#[test]
fn what_does_not_parse_is_refused() {
    refused("src/model/a.rs", "fn f() {\n", 1, "not Rust");
}

/// A tree that keeps the rules for rooms and licences, with `change` made to it.
fn tree_faults(change: impl Fn(&mut Vec<Source>)) -> Vec<String> {
    let forbids = "#![forbid(unsafe_code)]\n";
    let list: Vec<String> = ROOMS
        .iter()
        .map(|(room, _)| format!("pub mod {room};"))
        .collect();
    let mut sources = vec![
        sample("src/lib.rs", &list.join("\n")),
        sample("src/main.rs", forbids),
        sample("Cargo.toml", &format!("[package]\n{LICENCE_FIELD}\n")),
        sample("LICENSE-MIT", ""),
        sample("LICENSE-APACHE", ""),
    ];
    for (room, _) in ROOMS {
        let text = if *room == UNSAFE_ROOM { "" } else { forbids };
        sources.push(sample(&format!("src/{room}/mod.rs"), text));
    }
    change(&mut sources);
    let faults = check_rooms(&sources)
        .into_iter()
        .chain(check_licences(&sources));
    faults.map(|fault| fault.to_string()).collect()
}

fn rewrite(sources: &mut [Source], path: &str, text: &str) {
    let source = sources
        .iter_mut()
        .find(|source| source.path == path)
        .unwrap();
    text.clone_into(&mut source.text);
}

#[test]
fn rooms_and_licences_are_all_there() {
    assert_eq!(tree_faults(|_| {}), [""; 0]);
    let faults = tree_faults(|sources| rewrite(sources, "src/plane/mod.rs", "// none"));
    assert_eq!(
        faults,
        ["src/plane/mod.rs:1: #![forbid(unsafe_code)] is missing"]
    );
    let faults = tree_faults(|sources| rewrite(sources, "src/main.rs", ""));
    assert_eq!(
        faults,
        ["src/main.rs:1: #![forbid(unsafe_code)] is missing"]
    );
    let faults = tree_faults(|sources| rewrite(sources, "src/lib.rs", "mod cellar;"));
    assert_eq!(faults.len(), 1 + ROOMS.len(), "{faults:?}");
    let faults = tree_faults(|sources| rewrite(sources, "Cargo.toml", "[package]\n"));
    assert_eq!(
        faults,
        [format!("Cargo.toml:1: {LICENCE_FIELD} is missing")]
    );
    let faults = tree_faults(|sources| sources.retain(|source| source.path != "LICENSE-MIT"));
    assert_eq!(faults, ["LICENSE-MIT:1: the file is missing"]);
}

#[test]
fn links_lead_somewhere() {
    let text = "[a](b.md) [c](b.md#d) [e](https://example.net/f)\n[folder](more/) [self](#a)\n";
    let mut sources = vec![
        sample("docs/a.md", text),
        sample("docs/b.md", ""),
        sample("docs/more/c.md", "[gone](b.md)"),
    ];
    let list = |sources: &[Source]| -> Vec<String> {
        check_links(sources).iter().map(Fault::to_string).collect()
    };
    assert_eq!(
        list(&sources),
        ["docs/more/c.md:1: the link to b.md leads nowhere"]
    );
    sources.truncate(2);
    assert_eq!(
        list(&sources),
        ["docs/a.md:2: the link to more/ leads nowhere"]
    );
}
