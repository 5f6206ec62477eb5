//! Between control and the pair thread: what it tells becomes events of the journal and answers to orders, and what
//! control knows of the domain file and of the outputs is carried to it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::control::domain::Domain;
use crate::control::domain::Later;
use crate::control::domain::Pair;
use crate::control::domain::links;
use crate::control::domain::name_of;
use crate::control::log;
use crate::control::shared::Shared;
use crate::model::config::Config;
use crate::model::standing::Health;
use crate::model::standing::Standing as _;
use crate::model::standing::Switch;
use crate::pair::action::Note;
use crate::pair::action::Outcome;
use crate::pair::event::Event;
use crate::pair::event::Order;
use crate::pair::state::State;
use crate::standby::domain::Setting;
use crate::standby::handle::Given;
use crate::standby::handle::Handle;
use crate::standby::handle::Standing;
use crate::standby::handle::Told;
use crate::standby::handle::Unheard;

/// How the outputs stand is looked at when something has happened, and this often.
const LOOK: Duration = Duration::from_millis(500);

/// The pair thread, as control has it.
pub struct Liaison {
    handle: Arc<Handle>,
    /// Who waits for the answer to which order; `None`: nobody hears answers any more.
    waiting: Mutex<Option<Waiting>>,
    /// Whether this process can hold addresses at all: that is decided at its start.
    has_warden: bool,
}

type Waiting = BTreeMap<u32, oneshot::Sender<Outcome>>;

impl Liaison {
    pub fn new(handle: Arc<Handle>, has_warden: bool) -> Liaison {
        Liaison {
            handle,
            waiting: Mutex::new(Some(Waiting::new())),
            has_warden,
        }
    }

    /// Everything that goes on between both, for as long as control runs.
    pub async fn run(self: Arc<Self>, shared: Arc<Shared>, domain: Arc<Domain>) {
        let mut tasks = JoinSet::new();
        let (liaison, its) = (Arc::clone(&self), Arc::clone(&shared));
        tasks.spawn(async move {
            if let Err(error) = liaison.listen(&its).await {
                log::event("pair_unheard", &[("cause", &error)]);
            }
            *liaison.lock() = None;
        });
        tasks.spawn(links::watch(Arc::clone(&shared), Arc::clone(&domain)));
        let its = Arc::clone(&shared);
        tasks.spawn(async move { watch_outputs(&its, &domain).await });
        tasks.spawn(async move { self.follow(&shared).await });
        tasks.join_all().await;
    }

    /// What it tells, for ever.
    async fn listen(&self, shared: &Shared) -> io::Result<()> {
        let mut bell = UnixStream::from_std(self.handle.bell()?)?;
        let mut rings = [0; 64];
        let mut lost = 0;
        let mut was_active = false;
        loop {
            while let Some(told) = self.handle.take() {
                if let Told::Note(note) = &told {
                    let is_active = note.state == State::Active;
                    if is_active && !was_active {
                        shared.took_service.notify_one();
                    }
                    was_active = is_active;
                }
                self.on(told, shared);
            }
            let now = self.handle.lost();
            if now != lost {
                let text = format!("{} events of the pair were never written down", now - lost);
                shared.journal.note("pair", None, text);
                lost = now;
                // An answer may have been among them: who waits is told that none comes.
                if let Some(waiting) = self.lock().as_mut() {
                    waiting.clear();
                }
            }
            if bell.read(&mut rings).await? == 0 {
                return Ok(());
            }
        }
    }

    fn on(&self, told: Told, shared: &Shared) {
        match told {
            Told::Note(note) => {
                let text = sentence(note, &shared.current().config);
                shared.journal.note("pair", None, text);
            }
            Told::Answer(number, outcome) => {
                if let Some(waits) = self.forget(number) {
                    // Who has gone meanwhile does not want to know.
                    let _ = waits.send(outcome);
                }
            }
            // The daemon hears of it without control, which may stall.
            Told::Leave => {}
            Told::Trouble(sentence) => shared.journal.note("pair", None, sentence),
        }
    }

    /// The domain file, whenever it changes.
    async fn follow(&self, shared: &Shared) {
        let mut following = shared.follow();
        let mut known = shared.current().config.domain.clone();
        while following.changed().await.is_ok() {
            let now = following.borrow_and_update().config.domain.clone();
            if now == known {
                continue;
            }
            known = now;
            let Some(setting) = known.as_ref().map(Setting::of) else {
                continue; // that needs a restart, and has been said
            };
            let trouble = match setting {
                Ok(setting) if setting.wants_warden() && !self.has_warden => Some(
                    "the domain has addresses now, which need a restart: nothing holds them until then"
                        .to_owned(),
                ),
                Ok(setting) => self.set(setting).err().map(|unheard| unheard.to_string()),
                Err(unfit) => Some(unfit.to_string()),
            };
            if let Some(trouble) = trouble {
                shared.journal.note("pair", None, trouble);
            }
        }
    }

    fn set(&self, setting: Setting) -> Result<(), Unheard> {
        self.handle.set(Box::new(setting))
    }

    fn forget(&self, number: u32) -> Option<oneshot::Sender<Outcome>> {
        self.lock().as_mut()?.remove(&number)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pair for Liaison {
    fn standing(&self) -> Option<Standing> {
        self.handle.standing()
    }

    fn tell(&self, event: Event) {
        if let Err(unheard) = self.handle.report(event) {
            log::event("pair_unheard", &[("cause", &unheard)]);
        }
    }

    fn order(&self, order: Order) -> Later<'_, Option<Outcome>> {
        let (waits, answer) = oneshot::channel();
        let number = self.handle.number();
        if let Some(waiting) = self.lock().as_mut() {
            waiting.insert(number, waits);
        }
        let ordered = Ordered {
            liaison: self,
            number,
        };
        let event = Event::Order(order);
        let given = self.handle.give(Given { number, event });
        Box::pin(async move {
            let _ordered = ordered;
            given.ok()?;
            answer.await.ok()
        })
    }
}

/// An order under way. When it is dropped nobody waits for its answer any more: also because whoever gave it has gone.
struct Ordered<'l> {
    liaison: &'l Liaison,
    number: u32,
}

impl Drop for Ordered<'_> {
    fn drop(&mut self) {
        self.liaison.forget(self.number);
    }
}

/// What has happened, for people.
fn sentence(note: Note, config: &Config) -> String {
    let Some(domain) = &config.domain else {
        return note.state.word().to_owned();
    };
    let me = domain.node.as_deref().unwrap_or("this server");
    let other = note.about.map(|node| name_of(domain, node));
    let why = note.why.sentence(me, other.as_deref());
    let main = if note.term.main { " of main" } else { "" };
    format!(
        "{} in term {}{main}: {why}",
        note.state.word(),
        note.term.number
    )
}

/// Whether any output is up, or there is none that could be: told whenever it changes.
async fn watch_outputs(shared: &Shared, domain: &Domain) {
    loop {
        let something = shared.journal.more().notified();
        domain.readiness.outputs_up(any_up(shared));
        // What happens between two looks is seen by the second.
        let _late = timeout(LOOK, something).await;
    }
}

fn any_up(shared: &Shared) -> bool {
    let plan = &shared.current().plan;
    let mut able = plan
        .outputs
        .iter()
        .filter(|output| shared.plane.switch(output.id) != Switch::Disabled)
        .peekable();
    able.peek().is_none() || able.any(|output| shared.plane.health(output.id) == Health::Up)
}

#[cfg(test)]
mod tests;
