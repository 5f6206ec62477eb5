//! From the domain file to what the machine, the links and the warden need of it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::model::config;
use crate::pair::LINKS_MAX;
use crate::pair::SERVERS_MAX;
use crate::pair::event::Domain;
use crate::pair::event::Member;
use crate::pair::node::NodeId;
use crate::warden::wire::Setup;

/// All of it, for this server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    pub domain: Domain,
    /// This server's own addresses, one for each link.
    pub own: Vec<SocketAddr>,
    pub peers: Vec<Paths>,
    pub warden: Setup,
}

/// The paths to another server: link by link, `None` where one of the two has no address for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paths {
    pub node: NodeId,
    pub addresses: Vec<Option<SocketAddr>>,
}

/// Why a domain cannot be run on this server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// Nothing says which of the servers this one is.
    Nobody,
    /// More servers than are ever kept in mind.
    TooMany,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Nobody => f.write_str("this server is none of the domain's (--node, HALB_NODE)"),
            Unfit::TooMany => write!(f, "a domain has at most {SERVERS_MAX} servers"),
        }
    }
}

impl Setting {
    /// What `domain` says for the server that it names as this one.
    pub fn of(domain: &config::Domain) -> Result<Setting, Unfit> {
        let name = domain.node.as_deref().ok_or(Unfit::Nobody)?;
        let own = domain.servers.get(name).ok_or(Unfit::Nobody)?;
        if domain.servers.len() > SERVERS_MAX {
            return Err(Unfit::TooMany);
        }
        let links = own.addresses.len().min(LINKS_MAX);
        let others = domain.servers.iter().filter(|(other, _)| *other != name);
        let paths = |(other, server): (&String, &config::Server)| Paths {
            node: NodeId::of(other),
            addresses: (0..links)
                .map(|link| server.addresses.get(link).copied())
                .collect(),
        };
        Ok(Setting {
            domain: machine(domain, name),
            own: own.addresses[..links].to_vec(),
            peers: others.map(paths).collect(),
            warden: Setup {
                interface: own.interface.clone(),
                addresses: domain.virtual_addresses.clone(),
                ping_addresses: domain.ping_addresses.clone(),
                lease_s: domain.lease_s,
            },
        })
    }

    /// Whether there is anything for a warden to do.
    pub fn wants_warden(&self) -> bool {
        self.domain.has_addresses || self.domain.has_ping
    }
}

fn machine(domain: &config::Domain, me: &str) -> Domain {
    let mut servers = [None; SERVERS_MAX];
    for (place, (name, server)) in servers.iter_mut().zip(&domain.servers) {
        *place = Some(Member {
            node: NodeId::of(name),
            maintenance: server.maintenance,
        });
    }
    let backup = Some(&domain.backup).filter(|backup| !backup.is_empty());
    Domain {
        me: NodeId::of(me),
        hot_standby: domain.hot_standby,
        main: NodeId::of(&domain.main),
        backup: backup.map(|backup| NodeId::of(backup)),
        servers,
        has_addresses: !domain.virtual_addresses.is_empty(),
        has_ping: !domain.ping_addresses.is_empty(),
        activate_backup_on_local_failure: domain.activate_backup_on_local_failure,
        switch_grace: domain.switch_grace.min(GRACE_MOST),
        lease: Duration::from_secs(domain.lease_s),
    }
}

/// What the property table allows; nothing else is trusted with a deadline.
const GRACE_MOST: Duration = Duration::from_secs(24 * 60 * 60);
