//! The one table of properties. Parsing, checking, defaults, `--set`, environment variables,
//! `halb config` and the reference in the documentation all follow from it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::address::Bind;
use crate::model::amount::Bandwidth;
use crate::model::amount::Cpu;
use crate::model::amount::Memory;
use crate::model::config::AccessLog;
use crate::model::config::Balance;
use crate::model::config::Config;
use crate::model::config::HealthcheckMethod;
use crate::model::config::LogFormat;
use crate::model::config::Mode;
use crate::model::config::Mon;
use crate::model::config::Output;
use crate::model::config::Server;
use crate::model::error_page::ErrorFile;
use crate::model::output::OutputId;
use crate::model::plan::Network;

pub mod carry;
pub mod rule;
mod table;

pub use self::table::OUTPUT_PROPERTIES;
pub use self::table::PROPERTIES;
pub use self::table::SERVER_PROPERTIES;

/// The port of a backend that names none.
pub const BACKEND_PORT: u16 = 80;
/// The port of `in` when it names none.
pub const IN_PORT: u16 = 80;
/// The port of the links between the servers of a domain.
pub const LINK_PORT: u16 = 7400;
/// Below this the checker prints the seed's warning.
pub const CONN_TIMEOUT_ADVISED: Duration = Duration::from_secs(20);
/// What HALB answers by itself, and `error_files` may therefore replace.
pub const OWN_STATUSES: [u16; 10] = [400, 405, 408, 414, 431, 501, 502, 503, 504, 505];

/// One property of `T`: of the configuration, of one output, of one server of the domain.
#[derive(Debug)]
pub struct Property<T: 'static> {
    /// As users write it; a dot stands between a table and its key.
    pub name: &'static str,
    pub alias: Option<&'static str>,
    pub kind: Kind<T>,
    pub fallback: Fallback,
    pub author: Author,
    pub secret: bool,
    pub restart: bool,
    /// The seed's own text for a wrong value; `VALUE` in it stands for that value.
    pub refusal: Option<&'static str>,
    pub help: &'static str,
}

/// What holds when nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// A value, written as for `--set`.
    Value(&'static str),
    /// Found out at run time, or nothing at all; the sentence says which.
    Described(&'static str),
    /// Must be given.
    Required,
}

/// Who named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// A seed document: name, values and texts are kept exactly.
    Seed,
    /// This project.
    Ours,
}

/// The field that an accessor leads to.
pub type Field<T, V> = fn(&mut T) -> &mut V;

/// What a value may be, and where it goes.
#[derive(Clone, Copy, Debug)]
pub enum Kind<T: 'static> {
    Text {
        check: fn(&str) -> Result<(), String>,
        field: Field<T, String>,
    },
    Choice {
        names: &'static [&'static str],
        set: fn(&mut T, usize),
        get: fn(&T) -> usize,
    },
    Integer {
        least: u64,
        most: Option<u64>,
        field: Field<T, u64>,
    },
    OptionalInteger {
        least: u64,
        most: u64,
        field: Field<T, Option<u64>>,
    },
    Port {
        field: Field<T, u16>,
    },
    /// Seconds, of which 0 means never.
    Timeout {
        field: Field<T, Option<Duration>>,
    },
    /// Seconds, of which 0 means none at all.
    Length {
        least_ms: u64,
        most_s: u64,
        field: Field<T, Duration>,
    },
    Flag {
        field: Field<T, bool>,
    },
    Bind {
        field: Field<T, Bind>,
    },
    Sockets {
        port: u16,
        field: Field<T, Vec<SocketAddr>>,
    },
    Networks {
        field: Field<T, Vec<Network>>,
    },
    OptionalNetworks {
        field: Field<T, Option<Vec<Network>>>,
    },
    /// Addresses with the length of their network's prefix.
    Prefixed {
        field: Field<T, Vec<Network>>,
    },
    Addresses {
        field: Field<T, Vec<IpAddr>>,
    },
    HostNames {
        field: Field<T, Vec<String>>,
    },
    OutputNames {
        field: Field<T, Vec<OutputId>>,
    },
    /// `host:port`, or a table of [`OUTPUT_PROPERTIES`].
    Outputs {
        field: Field<T, BTreeMap<OutputId, Output>>,
    },
    /// The address inside such a table.
    Backend {
        field: Field<T, crate::model::address::HostPort>,
    },
    Mon {
        field: Field<T, Option<Mon>>,
    },
    AccessLog {
        field: Field<T, AccessLog>,
    },
    ErrorFiles {
        field: Field<T, BTreeMap<u16, ErrorFile>>,
    },
    Path {
        field: Field<T, PathBuf>,
    },
    Cpu {
        field: Field<T, Option<Cpu>>,
    },
    Memory {
        field: Field<T, Option<Memory>>,
    },
    Bandwidth {
        field: Field<T, Option<Bandwidth>>,
    },
    /// Tables of [`SERVER_PROPERTIES`] by the servers' names.
    Servers {
        field: Field<T, BTreeMap<String, Server>>,
    },
    /// Properties of the configuration that differ on one server, by name.
    Overlay {
        field: Field<T, BTreeMap<String, String>>,
    },
}

/// The property called `name`, by its own name or its alias; `out3` is found under `out1`.
pub fn find(name: &str) -> Option<&'static Property<Config>> {
    let name = if OutputId::from_name(name).is_some() {
        OUTPUTS_ROW
    } else {
        name
    };
    PROPERTIES
        .iter()
        .find(|property| property.name == name || property.alias == Some(name))
}

