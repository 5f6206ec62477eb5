//! Which outputs an order is for: `channel=out3`, or an address.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;

use crate::control::ctl::answer::Answer;

/// What a query names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// As it was written; perhaps no output is called so.
    Channel(String),
    /// All outputs that are connected to it.
    Address(IpAddr),
}

const CHANNEL: &str = "channel";
const USAGE: &str = "write ?channel=out3, or ? and the address of an output";

impl Target {
    /// For another server, which reads it with [`Target::from_text`].
    pub fn text(&self) -> String {
        match self {
            Target::Channel(name) => name.clone(),
            Target::Address(address) => address.to_string(),
        }
    }

    pub fn from_text(text: &str) -> Target {
        let address = text.parse().map(Target::Address);
        address.unwrap_or_else(|_| Target::Channel(text.to_owned()))
    }
}

/// Reads what follows the `?`.
pub fn target(query: &str) -> Result<Target, Answer> {
    let malformed = || Answer::malformed(USAGE);
    if query.is_empty() || query.contains('&') {
        return Err(malformed());
    }
    let Some((name, value)) = query.split_once('=') else {
        let text = decoded(query)?;
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let address = bare.unwrap_or(&text).parse::<IpAddr>();
        return match address {
            Ok(address) => Ok(Target::Address(address.to_canonical())),
            Err(_) => Err(malformed()),
        };
    };
    let (name, value) = (decoded(name)?, decoded(value)?);
    if name != CHANNEL || value.is_empty() {
        return Err(malformed());
    }
    Ok(Target::Channel(value))
}

fn decoded(text: &str) -> Result<String, Answer> {
    let bytes = percent_decode_str(text).decode_utf8();
    let bytes = bytes.map_err(|_| Answer::malformed("the query is not UTF-8"))?;
    Ok(bytes.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_addresses_are_read() {
        let channel = |name: &str| Ok(Target::Channel(name.to_owned()));
        let address = |text: &str| Ok(Target::Address(text.parse().unwrap()));
        for (query, expected) in [
            ("channel=out3", channel("out3")),
            ("channel=%6Fut3", channel("out3")),
            ("%63hannel=out3", channel("out3")),
            ("channel=nothing", channel("nothing")),
            ("channel=a=b", channel("a=b")),
            ("10.11.12.13", address("10.11.12.13")),
            ("10%2E11.12.13", address("10.11.12.13")),
            ("2001:db8::1", address("2001:db8::1")),
            ("[2001:db8::1]", address("2001:db8::1")),
            ("%5B2001%3adb8::1%5d", address("2001:db8::1")),
            ("::ffff:10.11.12.13", address("10.11.12.13")),
        ] {
            assert_eq!(target(query), expected, "{query}");
        }
        for query in [
            "",
            "channel",
            "channel=",
            "channels=out3",
            "out3",
            "channel=out1&channel=out2",
            "10.11.12",
            "10.11.12.13:80",
            "[10.11.12.13",
            "%ff",
            "channel=%ff",
            "&",
            "=",
        ] {
            assert!(
                target(query).unwrap_err().body().contains(r#""code":100"#),
                "{query}"
            );
        }
    }
}
