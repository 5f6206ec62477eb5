//! The table and the configuration agree; every value that is accepted comes back as it was.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::config::Output;
use crate::model::config::Resources;
use crate::model::config::Server;
use crate::model::load::show::Secrets;
use crate::model::property::OUTPUT_PROPERTIES;
use crate::model::property::SERVER_PROPERTIES;

mod truth;

/// What a domain needs; a test leaves out the key it gives itself.
const DOMAIN: &[(&str, &str)] = &[
    ("name", "'shop'"),
    ("main", "'lb1'"),
    ("backup", "'lb2'"),
    ("virtual_addresses", "['10.0.0.100/24']"),
    ("ping_addresses", "['10.0.0.1']"),
    (
        "servers",
        "{ lb1 = { addresses = '10.0.0.11', interface = 'eth0' }, \
           lb2 = { addresses = '10.0.0.12', interface = 'eth0' } }",
    ),
];

fn load_text(text: &str) -> Result<Loaded, Refused> {
    load_with(text, &[], &[])
}

fn load_with(
    text: &str,
    environment: &[(&str, &str)],
    sets: &[(&str, &str)],
) -> Result<Loaded, Refused> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment: Vec<(String, Option<String>)> = environment
        .iter()
        .map(owned)
        .map(|(name, value)| (name, Some(value)))
        .collect();
    let sets: Vec<(String, String)> = sets.iter().map(owned).collect();
    load(&Sources {
        file: Some(File {
            name: "halb.toml",
            bytes: text.as_bytes(),
        }),
        environment: &environment,
        sets: &sets,
        node: None,
        host_name: Some("lb1"),
        read: &|path| match path.to_str() {
            Some("/absent") => Err("No such file".to_owned()),
            _ => Ok(Vec::new()),
        },
    })
}

/// A file in which `name` has `value`, and all else that is needed.
fn file_with(name: &str, value: &str) -> String {
    let mut text = String::new();
    if name != "out1" {
        text.push_str("out1 = '10.0.0.1'\n");
    }
    text.push_str("out7 = '10.0.0.7'\n");
    let Some(key) = name.strip_prefix("domain.") else {
        text.push_str(&format!("{name} = {value}\n"));
        return text;
    };
    text.push_str("[domain]\n");
    for (other, value) in DOMAIN {
        if *other != key {
            text.push_str(&format!("{other} = {value}\n"));
        }
    }
    text.push_str(&format!("{key} = {value}\n"));
    text
}

fn render_shown(loaded: &Loaded) -> String {
    show::render(loaded, Secrets::Shown)
}

/// The fields of a value, each with the text of what it holds.
fn fields(debug: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut name = String::new();
    for line in debug.lines() {
        let field = line
            .strip_prefix("    ")
            .filter(|rest| !rest.starts_with([' ', '}', ']', ')']));
        if let Some((first, rest)) = field.and_then(|field| field.split_once(": ")) {
            name = first.to_owned();
            fields.insert(name.clone(), rest.to_owned());
        } else if let Some(text) = fields.get_mut(&name) {
            text.push_str(line);
        }
    }
    fields
}

fn names<V: std::fmt::Debug>(value: &V) -> BTreeSet<String> {
    fields(&format!("{value:#?}")).into_keys().collect()
}

fn rows(section: Option<&str>) -> BTreeSet<String> {
    let rows = PROPERTIES
        .iter()
        .filter(|property| property.section() == section);
    rows.map(|property| property.key().to_owned()).collect()
}

#[test]
fn this_server_has_a_name_with_or_without_a_domain() {
    let named = |environment: &[(&str, &str)]| {
        let loaded = load_with("out1 = 'a'", environment, &[]).unwrap();
        assert_eq!(loaded.warnings.len(), 0);
        loaded.config.node
    };
    assert_eq!(named(&[]), "lb1", "the host's name");
    assert_eq!(named(&[("HALB_NODE", "edge 7")]), "edge 7");
}

