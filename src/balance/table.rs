//! The sessions of mode `passive`: which output has set a cookie, or was chosen for one that nobody knew.
//!
//! Every worker has the whole table and tells the others what it finds out ([`News`]), so that a session is
//! the same everywhere. A cookie that nobody knew is believed a little: such entries have a quarter of the table
//! to themselves until a response or a second use confirms them. So invented cookies can only evict each other.

mod index;
mod stamp;
mod store;

use std::time::Duration;

use crate::balance::hash::SessionKey;
use crate::balance::table::index::SLOTS_PER_ENTRY;
use crate::balance::table::stamp::Stamp;
use crate::balance::table::stamp::whole_ms;
use crate::balance::table::store::Entry;
use crate::balance::table::store::Store;
pub use crate::balance::table::store::Trust;
use crate::model::output::OutputId;
use crate::model::time::Instant;

/// One of so many parts of a table is for entries that are not confirmed.
const UNCONFIRMED_SHARE: usize = 4;
/// A table with fewer entries is not worth having; and each part needs one.
const CAPACITY_MIN: usize = 8;
/// In a fraction of the timeout the other workers hear once that a session is in use …
const RENEWALS_PER_TIMEOUT: u64 = 16;
/// … and at least as often, so that what is used here is not the first to go there.
const RENEWAL_MOST_MS: u64 = 60_000;

/// Learned sessions, at most as many as at creation was said.
pub struct SessionTable {
    store: Store,
    /// `timeout`; `None`: never.
    timeout_ms: Option<u64>,
}

/// What a request's cookie leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    pub output: OutputId,
    pub news: Option<News>,
}

/// What one worker tells all others about a session. They take it with [`SessionTable::hear`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct News {
    pub key: SessionKey,
    pub output: OutputId,
    pub what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// A response has set the cookie. The others have to know before the response leaves.
    Learned,
    /// An unknown cookie was tied to the output that was chosen for it.
    Tied,
    /// It is in use, as well known as [`Trust`] says.
    InUse(Trust),
}

/// One confirmed session, as it is saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LearnedSession {
    pub key: SessionKey,
    pub output: OutputId,
    pub trust: Trust,
    pub idle: Duration,
}

impl SessionTable {
    /// A table for `capacity` sessions, a quarter of them unconfirmed. All memory is taken here.
    pub fn new(capacity: usize, timeout: Option<Duration>) -> SessionTable {
        let capacity = capacity.clamp(CAPACITY_MIN, u32::MAX as usize / SLOTS_PER_ENTRY);
        let unconfirmed = capacity / UNCONFIRMED_SHARE;
        SessionTable {
            store: Store::new(capacity - unconfirmed, unconfirmed),
            timeout_ms: timeout.map(whole_ms),
        }
    }

    /// Memory of a table, index included.
    pub const fn bytes(capacity: usize) -> usize {
        capacity * (size_of::<Entry>() + SLOTS_PER_ENTRY * size_of::<u32>())
    }

