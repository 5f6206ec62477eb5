//! Which outputs a request may go to, in which order of preference (SPEC 4).

use std::time::Duration;

use crate::balance::rotation::Rotation;
use crate::model::output::OUTPUTS_MAX;
use crate::model::plan::Plan;
use crate::model::time::Instant;

/// How long an output that refused or reset a connection is avoided while others are there.
const SUSPECT_FOR: Duration = Duration::from_secs(1);

/// A set of outputs, by their position in the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Set(u64);

impl Set {
    pub const EMPTY: Set = Set(0);

    /// The first `count` outputs.
    pub fn first(count: usize) -> Set {
        if count >= OUTPUTS_MAX {
            Set(u64::MAX)
        } else {
            Set((1 << count) - 1)
        }
    }

    pub fn contains(self, index: usize) -> bool {
        index < OUTPUTS_MAX && self.0 & (1 << index) != 0
    }

    #[must_use]
    pub fn with(self, index: usize) -> Set {
        if index < OUTPUTS_MAX {
            Set(self.0 | 1 << index)
        } else {
            self
        }
    }

    #[must_use]
    pub fn without(self, index: usize) -> Set {
        if index < OUTPUTS_MAX {
            Set(self.0 & !(1 << index))
        } else {
            self
        }
    }

    #[must_use]
    pub fn minus(self, other: Set) -> Set {
        Set(self.0 & !other.0)
    }

    #[must_use]
    pub fn and(self, other: Set) -> Set {
        Set(self.0 & other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let index = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            Some(index)
        })
    }
}

/// One worker's choice among the outputs of a plan.
pub struct Chooser {
    rotation: Rotation,
    addressed: Set,
    backups: Set,
    suspect_until: Vec<Instant>,
    suspects: Set,
}

impl Chooser {
    pub fn new(plan: &Plan, worker: usize) -> Chooser {
        let mut addressed = Set::EMPTY;
        let mut backups = Set::EMPTY;
        for (index, output) in plan.outputs.iter().enumerate() {
            if output.address.is_some() {
                addressed = addressed.with(index);
            }
            if output.backup {
                backups = backups.with(index);
            }
        }
        Chooser {
            rotation: Rotation::new(plan.outputs.iter().map(|output| output.weight), worker),
            addressed,
            backups,
            suspect_until: vec![Instant::ZERO; plan.outputs.len()],
            suspects: Set::EMPTY,
        }
    }

    /// The output for a request that is tied to none and has already failed on `tried`: one that nothing
    /// speaks against, else a backup, else a suspect.
    pub fn choose(&mut self, tried: Set, now: Instant) -> Option<usize> {
        self.forgive(now);
        let open = self.addressed.minus(tried);
        let main = open.minus(self.backups);
        let backup = open.and(self.backups);
        let tiers = [
            main.minus(self.suspects),
            backup.minus(self.suspects),
            main,
            backup,
        ];
        let tier = tiers.into_iter().find(|tier| !tier.is_empty())?;
        self.rotation.next(tier)
    }

    /// The output for a request that `output` took and closed upon: another of its kind that nothing speaks
    /// against, since a server that is going down may still accept, else the same again.
    pub fn choose_again(&mut self, output: usize, now: Instant) -> usize {
        self.forgive(now);
        let is_backup = self.backups.contains(output);
        let kind = if is_backup {
            self.addressed.and(self.backups)
        } else {
            self.addressed.minus(self.backups)
        };
        let others = kind.minus(self.suspects).without(output);
        self.rotation.next(others).unwrap_or(output)
    }

    /// It refused or reset a connection: others are preferred for a while.
    pub fn suspect(&mut self, output: usize, now: Instant) {
        if let Some(until) = self.suspect_until.get_mut(output) {
            *until = now + SUSPECT_FOR;
            self.suspects = self.suspects.with(output);
        }
    }

    /// A connection to it was established.
    pub fn clear(&mut self, output: usize) {
        self.suspects = self.suspects.without(output);
    }

    fn forgive(&mut self, now: Instant) {
        for index in self.suspects.iter() {
            if self
                .suspect_until
                .get(index)
                .is_none_or(|until| *until <= now)
            {
                self.suspects = self.suspects.without(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::output::OutputId;
    use crate::model::plan::PlannedOutput;

    fn plan(outputs: &[(bool, bool)]) -> Plan {
        let output = |(index, (resolved, backup)): (usize, &(bool, bool))| PlannedOutput {
            id: OutputId::from_index(index).unwrap(),
            name: format!("backend{index}:80"),
            address: resolved.then(|| ([127, 0, 0, 1], 80).into()),
            weight: 1,
            max_connections: 0,
            backup: *backup,
        };
        Plan {
            outputs: outputs.iter().enumerate().map(output).collect(),
            ..Plan::empty()
        }
    }

    #[test]
    fn preference_is_main_then_backup_then_suspect() {
        let mut chooser = Chooser::new(&plan(&[(true, false), (true, false), (true, true)]), 0);
        let start = Instant::ZERO + Duration::from_secs(1);
        assert_eq!(chooser.choose(Set::EMPTY, start), Some(0));
        chooser.suspect(0, start);
        assert_eq!(chooser.choose(Set::EMPTY, start), Some(1));
        assert_eq!(chooser.choose(Set::EMPTY, start), Some(1));
        chooser.suspect(1, start);
        assert_eq!(
            chooser.choose(Set::EMPTY, start),
            Some(2),
            "the backup before suspects"
        );
        chooser.suspect(2, start);
        assert!(matches!(chooser.choose(Set::EMPTY, start), Some(0 | 1)));
        assert_eq!(chooser.choose(Set::first(2), start), Some(2));
        assert_eq!(chooser.choose(Set::first(3), start), None);
    }

    #[test]
    fn again_is_another_of_its_kind_or_the_same() {
        let mut chooser = Chooser::new(&plan(&[(true, false), (true, false), (true, true)]), 0);
        let start = Instant::ZERO + Duration::from_secs(1);
        assert_eq!(chooser.choose_again(0, start), 1);
        assert_eq!(chooser.choose_again(1, start), 0);
        assert_eq!(chooser.choose_again(2, start), 2, "there is one backup");
        chooser.suspect(1, start);
        assert_eq!(chooser.choose_again(0, start), 0, "no suspect, no backup");
    }

    #[test]
    fn suspicion_ends_with_time_or_success() {
        let mut chooser = Chooser::new(&plan(&[(true, false), (true, false)]), 0);
        let start = Instant::ZERO;
        chooser.suspect(0, start);
        assert_eq!(chooser.choose(Set::EMPTY, start), Some(1));
        let later = start + SUSPECT_FOR;
        assert_eq!(chooser.choose(Set::EMPTY, later), Some(0));
        chooser.suspect(1, later);
        chooser.clear(1);
        assert_eq!(chooser.choose(Set::first(1), later), Some(1));
    }

    #[test]
    fn an_output_without_address_is_never_chosen() {
        let mut chooser = Chooser::new(&plan(&[(false, false), (false, true)]), 0);
        assert_eq!(chooser.choose(Set::EMPTY, Instant::ZERO), None);
    }

    #[test]
    fn sets_hold_sixty_four() {
        assert_eq!(Set::first(64).iter().count(), 64);
        assert!(Set::first(64).contains(63) && !Set::first(63).contains(63));
        assert!(!Set::first(64).contains(64));
        assert_eq!(
            Set::EMPTY
                .with(5)
                .with(9)
                .without(5)
                .iter()
                .collect::<Vec<_>>(),
            [9]
        );
    }
}
