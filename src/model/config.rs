//! The configuration: one field for each property, under the property's own name.
//!
//! Names, defaults and ranges stand in [`property`](crate::model::property); a value of this type
//! comes from [`load`](crate::model::load) and keeps every promise that the table makes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::address::Bind;
use crate::model::address::HostPort;
use crate::model::amount::Bandwidth;
use crate::model::amount::Cpu;
use crate::model::amount::Memory;
use crate::model::error_page::ErrorFile;
use crate::model::output::OutputId;
use crate::model::plan::Network;

/// A timeout of `None` never ends; users write 0 for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// What this server is called: `--node`, `HALB_NODE` or the host's name; empty when none of them says.
    pub node: String,

    pub r#in: Vec<SocketAddr>,
    /// `out1` … `out64`: the connected ones.
    pub out: BTreeMap<OutputId, Output>,
    pub ui: Bind,
    pub ctl: Bind,
    pub mon: Option<Mon>,
    pub mon_interval: Duration,

    pub mode: Mode,
    pub cookie_name: String,
    pub cookie_secure: bool,
    pub cookie_check_length: u64,
    /// 0: the one computed from memory and descriptors.
    pub max_connections: u64,
    pub backup_outputs: Vec<OutputId>,
    pub balance: Balance,

    pub timeout: Option<Duration>,
    pub client_timeout: Option<Duration>,
    pub server_timeout: Option<Duration>,
    pub conn_timeout: Option<Duration>,
    pub queue_timeout: Option<Duration>,
    pub tunnel_timeout: Option<Duration>,

    pub healthcheck_method: HealthcheckMethod,
    pub healthcheck_url: String,
    pub healthcheck_agent: String,
    pub healthcheck_regexp: String,
    pub healthcheck_interval: Duration,
    pub healthcheck_rise: u64,
    pub healthcheck_fall: u64,

    pub username: String,
    pub password: String,
    pub ui_port: u16,
    pub ctl_port: u16,
    pub ctl_token: String,
    /// `None`: loopback and the resolved addresses of the outputs.
    pub ctl_allow: Option<Vec<Network>>,
    pub ctl_hosts: Vec<String>,

    /// `None`: one per core that the process may use.
    pub workers: Option<u64>,
    pub forwarded: bool,
    pub trusted_proxies: Vec<Network>,
    pub via: bool,
    pub max_head_bytes: u64,
    pub error_files: BTreeMap<u16, ErrorFile>,
    pub access_log: AccessLog,
    pub log_format: LogFormat,
    pub grace: Duration,
    pub state_dir: PathBuf,
    pub resources: Resources,
    pub domain: Option<Domain>,
}

impl Config {
    /// Whether sessions are learned.
    pub fn learns(&self) -> bool {
        self.mode == Mode::Passive && !self.cookie_name.is_empty()
    }

    /// The domain, which begins to exist when one of its properties is written.
    pub(in crate::model) fn domain_mut(&mut self) -> &mut Domain {
        self.domain.get_or_insert_default()
    }
}

/// What an output is connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub address: HostPort,
    pub weight: u64,
    /// 0: no maximum of its own.
    pub max_connections: u64,
}

/// How a client's session is tied to an output (SPEC 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Passive,
    Sync,
    Insert,
    Source,
}

impl Mode {
    /// In the order of the names in the property table.
    pub(in crate::model) const ALL: [Mode; 4] =
        [Mode::Passive, Mode::Sync, Mode::Insert, Mode::Source];
}

/// How the next output is chosen for a client that is tied to none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    #[default]
    RoundRobin,
    LeastConn,
    P2c,
}

impl Balance {
    pub(in crate::model) const ALL: [Balance; 3] =
        [Balance::RoundRobin, Balance::LeastConn, Balance::P2c];
}

/// How an output is probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthcheckMethod {
    #[default]
    TcpConnect,
    HttpHead,
    HttpGet,
}

impl HealthcheckMethod {
    pub(in crate::model) const ALL: [HealthcheckMethod; 3] = [
        HealthcheckMethod::TcpConnect,
        HealthcheckMethod::HttpHead,
        HealthcheckMethod::HttpGet,
    ];
}

/// The form of a line in the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Json,
    Haproxy,
    Combined,
}

impl LogFormat {
    pub(in crate::model) const ALL: [LogFormat; 3] =
        [LogFormat::Json, LogFormat::Haproxy, LogFormat::Combined];
}

/// Where the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessLog {
    #[default]
    None,
    Stdout,
    File(PathBuf),
}

/// Where the counters are pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mon {
    pub wire: MonWire,
    pub address: HostPort,
}

/// The form in which counters are pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonWire {
    /// `tcp://`: one JSON object a line.
    Json,
    /// `statsd://`
    Statsd,
}

/// What the operator grants; `None`: what cgroups, affinity or the machine grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub cpu: Option<Cpu>,
    pub memory: Option<Memory>,
    pub bandwidth: Option<Bandwidth>,
}

/// The set of servers of which one is active and one stands by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Domain {
    /// Which of `servers` this one is; `None` when nothing said so.
    pub node: Option<String>,
    pub name: String,
    pub hot_standby: bool,
    pub main: String,
    /// Empty: nobody stands by.
    pub backup: String,
    pub virtual_addresses: Vec<Network>,
    pub ping_addresses: Vec<IpAddr>,
    pub activate_backup_on_local_failure: bool,
    pub key_file: PathBuf,
    pub lease_s: u64,
    pub switch_grace: Duration,
    pub servers: BTreeMap<String, Server>,
}

/// More servers than this no domain has.
pub const SERVERS_MAX: usize = 16;
/// More paths than this no server has.
pub const ADDRESSES_MAX: usize = 8;

/// One server of a domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Server {
    /// Every path to it, best first.
    pub addresses: Vec<SocketAddr>,
    pub interface: String,
    pub maintenance: bool,
    /// Properties that differ on this server, as TOML text by name; already part of the
    /// configuration on the server itself.
    pub set: BTreeMap<String, String>,
}
