//! What goes wrong with exchanges, and how often.

use std::collections::BTreeMap;

use nix::errno::Errno;

use crate::station::body::response::Wrong;

/// Why an exchange failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    Open(Errno),
    Connect(Errno),
    Send(Errno),
    Receive(Errno),
    /// The connection ended although an answer was due, or although it was to be kept.
    Ended,
    Wrong(Wrong),
    /// No answer until the run was over, and for a while after it.
    Lost,
}

/// Faults by their name, as the report shows them.
#[derive(Default)]
pub struct Faults(BTreeMap<String, u64>);

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        self.add_named(&format!("{fault:?}"), 1);
    }

    pub fn add_named(&mut self, name: &str, count: u64) {
        if count > 0 {
            *self.0.entry(name.to_owned()).or_default() += count;
        }
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn into_map(self) -> BTreeMap<String, u64> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_by_name() {
        let mut faults = Faults::default();
        faults.add(Fault::Wrong(Wrong::Status));
        faults.add(Fault::Wrong(Wrong::Status));
        faults.add(Fault::Ended);
        faults.add_named("origin", 0);
        assert_eq!(faults.total(), 3);
        let map = faults.into_map();
        assert_eq!(map.get("Wrong(Status)"), Some(&2));
        assert_eq!(map.len(), 2);
    }
}
