//! Learned sessions from one start to the next.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::balance::hash::HashKey;
use crate::balance::table::LearnedSession;
use crate::balance::ties;
use crate::control::log;
use crate::control::shared::Shared;
use crate::control::state;
use crate::control::state::Folder;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::plane::snapshot::Desk;
use crate::ring::clock;

pub const FILE: &str = "sessions";

/// A crash loses what was learned since the last save.
const INTERVAL: Duration = Duration::from_secs(30);

/// What an earlier process knew.
pub struct Restored {
    pub hash: HashKey,
    /// Least recently used first.
    pub sessions: Vec<LearnedSession>,
}

/// Reads them; `None` where there are none. Sessions of outputs that are gone, or have another address, are left
/// out.
pub fn read(folder: &Folder, plan: &Plan) -> Option<Restored> {
    let saved = folder.read(FILE, ties::decode)?;
    // A clock that was set back since says that no time has passed.
    let lain = since_1970().saturating_sub(saved.saved_at);
    let of_name = |name: &str| {
        let mut outputs = plan.outputs.iter();
        outputs
            .find(|output| state::name(output) == name)
            .map(|output| output.id)
    };
    let sessions: Vec<_> = saved.sessions(lain, of_name).collect();
    Some(Restored {
        hash: saved.hash_key,
        sessions,
    })
}

/// Saves them, now and then and at the end.
pub struct Saver {
    folder: Arc<Folder>,
    hash: HashKey,
}

impl Saver {
    pub fn new(folder: Arc<Folder>, hash: HashKey) -> Saver {
        Saver { folder, hash }
    }

    /// Writes the file. `sessions` come in any order.
    pub fn save(&self, mut sessions: Vec<LearnedSession>, plan: &Plan) -> io::Result<()> {
        sessions.sort_by_key(|session| std::cmp::Reverse(session.idle));
        let outputs = plan.outputs.iter();
        let names: Vec<_> = outputs
            .map(|output| (output.id, state::name(output)))
            .collect();
        let name_of = |output: OutputId| {
            let mut names = names.iter();
            names
                .find(|(id, _)| *id == output)
                .map(|(_, name)| name.as_str())
        };
        let bytes = ties::encode(&self.hash, since_1970(), name_of, sessions.into_iter());
        self.folder.write(FILE, &bytes)
    }

    /// The same, if any are learned, and says so when it fails.
    pub fn save_or_say(&self, sessions: Vec<LearnedSession>, plan: &Plan) {
        if !plan.affinity.learns() {
            return;
        }
        if let Err(error) = self.save(sessions, plan) {
            log::event("state_not_saved", &[("file", &FILE), ("cause", &error)]);
        }
    }
}

/// Asks a worker for what was learned and saves it, for ever.
pub struct Periodic {
    pub saver: Arc<Saver>,
    pub desk: Arc<Desk<LearnedSession>>,
    pub shared: Arc<Shared>,
    /// As many as a table holds.
    pub room: usize,
}

impl Periodic {
    pub async fn run(self) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await; // the first is at once
        loop {
            ticks.tick().await;
            if self.shared.current().plan.affinity.learns() {
                self.once().await;
            }
        }
    }

    /// Never ends when the workers have: it is dropped then.
    async fn once(&self) {
        self.desk.ask(self.room);
        self.shared.hub.wake(0);
        let sessions = loop {
            // Before looking: what rings in between counts.
            let rung = self.shared.rung.notified();
            if let Some(sessions) = self.desk.take() {
                break sessions;
            }
            rung.await;
        };
        let saver = Arc::clone(&self.saver);
        let current = self.shared.current();
        // It ends only with the process's own panic.
        let _ = spawn_blocking(move || saver.save_or_say(sessions, &current.plan)).await;
    }
}

fn since_1970() -> Duration {
    Duration::from_secs(clock::read().unix_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::hash::SessionKey;
    use crate::balance::table::Trust;
    use crate::control::shared::tests::shared_of;
    use crate::control::state::tests::Scratch;
    use crate::model::plan::PlannedOutput;

    fn plan(address: &str) -> Plan {
        let mut plan = Plan::empty();
        plan.outputs.push(PlannedOutput {
            id: OutputId::from_index(2).unwrap(),
            name: address.to_owned(),
            address: address.parse().ok(),
            weight: 1,
            max_connections: 0,
            backup: false,
            born: 0,
            revision: 0,
        });
        plan
    }

    fn session(number: u64) -> LearnedSession {
        LearnedSession {
            key: SessionKey(u128::from(number)),
            output: OutputId::from_index(2).unwrap(),
            trust: Trust::Learned,
            idle: Duration::from_secs(number),
        }
    }

    #[test]
    fn a_round_asks_a_worker_and_saves_what_it_hands_out() {
        let scratch = Scratch::new();
        let folder = Arc::new(Folder::open(&scratch.0).unwrap());
        let hash = HashKey::from_bytes([5; HashKey::LENGTH]);
        let periodic = Periodic {
            saver: Arc::new(Saver::new(Arc::clone(&folder), hash.clone())),
            desk: Arc::default(),
            shared: shared_of("cookie_name = 'SID'\nout3 = '10.0.0.3'"),
            room: 10,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let worker = async {
                while !periodic.desk.is_wanted() {
                    tokio::task::yield_now().await;
                }
                for number in 1..=4 {
                    // A ring for something else ends no round.
                    periodic.shared.rung.notify_waiters();
                    periodic.desk.put(|items| {
                        items.push(session(number));
                        number == 4
                    });
                    tokio::task::yield_now().await;
                }
                periodic.shared.rung.notify_waiters();
            };
            both(periodic.once(), worker).await;
        });
        let restored = read(&folder, &plan("10.0.0.3:80")).unwrap();
        assert!(
            restored.hash == hash,
            "the key is kept, or nothing would be found"
        );
        let numbers: Vec<_> = restored
            .sessions
            .iter()
            .map(|session| session.key.0)
            .collect();
        assert_eq!(numbers, [4, 3, 2, 1], "least recently used first");
        let moved = read(&folder, &plan("10.0.0.4:80")).unwrap();
        assert!(
            moved.sessions.is_empty(),
            "another address is another output"
        );
    }

    /// Drives two futures to their ends in turns.
    async fn both(one: impl Future<Output = ()>, two: impl Future<Output = ()>) {
        let (mut one, mut two) = (Box::pin(one), Box::pin(two));
        let (mut first, mut second) = (false, false);
        std::future::poll_fn(|context| {
            first = first || one.as_mut().poll(context).is_ready();
            second = second || two.as_mut().poll(context).is_ready();
            if first && second {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }
}
