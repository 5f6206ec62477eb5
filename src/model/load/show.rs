//! Values as TOML, and the whole configuration as `halb config` prints it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fmt::Write;
use std::path::Path;

use crate::model::amount;
use crate::model::config::AccessLog;
use crate::model::config::Config;
use crate::model::config::Mon;
use crate::model::config::MonWire;
use crate::model::config::Output;
use crate::model::config::Server;
use crate::model::load::Loaded;
use crate::model::load::finding::Origin;
use crate::model::output::OutputId;
use crate::model::property;
use crate::model::property::Fallback;
use crate::model::property::Kind;
use crate::model::property::PROPERTIES;
use crate::model::property::Property;
use crate::model::property::SERVER_PROPERTIES;

/// Whether secrets are shown as `***`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Secrets {
    Masked,
    Shown,
}

/// Where the comments with the origins begin, when the values leave room.
const COMMENT_COLUMN: usize = 44;
/// What stands for a secret; no secret can have this value.
pub const MASK: &str = "***";

/// The effective configuration as TOML, the origin of each value beside it.
pub fn render(loaded: &Loaded, secrets: Secrets) -> String {
    let mut config = loaded.config.clone();
    let mut text = String::new();
    let mut section = None;
    for property in PROPERTIES {
        if property.section() == Some("domain") && config.domain.is_none() {
            continue;
        }
        if matches!(property.kind, Kind::Servers { .. }) {
            continue;
        }
        if property.section() != section {
            section = property.section();
            text.push_str(&format!("\n[{}]\n", section.unwrap_or_default()));
            if let Some(node) = config
                .domain
                .as_ref()
                .and_then(|domain| domain.node.as_ref())
                && section == Some("domain")
            {
                text.push_str(&format!("# this server is {node}\n"));
            }
        }
        let names = if property.is_outputs() {
            loaded.config.out.keys().map(OutputId::to_string).collect()
        } else {
            vec![property.name.to_owned()]
        };
        for name in names {
            line(&mut text, property, &name, &mut config, loaded, secrets);
        }
    }
    if let Some(domain) = &mut config.domain {
        for (name, server) in &mut domain.servers {
            text.push_str(&format!("\n[domain.servers.{}]\n", key(name)));
            render_server(&mut text, server, secrets);
        }
    }
    text
}

fn line(
    text: &mut String,
    property: &Property<Config>,
    name: &str,
    config: &mut Config,
    loaded: &Loaded,
    secrets: Secrets,
) {
    let origin = loaded.origins.get(name).unwrap_or(&Origin::Default);
    let key = name.rsplit('.').next().unwrap_or(name);
    let shown = match (&property.fallback, origin) {
        // What is found out at run time has no value yet, except where another property gives it.
        (Fallback::Described(_), Origin::Default) if !is_derived(property, config) => None,
        _ => show(&property.kind, config, name),
    };
    let line = match shown {
        Some(value) => format!("{key} = {}", masked(property, value, secrets)),
        None => format!("# {key}"),
    };
    let _ = match (&property.fallback, origin) {
        (Fallback::Described(text_), Origin::Default) => {
            writeln!(text, "{line:COMMENT_COLUMN$} # default: {text_}")
        }
        _ => writeln!(text, "{line:COMMENT_COLUMN$} # {origin}"),
    };
}

/// `queue_timeout` alone: its default is the value of `conn_timeout`.
fn is_derived(property: &Property<Config>, config: &mut Config) -> bool {
    match property.kind {
        Kind::Timeout { field } => field(config).is_some(),
        _ => false,
    }
}

fn masked<T>(property: &Property<T>, value: String, secrets: Secrets) -> String {
    let empty = value == quoted("");
    if property.secret && secrets == Secrets::Masked && !empty {
        quoted(MASK)
    } else {
        value
    }
}

fn render_server(text: &mut String, server: &mut Server, secrets: Secrets) {
    if secrets == Secrets::Masked {
        for (name, value) in &mut server.set {
            if let Some(property) = property::find(name) {
                *value = masked(property, std::mem::take(value), secrets);
            }
        }
    }
    for property in SERVER_PROPERTIES {
        if let Some(value) = show(&property.kind, server, property.name) {
            let _ = writeln!(text, "{} = {value}", property.name);
        }
    }
}

