//! Reads one value into the field of its property, or says what is wrong with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::address;
use crate::model::address::Bind;
use crate::model::address::HostPort;
use crate::model::amount;
use crate::model::amount::Bandwidth;
use crate::model::amount::Cpu;
use crate::model::amount::Memory;
use crate::model::config::AccessLog;
use crate::model::config::Mon;
use crate::model::config::MonWire;
use crate::model::error_page::ERROR_PAGE_BYTES_MAX;
use crate::model::error_page::ErrorFile;
use crate::model::error_page::ErrorPage;
use crate::model::load::finding::Findings;
use crate::model::load::finding::Origin;
use crate::model::load::show;
use crate::model::load::tables;
use crate::model::load::value::Located;
use crate::model::load::value::Value;
use crate::model::output::OutputId;
use crate::model::property::CHOICE_ALIASES;
use crate::model::property::Kind;
use crate::model::property::OWN_STATUSES;
use crate::model::property::Property;

/// What reading needs besides the value.
pub struct Reader<'a> {
    pub findings: &'a mut Findings,
    /// What is in a file; the caller knows about disks.
    pub read: &'a dyn Fn(&Path) -> Result<Vec<u8>, String>,
}

/// Why a value was not taken.
pub enum Wrong {
    /// It is not what its kind describes.
    Kind,
    /// For these reasons, each with its place.
    Because(Vec<(Origin, String)>),
    /// Already among the findings.
    Reported,
}

impl Reader<'_> {
    /// Stores `item` in the field of `property`, which is called `path` in messages. False when
    /// it is mistaken: the mistake is then among the findings and the field as it was.
    pub fn store<T>(
        &mut self,
        property: &Property<T>,
        path: &str,
        item: &Located,
        target: &mut T,
    ) -> bool {
        let stored = if property.secret && item.value.text() == Some(show::MASK) {
            let cause = "this is what `halb config` shows in place of the value";
            Err(because(item, cause.to_owned()))
        } else if property.kind.is_table() {
            self.store_table(property, path, item, target)
        } else {
            store_plain(&property.kind, item, target)
        };
        match stored {
            Ok(()) => true,
            Err(Wrong::Reported) => false,
            Err(Wrong::Kind) => {
                let shown = if property.secret {
                    item.value.noun().to_owned()
                } else {
                    item.value.shown()
                };
                let expected = property.kind.describe();
                let cause = format!("{path} must be {expected}, not {shown}");
                self.refuse(property, item, &item.origin, &cause);
                false
            }
            Err(Wrong::Because(causes)) => {
                for (origin, cause) in causes {
                    self.refuse(property, item, &origin, &format!("{path}: {cause}"));
                }
                false
            }
        }
    }

    /// The seed's own text comes first where there is one, then the cause.
    fn refuse<T>(&mut self, property: &Property<T>, item: &Located, origin: &Origin, cause: &str) {
        let message = match property.refusal {
            Some(text) => {
                let value = item
                    .value
                    .text()
                    .map_or_else(|| item.value.shown(), str::to_owned);
                format!("{}: {cause}", text.replace("VALUE", &value))
            }
            None => cause.to_owned(),
        };
        self.findings.mistake(origin, message);
    }

    fn store_table<T>(
        &mut self,
        property: &Property<T>,
        path: &str,
        item: &Located,
        target: &mut T,
    ) -> Result<(), Wrong> {
        match property.kind {
            Kind::Outputs { field } => {
                let id = OutputId::from_name(path).ok_or(Wrong::Kind)?;
                let output = tables::output(self, path, item)?;
                let outputs = field(target);
                match output {
                    Some(output) => drop(outputs.insert(id, output)),
                    None => drop(outputs.remove(&id)),
                }
            }
            Kind::ErrorFiles { field } => *field(target) = self.error_files(item)?,
            Kind::Servers { field } => *field(target) = tables::servers(self, path, item)?,
            Kind::Overlay { field } => *field(target) = tables::overlay(self, path, item)?,
            _ => return Err(Wrong::Kind),
        }
        Ok(())
    }

    fn error_files(&self, item: &Located) -> Result<BTreeMap<u16, ErrorFile>, Wrong> {
        let braced;
        let value = match &item.value {
            Value::Word(text) if text.is_empty() => return Ok(BTreeMap::new()),
            Value::Word(text) => {
                braced = tables::braced(text, item)?;
                &braced
            }
            value => value,
        };
        let Value::Table(entries) = value else {
            return Err(Wrong::Kind);
        };
        let mut files = BTreeMap::new();
        let mut causes = Vec::new();
        for entry in entries {
            let status = entry
                .key
                .parse()
                .ok()
                .filter(|status| OWN_STATUSES.contains(status));
            let path = entry
                .item
                .value
                .text()
                .ok_or(Wrong::Kind)
                .and_then(absolute_path);
            match (status, path) {
                (Some(status), Ok(path)) => match self.error_file(path) {
                    Ok(file) => drop(files.insert(status, file)),
                    Err(cause) => causes.push((entry.item.origin.clone(), cause)),
                },
                (None, _) => {
                    let all: Vec<String> = OWN_STATUSES.iter().map(u16::to_string).collect();
                    let cause = format!("HALB answers {}, not {:?}", all.join(", "), entry.key);
                    causes.push((entry.origin.clone(), cause));
                }
                (Some(status), Err(_)) => {
                    let shown = entry.item.value.shown();
                    let cause = format!("{status} needs a path that begins with /, not {shown}");
                    causes.push((entry.item.origin.clone(), cause));
                }
            }
        }
        if causes.is_empty() {
            Ok(files)
        } else {
            Err(Wrong::Because(causes))
        }
    }

    fn error_file(&self, path: PathBuf) -> Result<ErrorFile, String> {
        let shown = path.display();
        let bytes = (self.read)(&path).map_err(|cause| format!("cannot read {shown}: {cause}"))?;
        match ErrorPage::new(&path, bytes) {
            Ok(page) => Ok(ErrorFile { path, page }),
            Err(length) => Err(format!(
                "{shown} is {length} bytes long, {ERROR_PAGE_BYTES_MAX} are the most"
            )),
        }
    }
}

