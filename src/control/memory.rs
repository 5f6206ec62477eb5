//! What control knows from before this start, and what it keeps for the next one.

use std::sync::Arc;

use crate::balance::hash::HashKey;
use crate::balance::table::LearnedSession;
use crate::control::ctl::orders;
use crate::control::domain::mirror::orders::Ordered;
use crate::control::shared::Shared;
use crate::control::state::Folder;
use crate::control::state::sessions;
use crate::control::state::sessions::Periodic;
use crate::control::state::sessions::Saver;
use crate::model::plan::Plan;
use crate::plane::snapshot::Desk;

/// What is known from before, and what is kept for after.
pub struct Memory {
    pub(super) folder: Option<Arc<Folder>>,
    /// What learned sessions are hashed with.
    pub hash: HashKey,
    /// Least recently used first.
    pub sessions: Arc<Vec<LearnedSession>>,
    /// What operators ordered.
    pub switches: Vec<Ordered>,
    pub(super) keeper: Option<Keeper>,
    pub(super) copies: Copies,
}

/// Where the first worker hands out learned sessions for other servers.
pub struct Copies {
    pub desk: Arc<Desk<LearnedSession>>,
    /// As many as a table holds.
    pub room: usize,
}

/// What learned sessions are hashed with.
pub enum Secret {
    /// Drawn at this start; one that was kept is better.
    Drawn(HashKey),
    /// Made from the domain's key, so that all servers know a session by the same hash. What was kept under another one
    /// is worth nothing.
    Domain(HashKey),
}

/// How learned sessions are kept.
pub(super) struct Keeper {
    pub saver: Arc<Saver>,
    desk: Arc<Desk<LearnedSession>>,
    room: usize,
}

impl Memory {
    /// Reads what there is. A table has `room` for so many sessions, when any
    /// are learned.
    pub fn read(folder: Option<Arc<Folder>>, plan: &Plan, secret: Secret, room: usize) -> Memory {
        let (hash, is_fixed) = match secret {
            Secret::Drawn(hash) => (hash, false),
            Secret::Domain(hash) => (hash, true),
        };
        let mut memory = Memory {
            folder: folder.clone(),
            hash,
            sessions: Arc::default(),
            switches: Vec::new(),
            keeper: None,
            copies: Copies {
                desk: Arc::default(),
                room,
            },
        };
        let Some(folder) = folder else {
            return memory;
        };
        memory.switches = orders::read(&folder, plan);
        if plan.affinity.learns()
            && let Some(restored) = sessions::read(&folder, plan)
            && (!is_fixed || restored.hash == memory.hash)
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

    /// Where the first worker hands out its sessions: to be saved, and to be mirrored.
    pub fn desks(&self) -> Vec<Arc<Desk<LearnedSession>>> {
        let kept = self.keeper.iter().map(|keeper| Arc::clone(&keeper.desk));
        kept.chain([Arc::clone(&self.copies.desk)]).collect()
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
