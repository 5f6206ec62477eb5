//! What one property alone cannot tell: collisions, contradictions, values that help nobody.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;

use crate::model::address::HostPort;
use crate::model::config::ADDRESSES_MAX;
use crate::model::config::Config;
use crate::model::config::Domain;
use crate::model::config::HealthcheckMethod;
use crate::model::config::Mode;
use crate::model::config::SERVERS_MAX;
use crate::model::load::Loader;
use crate::model::load::finding::Origin;
use crate::model::output::OutputId;
use crate::model::property::CONN_TIMEOUT_ADVISED;
use crate::model::property::Fallback;
use crate::model::property::Kind;
use crate::model::property::PROPERTIES;

/// Adds to the findings; `whole` is where something is missing from the configuration as such.
pub(super) fn check(loader: &mut Loader<'_>, whole: &Origin) {
    let mut across = Across { loader, whole };
    across.outputs();
    across.backups();
    across.listeners();
    across.timeouts();
    across.cookies();
    across.probes();
    across.web();
    across.domain();
}

struct Across<'a, 'l> {
    loader: &'a mut Loader<'l>,
    whole: &'a Origin,
}

impl Across<'_, '_> {
    fn config(&self) -> &Config {
        &self.loader.config
    }

    /// Where `name` was given, or the configuration as a whole.
    fn origin(&self, name: &str) -> Origin {
        self.loader.origins.get(name).unwrap_or(self.whole).clone()
    }

    fn given(&self, name: &str) -> bool {
        self.loader.origins.contains_key(name)
    }

    fn sound(&self, names: &[&str]) -> bool {
        names
            .iter()
            .all(|name| !self.loader.mistaken.contains(*name))
    }

    fn mistake(&mut self, name: &str, message: impl Into<String>) {
        let origin = self.origin(name);
        self.loader.findings.mistake(&origin, message);
    }

    fn warn(&mut self, name: &str, message: impl Into<String>) {
        let origin = self.origin(name);
        self.loader.findings.warning(&origin, message);
    }

    fn outputs(&mut self) {
        let attempted = self
            .loader
            .mistaken
            .iter()
            .any(|name| OutputId::from_name(name).is_some());
        if self.config().out.is_empty() {
            if !attempted {
                let message = "no output is connected: nothing could be served \
                               (out1 = \"host:port\" connects the first)";
                self.loader.findings.mistake(self.whole, message);
            }
            return;
        }
        let mut seen: BTreeMap<HostPort, OutputId> = BTreeMap::new();
        for (id, output) in self.config().out.clone() {
            match seen.get(&output.address) {
                Some(first) => {
                    let message = format!("{id} has the same address as {first}");
                    self.warn(&id.to_string(), message);
                }
                None => drop(seen.insert(output.address, id)),
            }
        }
    }

    fn backups(&mut self) {
        if !self.sound(&["backup_outputs"]) {
            return;
        }
        for id in self.config().backup_outputs.clone() {
            let name = id.to_string();
            if !self.config().out.contains_key(&id) && self.sound(&[&name]) {
                let message = format!("backup_outputs: {id} is not connected");
                self.mistake("backup_outputs", message);
            }
        }
    }

    fn listeners(&mut self) {
        if !self.sound(&["in", "ui", "ctl", "ui_port", "ctl_port"]) {
            return;
        }
        let config = self.config();
        let mut taken: Vec<(&str, SocketAddr)> = Vec::new();
        let ui = SocketAddr::new(config.ui.0, config.ui_port);
        let ctl = SocketAddr::new(config.ctl.0, config.ctl_port);
        let wanted = config.r#in.iter().map(|socket| ("in", *socket));
        let wanted = wanted.chain([("ui", ui), ("ctl", ctl)]);
        let mut collisions = Vec::new();
        for (terminal, socket) in wanted {
            if let Some((other, theirs)) = taken.iter().find(|(_, theirs)| collide(*theirs, socket))
            {
                collisions.push((
                    terminal,
                    format!("{terminal} at {socket} collides with {other} at {theirs}"),
                ));
            }
            taken.push((terminal, socket));
        }
        for (terminal, message) in collisions {
            let port = format!("{terminal}_port");
            let name = if self.given(&port) {
                port.as_str()
            } else {
                terminal
            };
            let name = if self.given(name) { name } else { "in" };
            self.mistake(name, message);
        }
    }

