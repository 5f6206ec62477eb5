//! Which of two orders for an output holds.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::model::output::OutputId;
use crate::model::standing::Switch;
use crate::pair::term::Term;

/// When an order was given: under which term, and as which one. The higher holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Stamp {
    pub term: Term,
    pub sequence: u64,
}

/// More orders than anybody gives. What comes from elsewhere and is higher would leave no room for a later one.
const SEQUENCE_MOST: u64 = u64::MAX >> 1;

impl Stamp {
    /// As another server or a file says it. `None`: that cannot be.
    pub fn read(term: Term, sequence: u64) -> Option<Stamp> {
        (sequence <= SEQUENCE_MOST).then_some(Stamp { term, sequence })
    }
}

/// What holds for an output, and since which order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ordered {
    pub output: OutputId,
    pub switch: Switch,
    pub stamp: Stamp,
}

/// The stamps of what holds on this server. What nobody has ever ordered has none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stamps(BTreeMap<OutputId, Stamp>);

impl Stamps {
    pub fn of(&self, output: OutputId) -> Stamp {
        self.0.get(&output).copied().unwrap_or_default()
    }

    /// Of an order that is given here now: later than all that are known.
    pub fn next(&self, term: Term) -> Stamp {
        let latest = self.0.values().max().copied().unwrap_or_default();
        Stamp {
            term: term.max(latest.term),
            sequence: latest.sequence + 1,
        }
    }

    pub fn set(&mut self, output: OutputId, stamp: Stamp) {
        self.0.insert(output, stamp);
    }

    /// Whether an order that was given elsewhere holds from now on. Of equal ones, such as those of a release that kept
    /// no stamps, that of the active does.
    pub fn yields_to(&self, other: &Ordered, is_active: bool) -> bool {
        let own = self.of(other.output);
        other.stamp > own || (is_active && other.stamp == own)
    }
}

impl FromIterator<Ordered> for Stamps {
    fn from_iter<I: IntoIterator<Item = Ordered>>(all: I) -> Stamps {
        let stamp = |ordered: Ordered| (ordered.output, ordered.stamp);
        Stamps(all.into_iter().map(stamp).collect())
    }
}

/// As they travel.
pub fn encode(all: &[Ordered]) -> Value {
    let one = |ordered: &Ordered| {
        let Stamp { term, sequence } = ordered.stamp;
        let switch = match ordered.switch {
            Switch::Enabled => 0,
            Switch::Draining => 1,
            Switch::Disabled => 2,
        };
        json!([
            ordered.output.index(),
            switch,
            term.number,
            term.main,
            sequence
        ])
    };
    all.iter().map(one).collect()
}

/// What cannot be read is left out.
pub fn decode(value: &Value) -> Vec<Ordered> {
    let one = |value: &Value| {
        let switch = match value.get(1)?.as_u64()? {
            0 => Switch::Enabled,
            1 => Switch::Draining,
            2 => Switch::Disabled,
            _ => return None,
        };
        let index = usize::try_from(value.get(0)?.as_u64()?).ok()?;
        let term = Term {
            number: value.get(2)?.as_u64()?,
            main: value.get(3)?.as_bool()?,
        };
        Some(Ordered {
            output: OutputId::from_index(index)?,
            switch,
            stamp: Stamp::read(term, value.get(4)?.as_u64()?)?,
        })
    };
    let all = value.as_array().into_iter().flatten();
    all.filter_map(one).collect()
}
