//! The rows.

use crate::model::amount::SECONDS_MAX;
use crate::model::config::Config;
use crate::model::config::Output;
use crate::model::config::Server;
use crate::model::property::Author;
use crate::model::property::BACKEND_PORT;
use crate::model::property::Fallback;
use crate::model::property::IN_PORT;
use crate::model::property::Kind;
use crate::model::property::LINK_PORT;
use crate::model::property::Property;
use crate::model::property::rule;

/// A large buffer is 64 KiB; 512 bytes of it are kept for what HALB adds to a head.
const HEAD_BYTES_MAX: u64 = 65_024;
/// Less than this and ordinary browsers would be refused.
const HEAD_BYTES_MIN: u64 = 1_024;
/// HAProxy's, so that its weights can be taken over.
const WEIGHT_MAX: u64 = 256;
/// More threads than any machine has processors that we know of.
const WORKERS_MAX: u64 = 1_024;
/// Results in a row; more would hide a change for hours.
const RISE_FALL_MAX: u64 = 1_000;
/// A lease of minutes would leave the addresses on a dead server for as long.
const LEASE_MAX_S: u64 = 60;
const DAY_S: u64 = 24 * 3600;

/// Every property of the configuration.
pub static PROPERTIES: &[Property<Config>] = &[
    seed(
        "in",
        Kind::Sockets { port: IN_PORT, field: |c| &mut c.r#in },
        "0.0.0.0:80",
        "address and port of the common input; a list is allowed",
    ),
    seed_described(
        "out1",
        Kind::Outputs { field: |c| &mut c.out },
        "disconnected",
        "the backend of each output; port 80 when none is named",
    ),
    seed("ui", Kind::Bind { field: |c| &mut c.ui }, "127.0.0.1", "address that ui is bound to"),
    seed("ctl", Kind::Bind { field: |c| &mut c.ctl }, "127.0.0.1", "address that ctl is bound to"),
    seed_described(
        "mon",
        Kind::Mon { field: |c| &mut c.mon },
        "counters are pushed nowhere",
        "where counters are pushed: tcp://host:port (JSON lines) or statsd://host:port",
    ),
    ours(
        "mon_interval",
        Kind::Length { least_ms: 100, most_s: DAY_S, field: |c| &mut c.mon_interval },
        "1",
        "seconds between two pushes of the counters",
    ),
    seed(
        "mode",
        super::MODE,
        "passive",
        "how a client's session is tied to an output: by the backends' cookie (passive, sync), by one of HALB's own (insert), or by the client's address (source)",
    )
    .refusal("Error: invalid operation mode specified"),
    seed(
        "cookie_name",
        Kind::Text { check: rule::cookie_name, field: |c| &mut c.cookie_name },
        "",
        "the cookie that identifies a session; empty: no session tracking, plain rotation",
    ),
    ours(
        "cookie_secure",
        Kind::Flag { field: |c| &mut c.cookie_secure },
        "false",
        "whether the cookie that insert sets carries Secure",
    ),
    seed(
        "cookie_check_length",
        Kind::Integer { least: 1, most: None, field: |c| &mut c.cookie_check_length },
        "10",
        "bytes of the cookie's value that form the key in passive mode",
    ),
    seed(
        "max_connections",
        Kind::Integer { least: 0, most: None, field: |c| &mut c.max_connections },
        "0",
        "maximum of simultaneous connections; never above the one computed from memory; 0: that one",
    ),
    seed(
        "backup_outputs",
        Kind::OutputNames { field: |c| &mut c.backup_outputs },
        "",
        "outputs that get traffic only when none of the others is available",
    ),
    ours(
        "balance",
        super::BALANCE,
        "roundrobin",
        "how an output is chosen for a client that is tied to none",
    ),
    seed(
        "timeout",
        Kind::Timeout { field: |c| &mut c.timeout },
        "0",
        "idle life of a session learned in passive mode",
    ),
    seed(
        "client_timeout",
        Kind::Timeout { field: |c| &mut c.client_timeout },
        "60",
        "wait for a request from a client, and for each later pause of it",
    ),
    seed(
        "server_timeout",
        Kind::Timeout { field: |c| &mut c.server_timeout },
        "60",
        "wait for a reply from a backend, and for each later pause of it",
    ),
    seed(
        "conn_timeout",
        Kind::Timeout { field: |c| &mut c.conn_timeout },
        "20",
        "time to establish any TCP connection, probes included",
    ),
    described(
        "queue_timeout",
        Kind::Timeout { field: |c| &mut c.queue_timeout },
        "as conn_timeout",
        "longest wait for a place under a maximum",
    ),
    ours(
        "tunnel_timeout",
        Kind::Timeout { field: |c| &mut c.tunnel_timeout },
        "3600",
        "how long a tunnel may carry no bytes either way",
    ),
    seed(
        "healthcheck_method",
        super::HEALTHCHECK_METHOD,
        "tcp_connect",
        "how outputs are probed",
    )
    .alias("healthcheck_mode")
    .refusal("Error: unknown health check method VALUE specified."),
    seed(
        "healthcheck_url",
        Kind::Text { check: rule::healthcheck_url, field: |c: &mut Config| &mut c.healthcheck_url },
        "",
        "what http probes ask for: a full URL (HTTP/1.1 with its Host), a path (HTTP/1.0), or empty for /",
    )
    .refusal("Error: the healthcheck_url, when specified as an URL, must begin with http:// and contain a full path to the document ( ex: http://host.name.domain/file/to/check/for.html )."),
    seed(
        "healthcheck_agent",
        Kind::Text { check: rule::field_value, field: |c| &mut c.healthcheck_agent },
        "HALB-health-check",
        "User-Agent of http probes; empty: the default",
    ),
    seed(
        "healthcheck_regexp",
        Kind::Text { check: rule::regexp, field: |c| &mut c.healthcheck_regexp },
        "",
        "Perl regular expression searched in the document that http_get gets",
    ),
    seed(
        "healthcheck_interval",
        Kind::Length { least_ms: 100, most_s: DAY_S, field: |c| &mut c.healthcheck_interval },
        "5",
        "seconds between two probes of an output",
    ),
    ours(
        "healthcheck_rise",
        Kind::Integer { least: 1, most: Some(RISE_FALL_MAX), field: |c| &mut c.healthcheck_rise },
        "2",
        "successes in a row that bring an output up",
    ),
    ours(
        "healthcheck_fall",
        Kind::Integer { least: 1, most: Some(RISE_FALL_MAX), field: |c| &mut c.healthcheck_fall },
        "2",
        "failures in a row that take an output down",
    ),
    seed(
        "username",
        Kind::Text { check: rule::username, field: |c| &mut c.username },
        "",
        "user of ui; empty: no authentication",
    ),
    seed(
        "password",
        Kind::Text { check: rule::no_control, field: |c: &mut Config| &mut c.password },
        "",
        "password of ui; ignored without username",
    )
    .secret(),
    seed("ui_port", Kind::Port { field: |c: &mut Config| &mut c.ui_port }, "8080", "port of ui")
        .refusal("Error: ui_port value must be between 1 and 65535."),
    seed("ctl_port", Kind::Port { field: |c: &mut Config| &mut c.ctl_port }, "8081", "port of ctl")
        .refusal("Error: ctl_port value must be between 1 and 65535."),
    ours(
        "ctl_token",
        Kind::Text { check: rule::bearer_token, field: |c: &mut Config| &mut c.ctl_token },
        "",
        "bearer token that ctl asks for; empty: none",
    )
    .secret(),
    described(
        "ctl_allow",
        Kind::OptionalNetworks { field: |c| &mut c.ctl_allow },
        "loopback and the resolved addresses of the outputs",
        "networks that may use ctl",
    ),
    ours(
        "ctl_hosts",
        Kind::HostNames { field: |c| &mut c.ctl_hosts },
        "",
        "host names that requests to ctl and ui may carry besides their addresses and localhost",
    ),
    described(
        "workers",
        Kind::OptionalInteger { least: 1, most: WORKERS_MAX, field: |c: &mut Config| &mut c.workers },
        "one per core that the process may use",
        "threads of the data plane",
    )
    .restart(),
    ours(
        "forwarded",
        Kind::Flag { field: |c| &mut c.forwarded },
        "true",
        "add X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host to requests",
    ),
    ours(
        "trusted_proxies",
        Kind::Networks { field: |c| &mut c.trusted_proxies },
        "",
        "networks whose forwarded headers are kept, and whose client address counts",
    ),
    ours(
        "via",
        Kind::Flag { field: |c| &mut c.via },
        "false",
        "add Via to requests and responses",
    ),
    ours(
        "max_head_bytes",
        Kind::Integer {
            least: HEAD_BYTES_MIN,
            most: Some(HEAD_BYTES_MAX),
            field: |c| &mut c.max_head_bytes,
        },
        "16384",
        "longest head of a request or a response",
    ),
    described(
        "error_files",
        Kind::ErrorFiles { field: |c| &mut c.error_files },
        "short built-in pages",
        "files that replace the bodies of HALB's own answers, by status",
    ),
    ours(
        "access_log",
        Kind::AccessLog { field: |c| &mut c.access_log },
        "none",
        "where a line for each request goes: none, stdout or a path",
    ),
    ours("log_format", super::LOG_FORMAT, "json", "the form of a line in the access log"),
    ours(
        "grace",
        Kind::Length { least_ms: 0, most_s: DAY_S, field: |c| &mut c.grace },
        "30",
        "seconds that a graceful stop or an upgrade may take",
    ),
    ours(
        "state_dir",
        Kind::Path { field: |c: &mut Config| &mut c.state_dir },
        "/var/lib/halb",
        "folder of what outlives a restart: learned sessions, switches, counters",
    )
    .restart(),
    described(
        "resources.cpu",
        Kind::Cpu { field: |c: &mut Config| &mut c.resources.cpu },
        "what cgroups, affinity or the machine grant",
        "processors to use",
    )
    .seeds()
    .restart(),
    described(
        "resources.memory",
        Kind::Memory { field: |c: &mut Config| &mut c.resources.memory },
        "what cgroups or the machine grant",
        "memory to use",
    )
    .seeds()
    .restart(),
    described(
        "resources.bandwidth",
        Kind::Bandwidth { field: |c: &mut Config| &mut c.resources.bandwidth },
        "unlimited",
        "payload of in towards clients and outputs",
    )
    .seeds()
    .restart(),
    required(
        "domain.name",
        Kind::Text { check: rule::node_name, field: |c: &mut Config| &mut c.domain_mut().name },
        "name of the domain",
    )
    .restart(),
    ours(
        "domain.hot_standby",
        Kind::Flag { field: |c: &mut Config| &mut c.domain_mut().hot_standby },
        "true",
        "whether a backup server waits to take over",
    )
    .seeds(),
    required(
        "domain.main",
        Kind::Text { check: rule::node_name, field: |c: &mut Config| &mut c.domain_mut().main },
        "server that is active after a common start",
    )
    .seeds(),
    ours(
        "domain.backup",
        Kind::Text { check: rule::node_name_or_none, field: |c: &mut Config| &mut c.domain_mut().backup },
        "",
        "server that stands by; empty: none",
    )
    .seeds(),
    ours(
        "domain.virtual_addresses",
        Kind::Prefixed { field: |c| &mut c.domain_mut().virtual_addresses },
        "",
        "service addresses that move in a takeover, with the prefix of their network",
    ),
    ours(
        "domain.ping_addresses",
        Kind::Addresses { field: |c: &mut Config| &mut c.domain_mut().ping_addresses },
        "",
        "a third network entity, such as a gateway, that tells a dead peer from a dead network",
    )
    .seeds(),
    ours(
        "domain.activate_backup_on_local_failure",
        Kind::Flag { field: |c: &mut Config| &mut c.domain_mut().activate_backup_on_local_failure },
        "true",
        "whether a reported local failure of the active makes the backup take over",
    )
    .seeds(),
    ours(
        "domain.key_file",
        Kind::Path { field: |c: &mut Config| &mut c.domain_mut().key_file },
        "/etc/halb/domain.key",
        "the key that the servers' links are sealed with",
    )
    .restart(),
    ours(
        "domain.lease_s",
        Kind::Integer { least: 1, most: Some(LEASE_MAX_S), field: |c| &mut c.domain_mut().lease_s },
        "1",
        "seconds after which the kernel removes a virtual address that nobody renews",
    ),
    ours(
        "domain.switch_grace",
        Kind::Length { least_ms: 0, most_s: DAY_S, field: |c| &mut c.domain_mut().switch_grace },
        "5",
        "seconds that exchanges in flight may take in a planned switch",
    ),
    required(
        "domain.servers",
        Kind::Servers { field: |c: &mut Config| &mut c.domain_mut().servers },
        "the servers of the domain, a table for each",
    )
    .seeds(),
];

/// The table form of an output.
pub static OUTPUT_PROPERTIES: &[Property<Output>] = &[
    required(
        "address",
        Kind::Backend {
            field: |o| &mut o.address,
        },
        "host and port of the backend; port 80 when none is named",
    ),
    ours(
        "weight",
        Kind::Integer {
            least: 1,
            most: Some(WEIGHT_MAX),
            field: |o| &mut o.weight,
        },
        "1",
        "share of the traffic, in proportion to the other weights",
    ),
    ours(
        "max_connections",
        Kind::Integer {
            least: 0,
            most: None,
            field: |o| &mut o.max_connections,
        },
        "0",
        "maximum of simultaneous sessions at this output; 0: none of its own",
    ),
];

/// One server of a domain.
pub static SERVER_PROPERTIES: &[Property<Server>] = &[
    required(
        "addresses",
        Kind::Sockets {
            port: LINK_PORT,
            field: |s| &mut s.addresses,
        },
        "every path to it, best first; port 7400 when none is named",
    ),
    ours(
        "interface",
        Kind::Text {
            check: rule::interface,
            field: |s| &mut s.interface,
        },
        "",
        "network interface that holds the virtual addresses",
    ),
    ours(
        "maintenance",
        Kind::Flag {
            field: |s: &mut Server| &mut s.maintenance,
        },
        "false",
        "takes no part in any event of the domain",
    )
    .seeds(),
    ours(
        "set",
        Kind::Overlay {
            field: |s| &mut s.set,
        },
        "",
        "properties that differ on this server",
    ),
];

const _: () = assert!(BACKEND_PORT != 0 && SECONDS_MAX > DAY_S);

const fn row<T>(
    name: &'static str,
    kind: Kind<T>,
    fallback: Fallback,
    author: Author,
    help: &'static str,
) -> Property<T> {
    Property {
        name,
        alias: None,
        kind,
        fallback,
        author,
        secret: false,
        restart: false,
        refusal: None,
        help,
    }
}

const fn seed<T>(
    name: &'static str,
    kind: Kind<T>,
    fallback: &'static str,
    help: &'static str,
) -> Property<T> {
    row(name, kind, Fallback::Value(fallback), Author::Seed, help)
}

const fn seed_described<T>(
    name: &'static str,
    kind: Kind<T>,
    fallback: &'static str,
    help: &'static str,
) -> Property<T> {
    row(
        name,
        kind,
        Fallback::Described(fallback),
        Author::Seed,
        help,
    )
}

const fn ours<T>(
    name: &'static str,
    kind: Kind<T>,
    fallback: &'static str,
    help: &'static str,
) -> Property<T> {
    row(name, kind, Fallback::Value(fallback), Author::Ours, help)
}

const fn described<T>(
    name: &'static str,
    kind: Kind<T>,
    fallback: &'static str,
    help: &'static str,
) -> Property<T> {
    row(
        name,
        kind,
        Fallback::Described(fallback),
        Author::Ours,
        help,
    )
}

const fn required<T>(name: &'static str, kind: Kind<T>, help: &'static str) -> Property<T> {
    row(name, kind, Fallback::Required, Author::Ours, help)
}

impl<T> Property<T> {
    const fn seeds(mut self) -> Property<T> {
        self.author = Author::Seed;
        self
    }

    const fn alias(mut self, alias: &'static str) -> Property<T> {
        self.alias = Some(alias);
        self
    }

    const fn secret(mut self) -> Property<T> {
        self.secret = true;
        self
    }

    const fn restart(mut self) -> Property<T> {
        self.restart = true;
        self
    }

    const fn refusal(mut self, text: &'static str) -> Property<T> {
        self.refusal = Some(text);
        self
    }
}