impl<T> Kind<T> {
    /// Whether a value of it is a table, or may be one.
    fn is_table(&self) -> bool {
        matches!(
            self,
            Kind::Outputs { .. }
                | Kind::ErrorFiles { .. }
                | Kind::Servers { .. }
                | Kind::Overlay { .. }
        )
    }
}

fn store_plain<T>(kind: &Kind<T>, item: &Located, target: &mut T) -> Result<(), Wrong> {
    match *kind {
        Kind::Text { check, field } => {
            let text = item.value.text().ok_or(Wrong::Kind)?;
            check(text).map_err(|cause| because(item, cause))?;
            text.clone_into(field(target));
        }
        Kind::Choice { names, set, .. } => set(target, choice(names, item)?),
        Kind::Integer { least, most, field } => {
            *field(target) = integer(item, least, most.unwrap_or(i64::MAX as u64))?;
        }
        Kind::OptionalInteger { least, most, field } => {
            *field(target) = Some(integer(item, least, most)?);
        }
        Kind::Port { field } => {
            let port = integer(item, 1, u64::from(u16::MAX))?;
            *field(target) = u16::try_from(port).map_err(|_| Wrong::Kind)?;
        }
        Kind::Timeout { field } => *field(target) = timeout(item)?,
        Kind::Length {
            least_ms,
            most_s,
            field,
        } => {
            *field(target) = length(item, least_ms, most_s)?;
        }
        Kind::Flag { field } => *field(target) = item.value.flag().ok_or(Wrong::Kind)?,
        Kind::Cpu { field } => {
            let cores = item.value.number().ok_or(Wrong::Kind)?;
            *field(target) = Some(Cpu::new(cores).ok_or(Wrong::Kind)?);
        }
        Kind::Memory { field } => {
            let text = item.value.text().ok_or(Wrong::Kind)?;
            *field(target) = Some(Memory::parse(text).ok_or(Wrong::Kind)?);
        }
        Kind::Bandwidth { field } => {
            let text = item.value.text().ok_or(Wrong::Kind)?;
            *field(target) = Some(Bandwidth::parse(text).ok_or(Wrong::Kind)?);
        }
        _ => return store_place(kind, item, target),
    }
    Ok(())
}

/// Addresses, names and paths.
fn store_place<T>(kind: &Kind<T>, item: &Located, target: &mut T) -> Result<(), Wrong> {
    match *kind {
        Kind::Bind { field } => {
            let text = item.value.text().ok_or(Wrong::Kind)?;
            *field(target) = Bind(text.trim().parse().map_err(|_| Wrong::Kind)?);
        }
        Kind::Sockets { port, field } => {
            let sockets = list(item, |text| address::socket_address(text, port))?;
            if sockets.is_empty() {
                return Err(because(item, "at least one address is needed".to_owned()));
            }
            *field(target) = sockets;
        }
        Kind::Networks { field } => *field(target) = list(item, address::network)?,
        Kind::OptionalNetworks { field } => *field(target) = Some(list(item, address::network)?),
        Kind::Prefixed { field } => {
            *field(target) = list(item, |text| match text.contains('/') {
                true => address::network(text),
                false => Err(format!(
                    "{text:?} lacks its prefix, as in \"10.0.0.100/24\""
                )),
            })?;
        }
        Kind::Addresses { field } => {
            *field(target) = list(item, |text| {
                text.parse()
                    .map_err(|_| format!("{text:?} is not an IP address"))
            })?;
        }
        Kind::HostNames { field } => {
            *field(target) = list(item, |text| match text.parse::<std::net::IpAddr>() {
                Ok(_) => Ok(text.to_owned()),
                Err(_) => address::host_name(text).map(|()| text.to_owned()),
            })?;
        }
        Kind::OutputNames { field } => {
            let mut outputs = list(item, |text| {
                OutputId::from_name(text).ok_or_else(|| format!("{text:?} is not an output"))
            })?;
            outputs.sort();
            outputs.dedup();
            *field(target) = outputs;
        }
        Kind::Backend { field } => {
            let text = item.value.text().ok_or(Wrong::Kind)?;
            *field(target) = backend(text).map_err(|cause| because(item, cause))?;
        }
        Kind::Mon { field } => *field(target) = mon(item)?,
        Kind::AccessLog { field } => {
            *field(target) = match item.value.text().ok_or(Wrong::Kind)? {
                "none" => AccessLog::None,
                "stdout" => AccessLog::Stdout,
                path => AccessLog::File(absolute_path(path)?),
            };
        }
        Kind::Path { field } => {
            *field(target) = item
                .value
                .text()
                .ok_or(Wrong::Kind)
                .and_then(absolute_path)?;
        }
        _ => return Err(Wrong::Kind),
    }
    Ok(())
}

