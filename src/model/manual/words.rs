//! What the manual says beyond the table: groups, examples, and what one line of help cannot hold.

/// A stretch of the manual.
pub struct Group {
    pub title: &'static str,
    /// The table in the file that its examples stand in.
    pub section: Option<&'static str>,
    pub intro: &'static str,
    pub entries: &'static [Entry],
}

/// One property.
pub struct Entry {
    pub name: &'static str,
    /// As it would stand in the file.
    pub example: &'static str,
    /// Sentences, or nothing.
    pub more: &'static str,
}

const fn entry(name: &'static str, example: &'static str, more: &'static str) -> Entry {
    Entry {
        name,
        example,
        more,
    }
}

/// The properties of the configuration, in the order of the manual.
pub const GROUPS: &[Group] = &[
    TERMINALS, GENERAL, TIMEOUTS, PROBES, WEB, TRAFFIC, LOGS, PROCESS, RESOURCES, DOMAIN,
];

const TERMINALS: Group = Group {
    title: "Terminals",
    section: None,
    intro: "Where HALB listens, and where its outputs lead.",
    entries: &[
        entry(
            "in",
            "in = [\"0.0.0.0:8000\", \"[::]:8000\"]",
            "IPv6 addresses take IPv6 alone, so that `0.0.0.0` and `[::]` stand side by side.",
        ),
        entry(
            "out1",
            "out1 = \"10.0.0.21:8080\"\n\
             out2 = { address = \"web2.example.com\", weight = 2, max_connections = 100 }",
            "Outputs that are left out are disconnected; at least one has to be connected. A host name is resolved at \
             the start and again every 30 s; one that does not resolve makes that output down, and nothing else. An \
             output whose address changes is a new output: enabled, and nobody is tied to it. The table form is \
             below: [one output](#one-output).",
        ),
        entry(
            "ui",
            "ui = \"10.0.0.11\"",
            "`0.0.0.0` and `::` are all addresses.",
        ),
        entry(
            "ctl",
            "ctl = \"10.0.0.11\"",
            "Beyond this machine, see `ctl_allow` and `ctl_token`.",
        ),
        entry("mon", "mon = \"tcp://10.0.0.90:7000\"", ""),
        entry("mon_interval", "mon_interval = 0.5", ""),
    ],
};

const GENERAL: Group = Group {
    title: "General",
    section: None,
    intro: "Which output a request goes to, and how many there may be: [affinity.md](affinity.md).",
    entries: &[
        entry(
            "mode",
            "mode = \"insert\"",
            "`synch` is another spelling of `sync`.",
        ),
        entry(
            "cookie_name",
            "cookie_name = \"JSESSIONID\"",
            "Ignored in `source`. In `insert` take a name that no backend uses.",
        ),
        entry("cookie_secure", "cookie_secure = true", ""),
        entry(
            "cookie_check_length",
            "cookie_check_length = 32",
            "A shorter value is used whole. Take more when values begin alike.",
        ),
        entry(
            "max_connections",
            "max_connections = 20000",
            "When it is reached, connections are still accepted, but wait until another closes, at most \
             `queue_timeout`.",
        ),
        entry(
            "backup_outputs",
            "backup_outputs = \"out1\"",
            "Spaces or commas stand between several.",
        ),
        entry(
            "balance",
            "balance = \"leastconn\"",
            "`roundrobin` in proportion to the weights, `leastconn` by the sessions each output has now for its \
             weight, `p2c` the better of two that chance names.",
        ),
    ],
};

const TIMEOUTS: Group = Group {
    title: "Timeouts",
    section: None,
    intro: "All in seconds, decimals allowed. 0 is never, which `halb check` warns of where it is not the default.",
    entries: &[
        entry(
            "timeout",
            "timeout = 1800",
            "An expired cookie counts as none.",
        ),
        entry(
            "client_timeout",
            "client_timeout = 30",
            "The whole head has to come within it. It bounds each pause in a body, and each pause of a client that \
             does not read; after the first 60 s a body has to average 500 bytes a second.",
        ),
        entry("server_timeout", "server_timeout = 120", ""),
        entry(
            "conn_timeout",
            "conn_timeout = 25",
            "All tries of one request share it. Less than 20 gets a warning: probes that time out under load take \
             outputs down.",
        ),
        entry(
            "queue_timeout",
            "queue_timeout = 5",
            "Who waited so long gets 503.",
        ),
        entry(
            "tunnel_timeout",
            "tunnel_timeout = 600",
            "A tunnel is what follows a 101, such as WebSocket.",
        ),
    ],
};

const PROBES: Group = Group {
    title: "Probes",
    section: None,
    intro: "How HALB finds out whether an output can serve.",
    entries: &[
        entry(
            "healthcheck_method",
            "healthcheck_method = \"http_get\"",
            "`tcp_connect`: a connection opens. `http_head`, `http_get`: a status of 2xx or 3xx.",
        ),
        entry(
            "healthcheck_url",
            "healthcheck_url = \"http://www.example.com/health_check.php\"",
            "",
        ),
        entry("healthcheck_agent", "healthcheck_agent = \"probe/1.0\"", ""),
        entry(
            "healthcheck_regexp",
            "healthcheck_regexp = \"ALL_SERVICES_ARE_OK\"",
            "The document has to match besides its status; at most 1 MiB of it is read. Look-around and \
             back-references work, with a bounded number of steps.",
        ),
        entry(
            "healthcheck_interval",
            "healthcheck_interval = 2",
            "A probe has the lesser of this and `conn_timeout` to connect, and as long again to be answered.",
        ),
        entry(
            "healthcheck_rise",
            "healthcheck_rise = 3",
            "The first probe of an output decides alone.",
        ),
        entry("healthcheck_fall", "healthcheck_fall = 1", ""),
    ],
};

