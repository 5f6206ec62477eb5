//! Who may look at `ui`, and who may give orders there.
//!
//! An order comes from the page itself: it carries a token that only the page shows, and a browser that says where
//! a request comes from says: from here. Without a `username` nobody gives orders.

use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::http::request::Parts;

use crate::balance::hash::HashKey;
use crate::control::access::HostFault;
use crate::control::access::Hosts;
use crate::control::access::Sealed;
use crate::control::serve::Ends;
use crate::control::ui::Refusal;
use crate::model::config::Config;

/// What a browser asks its user for.
pub const CHALLENGE: &str = "Basic realm=\"HALB\", charset=\"UTF-8\"";

const SCHEME: &[u8] = b"Basic ";
/// What the token is made of, besides the secret of this start.
const ORDERS: &[u8] = b"orders of ui";

/// `username`, `password` and `ctl_hosts`.
pub struct Guard {
    hosts: Hosts,
    user: Option<User>,
}

struct User {
    /// Name and password as they come over the wire.
    credentials: Sealed,
    order_token: String,
    sealed_token: Sealed,
}

impl Guard {
    /// `secret` is drawn at start.
    pub fn new(config: &Config, secret: HashKey) -> Guard {
        let user = (!config.username.is_empty()).then(|| {
            let credentials = format!("{}:{}", config.username, config.password);
            let token = secret.session(ORDERS, usize::MAX).0;
            let token = format!("{token:032x}");
            User {
                credentials: Sealed::new(secret.clone(), base64(credentials.as_bytes()).as_bytes()),
                sealed_token: Sealed::new(secret, token.as_bytes()),
                order_token: token,
            }
        });
        Guard {
            hosts: Hosts::new(&config.ctl_hosts),
            user,
        }
    }

    /// What every request has to pass.
    pub fn admit(&self, ends: &Ends, request: &Parts) -> Result<(), Refusal> {
        self.hosts.admit(ends, request).map_err(not_for_us)?;
        match &self.user {
            Some(user) if !user.is_in(&request.headers) => {
                let text = "user name or password is missing or wrong (username, password)";
                Err((StatusCode::UNAUTHORIZED, text.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// What an order has to carry. `None`: there are none.
    pub fn order_token(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.order_token.as_str())
    }

    /// Whether orders are taken at all, and from where this one comes.
    pub fn admit_order(&self, fields: &HeaderMap) -> Result<(), Refusal> {
        if self.user.is_none() {
            let text = "orders need a user: set username and password, or use ctl";
            return Err((StatusCode::FORBIDDEN, text.to_owned()));
        }
        let site = fields.get("sec-fetch-site");
        if site.is_some_and(|site| site != "same-origin") || !is_own_origin(fields) {
            let text = "this order comes from another site's page";
            return Err((StatusCode::FORBIDDEN, text.to_owned()));
        }
        Ok(())
    }

    /// Whether this is the page's token.
    pub fn knows_token(&self, token: &[u8]) -> bool {
        self.user
            .as_ref()
            .is_some_and(|user| user.sealed_token.is(token))
    }
}

impl User {
    fn is_in(&self, fields: &HeaderMap) -> bool {
        let Some(value) = fields.get(header::AUTHORIZATION) else {
            return false;
        };
        let Some((scheme, given)) = value.as_bytes().split_at_checked(SCHEME.len()) else {
            return false;
        };
        let is_it = self.credentials.is(given.trim_ascii());
        scheme.eq_ignore_ascii_case(SCHEME) && is_it
    }
}

/// `Origin`, where there is one, is the host that was asked; whoever stands in front of us may add encryption.
fn is_own_origin(fields: &HeaderMap) -> bool {
    let Some(origin) = fields.get(header::ORIGIN) else {
        return true;
    };
    let origin = origin.to_str().ok();
    let bare = origin.and_then(|origin| {
        let http = origin.strip_prefix("http://");
        http.or_else(|| origin.strip_prefix("https://"))
    });
    let host = fields.get(header::HOST).and_then(|host| host.to_str().ok());
    bare.is_some() && bare == host
}

fn not_for_us(fault: HostFault) -> Refusal {
    match fault {
        HostFault::Doubled => (StatusCode::BAD_REQUEST, "more than one Host".to_owned()),
        HostFault::Missing => (StatusCode::BAD_REQUEST, "Host is missing".to_owned()),
        HostFault::Foreign(host) => (
            StatusCode::FORBIDDEN,
            format!("Host {host} is neither the address asked, nor localhost, nor in ctl_hosts"),
        ),
    }
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let octet = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = ALPHABET[(bits >> shift & 63) as usize];
            text.push(if index <= group.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests;