/// The value that `kind` leads to, as TOML; `name` tells one output from another. `None` when
/// there is none.
pub fn show<T>(kind: &Kind<T>, target: &mut T, name: &str) -> Option<String> {
    Some(match *kind {
        Kind::Text { field, .. } => quoted(field(target)),
        Kind::Choice { names, get, .. } => quoted(names.get(get(target))?),
        Kind::Integer { field, .. } => field(target).to_string(),
        Kind::OptionalInteger { field, .. } => field(target).as_ref()?.to_string(),
        Kind::Port { field } => field(target).to_string(),
        Kind::Timeout { field } => field(target).map_or_else(|| "0".to_owned(), amount::seconds),
        Kind::Length { field, .. } => amount::seconds(*field(target)),
        Kind::Flag { field } => field(target).to_string(),
        Kind::Bind { field } => quoted(&field(target).to_string()),
        Kind::Sockets { field, .. } => list(field(target)),
        Kind::Networks { field } | Kind::Prefixed { field } => list(field(target)),
        Kind::OptionalNetworks { field } => list(field(target).as_ref()?),
        Kind::Addresses { field } => list(field(target)),
        Kind::HostNames { field } => list(field(target)),
        Kind::OutputNames { field } => {
            let names: Vec<String> = field(target).iter().map(OutputId::to_string).collect();
            quoted(&names.join(" "))
        }
        Kind::Outputs { field } => output(field(target).get(&OutputId::from_name(name)?)?),
        Kind::Backend { field } => quoted(&field(target).to_string()),
        Kind::Mon { field } => mon(field(target).as_ref()?),
        Kind::AccessLog { field } => match field(target) {
            AccessLog::None => quoted("none"),
            AccessLog::Stdout => quoted("stdout"),
            AccessLog::File(path) => quoted_path(path),
        },
        Kind::ErrorFiles { field } => {
            let files = field(target).iter();
            let pairs: Vec<String> = files
                .map(|(status, file)| format!("{status} = {}", quoted_path(&file.path)))
                .collect();
            table(&pairs)
        }
        Kind::Path { field } => quoted_path(field(target)),
        Kind::Cpu { field } => field(target).as_ref()?.to_string(),
        Kind::Memory { field } => quoted(&field(target).as_ref()?.to_string()),
        Kind::Bandwidth { field } => quoted(&field(target).as_ref()?.to_string()),
        // Each server is a section of its own.
        Kind::Servers { .. } => return None,
        Kind::Overlay { field } => overlay(field(target)),
    })
}

/// A basic string (TOML 1.0, "String").
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            letter if letter.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(letter)));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A bare key where it can be one: a server's name may hold dots.
fn key(name: &str) -> String {
    if name.contains('.') {
        quoted(name)
    } else {
        name.to_owned()
    }
}

/// Paths come from texts, so that nothing is lost here.
fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn list<V: Display>(values: &[V]) -> String {
    match values {
        [one] => quoted(&one.to_string()),
        many => {
            let all: Vec<String> = many
                .iter()
                .map(|value| quoted(&value.to_string()))
                .collect();
            format!("[{}]", all.join(", "))
        }
    }
}

fn table(pairs: &[String]) -> String {
    if pairs.is_empty() {
        "{}".to_owned()
    } else {
        format!("{{ {} }}", pairs.join(", "))
    }
}

fn output(output: &Output) -> String {
    let address = quoted(&output.address.to_string());
    if output.weight == 1 && output.max_connections == 0 {
        return address;
    }
    table(&[
        format!("address = {address}"),
        format!("weight = {}", output.weight),
        format!("max_connections = {}", output.max_connections),
    ])
}

fn mon(mon: &Mon) -> String {
    let scheme = match mon.wire {
        MonWire::Json => "tcp",
        MonWire::Statsd => "statsd",
    };
    quoted(&format!("{scheme}://{}", mon.address))
}

fn overlay(set: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = set
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    table(&pairs)
}
