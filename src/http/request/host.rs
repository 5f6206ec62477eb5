//! `host[:port]`, as it stands in Host and in an absolute-form target (RFC 9110 §7.2, RFC 3986 §3.2).

use std::net::Ipv6Addr;

/// Whether `text` is a host, with a port or without. An empty host is none.
pub(crate) fn is_valid(text: &[u8]) -> bool {
    let host_end = match text.first() {
        Some(b'[') => text.iter().position(|byte| *byte == b']').map(|at| at + 1),
        Some(_) => text
            .iter()
            .position(|byte| *byte == b':')
            .or(Some(text.len())),
        None => None,
    };
    let Some((host, rest)) = host_end.and_then(|end| text.split_at_checked(end)) else {
        return false;
    };
    is_host(host) && (rest.is_empty() || is_port(rest))
}

fn is_host(host: &[u8]) -> bool {
    match host {
        [b'[', address @ .., b']'] => is_ipv6(address),
        _ => is_registered_name(host),
    }
}

fn is_ipv6(address: &[u8]) -> bool {
    let text = std::str::from_utf8(address);
    text.is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// RFC 3986 `reg-name`, which covers IPv4 addresses too; not empty, as no `http` authority may be (RFC 9110 §4.2.1).
fn is_registered_name(host: &[u8]) -> bool {
    let mut rest = host;
    while let Some((byte, behind)) = rest.split_first() {
        rest = match byte {
            b'%' => match behind {
                [high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    behind
                }
                _ => return false,
            },
            byte if NAME[usize::from(*byte)] => behind,
            _ => return false,
        };
    }
    !host.is_empty()
}

/// With its colon; the grammar allows no digits at all.
fn is_port(text: &[u8]) -> bool {
    let Some((b':', digits)) = text.split_first() else {
        return false;
    };
    let value = digits.iter().try_fold(0u32, |value, byte| match byte {
        b'0'..=b'9' => Some((value * 10 + u32::from(byte - b'0')).min(u32::from(u16::MAX) + 1)),
        _ => None,
    });
    value.is_some_and(|value| value <= u32::from(u16::MAX))
}

/// Unreserved characters and sub-delimiters.
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-._~!$&'()*+,;=";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};
