//! How the domain file stands, for people and programs.

use serde_json::Value;
use serde_json::json;

use crate::control::domain::file::record::shown;
use crate::pair::file::head::Head;
use crate::pair::file::head::Relation;

/// One reading.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    pub path: String,
    pub head: Head,
    /// A change that waits for `halb domain apply --yes`: why, each a sentence.
    pub waiting: Vec<String>,
    /// Why what is in the file here is not in force, or what is in force is not in the file; a sentence.
    pub trouble: Option<String>,
    /// Files that keep what was not taken, until somebody acknowledges them.
    pub conflicts: Vec<String>,
    pub others: Vec<OtherView>,
}

/// Another server's file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OtherView {
    pub name: String,
    /// There is a stream to it.
    pub linked: bool,
    /// As it was told last.
    pub head: Option<Head>,
    /// Names of files that differ there.
    pub aside: Vec<String>,
}

impl View {
    /// Whether every server that can be reached has the same file, in one sentence.
    pub fn sentence(&self) -> String {
        let version = shown(self.head.version);
        if !self.waiting.is_empty() {
            let reasons = self.waiting.join("; ");
            return format!(
                "a change waits, because {reasons}: `halb domain apply --yes` takes it, and writing the file back \
                 drops it"
            );
        }
        if let Some(trouble) = &self.trouble {
            return trouble.clone();
        }
        let others = self.others.iter().filter(|other| other.linked);
        let differ: Vec<String> = others.filter_map(|other| self.difference(other)).collect();
        if !differ.is_empty() {
            return format!("version {version}; {}", differ.join("; "));
        }
        let away: Vec<&str> = self
            .others
            .iter()
            .filter(|other| !other.linked)
            .map(|other| other.name.as_str())
            .collect();
        match away.is_empty() {
            true => format!("version {version} on all servers"),
            false => format!("version {version}; not reached: {}", away.join(", ")),
        }
    }

    /// Whether all that are there have the same, and nothing waits.
    pub fn is_in_sync(&self) -> bool {
        let mut others = self.others.iter().filter(|other| other.linked);
        self.waiting.is_empty()
            && self.trouble.is_none()
            && others.all(|other| self.difference(other).is_none())
    }

    pub fn json(&self) -> Value {
        let others = self.others.iter().map(|other| {
            json!({
                "name": other.name,
                "reached": other.linked,
                "version": other.head.as_ref().map(|head| shown(head.version)),
                "hash": other.head.as_ref().map(|head| format!("{:016x}", head.version.hash)),
                "differs": self.difference(other),
            })
        });
        json!({
            "path": self.path,
            "version": shown(self.head.version),
            "generation": self.head.version.generation,
            "hash": format!("{:016x}", self.head.version.hash),
            "in_sync": self.is_in_sync(),
            "text": self.sentence(),
            "waiting": self.waiting,
            "conflicts": self.conflicts,
            "others": others.collect::<Vec<Value>>(),
        })
    }

    /// What differs there; `None`: nothing.
    fn difference(&self, other: &OtherView) -> Option<String> {
        let name = &other.name;
        let Some(head) = &other.head else {
            return Some(format!("{name} has not said which it has"));
        };
        let theirs = shown(head.version);
        match self.head.relation(head) {
            Relation::Same if other.aside.is_empty() => None,
            Relation::Same => Some(format!("{name} has another {}", other.aside.join(", "))),
            Relation::Behind => Some(format!("{name} has yet to take it (it has {theirs})")),
            Relation::Ahead => Some(format!("{name} has the later {theirs}")),
            Relation::WeWin | Relation::TheyWin => Some(format!(
                "{name} has {theirs}, which was made without this one"
            )),
        }
    }
}
