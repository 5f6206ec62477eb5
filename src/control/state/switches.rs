//! What operators ordered, as a file that a person can read:
//!
//! ```text
//! HALB switches 2
//! out3 10.0.0.23:80 disabled 7 main 12
//! out5 web5:8080 enabled 7 main 13
//! sum 0f3a…
//! ```
//!
//! The twelfth order was given under term 7, which main had claimed: in a domain the later of two orders holds, also
//! after a restart. Outputs that are not named are enabled, and nobody has ever ordered that. Version 1 had no orders'
//! numbers, and named only outputs that were not enabled: what it says counts as older than any order.

use std::fmt;

use crate::control::domain::mirror::orders::Stamp;
use crate::control::state::summed;
use crate::control::state::summed::Unreadable;
use crate::model::standing::Switch;
use crate::pair::term::Term;

pub const FILE: &str = "switches";

const KIND: &str = "HALB switches ";
const VERSION: u32 = 2;
/// What releases wrote that did not know when an order was given.
const UNSTAMPED: u32 = 1;

/// What holds for one output, and since which order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// As [`super::name`] gives it.
    pub name: String,
    pub switch: Switch,
    pub stamp: Stamp,
}

/// Why bytes are not switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSwitches(pub Unreadable);

impl fmt::Display for NoSwitches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unreadable::Foreign => f.write_str("these are no switches"),
            Unreadable::Version(version) => write!(
                f,
                "they are of version {version}; this release reads {UNSTAMPED} to {VERSION}"
            ),
            Unreadable::Damaged => f.write_str("they are damaged: the checksum is another"),
            Unreadable::Nonsense => f.write_str("they say what cannot be"),
        }
    }
}

pub fn encode(switches: &[Kept]) -> Vec<u8> {
    let body: String = switches.iter().map(line).collect();
    summed::write(KIND, VERSION, &body)
}

pub fn decode(bytes: &[u8]) -> Result<Vec<Kept>, NoSwitches> {
    let switches: Option<Vec<Kept>> = match summed::read(bytes, KIND, VERSION) {
        Err(Unreadable::Version(UNSTAMPED)) => {
            let lines = summed::read(bytes, KIND, UNSTAMPED).map_err(NoSwitches)?;
            lines.map(unstamped).collect()
        }
        read => read.map_err(NoSwitches)?.map(stamped).collect(),
    };
    switches.ok_or(NoSwitches(Unreadable::Nonsense))
}

/// What a switch is called, here and by `ctl`.
pub fn word(switch: Switch) -> &'static str {
    match switch {
        Switch::Enabled => "enabled",
        Switch::Draining => "draining",
        Switch::Disabled => "disabled",
    }
}

fn line(kept: &Kept) -> String {
    let Stamp { term, sequence } = kept.stamp;
    let (name, switch) = (&kept.name, word(kept.switch));
    format!("{name} {switch} {} {sequence}\n", term.text())
}

fn stamped(line: &str) -> Option<Kept> {
    let (line, sequence) = line.rsplit_once(' ')?;
    // A term is two words.
    let (at, _) = line.rmatch_indices(' ').nth(1)?;
    let term = Term::from_text(&line[at + 1..])?;
    Some(Kept {
        stamp: Stamp::read(term, sequence.parse().ok()?)?,
        ..unstamped(&line[..at])?
    })
}

fn unstamped(line: &str) -> Option<Kept> {
    let (name, said) = line.rsplit_once(' ')?;
    let known = [Switch::Enabled, Switch::Draining, Switch::Disabled];
    Some(Kept {
        name: name.to_owned(),
        switch: known.into_iter().find(|switch| word(*switch) == said)?,
        stamp: Stamp::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::state::summed::tests::show_all_damage;

    fn some() -> Vec<Kept> {
        let kept = |name: &str, switch, number, main, sequence| Kept {
            name: name.to_owned(),
            switch,
            stamp: Stamp {
                term: Term { number, main },
                sequence,
            },
        };
        vec![
            kept("out3 10.0.0.23:80", Switch::Disabled, 7, true, 12),
            kept("out5 [2001:db8::5]:8080", Switch::Draining, 8, false, 13),
            kept("out6 web6:80", Switch::Enabled, 0, false, 1),
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
            ["HALB switches 2", "out3 10.0.0.23:80 disabled 7 main 12"]
        );
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn what_an_earlier_release_wrote_is_older_than_any_order() {
        let body = "out3 10.0.0.23:80 disabled\nout5 web5:80 draining\n";
        let read = decode(&summed::write(KIND, UNSTAMPED, body)).unwrap();
        let told: Vec<_> = read
            .iter()
            .map(|kept| (kept.name.as_str(), kept.switch))
            .collect();
        let expected = [
            ("out3 10.0.0.23:80", Switch::Disabled),
            ("out5 web5:80", Switch::Draining),
        ];
        assert_eq!(told, expected);
        assert!(read.iter().all(|kept| kept.stamp == Stamp::default()));
    }

    #[test]
    fn no_damage_goes_unseen() {
        let whole = encode(&some());
        show_all_damage(&whole, |bytes| decode(bytes).is_err());
        let longer = [&whole[..], b"out1 a:80 disabled 1 main 1\n"].concat();
        assert_eq!(decode(&longer), Err(NoSwitches(Unreadable::Damaged)));
        assert_eq!(
            decode(b"HALB switches 3\n"),
            Err(NoSwitches(Unreadable::Version(3)))
        );
        assert_eq!(decode(b"something"), Err(NoSwitches(Unreadable::Foreign)));
        for line in [
            "out1 a:80 asleep 1 main 1",
            "out1 a:80 disabled",
            "out1 a:80 disabled 1 main -1",
            "out1 a:80 disabled 1 main 18446744073709551615",
            "out1 a:80 disabled 1 backup 1",
            "out1 a:80 disabled x other 1",
        ] {
            let nonsense = summed::write(KIND, VERSION, &format!("{line}\n"));
            let read = decode(&nonsense);
            assert_eq!(read, Err(NoSwitches(Unreadable::Nonsense)), "{line}");
        }
    }
}
