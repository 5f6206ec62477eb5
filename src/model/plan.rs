//! What a worker needs to know, resolved and ready: the configuration as the data plane sees it.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use crate::model::config::Balance;
use crate::model::config::Mode;
use crate::model::error_page::ErrorPages;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;

/// A plan is made whole and then never changed; a reload makes a new one.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many plans were in force before this one.
    pub number: u32,
    /// The addresses of `in`, each with the port that the kernel chose where 0 was asked.
    pub listen: Vec<SocketAddr>,
    /// Addresses that come and go between the servers of a domain: they can be listened on while they are elsewhere.
    pub virtual_addresses: Vec<IpAddr>,
    /// The connected outputs, in order.
    pub outputs: PlannedOutputs,
    /// `client_timeout`; `None`: never.
    pub client_timeout: Option<Duration>,
    /// `server_timeout`; `None`: never.
    pub server_timeout: Option<Duration>,
    /// `conn_timeout`; `None`: never.
    pub conn_timeout: Option<Duration>,
    /// `queue_timeout`; `None`: never.
    pub queue_timeout: Option<Duration>,
    /// `tunnel_timeout`; `None`: never.
    pub tunnel_timeout: Option<Duration>,
    /// `grace`: how long a graceful stop may take.
    pub grace: Duration,
    /// `max_head_bytes`
    pub max_head_bytes: usize,
    /// The effective maximum of simultaneous connections over all workers.
    pub max_connections: u64,
    /// `forwarded`: add `X-Forwarded-For`, `-Proto` and `-Host`.
    pub forwarded: bool,
    /// `trusted_proxies`
    pub trusted_proxies: Vec<Network>,
    /// `via`
    pub via: bool,
    /// Long responses go through pipes. Not where the kernel paces what clients get: see
    /// `ring::socket::paces_clients`.
    pub pipe_responses: bool,
    /// `balance`: how an output is chosen for a request that is tied to none.
    pub balance: Balance,
    /// `mode` and what belongs to it.
    pub affinity: Affinity,
    /// There is an `access_log`.
    pub access_log: bool,
    /// What was in the `error_files`.
    pub error_pages: ErrorPages,
}

/// How clients are tied to outputs (SPEC 4).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Affinity {
    /// `mode`
    pub mode: Mode,
    /// `cookie_name`; empty: no session tracking.
    pub cookie_name: String,
    /// `cookie_check_length`, bytes.
    pub cookie_check_length: usize,
    /// `cookie_secure`
    pub cookie_secure: bool,
    /// `timeout`: the idle life of a learned session; `None`: for ever.
    pub timeout: Option<Duration>,
}

impl Affinity {
    /// Whether sessions are learned.
    pub fn learns(&self) -> bool {
        self.mode == Mode::Passive && !self.cookie_name.is_empty()
    }
}

/// One connected output.
#[derive(Clone, Debug)]
pub struct PlannedOutput {
    pub id: OutputId,
    /// As configured, `host:port`; what `Host:` says when an HTTP/1.0 client said nothing.
    pub name: String,
    /// `None` while its name does not resolve: the output is down, the program runs.
    pub address: Option<SocketAddr>,
    pub weight: u32,
    /// The most sessions that may occupy it at a time, over all workers; 0: as many as come.
    pub max_connections: u64,
    /// From `backup_outputs`: traffic only when no other output is available.
    pub backup: bool,
    /// The number of the plan that made it a new output: it was added then, or another address was configured.
    /// What was known of the output before, its ties among it, is of another output.
    pub born: u32,
    /// The number of the plan that gave it its address, by configuration or by a name that resolves to another one
    /// now. Connections that were opened under another revision lead to another server.
    pub revision: u32,
}

/// The connected outputs in order. Everything that belongs to an output lies at its [`OutputId::index`], whichever
/// others are connected: so a reload moves nothing.
#[derive(Clone, Debug)]
pub struct PlannedOutputs {
    list: Vec<PlannedOutput>,
    /// Where in the list an output is.
    seats: [Option<u8>; OUTPUTS_MAX],
}