    fn timeouts(&mut self) {
        for property in PROPERTIES {
            let Kind::Timeout { field } = property.kind else {
                continue;
            };
            let name = property.name;
            // Where never is the default, writing it is no slip.
            let slip = property.fallback != Fallback::Value("0") && self.given(name);
            if slip && self.sound(&[name]) && field(&mut self.loader.config).is_none() {
                self.warn(name, format!("{name} is 0: it never ends"));
            }
        }
        if self.sound(&["conn_timeout"])
            && self
                .config()
                .conn_timeout
                .is_some_and(|length| length < CONN_TIMEOUT_ADVISED)
        {
            self.warn(
                "conn_timeout",
                "a conn_timeout below 20 seconds is not recommended: if probes time out under \
                 load because it is too low, HALB starts to disable outputs",
            );
        }
    }

    fn cookies(&mut self) {
        if !self.sound(&["mode", "cookie_name"]) || !self.given("mode") {
            return;
        }
        let nameless = self.config().cookie_name.is_empty();
        match self.config().mode {
            Mode::Sync | Mode::Insert if nameless => self.warn(
                "mode",
                "cookie_name is empty, so that no session is tracked: plain rotation",
            ),
            Mode::Source if !nameless => {
                self.warn("cookie_name", "cookie_name is ignored in source mode");
            }
            Mode::Passive | Mode::Sync | Mode::Insert | Mode::Source => {}
        }
    }

    fn probes(&mut self) {
        if self.sound(&["healthcheck_regexp", "healthcheck_method"])
            && !self.config().healthcheck_regexp.is_empty()
            && self.config().healthcheck_method != HealthcheckMethod::HttpGet
        {
            let message = "healthcheck_regexp is searched by http_get alone: it has no effect here";
            self.warn("healthcheck_regexp", message);
        }
    }

    fn web(&mut self) {
        if self.sound(&["username", "password"])
            && self.config().username.is_empty()
            && !self.config().password.is_empty()
        {
            self.warn("password", "password is ignored without username");
        }
    }

    fn domain(&mut self) {
        let Some(domain) = self.config().domain.clone() else {
            return;
        };
        if !self.sound(&["domain.servers"]) {
            return;
        }
        self.roles(&domain);
        self.domain_addresses(&domain);
        if self.sound(&["domain.virtual_addresses", "domain.main", "domain.backup"])
            && !domain.virtual_addresses.is_empty()
        {
            for name in [&domain.main, &domain.backup] {
                if domain
                    .servers
                    .get(name)
                    .is_some_and(|server| server.interface.is_empty())
                {
                    let message = format!(
                        "domain.servers.{name}.interface is missing: the virtual addresses need one"
                    );
                    self.mistake("domain.servers", message);
                }
            }
        }
        if domain.hot_standby && self.sound(&["domain.ping_addresses", "domain.virtual_addresses"])
        {
            if domain.ping_addresses.is_empty() {
                self.warn(
                    "domain",
                    "domain.ping_addresses is empty: an active that lost its network cannot tell, \
                     and keeps the virtual addresses",
                );
            }
            if domain.virtual_addresses.is_empty() {
                self.warn(
                    "domain",
                    "domain.virtual_addresses is empty: no address moves in a takeover",
                );
            }
        }
    }

    fn roles(&mut self, domain: &Domain) {
        if domain.servers.is_empty() {
            self.mistake("domain.servers", "domain.servers is empty");
            return;
        }
        let all: Vec<&str> = domain.servers.keys().map(String::as_str).collect();
        let all = all.join(", ");
        for (name, server) in [
            ("domain.main", &domain.main),
            ("domain.backup", &domain.backup),
        ] {
            let absent_backup = name == "domain.backup" && server.is_empty();
            if self.sound(&[name]) && !absent_backup && !domain.servers.contains_key(server) {
                let message = format!("{name}: {server:?} is none of the servers ({all})");
                self.mistake(name, message);
            }
        }
        if self.sound(&["domain.main", "domain.backup"]) && domain.main == domain.backup {
            self.mistake(
                "domain.backup",
                "domain.backup is the same server as domain.main",
            );
        }
        if domain.hot_standby
            && domain.backup.is_empty()
            && self.sound(&["domain.backup", "domain.hot_standby"])
        {
            self.warn("domain", "domain.backup is empty: nobody stands by");
        }
    }

