//! Values that are tables of properties themselves: outputs, servers, what differs on a server.

use std::collections::BTreeMap;

use crate::model::config::Config;
use crate::model::config::Output;
use crate::model::config::Server;
use crate::model::load::finding::Origin;
use crate::model::load::names;
use crate::model::load::read;
use crate::model::load::read::Reader;
use crate::model::load::read::Wrong;
use crate::model::load::show;
use crate::model::load::value;
use crate::model::load::value::Entry;
use crate::model::load::value::Located;
use crate::model::load::value::Value;
use crate::model::output::OUTPUTS_MAX;
use crate::model::property;
use crate::model::property::Fallback;
use crate::model::property::OUTPUT_PROPERTIES;
use crate::model::property::PROPERTIES;
use crate::model::property::Property;
use crate::model::property::SERVER_PROPERTIES;
use crate::model::property::rule;

/// One property as it stands at the top level of a file, or inside one of its sections.
pub struct Named<'a> {
    /// With its section: `resources.cpu`.
    pub name: String,
    pub origin: &'a Origin,
    pub item: &'a Located,
}

/// `host:port`, or a table; an empty string disconnects.
pub fn output(
    reader: &mut Reader<'_>,
    path: &str,
    item: &Located,
) -> Result<Option<Output>, Wrong> {
    let inline;
    let value = match &item.value {
        Value::Word(text) if text.trim_start().starts_with('{') => {
            inline = braced(text, item)?;
            &inline
        }
        value => value,
    };
    match value {
        Value::Table(entries) => {
            let mut output = Output::default();
            table(
                reader,
                OUTPUT_PROPERTIES,
                path,
                entries,
                &item.origin,
                &mut output,
            )?;
            Ok(Some(output))
        }
        value => {
            let text = value.text().ok_or(Wrong::Kind)?;
            if text.trim().is_empty() {
                return Ok(None);
            }
            let address = read::backend(text).map_err(|cause| read::because(item, cause))?;
            let mut output = Output::default();
            table(
                reader,
                &OUTPUT_PROPERTIES[1..],
                path,
                &[],
                &item.origin,
                &mut output,
            )?;
            Ok(Some(Output { address, ..output }))
        }
    }
}

/// A table written in braces, from the environment or the command line.
pub fn braced(text: &str, item: &Located) -> Result<Value, Wrong> {
    value::inline(text, &item.origin).map_err(|cause| read::because(item, cause))
}

/// A table for each server.
pub fn servers(
    reader: &mut Reader<'_>,
    path: &str,
    item: &Located,
) -> Result<BTreeMap<String, Server>, Wrong> {
    let Value::Table(entries) = &item.value else {
        return Err(Wrong::Kind);
    };
    let mut servers = BTreeMap::new();
    let mut whole = true;
    for entry in entries {
        let path = format!("{path}.{}", entry.key);
        let Value::Table(inner) = &entry.item.value else {
            reader
                .findings
                .mistake(&entry.item.origin, format!("{path} must be a table"));
            whole = false;
            continue;
        };
        if let Err(cause) = rule::node_name(&entry.key) {
            reader
                .findings
                .mistake(&entry.origin, format!("{path}: {cause}"));
            whole = false;
        }
        let mut server = Server::default();
        match table(
            reader,
            SERVER_PROPERTIES,
            &path,
            inner,
            &entry.origin,
            &mut server,
        ) {
            Ok(()) => drop(servers.insert(entry.key.clone(), server)),
            Err(_) => whole = false,
        }
    }
    if whole {
        Ok(servers)
    } else {
        Err(Wrong::Reported)
    }
}

/// What differs on one server: checked like the properties themselves, kept as TOML.
pub fn overlay(
    reader: &mut Reader<'_>,
    path: &str,
    item: &Located,
) -> Result<BTreeMap<String, String>, Wrong> {
    let entries = match &item.value {
        Value::Table(entries) => entries.as_slice(),
        Value::Word(text) if text.is_empty() => &[],
        _ => return Err(Wrong::Kind),
    };
    let mut texts = BTreeMap::new();
    let before = reader.findings.mistakes.len();
    for named in flatten(reader, entries) {
        let path = format!("{path}.{}", named.name);
        if named.name.starts_with("domain.") {
            let cause = format!("{path}: the domain is the same on all its servers");
            reader.findings.mistake(named.origin, cause);
            continue;
        }
        let Some(property) = property::find(&named.name) else {
            continue;
        };
        let mut scratch = Config::default();
        // Its messages name the property alone, as the seed's texts do.
        if reader.store(property, &named.name, named.item, &mut scratch) {
            let text = show::show(&property.kind, &mut scratch, &named.name);
            texts.insert(named.name, text.unwrap_or_else(|| show::quoted("")));
        }
    }
    if reader.findings.mistakes.len() == before {
        Ok(texts)
    } else {
        Err(Wrong::Reported)
    }
}

