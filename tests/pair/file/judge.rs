//! What is promised of the domain file.
//!
//! **Nothing that was accepted is lost**: after each step of any disk, and after each power cut, each text that somebody
//! was told is taken, or with which a server began, lies in the file of some server or beside it, or a text does that
//! somebody has made from it. Who made what from which is known here from those who wrote it, not from the keepers.
//!
//! **All or none**: what is refused is in force nowhere. What a server says it cannot take is never in its file.
//!
//! **The same everywhere** within [`FILES_WITHIN`] after everything has healed, and to the end.

use halb::pair::file::message::Text;
use halb::pair::state::State;

use crate::file::text::Says;
use crate::host::Host;
use crate::judge::ALIVE_WITHIN;
use crate::queue::SECOND;
use crate::world::NAMES;
use crate::world::World;

/// A stream that was cut is dialled anew after 4 s, within 2 s. A promise to a server that is gone holds for 10 s; what a
/// full disk refused is tried again after 10 s, once for each server that has something later, and each answer may take 5 s.
pub const FILES_WITHIN: u64 = 40 * SECOND;
/// Where servers cannot take each other's files, people begin to repair that so long after everything has healed.
pub const MENDED_AFTER: u64 = 15 * SECOND;

/// What is known of all files.
#[derive(Default)]
pub struct Filed {
    /// For each edit the one that it was made from. The first was made from nothing.
    made_from: Vec<usize>,
    accepted: Vec<usize>,
    /// All have the same since then, and everything has healed.
    pub same_at: Option<u64>,
}

impl Filed {
    /// The number of another edit.
    pub fn draw(&mut self, made_from: usize) -> usize {
        if self.made_from.is_empty() {
            self.made_from.push(0);
        }
        self.made_from.push(made_from);
        self.made_from.len() - 1
    }

    /// Whether `edit` is `other`, or was made from it.
    fn comes_from(&self, mut edit: usize, other: usize) -> bool {
        while edit > other {
            edit = self.made_from[edit]; // earlier ones have lower numbers
        }
        edit == other
    }
}

impl World {
    /// Somebody has been told that this is taken, or a server has begun with it.
    pub fn judge_file_accepted(&mut self, text: &Text) {
        self.judge.report.accepted += 1;
        self.judge.files.accepted.push(Says::of(text).edit);
        self.judge_files_kept();
    }

    pub fn judge_file_refused(&mut self, text: &Text) {
        let has = |index: &usize| {
            let process = self.hosts[*index].process.as_ref();
            let control = process.and_then(|one| one.control.as_ref());
            control.is_some_and(|one| one.keeper.text() == text)
        };
        let holder = (0..self.hosts.len()).find(has);
        self.judge.check(holder.is_none(), || {
            let name = holder.map(|index| NAMES[index]);
            format!("{:?} is refused, but in force at {name:?}", Says::of(text))
        });
    }

    /// A version has been put into the file.
    pub fn judge_file_taken(&mut self, index: usize) {
        let says = Says::of(&self.hosts[index].files.text);
        self.judge.check(says.fits(index), || {
            format!("{} takes {says:?}, which it cannot", NAMES[index])
        });
    }

    pub fn judge_files_kept(&mut self) {
        let disks = self.hosts.iter().map(|host| &host.files);
        let there = disks.flat_map(|disk| disk.kept.iter().chain([&disk.text]));
        let there: Vec<usize> = there.map(|text| Says::of(text).edit).collect();
        let files = &self.judge.files;
        let is_kept = |edit: &usize| there.iter().any(|one| files.comes_from(*one, *edit));
        let lost = files.accepted.iter().find(|edit| !is_kept(edit)).copied();
        self.judge.check(lost.is_none(), || {
            format!("edit {lost:?} was accepted, and is lost: there are {there:?}")
        });
    }

    /// After every event of a world that has healed.
    pub fn judge_files(&mut self) {
        let Some(healed) = self.now.checked_sub(self.profile.healed) else {
            return;
        };
        let same = self.files_are_the_same();
        if self.judge.files.same_at.is_some() {
            return self
                .judge
                .check(same, || "the file changes in a sound domain".into());
        }
        if same && self.files_are_at_rest() {
            self.judge.files.same_at = Some(self.now);
            self.file = self.hosts[0].domain;
            self.judge.report.same_after = self.judge.report.same_after.max(healed);
            return;
        }
        self.judge.check(healed <= FILES_WITHIN, || {
            format!(
                "everything has healed {} s ago, and the files differ",
                healed / SECOND
            )
        });
        let served = self.judge.served.max(self.profile.healed);
        self.judge.check(self.now - served <= ALIVE_WITHIN, || {
            "nobody serves while the files differ".into()
        });
    }

    fn files_are_the_same(&self) -> bool {
        let version = |host: &Host| {
            let control = host.process.as_ref()?.control.as_ref()?;
            Some(control.keeper.head().version)
        };
        let first = version(&self.hosts[0]);
        let same = |host: &Host| version(host) == first;
        first.is_some() && self.hosts.iter().all(same)
    }

    /// Whether nobody wants anything any more.
    fn files_are_at_rest(&self) -> bool {
        self.hosts.iter().all(|host| {
            let control = host.process.as_ref().and_then(|one| one.control.as_ref());
            control.is_some_and(|one| {
                let looked = one.seen == host.files.written && one.queue.is_empty();
                looked && one.current.is_none() && one.keeper.is_idle()
            })
        })
    }

    /// Whether each server is what the file says.
    pub fn roles_fit(&self) -> bool {
        let fits = |(index, host): (usize, &Host)| {
            let process = host.process.as_ref()?;
            let says = self.domain_of(index, process.control.as_ref()?.keeper.text());
            let has_role = says.main == says.me || says.backup == Some(says.me);
            let fits = match process.state {
                State::Active | State::Standby => has_role,
                State::Inactive => !has_role,
                State::Maintenance => false,
            };
            Some(fits && host.domain == says)
        };
        let mut hosts = self.hosts.iter().enumerate();
        hosts.all(|host| fits(host) == Some(true))
    }
}