    /// Address i of one server and address i of another are the ends of one path.
    fn domain_size(&mut self, domain: &Domain) {
        let servers = domain.servers.len();
        if servers > SERVERS_MAX {
            let message =
                format!("domain.servers: {servers} servers; a domain has at most {SERVERS_MAX}");
            self.mistake("domain.servers", message);
        }
        let mut counts: BTreeMap<usize, &str> = BTreeMap::new();
        for (name, server) in &domain.servers {
            let count = server.addresses.len();
            if count > ADDRESSES_MAX {
                let message = format!(
                    "domain.servers.{name}: {count} addresses; a server has at most {ADDRESSES_MAX}"
                );
                self.mistake("domain.servers", message);
            }
            counts.entry(count).or_insert(name);
        }
        let mut counts = counts.into_iter();
        if let (Some((fewer, one)), Some((more, other))) = (counts.next(), counts.next_back()) {
            let message = format!(
                "domain.servers: {one} has {fewer} addresses and {other} {more}: path i leads from address i to address i, \
                 so the others are not used"
            );
            self.warn("domain.servers", message);
        }
    }

    fn domain_addresses(&mut self, domain: &Domain) {
        self.domain_size(domain);
        let mut seen: BTreeMap<SocketAddr, &str> = BTreeMap::new();
        for (name, server) in &domain.servers {
            for address in &server.addresses {
                if let Some(first) = seen.insert(*address, name) {
                    let message =
                        format!("domain.servers.{name}: {address} is an address of {first} too");
                    self.mistake("domain.servers", message);
                }
            }
        }
        // A server's own address would answer when everything else is cut off.
        for ping in &domain.ping_addresses {
            if let Some((_, name)) = seen.iter().find(|(address, _)| address.ip() == *ping) {
                let message = format!(
                    "domain.ping_addresses: {ping} belongs to {name}; a third network entity is \
                     needed"
                );
                self.mistake("domain.ping_addresses", message);
            }
        }
        if self.sound(&["domain.virtual_addresses"]) {
            self.virtual_addresses(domain, &seen);
        }
    }

    /// What moves can be nobody's own address, and who has it answers a ping to it by itself.
    fn virtual_addresses(&mut self, domain: &Domain, owned: &BTreeMap<SocketAddr, &str>) {
        let name = "domain.virtual_addresses";
        let addresses = || domain.virtual_addresses.iter().map(|one| one.address);
        for (number, address) in addresses().enumerate() {
            if addresses().take(number).any(|earlier| earlier == address) {
                self.mistake(name, format!("{name}: {address} is given twice"));
                continue;
            }
            if let Some((_, owner)) = owned.iter().find(|(own, _)| own.ip() == address) {
                let message = format!(
                    "{name}: {address} is an address of {owner}; a virtual address is nobody's own"
                );
                self.mistake(name, message);
            }
            if domain.ping_addresses.contains(&address) {
                let message = format!(
                    "domain.ping_addresses: {address} is a virtual address; a third network entity is needed"
                );
                self.mistake("domain.ping_addresses", message);
            }
            let hears = |socket: &SocketAddr| {
                let any = is_any(socket.ip()) && socket.is_ipv4() == address.is_ipv4();
                any || socket.ip() == address
            };
            if self.sound(&["in"]) && !self.config().r#in.iter().any(hears) {
                self.warn(name, format!("{name}: nothing listens at {address} (in)"));
            }
        }
    }
}

