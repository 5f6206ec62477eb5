//! What every web terminal holds against strangers: names that somebody else points at us, and guesses at secrets.

use std::net::IpAddr;

use axum::http::Version;
use axum::http::header;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::balance::hash::HashKey;
use crate::control::serve::Ends;

/// The hosts that a terminal may be asked for: the address asked, `localhost`, and `ctl_hosts`.
pub struct Hosts(Vec<String>);

/// Why a request is not for us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostFault {
    Doubled,
    Missing,
    /// As it was written.
    Foreign(String),
}

impl Hosts {
    /// `names` besides the address and `localhost`.
    pub fn new(names: &[String]) -> Hosts {
        Hosts(names.to_vec())
    }

    /// Whoever points a name of theirs at us stays outside.
    pub fn admit(&self, ends: &Ends, request: &Parts) -> Result<(), HostFault> {
        let mut fields = request.headers.get_all(header::HOST).iter();
        let (host, second) = (fields.next(), fields.next());
        if second.is_some() {
            return Err(HostFault::Doubled);
        }
        let old = request.version < Version::HTTP_11; // no browser sends it
        if host.is_none() && !old {
            return Err(HostFault::Missing);
        }
        let named = host.map(|value| value.as_bytes().to_vec());
        let targeted = request.uri.authority();
        let targeted = targeted.map(|authority| authority.as_str().as_bytes().to_vec());
        for host in named.into_iter().chain(targeted) {
            let authority = Authority::try_from(host.as_slice());
            if !authority.is_ok_and(|authority| self.knows(ends, authority.host())) {
                let host = String::from_utf8_lossy(&host).into_owned();
                return Err(HostFault::Foreign(host));
            }
        }
        Ok(())
    }

    fn knows(&self, ends: &Ends, host: &str) -> bool {
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>()
            && address.to_canonical() == ends.local.ip().to_canonical()
        {
            return true;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let mut known = self.0.iter().map(String::as_str).chain(["localhost"]);
        known.any(|known| known.eq_ignore_ascii_case(host))
    }
}

/// A secret, as its hash under a key that nobody knows: how long a comparison takes then says nothing about the
/// secret.
pub struct Sealed {
    key: HashKey,
    hash: u128,
}

impl Sealed {
    pub fn new(key: HashKey, secret: &[u8]) -> Sealed {
        let hash = key.session(secret, usize::MAX).0;
        Sealed { key, hash }
    }

    /// Whether `given` is the secret.
    pub fn is(&self, given: &[u8]) -> bool {
        self.key.session(given, usize::MAX).0 == self.hash
    }
}
