//! Hosts, ports and networks as users write them.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use crate::model::plan::Network;

/// The longest name that the DNS can hold, in its text form.
const NAME_BYTES_MAX: usize = 253;
/// The longest label of such a name (RFC 1035 §2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// A host that may have to be resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    Address(IpAddr),
    Name(String),
}

/// A host and a port, `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    pub host: Host,
    pub port: u16,
}

/// The address that a terminal is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind(pub IpAddr);

impl HostPort {
    /// Reads `host`, `host:port`, `[v6]:port` or a bare IPv6 address.
    pub fn parse(text: &str, default_port: u16) -> Result<HostPort, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(HostPort {
                host: Host::Address(address),
                port: default_port,
            });
        }
        if let Ok(socket) = text.parse::<SocketAddr>() {
            let port = connectable(socket.port())?;
            return Ok(HostPort {
                host: Host::Address(socket.ip()),
                port,
            });
        }
        if let Some(inner) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            && let Ok(address) = inner.parse::<IpAddr>()
        {
            return Ok(HostPort {
                host: Host::Address(address),
                port: default_port,
            });
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("write host:port, without {scheme}://"));
        }
        let (name, port) = match text.split_once(':') {
            Some((name, digits)) => (name, port_from(digits).and_then(connectable)?),
            None => (text, default_port),
        };
        host_name(name)?;
        Ok(HostPort {
            host: Host::Name(name.to_owned()),
            port,
        })
    }

    /// The address, when no name has to be resolved.
    pub fn socket(&self) -> Option<SocketAddr> {
        match &self.host {
            Host::Address(address) => Some(SocketAddr::new(*address, self.port)),
            Host::Name(_) => None,
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl Default for HostPort {
    fn default() -> HostPort {
        HostPort {
            host: Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: 80,
        }
    }
}

impl Default for Bind {
    fn default() -> Bind {
        Bind(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_length)
    }
}

/// Reads an address to listen on: `address:port`, or an address alone.
pub fn socket_address(text: &str, default_port: u16) -> Result<SocketAddr, String> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Ok(socket);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    match bare.parse::<IpAddr>() {
        Ok(address) => Ok(SocketAddr::new(address, default_port)),
        Err(_) => Err(format!(
            "{text:?} is not an address and port, as in \"0.0.0.0:80\" or \"[::]:80\""
        )),
    }
}

/// Reads `address/prefix`; an address alone is a network of one.
pub fn network(text: &str) -> Result<Network, String> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let wrong = || format!("{text:?} is not a network, as in \"10.0.0.0/8\" or \"2001:db8::/32\"");
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if address != address.to_canonical() {
        return Err(format!(
            "{text:?} is IPv4 written as IPv6: write it as IPv4"
        ));
    }
    let prefix_length = match prefix {
        None => longest,
        Some(digits) => number(digits).ok_or_else(wrong)?,
    };
    if prefix_length > longest {
        return Err(format!("{text:?}: the prefix is at most {longest}"));
    }
    Ok(Network {
        address,
        prefix_length,
    })
}

/// Accepts what can be a host's name: labels of letters, digits, `-` and `_`, joined by dots.
pub fn host_name(text: &str) -> Result<(), String> {
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or(name);
    let like_an_address = last.bytes().all(|byte| byte.is_ascii_digit());
    if name.len() <= NAME_BYTES_MAX && name.split('.').all(label_ok) && !like_an_address {
        Ok(())
    } else {
        Err(format!("{text:?} is neither an address nor a host name"))
    }
}

fn port_from(digits: &str) -> Result<u16, String> {
    number(digits).ok_or_else(|| format!("{digits:?} is not a port between 1 and 65535"))
}

fn connectable(port: u16) -> Result<u16, String> {
    if port == 0 {
        Err("port 0 cannot be connected to".to_owned())
    } else {
        Ok(port)
    }
}

/// Decimal digits alone: `FromStr` would also take a plus sign.
fn number<N: std::str::FromStr>(digits: &str) -> Option<N> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}
