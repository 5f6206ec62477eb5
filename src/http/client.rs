//! Who the client is: the other end of its connection, or whom a proxy that is trusted names.

use std::net::IpAddr;

use crate::http::field::Fields;
use crate::http::field::Known;

/// The client's address. Each proxy puts its own client behind those that are there, so `X-Forwarded-For` is read from
/// its end: the first address that is not `trusted` is the last that somebody trusted has seen.
pub fn address(
    fields: &Fields,
    bytes: &[u8],
    peer: IpAddr,
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let mut client = peer;
    let lines = fields.all(Known::XForwardedFor).rev();
    let mut named = lines
        .flat_map(|field| field.value.of(bytes).rsplit(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii);
    while trusted(client) {
        let text = named.next().and_then(|text| std::str::from_utf8(text).ok());
        // What is no address ends the chain: nobody can say who stands behind it.
        match text.and_then(|text| text.parse::<IpAddr>().ok()) {
            Some(address) => client = address.to_canonical(),
            None => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(lines: &str, peer: &str) -> String {
        let head = format!("{lines}\r\n");
        let mut fields = Fields::new();
        fields.read(head.as_bytes(), 0).unwrap().unwrap();
        let trusted = |address: IpAddr| address.to_string().starts_with("10.");
        address(&fields, head.as_bytes(), peer.parse().unwrap(), trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let line = "X-Forwarded-For: 203.0.113.9, 198.51.100.7, 10.0.0.2\r\n";
        assert_eq!(client(line, "192.0.2.1"), "192.0.2.1");
        assert_eq!(client(line, "10.0.0.1"), "198.51.100.7");
        assert_eq!(client("", "10.0.0.1"), "10.0.0.1");
        assert_eq!(
            client("X-Forwarded-For: unknown\r\n", "10.0.0.1"),
            "10.0.0.1"
        );
        let lines = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.0.0.3\r\n";
        assert_eq!(client(lines, "10.0.0.1"), "203.0.113.9");
        assert_eq!(
            client("X-Forwarded-For: ::ffff:192.0.2.8\r\n", "10.0.0.1"),
            "192.0.2.8"
        );
    }
}