const WEB: Group = Group {
    title: "Web service",
    section: None,
    intro: "Who may look and who may give orders: [ctl.md](ctl.md).",
    entries: &[
        entry(
            "username",
            "username = \"admin\"",
            "Without it `ui` has no switches either.",
        ),
        entry("password", "password = \"correct horse\"", ""),
        entry("ui_port", "ui_port = 9080", ""),
        entry("ctl_port", "ctl_port = 9081", ""),
        entry(
            "ctl_token",
            "ctl_token = \"c2VjcmV0\"",
            "`openssl rand -base64 24` makes one.",
        ),
        entry(
            "ctl_allow",
            "ctl_allow = [\"127.0.0.0/8\", \"10.0.0.0/24\"]",
            "The default lets a backend take itself out.",
        ),
        entry("ctl_hosts", "ctl_hosts = \"lb.example.com\"", ""),
    ],
};

const TRAFFIC: Group = Group {
    title: "Requests and answers",
    section: None,
    intro: "What becomes of them on their way: [request.md](request.md).",
    entries: &[
        entry("forwarded", "forwarded = false", ""),
        entry("trusted_proxies", "trusted_proxies = \"10.0.0.0/24\"", ""),
        entry(
            "via",
            "via = true",
            "Why it is not the default: [decision 0010](decisions/0010-no-via.md).",
        ),
        entry(
            "max_head_bytes",
            "max_head_bytes = 32768",
            "Longer ones get 431, or 414 for the request line alone.",
        ),
        entry(
            "error_files",
            "error_files = { 503 = \"/etc/halb/sorry.html\", 504 = \"/etc/halb/late.html\" }",
            "At most 60,000 bytes each. The type follows from the name's ending.",
        ),
    ],
};

const LOGS: Group = Group {
    title: "Logs",
    section: None,
    intro: "HALB's own log goes to stderr, one event a line.",
    entries: &[
        entry(
            "access_log",
            "access_log = \"/var/log/halb/access.log\"",
            "",
        ),
        entry("log_format", "log_format = \"combined\"", ""),
    ],
};

const PROCESS: Group = Group {
    title: "The process",
    section: None,
    intro: "",
    entries: &[
        entry("workers", "workers = 4", ""),
        entry("grace", "grace = 10", "What is not finished then is cut."),
        entry(
            "state_dir",
            "state_dir = \"/srv/halb\"",
            "One that is named here has to be usable; without the default one HALB runs and keeps nothing.",
        ),
    ],
};

const RESOURCES: Group = Group {
    title: "Resources",
    section: Some("resources"),
    intro: "What the appliance was granted. In the file these stand in a table; on the command line they are written \
            `--set resources.cpu=0.4`, in the environment `HALB_RESOURCES_CPU=0.4`.",
    entries: &[
        entry("resources.cpu", "cpu = 0.4", ""),
        entry(
            "resources.memory",
            "memory = \"96MB\"",
            "kB, MB and GB are powers of 1024.",
        ),
        entry(
            "resources.bandwidth",
            "bandwidth = \"250Mbps\"",
            "kbps, Mbps and Gbps are powers of 1000.",
        ),
    ],
};

const DOMAIN: Group = Group {
    title: "Domain",
    section: Some("domain"),
    intro: "A set of servers with one file, of which one is active. These can stand in the file alone, since they are \
            the same on all servers. A file without `[domain]` is that of a single server. Which server this one is \
            says `--node`, `HALB_NODE` or the host name.",
    entries: &[
        entry("domain.name", "name = \"shop\"", ""),
        entry("domain.hot_standby", "hot_standby = false", ""),
        entry("domain.main", "main = \"lb1\"", ""),
        entry("domain.backup", "backup = \"lb2\"", ""),
        entry(
            "domain.virtual_addresses",
            "virtual_addresses = [\"10.0.0.100/24\", \"2001:db8::100/64\"]",
            "",
        ),
        entry(
            "domain.ping_addresses",
            "ping_addresses = [\"10.0.0.1\"]",
            "",
        ),
        entry(
            "domain.activate_backup_on_local_failure",
            "activate_backup_on_local_failure = false",
            "",
        ),
        entry("domain.key_file", "key_file = \"/etc/halb/shop.key\"", ""),
        entry("domain.lease_s", "lease_s = 2", ""),
        entry("domain.switch_grace", "switch_grace = 10", ""),
        entry(
            "domain.servers",
            "[domain.servers.lb1]\n\
             addresses = [\"10.0.0.11:7400\", \"192.168.77.1:7400\"]\n\
             interface = \"eth0\"\n\
             [domain.servers.lb2]\n\
             addresses = \"10.0.0.12\"\n\
             interface = \"eth0\"",
            "What a server's table may hold is below: [one server of a domain](#one-server-of-a-domain).",
        ),
    ],
};

/// The keys of an output's table.
pub const OUTPUT: &[Entry] = &[
    entry(
        "address",
        "address = \"10.0.0.21:8080\"",
        "IPv6 addresses stand in brackets when a port follows.",
    ),
    entry("weight", "weight = 2", ""),
    entry(
        "max_connections",
        "max_connections = 100",
        "Exact over all workers. Who finds no place waits, at most `queue_timeout`.",
    ),
];

/// The keys of a server's table.
pub const SERVER: &[Entry] = &[
    entry(
        "addresses",
        "addresses = [\"10.0.0.11:7400\", \"192.168.77.1\"]",
        "",
    ),
    entry(
        "interface",
        "interface = \"eth0\"",
        "It is needed as soon as there are virtual addresses.",
    ),
    entry("maintenance", "maintenance = true", ""),
    entry(
        "set",
        "set = { ui = \"10.0.0.11\" }",
        "Any property but those of the domain.",
    ),
];
