//! Makes a [`Config`] from its sources, or lists every mistake in them at once.
//!
//! Precedence: command line, environment, this server's `set`, file, default. Lower sources are
//! checked as well, so that removing a variable never uncovers a mistake.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::model::config::Config;
use crate::model::config::Domain;
use crate::model::load::finding::Finding;
use crate::model::load::finding::Findings;
use crate::model::load::finding::Origin;
use crate::model::load::finding::Place;
use crate::model::load::names::Variable;
use crate::model::load::read::Reader;
use crate::model::load::tables::Named;
use crate::model::load::value::Entry;
use crate::model::load::value::Located;
use crate::model::load::value::Value;
use crate::model::property;
use crate::model::property::Fallback;
use crate::model::property::PROPERTIES;

mod across;
pub mod finding;
pub mod names;
mod read;
pub mod show;
mod tables;
mod value;

#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;

/// Everything that a configuration is made of. No disk and no environment is touched here.
pub struct Sources<'a> {
    pub file: Option<File<'a>>,
    /// The variables that begin with `HALB_`; `None`: the value is not UTF-8.
    pub environment: &'a [(String, Option<String>)],
    /// `--set NAME=VALUE`, in order.
    pub sets: &'a [(String, String)],
    /// `--node`
    pub node: Option<&'a str>,
    pub host_name: Option<&'a str>,
    /// What is in a file that the configuration names, or why it cannot be read. Of a long one the start is enough:
    /// one byte more than [`ERROR_PAGE_BYTES_MAX`](crate::model::error_page::ERROR_PAGE_BYTES_MAX).
    pub read: &'a dyn Fn(&Path) -> Result<Vec<u8>, String>,
}

/// The configuration file.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// As the user named it.
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// A configuration without mistakes.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// By property name; what is absent is at its default.
    pub origins: BTreeMap<String, Origin>,
    pub warnings: Vec<Finding>,
    /// What was in the file when it was read; empty without one.
    pub text: Vec<u8>,
}

/// A configuration with at least one mistake.
#[derive(Clone, Debug)]
pub struct Refused {
    /// As far as it could be read: for whoever looks for the HALB that runs, and for nothing else.
    pub legible: Box<Config>,
    pub mistakes: Vec<Finding>,
    pub warnings: Vec<Finding>,
}

/// Makes the configuration.
pub fn load(sources: &Sources<'_>) -> Result<Loaded, Refused> {
    let mut loader = Loader {
        config: Config::default(),
        origins: BTreeMap::new(),
        findings: Findings::default(),
        mistaken: BTreeSet::new(),
        read: sources.read,
    };
    loader.defaults(None);
    let entries = loader.file(sources.file);
    loader.node(sources, &entries);
    loader.environment(sources.environment);
    loader.sets(sources.sets);
    loader.derive();
    let whole = Origin::File(Place {
        file: Arc::from(sources.file.map_or("configuration", |file| file.name)),
        line: 1,
        column: 1,
    });
    across::check(&mut loader, &whole);
    loader.findings.sort();
    let Findings { mistakes, warnings } = loader.findings;
    if mistakes.is_empty() {
        Ok(Loaded {
            config: loader.config,
            origins: loader.origins,
            warnings,
            text: sources.file.map_or(Vec::new(), |file| file.bytes.to_vec()),
        })
    } else {
        Err(Refused {
            legible: Box::new(loader.config),
            mistakes,
            warnings,
        })
    }
}

struct Loader<'a> {
    config: Config,
    origins: BTreeMap<String, Origin>,
    findings: Findings,
    /// The properties that some source gave wrongly: nothing more is concluded from them.
    mistaken: BTreeSet<String>,
    read: &'a dyn Fn(&Path) -> Result<Vec<u8>, String>,
}