/// The address of a backend.
pub fn backend(text: &str) -> Result<HostPort, String> {
    HostPort::parse(text.trim(), crate::model::property::BACKEND_PORT)
}

pub fn because(item: &Located, cause: String) -> Wrong {
    Wrong::Because(vec![(item.origin.clone(), cause)])
}

fn choice(names: &[&str], item: &Located) -> Result<usize, Wrong> {
    let text = item.value.text().ok_or(Wrong::Kind)?.trim();
    let alias = CHOICE_ALIASES.iter().find(|(alias, _)| *alias == text);
    let text = alias.map_or(text, |(_, name)| name);
    names
        .iter()
        .position(|name| *name == text)
        .ok_or(Wrong::Kind)
}

fn integer(item: &Located, least: u64, most: u64) -> Result<u64, Wrong> {
    let number = item.value.integer().ok_or(Wrong::Kind)?;
    let number = u64::try_from(number).map_err(|_| Wrong::Kind)?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(Wrong::Kind)
    }
}

fn timeout(item: &Located) -> Result<Option<Duration>, Wrong> {
    let seconds = item.value.number().ok_or(Wrong::Kind)?;
    if seconds == 0.0 {
        return Ok(None);
    }
    length(item, 1, amount::SECONDS_MAX).map(Some)
}

fn length(item: &Located, least_ms: u64, most_s: u64) -> Result<Duration, Wrong> {
    let seconds = item.value.number().ok_or(Wrong::Kind)?;
    let length = amount::duration(seconds).ok_or(Wrong::Kind)?;
    let range = Duration::from_millis(least_ms)..=Duration::from_secs(most_s);
    if range.contains(&length) {
        Ok(length)
    } else {
        Err(Wrong::Kind)
    }
}

fn mon(item: &Located) -> Result<Option<Mon>, Wrong> {
    let text = item.value.text().ok_or(Wrong::Kind)?.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (scheme, rest) = text.split_once("://").ok_or(Wrong::Kind)?;
    let wire = match scheme {
        "tcp" => MonWire::Json,
        "statsd" => MonWire::Statsd,
        _ => return Err(Wrong::Kind),
    };
    // Port 0 cannot be connected to, so it stands for "none was named".
    let address = HostPort::parse(rest, 0).map_err(|cause| because(item, cause))?;
    if address.port == 0 {
        return Err(because(item, "the port is missing".to_owned()));
    }
    Ok(Some(Mon { wire, address }))
}

fn absolute_path(text: &str) -> Result<PathBuf, Wrong> {
    if text.starts_with('/') && !text.contains('\0') {
        Ok(PathBuf::from(text))
    } else {
        Err(Wrong::Kind)
    }
}

/// A list, or a string whose items stand apart by white space, commas or semicolons.
fn list<V>(item: &Located, parse: impl Fn(&str) -> Result<V, String>) -> Result<Vec<V>, Wrong> {
    let mut values = Vec::new();
    let mut causes = Vec::new();
    let mut take = |text: Result<&str, String>, origin: &Origin| match text.and_then(&parse) {
        Ok(value) => values.push(value),
        Err(cause) => causes.push((origin.clone(), cause)),
    };
    match &item.value {
        Value::List(items) => {
            for item in items {
                let text = item.value.text();
                let wrong = || format!("{} in the list is not a string", item.value.shown());
                take(text.ok_or_else(wrong), &item.origin);
            }
        }
        value => {
            let text = value.text().ok_or(Wrong::Kind)?;
            let apart = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';');
            for part in text.split(apart).filter(|part| !part.is_empty()) {
                take(Ok(part), &item.origin);
            }
        }
    }
    if causes.is_empty() {
        Ok(values)
    } else {
        Err(Wrong::Because(causes))
    }
}