    /// After a reload.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout_ms = timeout.map(whole_ms);
    }

    /// How many sessions are confirmed, and how many are not. Those that have expired count until they are met.
    pub fn counts(&self) -> (usize, usize) {
        self.store.counts()
    }

    /// A request brings this cookie. What is found is in use, and confirmed from now on.
    pub fn look_up(&mut self, key: SessionKey, now: Instant) -> Option<Found> {
        let at = self.find(key, now)?;
        let Entry {
            output,
            trust,
            last_use,
            ..
        } = *self.store.entry(at);
        let confirmed = trust.max(Trust::Used);
        self.store
            .renew(at, output, confirmed, last_use.max(Stamp::of(now)));
        let due = confirmed != trust || self.renewal_due(last_use, now);
        let what = What::InUse(confirmed);
        Some(Found {
            output,
            news: due.then_some(News { key, output, what }),
        })
    }

    /// A response of `output` sets this cookie. `None`: the others know it already.
    pub fn learn(&mut self, key: SessionKey, output: OutputId, now: Instant) -> Option<News> {
        let known = self.find(key, now).map(|at| *self.store.entry(at));
        self.put(key, output, Trust::Learned, Stamp::of(now));
        let news = |what| News { key, output, what };
        match known {
            Some(entry) if (entry.output, entry.trust) == (output, Trust::Learned) => self
                .renewal_due(entry.last_use, now)
                .then_some(news(What::InUse(Trust::Learned))),
            _ => Some(news(What::Learned)),
        }
    }

    /// A cookie that the table does not know is tied to the output that was chosen for its request. What the
    /// table does know stays: one redispatch does not tie a session anew.
    pub fn tie(&mut self, key: SessionKey, output: OutputId, now: Instant) -> Option<News> {
        if self.find(key, now).is_some() {
            return None;
        }
        self.store.insert(key, output, Trust::Tied, Stamp::of(now));
        let what = What::Tied;
        Some(News { key, output, what })
    }

    /// Another worker says so. When two workers find out different things at the same time, both come to
    /// believe the same: the better known one, and of equally well known ones the lower output.
    pub fn hear(&mut self, news: News, now: Instant) {
        let News { key, output, what } = news;
        let told = match what {
            What::Learned => Trust::Learned,
            What::Tied => Trust::Tied,
            What::InUse(trust) => trust,
        };
        let known = self.find(key, now).map(|at| *self.store.entry(at));
        let Some(entry) = known else {
            self.put(key, output, told, self.until_renewal(now));
            return;
        };
        let replaces = match told.cmp(&entry.trust) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            // Of two responses the later one is right; that it is in use says nothing new.
            std::cmp::Ordering::Equal if told == Trust::Learned => what == What::Learned,
            std::cmp::Ordering::Equal => output < entry.output,
        };
        if replaces || output == entry.output {
            let trust = told.max(entry.trust);
            self.put(
                key,
                output,
                trust,
                self.until_renewal(now).max(entry.last_use),
            );
        }
    }

    /// Whether it was there.
    pub fn forget(&mut self, key: SessionKey) -> bool {
        let found = self.store.find(key);
        if let Some(at) = found {
            self.store.remove(at);
        }
        found.is_some()
    }

    /// All sessions of an output, which has gone or become another. Looks at every entry; for reloads.
    pub fn forget_output(&mut self, output: OutputId) -> usize {
        self.store.remove_where(|entry| entry.output == output)
    }

    /// What is worth saving: the confirmed sessions, least recently used first.
    pub fn sessions(&self, now: Instant) -> impl Iterator<Item = LearnedSession> {
        let living = move |entry: &&Entry| !self.expired(entry, now);
        self.store
            .confirmed()
            .filter(living)
            .map(move |entry| entry.learned(now))
    }

    /// The same in pieces, in no order, so that a worker can hand them out between other work: looks at `most`
    /// slots from `from` on. Gives the slot to go on from; `None` at the end. What moves meanwhile may be missed; it
    /// is in the next walk.
    pub fn sessions_from(
        &self,
        from: usize,
        most: usize,
        now: Instant,
        into: &mut Vec<LearnedSession>,
    ) -> Option<usize> {
        let slots = self.store.slots();
        let until = from.saturating_add(most).min(slots);
        let kept = (from..until).filter_map(|at| self.store.confirmed_at(at as u32));
        let living = kept.filter(|entry| !self.expired(entry, now));
        into.extend(living.map(|entry| entry.learned(now)));
        (until < slots).then_some(until)
    }

    /// Takes back what was saved, in the same order. What the table knows by now is newer and stays.
    pub fn restore(&mut self, session: LearnedSession, now: Instant) {
        let LearnedSession {
            key,
            output,
            trust,
            idle,
        } = session;
        let expired = self.timeout_ms.is_some_and(|most| whole_ms(idle) > most);
        if !expired && self.find(key, now).is_none() {
            self.store
                .insert(key, output, trust, Stamp::before(now, idle));
        }
    }

    /// The living entry of a key; an expired one goes.
    fn find(&mut self, key: SessionKey, now: Instant) -> Option<u32> {
        let at = self.store.find(key)?;
        if self.expired(self.store.entry(at), now) {
            self.store.remove(at);
            return None;
        }
        Some(at)
    }

    fn put(&mut self, key: SessionKey, output: OutputId, trust: Trust, last_use: Stamp) {
        match self.store.find(key) {
            Some(at) => self.store.renew(at, output, trust, last_use),
            None => self.store.insert(key, output, trust, last_use),
        }
    }

    fn expired(&self, entry: &Entry, now: Instant) -> bool {
        let idle_ms = whole_ms(entry.last_use.idle(now));
        self.timeout_ms.is_some_and(|most| idle_ms > most)
    }

    /// Time is cut into periods; the first use in each is told.
    fn period_ms(&self) -> u64 {
        let share = self
            .timeout_ms
            .map(|timeout| timeout / RENEWALS_PER_TIMEOUT);
        share.map_or(RENEWAL_MOST_MS, |share| share.clamp(1, RENEWAL_MOST_MS))
    }

    fn renewal_due(&self, last_use: Stamp, now: Instant) -> bool {
        let period = self.period_ms();
        Stamp::of(now).as_ms() / period > last_use.as_ms() / period
    }

    /// The end of this period: a session that another worker uses may be used there until then without a word,
    /// and must not expire here any earlier than there.
    fn until_renewal(&self, now: Instant) -> Stamp {
        let period = self.period_ms();
        let ms = Stamp::of(now).as_ms();
        Stamp::from_ms(ms - ms % period + period - 1)
    }
}

impl Entry {
    fn learned(&self, now: Instant) -> LearnedSession {
        LearnedSession {
            key: self.key,
            output: self.output,
            trust: self.trust,
            idle: self.last_use.idle(now),
        }
    }
}

#[cfg(test)]
mod tests;
