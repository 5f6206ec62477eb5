//! Who may use `ctl`. A GET changes state here, so a browser on an allowed machine must not be tricked into one:
//! neither by a page of somebody else's that names our address, nor by a name that somebody else points at us.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use axum::http::HeaderMap;
use axum::http::header;
use axum::http::header::HeaderName;
use axum::http::request::Parts;

use crate::balance::hash::HashKey;
use crate::control::access::HostFault;
use crate::control::access::Hosts;
use crate::control::access::Sealed;
use crate::control::ctl::answer::Answer;
use crate::control::serve::Ends;
use crate::model::config::Config;
use crate::model::plan::Network;
use crate::model::plan::Plan;

/// `ctl_allow`, `ctl_token` and `ctl_hosts`.
pub struct Guard {
    allow: Vec<Network>,
    /// By default this machine may, by whatever address it comes.
    allow_self: bool,
    token: Option<Sealed>,
    hosts: Hosts,
}

/// What browsers send and no client of an API does.
const OF_BROWSERS: [HeaderName; 3] = [header::ORIGIN, header::REFERER, header::ACCEPT_LANGUAGE];
const OF_BROWSERS_PREFIX: &str = "sec-fetch-";
const BROWSER: &[u8] = b"Mozilla/";

impl Guard {
    /// `secret` is drawn at start.
    pub fn new(config: &Config, plan: &Plan, secret: HashKey) -> Guard {
        let token = config.ctl_token.as_bytes();
        let token = (!token.is_empty()).then(|| Sealed::new(secret, token));
        Guard {
            allow: config.ctl_allow.clone().unwrap_or_else(|| usual(plan)),
            allow_self: config.ctl_allow.is_none(),
            token,
            hosts: Hosts::new(&config.ctl_hosts),
        }
    }

    /// What every request has to pass.
    pub fn admit(&self, ends: &Ends, request: &Parts) -> Result<(), Answer> {
        let peer = ends.peer.ip().to_canonical();
        let from_here = self.allow_self && peer == ends.local.ip().to_canonical();
        if !from_here && !self.allow.iter().any(|network| network.contains(peer)) {
            return Err(Answer::refused(&format!("{peer} is not in ctl_allow")));
        }
        self.hosts.admit(ends, request).map_err(not_for_us)?;
        match &self.token {
            Some(token) if !is_in(&request.headers, token) => Err(Answer::needs_token()),
            _ => Ok(()),
        }
    }

    /// What one that changes something has to pass besides. A token is proof enough: no browser sends it by
    /// itself.
    pub fn admit_change(&self, headers: &HeaderMap) -> Result<(), Answer> {
        if self.token.is_some() {
            return Ok(());
        }
        let mut names = headers.keys();
        let suspect = names.find(|name| {
            OF_BROWSERS.contains(name) || name.as_str().starts_with(OF_BROWSERS_PREFIX)
        });
        let agent = headers.get_all(header::USER_AGENT);
        let is_browser = agent
            .iter()
            .any(|agent| agent.as_bytes().starts_with(BROWSER));
        let suspect = match suspect {
            Some(name) => name.as_str(),
            None if is_browser => header::USER_AGENT.as_str(),
            None => return Ok(()),
        };
        Err(Answer::refused(&format!(
            "this looks like a browser's request (field {suspect}); a page could have made it: \
             set ctl_token to allow it"
        )))
    }
}

fn not_for_us(fault: HostFault) -> Answer {
    match fault {
        HostFault::Doubled => Answer::bad_request("more than one Host"),
        HostFault::Missing => Answer::bad_request("Host is missing"),
        HostFault::Foreign(host) => Answer::refused(&format!(
            "Host {host} is neither the address asked, nor localhost, nor in ctl_hosts"
        )),
    }
}

fn is_in(headers: &HeaderMap, expected: &Sealed) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return false;
    };
    let Some((scheme, token)) = value.as_bytes().split_at_checked(BEARER.len()) else {
        return false;
    };
    let is_it = expected.is(token.trim_ascii());
    scheme.eq_ignore_ascii_case(BEARER) && is_it
}

const BEARER: &[u8] = b"Bearer ";

/// Loopback, and the outputs: the seed's backends disable themselves.
fn usual(plan: &Plan) -> Vec<Network> {
    let loopback = [
        Network {
            address: Ipv4Addr::new(127, 0, 0, 0).into(),
            prefix_length: 8,
        },
        Network {
            address: Ipv6Addr::LOCALHOST.into(),
            prefix_length: 128,
        },
    ];
    let outputs = plan.outputs.iter().filter_map(|output| output.address);
    let outputs = outputs.map(|address| {
        let address = address.ip().to_canonical();
        Network {
            address,
            prefix_length: if address.is_ipv4() { 32 } else { 128 },
        }
    });
    loopback.into_iter().chain(outputs).collect()
}

#[cfg(test)]
mod tests;