/// The row that stands for all of `out1` … `out64`.
pub const OUTPUTS_ROW: &str = "out1";

impl<T> Property<T> {
    /// Whether this row stands for all of `out1` … `out64`.
    pub fn is_outputs(&self) -> bool {
        matches!(self.kind, Kind::Outputs { .. })
    }

    /// The table this property stands in (`resources`), when it is not at the top level.
    pub fn section(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(section, _)| section)
    }

    /// Its name inside [`Property::section`].
    pub fn key(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, key)| key)
    }
}

impl<T> Kind<T> {
    /// What a value must be, to stand after "must be".
    pub fn describe(&self) -> String {
        match self {
            Kind::Text { .. } => "a string".to_owned(),
            Kind::Choice { names, .. } => format!("one of {}", names.join(", ")),
            Kind::Integer {
                least, most: None, ..
            } => format!("an integer, {least} or more"),
            Kind::Integer {
                least,
                most: Some(most),
                ..
            }
            | Kind::OptionalInteger { least, most, .. } => {
                format!("an integer between {least} and {most}")
            }
            Kind::Port { .. } => "an integer between 1 and 65535".to_owned(),
            Kind::Timeout { .. } => {
                "a number of seconds, at least 0.001 and at most a year, or 0 for never".to_owned()
            }
            Kind::Length {
                least_ms, most_s, ..
            } => {
                let least = crate::model::amount::seconds(Duration::from_millis(*least_ms));
                format!("a number of seconds between {least} and {most_s}")
            }
            Kind::Flag { .. } => "true or false".to_owned(),
            Kind::Bind { .. } => "an IP address".to_owned(),
            Kind::Sockets { .. } => "an address and port, or a list of them".to_owned(),
            Kind::Networks { .. } | Kind::OptionalNetworks { .. } => {
                "a network, as in \"10.0.0.0/8\", or a list of them".to_owned()
            }
            Kind::Prefixed { .. } => {
                "an address with its prefix, as in \"10.0.0.100/24\", or a list of them".to_owned()
            }
            Kind::Addresses { .. } => "an IP address, or a list of them".to_owned(),
            Kind::HostNames { .. } => "a host name, or a list of them".to_owned(),
            Kind::OutputNames { .. } => "names of outputs, as in \"out7 out8\"".to_owned(),
            Kind::Outputs { .. } => {
                "\"host:port\" or a table { address, weight, max_connections }".to_owned()
            }
            Kind::Backend { .. } => "\"host:port\"".to_owned(),
            Kind::Mon { .. } => "\"tcp://host:port\" or \"statsd://host:port\"".to_owned(),
            Kind::AccessLog { .. } => {
                "\"none\", \"stdout\" or a path that begins with /".to_owned()
            }
            Kind::ErrorFiles { .. } => "a table of statuses and paths".to_owned(),
            Kind::Path { .. } => "a path that begins with /".to_owned(),
            Kind::Cpu { .. } => format!("a number between {} and {}", Cpu::LEAST, Cpu::MOST),
            Kind::Memory { .. } => {
                format!(
                    "a string between \"{}\" and \"{}\"",
                    Memory::LEAST,
                    Memory::MOST
                )
            }
            Kind::Bandwidth { .. } => {
                format!(
                    "a string between \"{}\" and \"{}\"",
                    Bandwidth::LEAST,
                    Bandwidth::MOST
                )
            }
            Kind::Servers { .. } => "a table for each server".to_owned(),
            Kind::Overlay { .. } => "a table of properties".to_owned(),
        }
    }
}

/// Names of the choices, in the order of the enumerations' `ALL`.
mod names {
    pub const MODE: &[&str] = &["passive", "sync", "insert", "source"];
    pub const BALANCE: &[&str] = &["roundrobin", "leastconn", "p2c"];
    pub const HEALTHCHECK_METHOD: &[&str] = &["tcp_connect", "http_head", "http_get"];
    pub const LOG_FORMAT: &[&str] = &["json", "haproxy", "combined"];
}

/// Spellings that mean another: 3tera's 2.x wrote `synch`.
pub const CHOICE_ALIASES: &[(&str, &str)] = &[("synch", "sync")];

/// The choices by index; a wrong index cannot come from a name and counts as the first.
fn chosen<V: Copy + Default>(all: &[V], index: usize) -> V {
    all.get(index).copied().unwrap_or_default()
}

fn index_of<V: PartialEq>(all: &[V], value: &V) -> usize {
    all.iter().position(|other| other == value).unwrap_or(0)
}

const MODE: Kind<Config> = Kind::Choice {
    names: names::MODE,
    set: |c, index| c.mode = chosen(&Mode::ALL, index),
    get: |c| index_of(&Mode::ALL, &c.mode),
};
const BALANCE: Kind<Config> = Kind::Choice {
    names: names::BALANCE,
    set: |c, index| c.balance = chosen(&Balance::ALL, index),
    get: |c| index_of(&Balance::ALL, &c.balance),
};
const HEALTHCHECK_METHOD: Kind<Config> = Kind::Choice {
    names: names::HEALTHCHECK_METHOD,
    set: |c, index| c.healthcheck_method = chosen(&HealthcheckMethod::ALL, index),
    get: |c| index_of(&HealthcheckMethod::ALL, &c.healthcheck_method),
};
const LOG_FORMAT: Kind<Config> = Kind::Choice {
    names: names::LOG_FORMAT,
    set: |c, index| c.log_format = chosen(&LogFormat::ALL, index),
    get: |c| index_of(&LogFormat::ALL, &c.log_format),
};
