//! What is remembered of the domain file from one start to the next, as a text that a person can read:
//!
//! ```text
//! HALB domain file 1
//! head 3 17 00e1f2…
//! served 3 main
//! own 3 main
//! ancestor 3 16 5ac0…
//! conflict halb.toml.conflict-lb2-16
//! sum 0f3a…
//! ```
//!
//! The sum is SipHash-2-4 of all before its line: against damage, not against somebody.

use std::fmt;

use crate::control::state::summed;
use crate::control::state::summed::Unreadable;
use crate::pair::advert::FileVersion;
use crate::pair::file::head::ANCESTORS_MAX;
use crate::pair::file::head::Head;
use crate::pair::term::Term;

pub const FILE: &str = "domain";

const KIND: &str = "HALB domain file ";
const VERSION: u32 = 1;

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    pub head: Head,
    /// Names of files that lie beside the domain file and nobody has acknowledged.
    pub conflicts: Vec<String>,
}

/// Why bytes are no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoRecord(pub Unreadable);

impl fmt::Display for NoRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unreadable::Foreign => f.write_str("this is no record of a domain file"),
            Unreadable::Version(version) => write!(
                f,
                "it is of version {version}; this release reads version {VERSION}"
            ),
            Unreadable::Damaged => f.write_str("it is damaged: the checksum is another"),
            Unreadable::Nonsense => f.write_str("it says what cannot be"),
        }
    }
}

pub fn encode(record: &Record) -> Vec<u8> {
    let Head {
        version,
        ancestors,
        served,
        own,
    } = &record.head;
    let mut text = line("head", *version);
    for (word, term) in [("served", served), ("own", own)] {
        text.push_str(&format!("{word} {}\n", term.text()));
    }
    for ancestor in ancestors {
        text.push_str(&line("ancestor", *ancestor));
    }
    for name in &record.conflicts {
        text.push_str(&format!("conflict {name}\n"));
    }
    summed::write(KIND, VERSION, &text)
}

pub fn decode(bytes: &[u8]) -> Result<Record, NoRecord> {
    let lines = summed::read(bytes, KIND, VERSION).map_err(NoRecord)?;
    read(lines).ok_or(NoRecord(Unreadable::Nonsense))
}

/// A version as people see it: `3.17`.
pub fn shown(version: FileVersion) -> String {
    format!("{}.{}", version.term, version.generation)
}

fn line(word: &str, version: FileVersion) -> String {
    let FileVersion {
        term,
        generation,
        hash,
    } = version;
    format!("{word} {term} {generation} {hash:016x}\n")
}

fn read<'l>(lines: impl Iterator<Item = &'l str>) -> Option<Record> {
    let mut record = Record::default();
    let mut heads = 0;
    for line in lines {
        let (word, said) = line.split_once(' ')?;
        match word {
            "head" => {
                heads += 1;
                record.head.version = self::version(said)?;
            }
            "served" => record.head.served = Term::from_text(said)?,
            "own" => record.head.own = Term::from_text(said)?,
            "ancestor" => record.head.ancestors.push(self::version(said)?),
            "conflict" => record.conflicts.push(said.to_owned()),
            _ => return None,
        }
    }
    (heads == 1 && record.head.ancestors.len() <= ANCESTORS_MAX).then_some(record)
}

fn version(said: &str) -> Option<FileVersion> {
    let mut words = said.split(' ');
    let version = FileVersion {
        term: words.next()?.parse().ok()?,
        generation: words.next()?.parse().ok()?,
        hash: u64::from_str_radix(words.next()?, 16).ok()?,
    };
    words.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::state::summed::tests::show_all_damage;

    fn some() -> Record {
        let mut head = Head::first(b"a").child(3, b"b").child(3, b"c");
        head.served = Term {
            number: 3,
            main: true,
        };
        Record {
            head,
            conflicts: vec!["halb.toml.conflict-lb2-16".to_owned()],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for record in [Record::default(), some()] {
            assert_eq!(decode(&encode(&record)), Ok(record));
        }
    }

    #[test]
    fn no_damage_goes_unseen() {
        show_all_damage(&encode(&some()), |bytes| decode(bytes).is_err());
        let nonsense = |body: &str| decode(&summed::write(KIND, VERSION, body));
        for body in [
            "",
            "head 1 2\n",
            "head 1 2 x\n",
            "heads 1 2 3\n",
            "head 1 2 3 4\n",
        ] {
            assert_eq!(
                nonsense(body),
                Err(NoRecord(Unreadable::Nonsense)),
                "{body}"
            );
        }
        assert_eq!(
            decode(b"HALB domain file 2\n"),
            Err(NoRecord(Unreadable::Version(2)))
        );
        assert_eq!(decode(b"something"), Err(NoRecord(Unreadable::Foreign)));
    }
}