/// Whether two listening sockets cannot both be open. IPv6 sockets are bound to IPv6 alone, so
/// that 0.0.0.0 and [::] live side by side. Port 0 is a free one that the kernel chooses.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_family = one.is_ipv4() == other.is_ipv4();
    let overlap = one.ip() == other.ip() || is_any(one.ip()) || is_any(other.ip());
    same_family && overlap && one.port() == other.port() && one.port() != 0
}

fn is_any(address: IpAddr) -> bool {
    address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use crate::model::load::sample::load_text;

    #[test]
    fn what_moves_is_nobodys_own() {
        let with = |more: &str| {
            let text = format!(
                "out1 = 'a'\n{more}\nname = 'd'\nmain = 's1'\nbackup = 's2'\nkey_file = '/k'\n\
                 [domain.servers.s1]\naddresses = '10.0.0.11'\ninterface = 'eth0'\n\
                 [domain.servers.s2]\naddresses = '10.0.0.12'\ninterface = 'eth0'\n"
            );
            load_text(&text, b"")
        };
        let mistakes = |more: &str| {
            let refused = with(more).unwrap_err();
            refused
                .mistakes
                .into_iter()
                .map(|one| one.message)
                .collect::<Vec<String>>()
        };
        let virtuals = |list: &str| {
            format!("[domain]\nvirtual_addresses = [{list}]\nping_addresses = '10.0.0.1'")
        };
        for (list, part) in [
            ("'10.0.0.12/24'", "10.0.0.12 is an address of s2"),
            (
                "'10.0.0.100/24', '10.0.0.100/32'",
                "10.0.0.100 is given twice",
            ),
            (
                "'10.0.0.1/24'",
                "domain.ping_addresses: 10.0.0.1 is a virtual address",
            ),
        ] {
            let said = mistakes(&virtuals(list));
            assert!(said.len() == 1 && said[0].contains(part), "{said:?}");
        }
        let warnings = |door: &str| {
            let list = virtuals("'10.0.0.100/24', '2001:db8::100/64'");
            let loaded = with(&format!("in = {door}\n{list}")).unwrap();
            let messages = loaded.warnings.into_iter().map(|one| one.message);
            let of_them = messages.filter(|text| text.starts_with("domain.virtual_addresses"));
            of_them.collect::<Vec<String>>()
        };
        let silent =
            |address: &str| format!("domain.virtual_addresses: nothing listens at {address} (in)");
        let (four, six) = (silent("10.0.0.100"), silent("2001:db8::100"));
        assert_eq!(warnings("['0.0.0.0:80', '[2001:db8::100]:80']"), [""; 0]);
        assert_eq!(warnings("'0.0.0.0:80'"), [six.as_str()]);
        assert_eq!(warnings("'[::]:80'"), [four.as_str()]);
        assert_eq!(warnings("'10.0.0.11:80'"), [four, six]);
    }

    #[test]
    fn a_domain_has_a_size() {
        let domain = |servers: usize, addresses: &dyn Fn(usize) -> usize| {
            let mut text =
                "out1 = 'a'\n[domain]\nname = 'd'\nmain = 's0'\nbackup = 's1'\nkey_file = '/k'\n"
                    .to_owned();
            for server in 0..servers {
                let all =
                    (0..addresses(server)).map(|path| format!("'10.{path}.0.{}'", server + 1));
                let all: Vec<String> = all.collect();
                text.push_str(&format!(
                    "[domain.servers.s{server}]\naddresses = [{}]\n",
                    all.join(", ")
                ));
            }
            load_text(&text, b"")
        };
        let mistake = |servers, addresses: usize| {
            let refused = domain(servers, &|_| addresses).unwrap_err();
            refused.mistakes[0].message.clone()
        };
        assert!(domain(16, &|_| 8).is_ok());
        assert!(mistake(17, 1).contains("17 servers; a domain has at most 16"));
        assert!(mistake(2, 9).contains("9 addresses; a server has at most 8"));
        let loaded = domain(3, &|server| 1 + server).unwrap();
        let mut warnings = loaded
            .warnings
            .iter()
            .map(|warning| warning.message.as_str());
        assert!(warnings.any(|text| text.contains("s0 has 1 addresses and s2 3")));
    }
}
