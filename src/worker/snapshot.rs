//! Learned sessions that outlive a restart: taken back at the start, handed out to control in pieces while it runs,
//! and whole at the end.

use std::sync::Arc;

use crate::balance::table::LearnedSession;
use crate::plane::snapshot::Desk;
use crate::ring::port::Ring;
use crate::worker::Worker;

/// Slots looked at in one turn: few enough that no other connection waits noticeably longer.
const SLOTS_PER_TURN: usize = 1000;

/// Where control asks for them.
#[derive(Default)]
pub struct Handing {
    desks: Vec<Attended>,
}

struct Attended {
    desk: Arc<Desk<LearnedSession>>,
    /// The slot to go on from.
    at: usize,
}

impl Handing {
    /// Whether control waits for more.
    pub fn is_wanted(&self) -> bool {
        self.desks.iter().any(|attended| attended.desk.is_wanted())
    }
}

impl<R: Ring> Worker<R> {
    /// Takes back sessions that were saved, least recently used first. Before the first turn.
    pub fn restore(&mut self, sessions: &[LearnedSession]) {
        let now = self.ring.now();
        if let Some(table) = &mut self.affinity.table {
            for session in sessions {
                table.restore(*session, now);
            }
        }
    }

    /// From now on it looks at `desk`, too, whenever it is woken. One worker does.
    pub fn attend(&mut self, desk: Arc<Desk<LearnedSession>>) {
        self.handing.desks.push(Attended { desk, at: 0 });
    }

    /// What is worth saving, at the end.
    pub fn sessions(&self) -> Vec<LearnedSession> {
        let now = self.ring.now();
        let table = self.affinity.table.as_ref();
        table.map_or(Vec::new(), |table| table.sessions(now).collect())
    }

    /// Hands out the next piece wherever control wants one.
    pub(super) fn hand_out_sessions(&mut self) {
        let table = self.affinity.table.as_ref();
        for attended in &mut self.handing.desks {
            if !attended.desk.is_wanted() {
                continue;
            }
            let (now, from) = (self.ring.now(), attended.at);
            let mut next = None;
            let complete = attended.desk.put(|items| {
                next =
                    table.and_then(|table| table.sessions_from(from, SLOTS_PER_TURN, now, items));
                next.is_none()
            });
            attended.at = next.unwrap_or(0);
            if complete {
                self.ring.wake_control();
            }
        }
    }
}
