//! The reference of all properties, as `docs/configuration.md` has it: made from the property table, so that it
//! cannot say anything else than what the program does.

use std::fmt::Write;

use crate::model::load::names;
use crate::model::manual::words::Entry;
use crate::model::manual::words::GROUPS;
use crate::model::manual::words::Group;
use crate::model::property::Author;
use crate::model::property::Fallback;
use crate::model::property::Kind;
use crate::model::property::OUTPUT_PROPERTIES;
use crate::model::property::PROPERTIES;
use crate::model::property::Property;
use crate::model::property::SERVER_PROPERTIES;

mod words;

#[cfg(test)]
mod tests;

const INTRO: &str = include_str!("intro.txt");

/// The whole page, in Markdown.
pub fn page() -> String {
    let mut page = INTRO.to_owned();
    page.push_str("\n## The properties\n\n");
    for group in GROUPS {
        let names: Vec<String> = group.entries.iter().map(link).collect();
        line(
            &mut page,
            &format!("- **{}**: {}", group.title, names.join(", ")),
        );
    }
    for group in GROUPS {
        render_group(&mut page, group);
    }
    let output = "The table form of `out1` … `out64`, `{ address = \"…\", weight = 2 }`.";
    render_table(
        &mut page,
        "One output",
        output,
        words::OUTPUT,
        OUTPUT_PROPERTIES,
    );
    let server = "Each is a table under the name of the server, `[domain.servers.NAME]`.";
    render_table(
        &mut page,
        "One server of a domain",
        server,
        words::SERVER,
        SERVER_PROPERTIES,
    );
    page
}

fn render_group(page: &mut String, group: &Group) {
    heading(page, group.title, group.intro);
    if let Some(section) = group.section {
        line(page, &format!("\n    [{section}]"));
    }
    for entry in group.entries {
        let property = PROPERTIES.iter().find(|row| row.name == entry.name);
        if let Some(property) = property {
            let variable = match property.section() {
                Some("domain") => None,
                _ => Some(names::variable_of(property.name)),
            };
            render(page, entry, property, variable);
        }
    }
}

fn render_table<T>(
    page: &mut String,
    title: &str,
    intro: &str,
    entries: &[Entry],
    properties: &[Property<T>],
) {
    heading(page, title, intro);
    for entry in entries {
        if let Some(property) = properties.iter().find(|row| row.name == entry.name) {
            render(page, entry, property, None);
        }
    }
}

fn render<T>(page: &mut String, entry: &Entry, property: &Property<T>, variable: Option<String>) {
    line(page, &format!("\n### {}\n", shown_name(property.name)));
    let more = match entry.more {
        "" => String::new(),
        more => format!(" {more}"),
    };
    line(page, &format!("{}.{more}\n", capital(property.help)));
    for example in entry.example.lines() {
        line(page, &format!("    {example}"));
    }
    line(page, &format!("\n- {}", capital(&property.kind.describe())));
    let default = match property.fallback {
        Fallback::Value(text) => format!("default: {}", value(&property.kind, text)),
        Fallback::Described(sentence) => format!("default: {sentence}"),
        Fallback::Required => "has to be given".to_owned(),
    };
    let mut notes = vec![default];
    notes.extend(variable.map(|name| format!("`{}`", shown_variable(&name))));
    notes.extend(
        property
            .alias
            .map(|alias| format!("also written `{alias}`")),
    );
    notes.extend(property.restart.then(|| "*restart*".to_owned()));
    notes.extend(property.secret.then(|| "secret".to_owned()));
    notes.extend((property.author == Author::Seed).then(|| "*manual*".to_owned()));
    line(page, &format!("- {}", notes.join(" · ")));
}

fn heading(page: &mut String, title: &str, intro: &str) {
    line(page, &format!("\n## {title}"));
    if !intro.is_empty() {
        line(page, &format!("\n{intro}"));
    }
}

/// `Value` is written as for `--set`; here it stands as in the file.
fn value<T>(kind: &Kind<T>, text: &str) -> String {
    match kind {
        Kind::Text { .. } | Kind::Choice { .. } => format!("`\"{text}\"`"),
        _ if text.is_empty() => "none".to_owned(),
        Kind::Integer { .. }
        | Kind::OptionalInteger { .. }
        | Kind::Port { .. }
        | Kind::Timeout { .. }
        | Kind::Length { .. }
        | Kind::Flag { .. } => format!("`{text}`"),
        _ => format!("`\"{text}\"`"),
    }
}

fn link(entry: &Entry) -> String {
    let name = shown_name(entry.name);
    // As forges make the anchors of headings: lower case, spaces as hyphens, no dots.
    let anchor: String = name
        .chars()
        .filter(|letter| !matches!(letter, '.' | '…'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect();
    format!("[{name}](#{anchor})")
}

fn shown_name(name: &str) -> &str {
    match name {
        "out1" => "out1 … out64",
        name => name,
    }
}

fn shown_variable(name: &str) -> &str {
    match name {
        "HALB_OUT1" => "HALB_OUT1` … `HALB_OUT64",
        name => name,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn line(page: &mut String, text: &str) {
    let _ = writeln!(page, "{text}"); // writing to a String cannot fail
}
