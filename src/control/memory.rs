//! What control knows from before this start, and what it keeps for the next one.

use std::sync::Arc;

use crate::balance::hash::HashKey;
use crate::balance::table::LearnedSession;
use crate::control::ctl::orders;
use crate::control::shared::Shared;
use crate::control::state::Folder;
use crate::control::state::sessions;
use crate::control::state::sessions::Periodic;
use crate::control::state::sessions::Saver;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::standing::Switch;
use crate::plane::snapshot::Desk;

/// What is known from before, and what is kept for after.
pub struct Memory {
    pub(super) folder: Option<Arc<Folder>>,
    /// What learned sessions are hashed with.
    pub hash: HashKey,
    /// Least recently used first.
    pub sessions: Arc<Vec<LearnedSession>>,
    pub switches: Vec<(OutputId, Switch)>,
    pub(super) keeper: Option<Keeper>,
}

/// How learned sessions are kept.
pub(super) struct Keeper {
    pub saver: Arc<Saver>,
    desk: Arc<Desk<LearnedSession>>,
    room: usize,
}

impl Memory {
    /// Reads what there is. `secret` serves where no key was kept. A table has `room` for so many sessions, when any
    /// are learned.
    pub fn read(folder: Option<Arc<Folder>>, plan: &Plan, secret: HashKey, room: usize) -> Memory {
        let mut memory = Memory {
            folder: folder.clone(),
            hash: secret,
            sessions: Arc::default(),
            switches: Vec::new(),
            keeper: None,
        };
        let Some(folder) = folder else {
            return memory;
        };
        memory.switches = orders::read(&folder, plan);
        if plan.affinity.learns()
            && let Some(restored) = sessions::read(&folder, plan)
        {
            memory.hash = restored.hash;
            memory.sessions = Arc::new(restored.sessions);
        }
        // Also where none are learned: a reload may change that.
        memory.keeper = Some(Keeper {
            saver: Arc::new(Saver::new(folder, memory.hash.clone())),
            desk: Arc::default(),
            room,
        });
        memory
    }

    /// Where the first worker hands out its sessions.
    pub fn desk(&self) -> Option<Arc<Desk<LearnedSession>>> {
        self.keeper.as_ref().map(|keeper| Arc::clone(&keeper.desk))
    }
}

impl Keeper {
    /// Saves now and then.
    pub fn periodic(self, shared: Arc<Shared>) -> Periodic {
        Periodic {
            saver: self.saver,
            desk: self.desk,
            shared,
            room: self.room,
        }
    }
}
