//! The shape of the house, held by a test: which room may name which, where `unsafe` may live, how long a
//! function and a file may be, and a few things that are never committed. There is no list of exemptions.
//!
//! The rules read tokens, not text, so that a comment or a string never counts as code. Each rule has a
//! sample below that it must refuse.
#![forbid(unsafe_code)]

mod reader;
mod samples;

use std::fmt;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use proc_macro2::TokenStream;

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;

/// Every room with the paths below `crate::` that it may name besides its own, bottom up.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("balance", &["model"]),
    ("http", &["model"]),
    ("probe", &["model", "http"]),
    ("pair", &["model"]),
    ("ring", &["model"]),
    ("plane", &["model", "http", "pair"]),
    // Of the ring only its port, so that a simulator can stand in for the kernel.
    (
        "worker",
        &[
            "model",
            "http",
            "balance",
            "ring::port",
            "ring::arena",
            "ring::token",
            "plane",
        ],
    ),
    ("warden", &["model", "pair", "ring"]),
    // Of the warden only what it is told and what it says.
    (
        "standby",
        &["model", "pair", "ring", "plane", "warden::wire"],
    ),
    (
        "control",
        &[
            "model", "http", "balance", "probe", "pair", "ring", "plane", "worker", "standby",
        ],
    ),
    (
        "daemon",
        &[
            "model", "http", "balance", "probe", "pair", "ring", "plane", "worker", "warden",
            "standby", "control",
        ],
    ),
];

/// The one room for `unsafe`.
const UNSAFE_ROOM: &str = "ring";

/// Folders whose Rust sources keep all the rules.
const RUST_FOLDERS: &[&str] = &["src", "tests", "bench", "fuzz"];
/// Folders whose text is looked at as well.
const TEXT_FOLDERS: &[&str] = &["docs", "scripts", "systemd", "tuning", ".ci"];
/// What builds and fuzzers leave behind.
const LEFT_BEHIND: &[&str] = &["target", "artifacts", "corpus", "coverage"];

/// Words that say something is not finished. Spelled in two parts, or this file would break its own rule.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];
/// Paths that exist on a development machine only.
const FOREIGN_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/tmp/", "halb")];

const LICENCE_FIELD: &str = "license = \"MIT OR Apache-2.0\"";

/// One file, by its path from the root of the repository.
struct Source {
    path: String,
    text: String,
}

