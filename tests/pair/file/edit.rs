//! People who write into the domain file: on any server, on several at once, during cuts.

use halb::pair::file::message::Text;

use crate::file::Submission;
use crate::file::text::Says;
use crate::profile::Kind;
use crate::queue::SECOND;
use crate::queue::What;
use crate::world::World;

/// Where no server can take what another one has, people look again so often.
const MEND_AGAIN: u64 = 3 * SECOND;

impl World {
    pub fn meddle(&mut self, kind: Kind, index: usize, until: u64) {
        match kind {
            Kind::EditFile => self.edit_in_place(index),
            Kind::EditEverywhere => (0..self.hosts.len()).for_each(|host| self.edit_in_place(host)),
            Kind::EditByOrder => {
                let text = self.draw_text(index, false, self.profile.picky);
                self.edit_by_order(index, text);
            }
            Kind::StallControl => {
                if let Some(control) = self.control_at(index) {
                    control.stalled = Some(until);
                }
            }
            Kind::AtStep => {
                let steps = if self.profile.files { 20 } else { 10 };
                let dies_in = self.chance.below(steps);
                if let Some(process) = &mut self.hosts[index].process {
                    process.dies_in = Some(dies_in);
                }
                if self.profile.files {
                    let somewhere = self.chance.index(self.hosts.len());
                    self.edit_in_place(somewhere);
                }
            }
            _ => unreachable!("nobody meddles"),
        }
    }

    /// Main and backup are others from now on.
    pub fn edit_roles(&mut self, index: usize) {
        let text = self.draw_text(index, true, false);
        self.write_in_place(index, text);
    }

    fn edit_in_place(&mut self, index: usize) {
        let roles = self.chance.chance(300);
        let text = self.draw_text(index, roles, self.profile.picky);
        self.write_in_place(index, text);
    }

    fn write_in_place(&mut self, index: usize, text: Text) {
        self.note(index, format_args!("somebody writes {:?}", Says::of(&text)));
        self.hosts[index].files.write(text);
        self.file_was_written(index);
    }

    fn edit_by_order(&mut self, index: usize, text: Text) {
        self.note(index, format_args!("somebody wants {:?}", Says::of(&text)));
        if let Some(control) = self.control_at(index) {
            let base = control.keeper.head().version;
            control.queue.push_back(Submission::Order { base, text });
        }
    }

    /// Made from what is in the file there. If `picky`, it may be one that some server cannot take.
    fn draw_text(&mut self, index: usize, roles: bool, picky: bool) -> Text {
        let hosts = self.hosts.len();
        let was = Says::of(&self.hosts[index].files.text);
        let mut says = Says {
            edit: self.judge.files.draw(was.edit),
            unfit: None,
            ..was
        };
        if roles {
            let main = self.chance.index(hosts);
            let other = self.chance.index(hosts - 1);
            (says.main, says.backup) = (main, (main + 1 + other) % hosts);
        }
        if picky && self.chance.chance(300) {
            says.unfit = Some(self.chance.index(hosts));
        }
        says.text()
    }

    /// Who cannot start with what is in the file has it repaired by somebody.
    pub fn repair_file(&mut self, index: usize) {
        if !Says::of(&self.hosts[index].files.text).fits(index) {
            let text = self.draw_text(index, false, false);
            self.hosts[index].files.write(text);
        }
    }

    /// Somebody sees that servers have different files because one cannot take the others', and repairs that: at one
    /// server after the other, first at the one that serves.
    pub fn mend_files(&mut self, turn: usize) {
        if self.judge.files.same_at.is_some() {
            return;
        }
        let hosts = self.hosts.len();
        let active =
            (0..hosts).find(|index| self.state(*index) == Some(halb::pair::state::State::Active));
        let index = (active.unwrap_or(0) + turn) % hosts;
        let text = self.draw_text(index, false, false);
        self.edit_by_order(index, text);
        let turn = turn + 1;
        self.queue.push(self.now + MEND_AGAIN, What::Mend { turn });
    }
}
