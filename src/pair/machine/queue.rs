//! The actions that have not been taken yet, in a place of fixed size.

use crate::pair::action::Action;

/// One event makes at most one action of each kind that keeps a state (hold, workers, store, ask, announce, advertise,
/// leave), one answer, and one note for each server and a few about this one: 7 + 1 + 16 + 8. The double is kept.
const ACTIONS_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Queue {
    actions: [Option<Action>; ACTIONS_MAX],
    first: usize,
    count: usize,
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue {
            actions: [None; ACTIONS_MAX],
            first: 0,
            count: 0,
        }
    }

    pub(super) fn push(&mut self, action: Action) {
        assert!(
            self.count < ACTIONS_MAX,
            "who drives the machine takes all actions before the next event"
        );
        self.actions[(self.first + self.count) % ACTIONS_MAX] = Some(action);
        self.count += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Action> {
        let action = self.actions[self.first].take()?;
        self.first = (self.first + 1) % ACTIONS_MAX;
        self.count -= 1;
        Some(action)
    }
}
