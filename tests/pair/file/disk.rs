//! What the domain file lies on, and how it is replaced there: step by step, so that a crash can come between any two.

use std::collections::VecDeque;

use halb::pair::file::head::Head;
use halb::pair::file::message::Text;
use halb::pair::file::words::Event;

use crate::file::Happening;
use crate::file::text::Says;
use crate::queue::MICROSECOND;
use crate::random::Random;
use crate::world::World;

/// The folder of the domain file, and that of the record.
pub struct FileDisk {
    /// In the file; not always in force.
    pub text: Text,
    /// What a power cut leaves of it at worst.
    text_synced: Text,
    pub record: Head,
    record_synced: Head,
    /// In files of their own beside it.
    pub kept: Vec<Text>,
    kept_synced: usize,
    /// How often the file was written.
    pub written: u64,
}

/// One step of taking a version.
#[derive(Clone, Debug)]
pub enum Step {
    /// The new content is in a file beside it, and on the disk.
    Fill,
    Keep(Text),
    SyncKept,
    Rename(Text),
    SyncText,
    /// Read, and in force from now on.
    Load(Text),
}

impl FileDisk {
    pub fn new() -> FileDisk {
        let text = Says::first().text();
        let record = Head::first(&text);
        FileDisk {
            text_synced: text.clone(),
            text,
            record_synced: record.clone(),
            record,
            kept: Vec::new(),
            kept_synced: 0,
            written: 0,
        }
    }

    /// Whoever writes it does not wait for the disk.
    pub fn write(&mut self, text: Text) {
        self.text = text;
        self.written += 1;
    }

    pub fn sync_text(&mut self) {
        self.text_synced = self.text.clone();
    }

    /// What was written and not synced may be undone, each by itself.
    pub fn lose_power(&mut self, chance: &mut Random) {
        if chance.chance(500) {
            self.text = self.text_synced.clone();
        }
        if chance.chance(500) {
            self.record = self.record_synced.clone();
        }
        if chance.chance(500) {
            self.kept.truncate(self.kept_synced);
        }
        self.sync_text();
        self.record_synced = self.record.clone();
        self.kept_synced = self.kept.len();
    }

    /// As `control::domain::file::disk` does it: what would be lost first, then the file.
    fn steps(&self, was: &Text, is: &Text, conflict: bool) -> VecDeque<Step> {
        let keep = |text: &Text| [Step::Fill, Step::Keep(text.clone()), Step::SyncKept];
        let mut steps = VecDeque::new();
        if conflict {
            steps.extend(keep(was));
        }
        if self.text == *is {
            steps.push_back(Step::SyncText);
        } else {
            if self.text != *was {
                steps.extend(keep(&self.text));
            }
            steps.extend([Step::Fill, Step::Rename(is.clone()), Step::SyncText]);
        }
        steps.push_back(Step::Load(is.clone()));
        steps
    }
}

impl World {
    pub fn begin_writing(&mut self, index: usize, text: &Text, conflict: bool) {
        let host = &mut self.hosts[index];
        let Some(control) = host.process.as_mut().and_then(|one| one.control.as_mut()) else {
            return;
        };
        control.writing = host.files.steps(control.keeper.text(), text, conflict);
        self.write_later(index);
    }

    fn write_later(&mut self, index: usize) {
        let quick = self.random.between(200, 5000) * MICROSECOND;
        let takes = quick.max(self.hosts[index].disk.slow / 4);
        self.control_later(index, takes, Happening::Wrote);
    }

    /// The next step of taking a version is done.
    pub fn write_on(&mut self, index: usize) {
        let full = self.hosts[index].disk.full;
        let control = self.control_at(index);
        let Some(step) = control.and_then(|control| control.writing.pop_front()) else {
            return;
        };
        self.note(index, format_args!("file: {step:?}"));
        let files = &mut self.hosts[index].files;
        match step {
            Step::Fill if full => {
                if let Some(control) = self.control_at(index) {
                    control.writing.clear();
                }
                return self.keep(index, Event::Adopted(Err("no room".into())));
            }
            Step::Fill => {}
            Step::Keep(text) => files.kept.push(text),
            Step::SyncKept => files.kept_synced = files.kept.len(),
            Step::Rename(text) => {
                files.write(text);
                self.judge_file_taken(index);
                self.file_was_written(index);
            }
            Step::SyncText => files.sync_text(),
            Step::Load(text) => {
                self.take_into_force(index, &text);
                return self.keep(index, Event::Adopted(Ok("done".into())));
            }
        }
        self.judge_files_kept();
        self.step_taken(index);
        self.write_later(index);
    }

    /// What is known of the file's past is written down, one after the other.
    pub fn remember(&mut self, index: usize) {
        let Some(control) = self.control_at(index) else {
            return;
        };
        let head = control.keeper.head().clone();
        control.records.push_back(head);
        if control.records.len() == 1 {
            self.remember_later(index);
        }
    }

    fn remember_later(&mut self, index: usize) {
        let quick = self.random.between(200, 5000) * MICROSECOND;
        let takes = quick.max(self.hosts[index].disk.slow / 4);
        self.control_later(index, takes, Happening::Remembered);
    }

    pub fn remember_on(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let Some(control) = host.process.as_mut().and_then(|one| one.control.as_mut()) else {
            return;
        };
        let Some(head) = control.records.front() else {
            return;
        };
        control.record_step += 1;
        let fails = control.record_step == 1 && host.disk.full;
        match control.record_step {
            2 => host.files.record = head.clone(),
            3 => host.files.record_synced = host.files.record.clone(),
            _ => {}
        }
        if fails || control.record_step == 3 {
            control.record_step = 0;
            control.records.pop_front();
        }
        let more = !control.records.is_empty();
        self.step_taken(index);
        if more {
            self.remember_later(index);
        }
    }
}