impl PlannedOutputs {
    /// Adds one that comes behind all others.
    pub fn push(&mut self, output: PlannedOutput) {
        let last = self.list.last().map(|last| last.id);
        assert!(last < Some(output.id), "outputs are planned in order");
        self.seats[output.id.index()] = u8::try_from(self.list.len()).ok();
        self.list.push(output);
    }

    /// The output with this index, if it is connected.
    pub fn at(&self, index: usize) -> Option<&PlannedOutput> {
        let seat = (*self.seats.get(index)?)?;
        self.list.get(usize::from(seat))
    }

    /// To change what belongs to each; which outputs there are stays.
    pub fn each_mut(&mut self) -> impl Iterator<Item = &mut PlannedOutput> {
        self.list.iter_mut()
    }
}

impl Default for PlannedOutputs {
    fn default() -> PlannedOutputs {
        PlannedOutputs {
            list: Vec::new(),
            seats: [None; OUTPUTS_MAX],
        }
    }
}

impl Deref for PlannedOutputs {
    type Target = [PlannedOutput];

    fn deref(&self) -> &[PlannedOutput] {
        &self.list
    }
}

impl FromIterator<PlannedOutput> for PlannedOutputs {
    fn from_iter<I: IntoIterator<Item = PlannedOutput>>(outputs: I) -> PlannedOutputs {
        let mut all = PlannedOutputs::default();
        outputs.into_iter().for_each(|output| all.push(output));
        all
    }
}

/// An address range in CIDR notation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    pub address: IpAddr,
    pub prefix_length: u8,
}

impl Network {
    /// Whether `address` lies in this network. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(other)) => {
                let shift = 32u32.saturating_sub(u32::from(self.prefix_length));
                let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
                network.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(other)) => {
                let shift = 128u32.saturating_sub(u32::from(self.prefix_length));
                let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
                network.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl Plan {
    /// The output with this index, if it is connected.
    pub fn at(&self, index: usize) -> Option<&PlannedOutput> {
        self.outputs.at(index)
    }

    /// Whether `address` may be another server's at the moment.
    pub fn is_virtual(&self, address: &SocketAddr) -> bool {
        self.virtual_addresses.contains(&address.ip())
    }

    /// Makes this the plan that follows `before`: numbers it, and says of each output whether it is still the same.
    /// Numbers and not comparisons, because a worker takes up the newest plan and may never see those between.
    pub fn succeed(&mut self, before: &Plan) {
        let number = before.number.wrapping_add(1);
        self.number = number;
        for output in self.outputs.each_mut() {
            (output.born, output.revision) = match before.at(output.id.index()) {
                Some(old) if old.name != output.name => (number, number),
                Some(old) if old.address != output.address => (old.born, number),
                Some(old) => (old.born, old.revision),
                None => (number, number),
            };
        }
    }

    /// Whether what a client at `address` says of other clients is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(address))
    }

    /// A plan without outputs and with the defaults of SPEC 2; a place to start from.
    pub fn empty() -> Plan {
        Plan {
            number: 0,
            listen: Vec::new(),
            virtual_addresses: Vec::new(),
            outputs: PlannedOutputs::default(),
            client_timeout: Some(Duration::from_secs(60)),
            server_timeout: Some(Duration::from_secs(60)),
            conn_timeout: Some(Duration::from_secs(20)),
            queue_timeout: Some(Duration::from_secs(20)),
            tunnel_timeout: Some(Duration::from_secs(3600)),
            grace: Duration::from_secs(30),
            max_head_bytes: 16384,
            max_connections: u64::MAX,
            forwarded: true,
            trusted_proxies: Vec::new(),
            via: false,
            pipe_responses: true,
            balance: Balance::RoundRobin,
            affinity: Affinity::default(),
            access_log: false,
            error_pages: ErrorPages::default(),
        }
    }
}