impl Loader<'_> {
    fn defaults(&mut self, section: Option<&str>) {
        for property in PROPERTIES {
            let in_domain = property.section() == Some("domain");
            if in_domain != (section == Some("domain")) {
                continue;
            }
            if let Fallback::Value(text) = property.fallback {
                self.word(property.name, text, Origin::Default);
            }
        }
    }

    /// Reads the file; its entries are needed again for what differs on this server.
    fn file(&mut self, file: Option<File<'_>>) -> Vec<Entry> {
        let Some(file) = file else { return Vec::new() };
        let entries = value::document(file.name, file.bytes, &mut self.findings);
        let syntax = std::mem::take(&mut self.findings.mistakes);
        if let Some(domain) = entries.iter().find(|entry| entry.key == "domain") {
            self.config.domain = Some(Domain::default());
            self.origins
                .insert(domain.key.clone(), domain.origin.clone());
            self.defaults(Some("domain"));
            self.domain_complete(domain);
        }
        let mut reader = Reader {
            findings: &mut self.findings,
            read: self.read,
        };
        let named = tables::flatten(&mut reader, &entries);
        for named in &named {
            self.named(named, named.origin.clone());
        }
        if !syntax.is_empty() {
            // A line that could not be read whole says nothing about its value, and a table that
            // lost a line says nothing about what is missing.
            let lines: BTreeSet<usize> = syntax
                .iter()
                .filter_map(|one| one.origin.place())
                .map(|p| p.line)
                .collect();
            self.findings
                .mistakes
                .retain(|one| match one.origin.place() {
                    Some(place) => {
                        !lines.contains(&place.line) && !one.message.ends_with(" is missing")
                    }
                    None => true,
                });
            self.mistaken
                .extend(PROPERTIES.iter().map(|property| property.name.to_owned()));
            self.findings.mistakes.extend(syntax);
        }
        entries
    }

    fn domain_complete(&mut self, domain: &Entry) {
        let Value::Table(given) = &domain.item.value else {
            self.mistaken.insert("domain.servers".to_owned());
            return;
        };
        for property in PROPERTIES.iter().filter(|p| p.section() == Some("domain")) {
            let absent = !given.iter().any(|entry| entry.key == property.key());
            if property.fallback == Fallback::Required && absent {
                self.findings
                    .mistake(&domain.origin, format!("{} is missing", property.name));
                self.mistaken.insert(property.name.to_owned());
            }
        }
    }

    fn named(&mut self, named: &Named<'_>, origin: Origin) {
        let Some(property) = property::find(&named.name) else {
            return;
        };
        let mut reader = Reader {
            findings: &mut self.findings,
            read: self.read,
        };
        if reader.store(property, &named.name, named.item, &mut self.config) {
            if origin != Origin::Default {
                self.origins.insert(named.name.clone(), origin);
            }
        } else {
            self.mistaken.insert(named.name.clone());
        }
    }

    fn word(&mut self, name: &str, text: &str, origin: Origin) {
        let value = Value::Word(text.to_owned());
        let item = Located {
            value,
            origin: origin.clone(),
        };
        let named = Named {
            name: name.to_owned(),
            origin: &origin,
            item: &item,
        };
        self.named(&named, origin.clone());
    }

    /// Finds out what this server is called and which of the domain's it is, and applies what differs on it.
    fn node(&mut self, sources: &Sources<'_>, entries: &[Entry]) {
        let variable = sources
            .environment
            .iter()
            .find(|(name, _)| name == names::NODE_VARIABLE);
        let said = match (sources.node, variable) {
            (Some(node), _) => Some((node.to_owned(), Origin::NodeOption)),
            (None, Some((name, Some(node)))) => {
                Some((node.clone(), Origin::Environment(name.clone())))
            }
            (None, _) => None,
        };
        let host = sources.host_name.unwrap_or_default();
        self.config.node = match &said {
            Some((node, _)) => node.clone(),
            None => host.to_owned(),
        };
        let Some(domain) = &mut self.config.domain else {
            return;
        };
        if self.mistaken.contains("domain.servers") {
            return;
        }
        let all: Vec<&str> = domain.servers.keys().map(String::as_str).collect();
        let all = all.join(", ");
        let node = match said {
            Some((node, _)) if domain.servers.contains_key(&node) => node,
            Some((node, origin)) => {
                let message = format!("{node:?} is none of the domain's servers ({all})");
                self.findings.mistake(&origin, message);
                return;
            }
            None => {
                let short = host.split('.').next().unwrap_or_default();
                let known = [host, short]
                    .into_iter()
                    .find(|name| domain.servers.contains_key(*name));
                let Some(node) = known else {
                    let message = format!(
                        "this host, {host:?}, is none of the domain's servers ({all}): \
                         --node or HALB_NODE says which one it is"
                    );
                    let origin = self.origins.get("domain").unwrap_or(&Origin::Default);
                    self.findings.warning(origin, message);
                    return;
                };
                node.to_owned()
            }
        };
        domain.node = Some(node.clone());
        self.config.node = node.clone();
        self.overlay(&node, entries);
    }

    fn overlay(&mut self, node: &str, entries: &[Entry]) {
        let path = ["domain", "servers", node, "set"];
        let Some(set) = path.iter().try_fold(entries, |entries, key| {
            match &entries.iter().find(|entry| entry.key == *key)?.item.value {
                Value::Table(inner) => Some(inner.as_slice()),
                _ => None,
            }
        }) else {
            return;
        };
        // Its mistakes were found when the servers were read.
        let mut known = Findings::default();
        let mut reader = Reader {
            findings: &mut known,
            read: self.read,
        };
        for named in tables::flatten(&mut reader, set) {
            let Some(place) = named.origin.place() else {
                continue;
            };
            let origin = Origin::ServerSet {
                place: place.clone(),
                node: node.to_owned(),
            };
            self.named(&named, origin);
        }
    }

    fn environment(&mut self, environment: &[(String, Option<String>)]) {
        for (variable, text) in environment {
            let origin = Origin::Environment(variable.clone());
            match (names::variable(variable), text) {
                (Variable::Kubernetes, _) | (Variable::Node, Some(_)) => {}
                (Variable::Unknown, _) => {
                    let nearest = names::nearest_variable(variable);
                    let message = format!("unknown variable: the nearest known one is {nearest}");
                    self.findings.warning(&origin, message);
                }
                (_, None) => self.findings.mistake(&origin, "the value is not UTF-8"),
                (Variable::Property(name), Some(text)) => self.given(&name, text, origin),
            }
        }
    }

    fn sets(&mut self, sets: &[(String, String)]) {
        for (name, text) in sets {
            self.given(name, text, Origin::CommandLine(name.clone()));
        }
    }

    /// A property from outside the file.
    fn given(&mut self, name: &str, text: &str, origin: Origin) {
        let Some(property) = property::find(name) else {
            let (section, key) = match name.split_once('.') {
                Some((section, key)) if !names::keys(Some(section)).is_empty() => {
                    (Some(section), key)
                }
                _ => (None, name),
            };
            self.findings
                .mistake(&origin, tables::unknown(section, key));
            return;
        };
        if property.section() == Some("domain") {
            let message = format!(
                "{name} can stand in the file alone: the domain is the same on all its servers"
            );
            self.findings.mistake(&origin, message);
            return;
        }
        let name = if property.is_outputs() {
            name
        } else {
            property.name
        };
        self.word(name, text, origin);
    }

    /// Values that follow from others.
    fn derive(&mut self) {
        if !self.origins.contains_key("queue_timeout") {
            self.config.queue_timeout = self.config.conn_timeout;
        }
        if self.config.healthcheck_agent.is_empty()
            && let Some(property) = property::find("healthcheck_agent")
            && let Fallback::Value(text) = property.fallback
        {
            text.clone_into(&mut self.config.healthcheck_agent);
        }
    }
}
