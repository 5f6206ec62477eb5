use std::collections::BTreeSet;

use super::*;
use crate::model::load;
use crate::model::load::File;
use crate::model::load::Loaded;
use crate::model::load::Sources;

/// What a domain needs; an example takes the place of its line.
const DOMAIN: &[(&str, &str)] = &[
    ("domain.name", "name = \"other\""),
    ("domain.main", "main = \"lb1\""),
    ("domain.backup", "backup = \"lb2\""),
    (
        "domain.servers",
        "servers = { lb1 = { addresses = \"10.0.0.11\", interface = \"eth0\" }, \
         lb2 = { addresses = \"10.0.0.12\", interface = \"eth0\" } }",
    ),
];

fn loaded(text: &str) -> Loaded {
    let sources = Sources {
        file: Some(File {
            name: "example.toml",
            bytes: text.as_bytes(),
        }),
        environment: &[],
        sets: &[],
        node: None,
        host_name: Some("lb1"),
        read: &|_| Ok(b"sorry".to_vec()),
    };
    match load::load(&sources) {
        Ok(loaded) => loaded,
        Err(refused) => panic!("{text}\n{:?}", refused.mistakes),
    }
}

/// A whole file in which the example stands.
fn around(section: Option<&str>, entry: &Entry) -> String {
    let mut text = match entry.name {
        "out1" => String::new(),
        _ => "out1 = \"10.0.0.9\"\n".to_owned(),
    };
    if let Some(section) = section {
        line(&mut text, &format!("[{section}]"));
    }
    if section == Some("domain") {
        // A table of its own comes last.
        for (_, given) in DOMAIN.iter().filter(|(name, _)| *name != entry.name) {
            line(&mut text, given);
        }
    }
    line(&mut text, entry.example);
    text
}

#[test]
fn each_property_has_one_entry() {
    let mut entries: Vec<&str> = GROUPS
        .iter()
        .flat_map(|group| group.entries)
        .map(|entry| entry.name)
        .collect();
    entries.sort_unstable();
    let mut rows: Vec<&str> = PROPERTIES.iter().map(|row| row.name).collect();
    rows.sort_unstable();
    assert_eq!(entries, rows);
    let names =
        |entries: &[Entry]| -> BTreeSet<&str> { entries.iter().map(|entry| entry.name).collect() };
    let output: BTreeSet<&str> = OUTPUT_PROPERTIES.iter().map(|row| row.name).collect();
    let server: BTreeSet<&str> = SERVER_PROPERTIES.iter().map(|row| row.name).collect();
    assert_eq!(names(words::OUTPUT), output);
    assert_eq!(names(words::SERVER), server);
}

#[test]
fn each_example_is_sound_and_not_the_default() {
    for group in GROUPS {
        for entry in group.entries {
            let text = around(group.section, entry);
            let with = loaded(&text);
            let told = with.origins.contains_key(entry.name);
            assert!(told, "{} is not in its example\n{text}", entry.name);
            let row = PROPERTIES.iter().find(|row| row.name == entry.name);
            if row.is_some_and(|row| matches!(row.fallback, Fallback::Value(_))) {
                let nothing = Entry {
                    example: "",
                    ..*entry
                };
                let without = loaded(&around(group.section, &nothing));
                let differs = with.config != without.config;
                assert!(differs, "the example of {} is its default", entry.name);
            }
        }
    }
}

#[test]
fn the_examples_of_tables_are_sound() {
    let keys = |entries: &[Entry]| -> String {
        let examples: Vec<&str> = entries.iter().map(|entry| entry.example).collect();
        examples.join("\n")
    };
    loaded(&format!("[out1]\n{}", keys(words::OUTPUT)));
    let domain: Vec<&str> = DOMAIN[..2].iter().map(|(_, given)| *given).collect();
    loaded(&format!(
        "out1 = \"10.0.0.9\"\n[domain]\n{}\n[domain.servers.lb1]\n{}",
        domain.join("\n"),
        keys(words::SERVER)
    ));
}