/// The known properties among `entries`, sections opened; the unknown ones become mistakes.
pub fn flatten<'a>(reader: &mut Reader<'_>, entries: &'a [Entry]) -> Vec<Named<'a>> {
    let mut found: Vec<Named<'a>> = Vec::new();
    for entry in entries {
        let section = PROPERTIES
            .iter()
            .filter_map(Property::section)
            .find(|s| *s == entry.key);
        match (&entry.item.value, section) {
            (Value::Table(inner), Some(section)) => {
                for entry in inner {
                    known(reader, Some(section), entry, &mut found);
                }
            }
            (_, Some(section)) => {
                reader
                    .findings
                    .mistake(&entry.item.origin, format!("{section} must be a table"));
            }
            (_, None) => known(reader, None, entry, &mut found),
        }
    }
    found
}

fn known<'a>(
    reader: &mut Reader<'_>,
    section: Option<&str>,
    entry: &'a Entry,
    found: &mut Vec<Named<'a>>,
) {
    let name = match section {
        Some(section) => format!("{section}.{}", entry.key),
        None => entry.key.clone(),
    };
    let Some(property) = property::find(&name) else {
        let message = unknown(section, &entry.key);
        reader.findings.mistake(&entry.origin, message);
        return;
    };
    let name = if property.is_outputs() {
        name
    } else {
        property.name.to_owned()
    };
    if let Some(first) = found.iter().find(|first| first.name == name) {
        let line = first.origin.place().map_or(0, |place| place.line);
        let message = format!(
            "{} is another name of {name}, given in line {line}",
            entry.key
        );
        reader.findings.mistake(&entry.origin, message);
        return;
    }
    found.push(Named {
        name,
        origin: &entry.origin,
        item: &entry.item,
    });
}

/// What to say about a key that is none.
pub fn unknown(section: Option<&str>, key: &str) -> String {
    let number = key.strip_prefix("out").filter(|rest| !rest.is_empty());
    if section.is_none() && number.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit())) {
        return format!("unknown property {key:?}: outputs are out1 … out{OUTPUTS_MAX}");
    }
    let keys = names::keys(section);
    let nearest = names::nearest(key, keys.iter().map(String::as_str));
    match section {
        Some(section) if property::find(key).is_some() => format!(
            "{key:?} is no property of [{section}]: write it above the first [table] of the file"
        ),
        Some(section) => format!(
            "unknown property \"{section}.{key}\": the nearest known one is \"{section}.{nearest}\""
        ),
        None => format!("unknown property {key:?}: the nearest known one is {nearest:?}"),
    }
}

/// Reads `entries` into `target`, defaults first.
fn table<T>(
    reader: &mut Reader<'_>,
    properties: &[Property<T>],
    path: &str,
    entries: &[Entry],
    origin: &Origin,
    target: &mut T,
) -> Result<(), Wrong> {
    let before = reader.findings.mistakes.len();
    for property in properties {
        let path = format!("{path}.{}", property.name);
        let given = entries.iter().find(|entry| entry.key == property.name);
        match (given, property.fallback) {
            (Some(entry), _) => drop(reader.store(property, &path, &entry.item, target)),
            (None, Fallback::Value(text)) => {
                let value = Value::Word(text.to_owned());
                let item = Located {
                    value,
                    origin: Origin::Default,
                };
                reader.store(property, &path, &item, target);
            }
            (None, Fallback::Required) => {
                reader
                    .findings
                    .mistake(origin, format!("{path} is missing"));
            }
            (None, Fallback::Described(_)) => {}
        }
    }
    for entry in entries {
        if !properties.iter().any(|property| property.name == entry.key) {
            let names = properties.iter().map(|property| property.name);
            let nearest = names::nearest(&entry.key, names);
            let key = &entry.key;
            let message = if property::find(key).is_some() {
                format!("{key:?} is no property of {path}: the nearest known one is {nearest:?}")
            } else {
                format!(
                    "unknown property \"{path}.{key}\": the nearest known one is \"{path}.{nearest}\""
                )
            };
            reader.findings.mistake(&entry.origin, message);
        }
    }
    if reader.findings.mistakes.len() == before {
        Ok(())
    } else {
        Err(Wrong::Reported)
    }
}