#[test]
fn the_table_and_the_configuration_have_the_same_names() {
    let mut top = rows(None);
    assert!(top.remove("out1"));
    top.extend(["out", "resources", "domain"].map(str::to_owned));
    let mut all = names(&Config::default());
    assert!(
        all.remove("node"),
        "which server this is comes from no file"
    );
    assert_eq!(all, top);
    assert_eq!(names(&Resources::default()), rows(Some("resources")));
    let mut domain = names(&Domain::default());
    assert!(
        domain.remove("node"),
        "which server this is comes from no file"
    );
    assert_eq!(domain, rows(Some("domain")));
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let outputs: Vec<&str> = OUTPUT_PROPERTIES
        .iter()
        .map(|property| property.name)
        .collect();
    assert_eq!(names(&Output::default()), own(&outputs));
    let servers: Vec<&str> = SERVER_PROPERTIES
        .iter()
        .map(|property| property.name)
        .collect();
    assert_eq!(names(&Server::default()), own(&servers));
}

#[test]
fn no_name_stands_twice_and_each_is_explained() {
    let mut seen = BTreeSet::new();
    for property in PROPERTIES {
        assert!(seen.insert(property.name), "{}", property.name);
        assert!(property.alias.is_none_or(|alias| seen.insert(alias)));
        assert!(
            !property.help.is_empty() && !property.help.ends_with('.'),
            "{}",
            property.name
        );
    }
}

#[test]
fn every_property_has_a_row_in_the_truth_table() {
    let table: BTreeSet<&str> = PROPERTIES.iter().map(|property| property.name).collect();
    let told: BTreeSet<&str> = truth::TRUTH.iter().map(|row| row.name).collect();
    assert_eq!(table, told);
}

#[test]
fn what_the_truth_table_accepts_is_accepted_and_comes_back() {
    for row in truth::TRUTH {
        for value in row.accepted {
            let text = file_with(row.name, value);
            let loaded = load_text(&text).unwrap_or_else(|refused| panic!("{text}{refused:?}"));
            let rendered = render_shown(&loaded);
            let again =
                load_text(&rendered).unwrap_or_else(|refused| panic!("{rendered}{refused:?}"));
            assert_eq!(again.config, loaded.config, "{text}{rendered}");
            let origin = loaded.origins.get(row.name);
            assert!(
                matches!(origin, Some(Origin::File(_))),
                "{} comes from {origin:?}",
                row.name
            );
        }
    }
}

#[test]
fn what_the_truth_table_refuses_is_one_mistake_in_its_line() {
    for row in truth::TRUTH {
        for value in row.refused {
            let text = file_with(row.name, value);
            let refused = load_text(&text)
                .err()
                .unwrap_or_else(|| panic!("accepted: {text}"));
            let [mistake] = refused.mistakes.as_slice() else {
                panic!("{text}{refused:?}")
            };
            let line = mistake.origin.place().map(|place| place.line);
            assert_eq!(line, Some(text.lines().count()), "{text}{refused:?}");
            let key = row.name.rsplit('.').next().unwrap_or_default();
            let property = property::find(row.name).unwrap();
            // What a server's `set` holds is named by its own name.
            let named = mistake.message.contains(key)
                || property.refusal.is_some()
                || row.name == "domain.servers";
            assert!(named, "{} does not name {key}", mistake.message);
        }
    }
}

#[test]
fn each_value_lands_in_the_field_of_its_own_name() {
    for row in truth::TRUTH
        .iter()
        .filter(|row| !row.name.starts_with("domain."))
    {
        let blank = load_text(&file_with("grace", "30")).unwrap();
        let before = fields(&format!("{:#?}", blank.config));
        let field = match row.name {
            "out1" => "out",
            name => name.split('.').next().unwrap_or(name),
        };
        let mut moved = false;
        for value in row.accepted {
            let loaded = load_text(&file_with(row.name, value)).unwrap();
            let after = fields(&format!("{:#?}", loaded.config));
            let differ: Vec<&String> = after
                .keys()
                .filter(|name| after.get(*name) != before.get(*name))
                .collect();
            // What is derived from it follows it.
            let expected = |name: &&String| {
                *name == field || (field == "conn_timeout" && *name == "queue_timeout")
            };
            assert!(
                differ.iter().all(expected),
                "{} = {value}: {differ:?}",
                row.name
            );
            moved |= !differ.is_empty();
        }
        assert!(moved, "no value of {} changes anything", row.name);
    }
}

