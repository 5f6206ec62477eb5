//! Where a value came from, and what is to be said about it.

use std::fmt;
use std::sync::Arc;

/// Where a value came from. Ordered as findings are listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    File(Place),
    /// The `set` of one server of the domain.
    ServerSet {
        place: Place,
        node: String,
    },
    /// The variable's name.
    Environment(String),
    /// The property's name; its value may be a secret.
    CommandLine(String),
    /// `--node`
    NodeOption,
    Default,
}

/// A character of the file, counted from one as editors do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: Arc<str>,
    pub line: usize,
    pub column: usize,
}

/// A mistake or a warning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub origin: Origin,
    pub message: String,
}

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub mistakes: Vec<Finding>,
    pub warnings: Vec<Finding>,
}

impl Findings {
    pub fn mistake(&mut self, origin: &Origin, message: impl Into<String>) {
        self.mistakes.push(Finding {
            origin: origin.clone(),
            message: message.into(),
        });
    }

    pub fn warning(&mut self, origin: &Origin, message: impl Into<String>) {
        self.warnings.push(Finding {
            origin: origin.clone(),
            message: message.into(),
        });
    }

    /// In the order of the file, and each once.
    pub fn sort(&mut self) {
        for list in [&mut self.mistakes, &mut self.warnings] {
            list.sort();
            list.dedup();
        }
    }
}

impl Origin {
    /// The character of the file, for those that stand in it.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Origin::File(place) | Origin::ServerSet { place, .. } => Some(place),
            Origin::Environment(_)
            | Origin::CommandLine(_)
            | Origin::NodeOption
            | Origin::Default => None,
        }
    }
}

/// As `halb config` says it: `file /etc/halb/halb.toml:12`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(place) => write!(f, "file {}:{}", place.file, place.line),
            Origin::ServerSet { place, node } => {
                write!(
                    f,
                    "set of server {node}, file {}:{}",
                    place.file, place.line
                )
            }
            Origin::Environment(variable) => write!(f, "environment {variable}"),
            Origin::CommandLine(_) | Origin::NodeOption => f.write_str("command line"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// As `halb check` says it: `FILE:LINE:COLUMN: message`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File(place) | Origin::ServerSet { place, .. } => {
                write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
            }
            Origin::Environment(variable) => write!(f, "environment {variable}: ")?,
            Origin::CommandLine(name) => write!(f, "command line --set {name}: ")?,
            Origin::NodeOption => f.write_str("command line --node: ")?,
            Origin::Default => f.write_str("configuration: ")?,
        }
        f.write_str(&self.message)
    }
}
