//! The entries, in two parts that cannot take room from each other, each in the order of use.

use crate::balance::hash::SessionKey;
use crate::balance::table::index::Index;
use crate::balance::table::stamp::Stamp;
use crate::model::output::OutputId;

const NONE: u32 = u32::MAX;

/// How well a session's output is known. Each outdoes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trust {
    /// A cookie that nobody knew came once: perhaps it is invented.
    Tied,
    /// It came again.
    Used,
    /// A response has set it.
    Learned,
}

/// 32 bytes. A table is nothing else, besides 8 bytes of index for each.
#[derive(Clone, Copy)]
pub struct Entry {
    pub key: SessionKey,
    older: u32,
    newer: u32,
    pub last_use: Stamp,
    pub output: OutputId,
    pub trust: Trust,
}

const _: () = assert!(size_of::<Entry>() == 32);

/// One part: a list from the newest to the oldest.
#[derive(Clone, Copy)]
struct Part {
    newest: u32,
    oldest: u32,
    count: usize,
    most: usize,
}

pub struct Store {
    entries: Vec<Entry>,
    index: Index,
    /// Entries that are not in use, linked by `older`.
    unused: u32,
    confirmed: Part,
    unconfirmed: Part,
}

impl Store {
    /// Takes all its memory now; pages become resident as entries are first used.
    pub fn new(confirmed: usize, unconfirmed: usize) -> Store {
        let capacity = confirmed + unconfirmed;
        assert!(confirmed > 0 && unconfirmed > 0 && capacity < NONE as usize);
        Store {
            entries: Vec::with_capacity(capacity),
            index: Index::new(capacity),
            unused: NONE,
            confirmed: Part::new(confirmed),
            unconfirmed: Part::new(unconfirmed),
        }
    }

    /// How many are confirmed, and how many are not.
    pub fn counts(&self) -> (usize, usize) {
        (self.confirmed.count, self.unconfirmed.count)
    }

    pub fn find(&self, key: SessionKey) -> Option<u32> {
        self.index.find(key, |at| self.entries[at as usize].key)
    }

    pub fn entry(&self, at: u32) -> &Entry {
        &self.entries[at as usize]
    }

    /// Adds an entry as the newest of its part; the oldest there leaves when it is full. The key must be new.
    pub fn insert(&mut self, key: SessionKey, output: OutputId, trust: Trust, last_use: Stamp) {
        let part = self.part(trust);
        if part.count == part.most {
            self.remove(part.oldest);
        }
        let entry = Entry {
            key,
            older: NONE,
            newer: NONE,
            last_use,
            output,
            trust,
        };
        let at = self.take_unused(entry);
        self.index.insert(key, at);
        self.link(at);
    }

    pub fn remove(&mut self, at: u32) {
        self.unlink(at);
        let key = self.entries[at as usize].key;
        let entries = &self.entries;
        self.index.remove(key, |at| entries[at as usize].key);
        self.entries[at as usize].older = self.unused;
        self.unused = at;
    }

    /// Makes an entry the newest of the part that belongs to `trust`.
    pub fn renew(&mut self, at: u32, output: OutputId, trust: Trust, last_use: Stamp) {
        self.unlink(at);
        let part = self.part(trust);
        if part.count == part.most {
            self.remove(part.oldest);
        }
        let entry = &mut self.entries[at as usize];
        entry.output = output;
        entry.trust = trust;
        entry.last_use = last_use;
        self.link(at);
    }

    /// The confirmed ones, oldest first.
    pub fn confirmed(&self) -> impl Iterator<Item = &Entry> {
        let mut at = self.confirmed.oldest;
        std::iter::from_fn(move || {
            let entry = (at != NONE).then(|| self.entry(at))?;
            at = entry.newer;
            Some(entry)
        })
    }

    /// Slots that have ever been in use.
    pub fn slots(&self) -> usize {
        self.entries.len()
    }

    /// The entry in a slot, if it is in use and confirmed.
    pub fn confirmed_at(&self, at: u32) -> Option<&Entry> {
        let entry = self.entries.get(at as usize)?;
        // One that was removed keeps its key, and the index does not lead there any more.
        let living = entry.trust != Trust::Tied && self.find(entry.key) == Some(at);
        living.then_some(entry)
    }

    /// Removes every entry that `leaves`; gives their number. Looks at all of them.
    pub fn remove_where(&mut self, leaves: impl Fn(&Entry) -> bool) -> usize {
        let mut removed = 0;
        for part in [self.confirmed, self.unconfirmed] {
            let mut at = part.oldest;
            while at != NONE {
                let (entry, newer) = (self.entry(at), self.entry(at).newer);
                if leaves(entry) {
                    self.remove(at);
                    removed += 1;
                }
                at = newer;
            }
        }
        removed
    }

    fn take_unused(&mut self, entry: Entry) -> u32 {
        let at = self.unused;
        if at != NONE {
            self.unused = self.entries[at as usize].older;
            self.entries[at as usize] = entry;
            return at;
        }
        // Parts that are not full leave room, so that this never allocates.
        assert!(self.entries.len() < self.entries.capacity());
        self.entries.push(entry);
        self.entries.len() as u32 - 1
    }

    fn part(&self, trust: Trust) -> Part {
        match trust {
            Trust::Tied => self.unconfirmed,
            Trust::Used | Trust::Learned => self.confirmed,
        }
    }

    fn part_mut(&mut self, trust: Trust) -> &mut Part {
        match trust {
            Trust::Tied => &mut self.unconfirmed,
            Trust::Used | Trust::Learned => &mut self.confirmed,
        }
    }

    fn link(&mut self, at: u32) {
        let trust = self.entries[at as usize].trust;
        let part = self.part_mut(trust);
        let older = part.newest;
        part.newest = at;
        part.count += 1;
        if older == NONE {
            part.oldest = at;
        } else {
            self.entries[older as usize].newer = at;
        }
        let entry = &mut self.entries[at as usize];
        (entry.older, entry.newer) = (older, NONE);
    }

    fn unlink(&mut self, at: u32) {
        let Entry {
            older,
            newer,
            trust,
            ..
        } = self.entries[at as usize];
        let part = self.part_mut(trust);
        part.count -= 1;
        if newer == NONE {
            part.newest = older;
        }
        if older == NONE {
            part.oldest = newer;
        }
        if newer != NONE {
            self.entries[newer as usize].older = older;
        }
        if older != NONE {
            self.entries[older as usize].newer = newer;
        }
    }
}

impl Part {
    fn new(most: usize) -> Part {
        Part {
            newest: NONE,
            oldest: NONE,
            count: 0,
            most,
        }
    }
}