#[test]
fn words_from_outside_mean_what_the_file_means() {
    for row in truth::TRUTH
        .iter()
        .filter(|row| !row.name.starts_with("domain."))
    {
        let values = row.accepted.iter().chain(row.refused);
        for value in
            values.filter(|value| !value.starts_with(['[', '{', '"']) && !value.starts_with("0x"))
        {
            let quoted = value.trim_matches('\'') != *value;
            let word = value.trim_matches('\'');
            let file = load_text(&file_with(row.name, value));
            let base = file_with("via", "false");
            let option = load_with(&base, &[], &[(row.name, word)]);
            let variable = names::variable_of(row.name);
            let environment = load_with(&base, &[(&variable, word)], &[]);
            match (&file, &option, &environment) {
                (Ok(file), Ok(option), Ok(environment)) => {
                    assert_eq!(file.config, option.config, "{} = {value}", row.name);
                    assert_eq!(file.config, environment.config, "{} = {value}", row.name);
                }
                (Err(_), Err(_), Err(_)) => {}
                // A number in quotes is wrong in a file alone, and 1 is a string outside it.
                _ => assert!(
                    file.is_err() && (quoted || option.is_ok()),
                    "{} {value}",
                    row.name
                ),
            }
        }
    }
}

#[test]
fn lower_sources_are_checked_although_they_do_not_count() {
    let refused = load_with(
        "out1 = 'a'\nmode = 'x'\n",
        &[("HALB_MODE", "y")],
        &[("mode", "sync")],
    );
    let messages: Vec<String> = refused
        .unwrap_err()
        .mistakes
        .iter()
        .map(ToString::to_string)
        .collect();
    let cause = "Error: invalid operation mode specified: \
                 mode must be one of passive, sync, insert, source, not";
    assert_eq!(
        messages,
        [
            format!("halb.toml:2:8: {cause} \"x\""),
            format!("environment HALB_MODE: {cause} \"y\""),
        ]
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_the_loader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = load_text(&text);
        let file = Some(File { name: "f", bytes: &bytes });
        let environment = [("HALB_GRACE".to_owned(), None)];
        let sources = Sources {
            file,
            environment: &environment,
            sets: &[],
            node: Some("x"),
            host_name: None,
            read: &|_| Ok(Vec::new()),
        };
        prop_assert!(load(&sources).is_err(), "a variable that is not UTF-8 is a mistake");
    }

    #[test]
    fn no_soup_of_toml_panics_the_loader(
        text in "([a-z_0-9\\[\\]{}='\", .\n#-]|out1|mode|domain|servers|set|= |\n){0,120}",
    ) {
        let _ = load_text(&text);
    }

    #[test]
    fn what_any_word_gives_comes_back(row in 0..PROPERTIES.len(), word in word()) {
        let name = PROPERTIES[row].name;
        if let Ok(loaded) = load_with("out2 = 'a'\nout7 = 'b'", &[], &[(name, &word)]) {
            let rendered = render_shown(&loaded);
            let again = load_text(&rendered);
            prop_assert_eq!(again.map(|again| again.config).ok(), Some(loaded.config), "{}", rendered);
        }
    }

    #[test]
    fn what_any_value_gives_comes_back(
        given in proptest::collection::btree_map(0..PROPERTIES.len(), value(), 1..8),
    ) {
        let mut text = String::from("out9 = '10.0.0.9'\nout7 = '10.0.0.7'\n");
        for (row, value) in given {
            text.push_str(&format!("{} = {value}\n", PROPERTIES[row].name));
        }
        if let Ok(loaded) = load_text(&text) {
            let rendered = render_shown(&loaded);
            let again = load_text(&rendered);
            prop_assert_eq!(again.map(|again| again.config).ok(), Some(loaded.config), "{}", rendered);
        }
    }
}

/// Values as they stand outside a file.
fn word() -> impl Strategy<Value = String> {
    let known = truth::TRUTH.iter().flat_map(|row| row.accepted);
    let known: Vec<String> = known
        .map(|value| value.trim_matches('\'').to_owned())
        .collect();
    prop_oneof![
        proptest::sample::select(known),
        any::<i32>().prop_map(|number| number.to_string()),
        (0.0..100.0f64).prop_map(|number| number.to_string()),
        "[ -~é\t\u{7f}]{0,12}",
    ]
}

/// Values as they stand in a file.
fn value() -> impl Strategy<Value = String> {
    let known: Vec<&str> = truth::TRUTH
        .iter()
        .flat_map(|row| row.accepted)
        .copied()
        .collect();
    prop_oneof![
        proptest::sample::select(known).prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        (0.001..1000.0f64).prop_map(|number| format!("{number:?}")),
        any::<bool>().prop_map(|flag| flag.to_string()),
    ]
}
