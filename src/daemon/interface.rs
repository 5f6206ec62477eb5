//! Whether this host is the one that the domain file speaks of: has the addresses of its server, and the interface that is
//! to hold the virtual addresses, on their network. Only a warning: the host may be another one, and an interface may come
//! later.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

use crate::model::config::Config;
use crate::model::config::Domain;

/// An interface, and one of its addresses if it has any.
type Seen = (String, Option<IpAddr>);

/// What is to be said of the addresses and the interface of this server.
pub fn troubles(config: &Config) -> Vec<String> {
    let Some(domain) = &config.domain else {
        return Vec::new();
    };
    let seen = seen();
    let mut all = foreign(domain, &seen);
    all.extend(of_domain(domain, &seen));
    all
}

/// The addresses of this server that the host does not have: perhaps it is another server.
fn foreign(domain: &Domain, seen: &[Seen]) -> Vec<String> {
    let node = domain.node.as_ref();
    let Some((name, server)) = node.and_then(|node| domain.servers.get_key_value(node)) else {
        return Vec::new();
    };
    if seen.is_empty() {
        return Vec::new();
    }
    let has = |address: &IpAddr| seen.iter().any(|(_, own)| own.as_ref() == Some(address));
    let addresses = server.addresses.iter().map(|socket| socket.ip());
    // Of those that lead back to this host an interface shows one.
    let foreign = addresses.filter(|address| !address.is_loopback() && !has(address));
    let sentence =
        |address| format!("domain.servers.{name}.addresses: {address} is no address of this host");
    foreign.map(sentence).collect()
}

/// What this host has; nothing where that cannot be seen.
fn seen() -> Vec<Seen> {
    let Ok(all) = getifaddrs() else {
        return Vec::new();
    };
    let address = |storage: nix::sys::socket::SockaddrStorage| {
        let four = storage.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
        four.or_else(|| storage.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
    };
    all.map(|one| (plain(one.interface_name), one.address.and_then(address)))
        .collect()
}

/// IPv4 addresses with a label (`eth0:1`, ip-address(8)) are listed by that.
fn plain(mut name: String) -> String {
    name.truncate(name.find(':').unwrap_or(name.len()));
    name
}

fn of_domain(domain: &Domain, seen: &[Seen]) -> Vec<String> {
    let node = domain.node.as_ref();
    let Some(server) = node.and_then(|node| domain.servers.get(node)) else {
        return Vec::new();
    };
    let interface = &server.interface;
    if interface.is_empty() || seen.is_empty() || domain.virtual_addresses.is_empty() {
        return Vec::new();
    }
    if !seen.iter().any(|(name, _)| name == interface) {
        return vec![format!("there is no interface {interface} on this host")];
    }
    let own = seen.iter().filter(|(name, _)| name == interface);
    // The active has the virtual ones there, too.
    let is_virtual = |address: &IpAddr| {
        let mut all = domain.virtual_addresses.iter();
        all.any(|network| network.address == *address)
    };
    let own: Vec<IpAddr> = own
        .filter_map(|(_, address)| *address)
        .filter(|address| !is_virtual(address))
        .collect();
    let strange = domain
        .virtual_addresses
        .iter()
        .filter(|network| !own.iter().any(|address| network.contains(*address)));
    strange
        .map(|network| {
            format!(
                "domain.virtual_addresses: {}/{}: {interface} has no address of that network",
                network.address, network.prefix_length
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::Server;
    use crate::model::plan::Network;

    fn network(address: &str, prefix_length: u8) -> Network {
        Network {
            address: address.parse().unwrap(),
            prefix_length,
        }
    }

    fn domain(interface: &str) -> Domain {
        let server = Server {
            interface: interface.to_owned(),
            ..Server::default()
        };
        Domain {
            node: Some("lb1".to_owned()),
            virtual_addresses: vec![network("10.0.0.100", 24), network("2001:db8::100", 64)],
            servers: [("lb1".to_owned(), server)].into(),
            ..Domain::default()
        }
    }

    fn seen(all: &[(&str, &str)]) -> Vec<Seen> {
        let one = |(name, address): &(&str, &str)| ((*name).to_owned(), address.parse().ok());
        all.iter().map(one).collect()
    }

    #[test]
    fn an_interface_has_to_be_on_the_network_of_the_addresses() {
        let (both, other) = (
            [
                ("eth0", ""),
                ("eth0", "10.0.0.11"),
                ("eth0", "2001:db8::11"),
            ],
            [
                ("eth0", "10.0.1.11"),
                ("eth1", "10.0.0.11"),
                ("eth0", "fe80::1"),
                ("eth0", "10.0.0.100"),
            ],
        );
        assert_eq!(of_domain(&domain("eth0"), &seen(&both)), [""; 0]);
        assert_eq!(
            of_domain(&domain("eth0"), &seen(&other)),
            [
                "domain.virtual_addresses: 10.0.0.100/24: eth0 has no address of that network",
                "domain.virtual_addresses: 2001:db8::100/64: eth0 has no address of that network",
            ]
        );
        assert_eq!(
            of_domain(&domain("eth7"), &seen(&both)),
            ["there is no interface eth7 on this host"]
        );
        assert_eq!(of_domain(&domain(""), &seen(&both)), [""; 0]);
        assert_eq!(of_domain(&domain("eth7"), &[]), [""; 0], "nothing is seen");
    }

    #[test]
    fn a_host_has_the_addresses_of_its_server() {
        let mut domain = domain("eth0");
        let server = domain.servers.get_mut("lb1").unwrap();
        let sockets = ["10.0.0.11:7400", "192.168.7.1:7400", "127.0.0.9:7400"];
        server.addresses = sockets.map(|socket| socket.parse().unwrap()).into();
        let host = seen(&[
            ("eth0", "10.0.0.11"),
            ("eth1", "10.0.0.12"),
            ("lo", "127.0.0.1"),
        ]);
        assert_eq!(
            foreign(&domain, &host),
            ["domain.servers.lb1.addresses: 192.168.7.1 is no address of this host"]
        );
        assert_eq!(foreign(&domain, &[]), [""; 0], "nothing is seen");
        domain.node = None;
        assert_eq!(foreign(&domain, &host), [""; 0]);
    }

    #[test]
    fn a_label_is_no_name() {
        assert_eq!(plain("eth0:1".to_owned()), "eth0");
        assert_eq!(plain("eth0.7".to_owned()), "eth0.7");
    }

    #[test]
    fn this_host_is_seen() {
        let all = super::seen();
        let loopback = |(name, _): &&Seen| name == "lo";
        assert!(all.iter().any(|one| loopback(&one)), "{all:?}");
    }
}
