//! What operators ordered, as a file that a person can read:
//!
//! ```text
//! HALB switches 1
//! out3 10.0.0.23:80 disabled
//! out5 web5:8080 draining
//! sum 0f3a…
//! ```
//!
//! Outputs that are not named are enabled. The sum is SipHash-2-4 of all before its line: against damage, not
//! against somebody.

use std::fmt;

use crate::control::state::summed;
use crate::control::state::summed::Unreadable;
use crate::model::standing::Switch;

pub const FILE: &str = "switches";

const KIND: &str = "HALB switches ";
const VERSION: u32 = 1;

/// Outputs, by the name that [`super::name`] gives them, that are not enabled.
pub type Switches = Vec<(String, Switch)>;

/// Why bytes are not switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSwitches(pub Unreadable);

impl fmt::Display for NoSwitches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unreadable::Foreign => f.write_str("these are no switches"),
            Unreadable::Version(version) => write!(
                f,
                "they are of version {version}; this release reads version {VERSION}"
            ),
            Unreadable::Damaged => f.write_str("they are damaged: the checksum is another"),
            Unreadable::Nonsense => f.write_str("they say what cannot be"),
        }
    }
}

pub fn encode(switches: &Switches) -> Vec<u8> {
    let line = |(name, switch): &(String, Switch)| format!("{name} {}\n", word(*switch));
    summed::write(
        KIND,
        VERSION,
        &switches.iter().map(line).collect::<String>(),
    )
}

pub fn decode(bytes: &[u8]) -> Result<Switches, NoSwitches> {
    let mut lines = summed::read(bytes, KIND, VERSION).map_err(NoSwitches)?;
    let nonsense = NoSwitches(Unreadable::Nonsense);
    lines.try_fold(Vec::new(), |mut switches, line| {
        switches.push(read(line).ok_or(nonsense)?);
        Ok(switches)
    })
}

/// What a switch is called, here and by `ctl`.
pub fn word(switch: Switch) -> &'static str {
    match switch {
        Switch::Enabled => "enabled",
        Switch::Draining => "draining",
        Switch::Disabled => "disabled",
    }
}

fn read(line: &str) -> Option<(String, Switch)> {
    let (name, said) = line.rsplit_once(' ')?;
    let known = [Switch::Enabled, Switch::Draining, Switch::Disabled];
    let switch = known.into_iter().find(|switch| word(*switch) == said)?;
    Some((name.to_owned(), switch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Switches {
        vec![
            ("out3 10.0.0.23:80".to_owned(), Switch::Disabled),
            ("out5 [2001:db8::5]:8080".to_owned(), Switch::Draining),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for switches in [vec![], some()] {
            assert_eq!(decode(&encode(&switches)), Ok(switches));
        }
        let text = String::from_utf8(encode(&some())).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[..2],
            ["HALB switches 1", "out3 10.0.0.23:80 disabled"]
        );
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn no_damage_goes_unseen() {
        let whole = encode(&some());
        for end in 0..whole.len() {
            assert!(decode(&whole[..end]).is_err(), "{end} bytes");
        }
        for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            assert!(decode(&damaged).is_err(), "bit {bit} of byte {at}");
        }
        let longer = [&whole[..], b"out1 a:80 disabled\n"].concat();
        assert_eq!(decode(&longer), Err(NoSwitches(Unreadable::Damaged)));
        assert_eq!(
            decode(b"HALB switches 2\n"),
            Err(NoSwitches(Unreadable::Version(2)))
        );
        assert_eq!(decode(b"something"), Err(NoSwitches(Unreadable::Foreign)));
        let mut nonsense = b"HALB switches 1\nout1 a:80 asleep\n".to_vec();
        let sum = summed::checksum(&nonsense);
        nonsense.extend(format!("sum {sum:016x}\n").bytes());
        assert_eq!(decode(&nonsense), Err(NoSwitches(Unreadable::Nonsense)));
    }
}