#[derive(PartialEq, Eq)]
struct Fault {
    path: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

#[test]
fn the_house_is_tidy() {
    let sources = committed();
    assert!(sources.len() > 20, "the walk finds the sources");
    let mut faults: Vec<Fault> = sources.iter().flat_map(check).collect();
    faults.extend(check_rooms(&sources));
    faults.extend(check_licences(&sources));
    faults.extend(check_links(&sources));
    let list: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(list.is_empty(), "not tidy:\n{}", list.join("\n"));
}

/// All rules that concern one file alone.
fn check(source: &Source) -> Vec<Fault> {
    let mut faults = check_text(source);
    if !source.path.ends_with(".rs") {
        return faults;
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let rule = format!("a file has at most {FILE_LINES_MAX} lines, this one {lines}");
        faults.push(source.fault(FILE_LINES_MAX + 1, rule));
    }
    match source.text.parse::<TokenStream>() {
        Ok(stream) => faults.extend(reader::check(source, stream)),
        Err(error) => {
            let line = error.span().start().line;
            faults.push(source.fault(line, format!("not Rust: {error}")));
        }
    }
    faults
}

fn check_text(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (line, text) in (1..).zip(source.text.lines()) {
        for word in UNFINISHED.iter().filter(|word| text.contains(**word)) {
            faults.push(source.fault(line, format!("{word}: finish it or file an issue")));
        }
        for path in FOREIGN_PATHS.iter().filter(|path| text.contains(**path)) {
            let rule = format!("{path} is a path of a development machine");
            faults.push(source.fault(line, rule));
        }
    }
    faults
}

/// The list in `src/lib.rs` and the table above are the same, and each room but one forbids `unsafe`.
fn check_rooms(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let Some(library) = find(sources, "src/lib.rs") else {
        return vec![missing("src/lib.rs")];
    };
    for (line, text) in (1..).zip(library.text.lines()) {
        let Some(rest) = text.strip_prefix("pub mod ").or(text.strip_prefix("mod ")) else {
            continue;
        };
        let room = rest.trim_end_matches(';');
        if !ROOMS.iter().any(|(known, _)| *known == room) {
            faults.push(library.fault(line, format!("room `{room}` is not in tests/tidy")));
        }
    }
    for (room, _) in ROOMS {
        if !library.text.contains(&format!("mod {room};")) {
            faults.push(library.fault(1, format!("room `{room}` is missing")));
        }
        let path = format!("src/{room}/mod.rs");
        match find(sources, &path) {
            None => faults.push(missing(&path)),
            Some(_) if *room == UNSAFE_ROOM => {}
            Some(source) => faults.extend(check_forbids(source)),
        }
    }
    match find(sources, "src/main.rs") {
        None => faults.push(missing("src/main.rs")),
        Some(source) => faults.extend(check_forbids(source)),
    }
    faults
}

fn check_forbids(source: &Source) -> Option<Fault> {
    let line = "#![forbid(unsafe_code)]";
    let stands = source.text.lines().any(|text| text.starts_with(line));
    (!stands).then(|| source.fault(1, format!("{line} is missing")))
}

fn check_licences(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for path in ["LICENSE-MIT", "LICENSE-APACHE"] {
        if find(sources, path).is_none() {
            faults.push(missing(path));
        }
    }
    for source in sources {
        let is_package = source.path.ends_with("Cargo.toml") && source.text.contains("[package]");
        if is_package && !source.text.lines().any(|line| line == LICENCE_FIELD) {
            faults.push(source.fault(1, format!("{LICENCE_FIELD} is missing")));
        }
    }
    faults
}

/// A relative link in a document leads to something that is there.
fn check_links(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with(".md")) {
        let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
        for (line, text) in (1..).zip(source.text.lines()) {
            for target in relative_links(text) {
                let path = folder.join(target);
                let plain = path.to_string_lossy().trim_end_matches('/').to_owned();
                let is_text = find(sources, &plain).is_some();
                let is_folder = |other: &Source| other.path.starts_with(&format!("{plain}/"));
                // Pictures, and what programs read.
                let is_other = Path::new(env!("CARGO_MANIFEST_DIR")).join(&plain).is_file();
                if !is_text && !is_other && !sources.iter().any(is_folder) {
                    faults.push(source.fault(line, format!("the link to {target} leads nowhere")));
                }
            }
        }
    }
    faults
}

/// The targets of `[text](target)` in one line, but for those with a scheme or into the same page.
fn relative_links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let files = targets.filter_map(|target| target.split('#').next());
    files.filter(|target| !target.is_empty() && !target.contains("://"))
}

impl Source {
    fn fault(&self, line: usize, rule: impl Into<String>) -> Fault {
        Fault {
            path: self.path.clone(),
            line,
            rule: rule.into(),
        }
    }

    /// The room this file belongs to.
    fn room(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src/")?;
        let (room, _) = below.split_once('/')?;
        Some(room)
    }
}

fn find<'s>(sources: &'s [Source], path: &str) -> Option<&'s Source> {
    sources.iter().find(|source| source.path == path)
}

fn missing(path: &str) -> Fault {
    Fault {
        path: path.to_owned(),
        line: 1,
        rule: "the file is missing".to_owned(),
    }
}

/// Everything the repository holds, without what builds leave behind.
fn committed() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for entry in fs::read_dir(root).expect("the repository is readable") {
        let path = entry.expect("the repository is readable").path();
        // In a linked worktree `.git` is a file that names a path of its machine.
        if path.is_file() && !path.ends_with(".git") {
            files.push(path);
        }
    }
    for folder in RUST_FOLDERS.iter().chain(TEXT_FOLDERS) {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let read = |file: PathBuf| {
        let path = file.strip_prefix(root).ok()?.to_str()?.to_owned();
        let text = fs::read_to_string(&file).ok()?; // what is not UTF-8 is no text
        Some(Source { path, text })
    };
    files.into_iter().filter_map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return; // not every folder exists from the first day
    };
    for entry in entries {
        let path = entry.expect("the repository is readable").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && !LEFT_BEHIND.contains(&name.as_str()) {
            collect(&path, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}
