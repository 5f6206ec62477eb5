//! A few keepers with a faked network, disk and clock.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::advert::FileVersion;
use crate::pair::file::bytes::decode;
use crate::pair::file::bytes::encode;
use crate::pair::file::head::Head;
use crate::pair::file::keeper::Keeper;
use crate::pair::file::message::Message;
use crate::pair::file::message::Text;
use crate::pair::file::words::Action;
use crate::pair::file::words::Event;
use crate::pair::file::words::Note;
use crate::pair::file::words::Report;
use crate::pair::node::NodeId;
use crate::pair::term::Term;

pub struct World {
    pub servers: Vec<Server>,
    pub now: Instant,
    /// What is under way: from, to, bytes.
    pub flying: VecDeque<(usize, usize, Vec<u8>)>,
    pub linked: Vec<Vec<bool>>,
    /// What goes to that server and comes from it waits, and nobody sees it.
    pub cable_cut: Option<usize>,
    /// Every version that was taken because somebody wanted it, and its text.
    pub accepted: Vec<(FileVersion, Text)>,
}

pub struct Server {
    pub id: NodeId,
    /// `None`: it is down.
    pub keeper: Option<Keeper>,
    pub disk: (Head, Text),
    /// What was kept because another text was taken.
    pub conflicts: Vec<(Head, Text)>,
    pub reports: Vec<Report>,
    pub notes: Vec<Note>,
    /// What its keeper has ordered and is not done.
    pub to_do: VecDeque<Action>,
    /// Nothing is written while it is full.
    pub disk_full: bool,
}

pub fn text(words: &str) -> Text {
    words.as_bytes().into()
}

/// A text that says so cannot be the configuration of that server.
pub fn is_fit(text: &Text, server: usize) -> bool {
    let words = String::from_utf8_lossy(text);
    !words.contains(&format!("!{server}"))
}

impl World {
    /// So many servers that have the same file and hear each other.
    pub fn new(count: usize) -> World {
        let root = text("root");
        let server = |number: usize| Server {
            id: NodeId::from_bits(number as u64),
            keeper: None,
            disk: (Head::first(&root), root.clone()),
            conflicts: Vec::new(),
            reports: Vec::new(),
            notes: Vec::new(),
            to_do: VecDeque::new(),
            disk_full: false,
        };
        let mut world = World {
            servers: (0..count).map(server).collect(),
            now: Instant::ZERO,
            flying: VecDeque::new(),
            linked: vec![vec![false; count]; count],
            cable_cut: None,
            accepted: Vec::new(),
        };
        (0..count).for_each(|server| world.start(server));
        world.heal();
        world
    }

    pub fn start(&mut self, number: usize) {
        let server = &mut self.servers[number];
        let (head, text) = server.disk.clone();
        server.keeper = Some(Keeper::new(server.id, head, text, self.now));
    }

    /// Power is cut: what was ordered and not done is lost, what was sent is still under way.
    pub fn crash(&mut self, number: usize) {
        for other in 0..self.servers.len() {
            self.cut(number, other);
        }
        self.servers[number].keeper = None;
        self.servers[number].to_do.clear();
    }

    pub fn link(&mut self, one: usize, other: usize) {
        let are_up = [one, other].map(|number| self.servers[number].keeper.is_some());
        if one == other || self.linked[one][other] || are_up.contains(&false) {
            return;
        }
        for (here, there) in [(one, other), (other, one)] {
            self.linked[here][there] = true;
            let node = self.servers[there].id;
            self.give(here, Event::Linked(node));
        }
    }

    pub fn cut(&mut self, one: usize, other: usize) {
        for (here, there) in [(one, other), (other, one)] {
            if std::mem::replace(&mut self.linked[here][there], false) {
                let node = self.servers[there].id;
                self.give(here, Event::Unlinked(node));
            }
        }
    }

    pub fn heal(&mut self) {
        for one in 0..self.servers.len() {
            (0..one).for_each(|other| self.link(one, other));
        }
    }

    pub fn give(&mut self, number: usize, event: Event) {
        let now = self.now;
        let server = &mut self.servers[number];
        let Some(keeper) = &mut server.keeper else {
            return;
        };
        keeper.on(event, now);
        while let Some(action) = keeper.take() {
            server.to_do.push_back(action);
        }
    }

    /// Somebody changes the file there.
    pub fn want(&mut self, number: usize, words: &str) {
        let Some(keeper) = &self.servers[number].keeper else {
            return;
        };
        let base = keeper.head().version;
        let text = text(words);
        self.give(number, Event::Wanted { base, text });
    }

    /// That server serves in that term.
    pub fn serve(&mut self, number: usize, term: u64) {
        let term = Term {
            number: term,
            main: number == 0,
        };
        self.give(number, Event::Term { term, serves: true });
    }

    /// Does the first thing that a server has to do; `false`: there is none.
    pub fn act(&mut self, number: usize) -> bool {
        let Some(action) = self.servers[number].to_do.pop_front() else {
            return false;
        };
        let server = &mut self.servers[number];
        let event = match action {
            Action::Tell { to, message } => {
                let to = usize::try_from(to.bits()).unwrap();
                self.flying.push_back((number, to, encode(&message)));
                return true;
            }
            Action::Check { number: of, text } => Event::Checked {
                number: of,
                result: match is_fit(&text, number) {
                    true => Ok(()),
                    false => Err("unfit".to_owned()),
                },
            },
            Action::Adopt { .. } if server.disk_full => Event::Adopted(Err("no room".to_owned())),
            Action::Adopt {
                head,
                text,
                conflict,
            } => {
                assert!(is_fit(&text, number), "what was refused is not taken");
                if conflict {
                    server.conflicts.push(server.disk.clone());
                }
                server.disk = (head, text);
                Event::Adopted(Ok("done".to_owned()))
            }
            Action::Mark(head) => {
                assert_eq!(head.version, server.disk.0.version);
                server.disk.0 = head;
                return true;
            }
            Action::Report(report) => {
                self.reported(number, report);
                return true;
            }
            Action::Note(note) => {
                server.notes.push(note);
                return true;
            }
        };
        self.give(number, event);
        true
    }

    fn reported(&mut self, number: usize, report: Report) {
        if let Report::Taken { version, .. } = &report {
            // By now another one may have been taken: then that is where it came from, or it lies beside it.
            let server = &self.servers[number];
            let text = server.disk.1.clone();
            if server.disk.0.version == *version {
                self.accepted.push((*version, text));
            }
        }
        self.servers[number].reports.push(report);
    }

    /// The message that was sent first arrives; `false`: there is none.
    pub fn deliver(&mut self) -> bool {
        let cut = self.cable_cut;
        let can_go = |(from, to, _): &(usize, usize, _)| Some(*from) != cut && Some(*to) != cut;
        let Some(first) = self.flying.iter().position(can_go) else {
            return false;
        };
        let (from, to, bytes) = self.flying.remove(first).unwrap();
        self.arrive(from, to, &bytes);
        true
    }

    pub fn arrive(&mut self, from: usize, to: usize, bytes: &[u8]) {
        if self.linked[to][from] {
            let message: Message = decode(bytes).unwrap();
            let from = self.servers[from].id;
            self.give(to, Event::Heard { from, message });
        }
    }

    /// Until nothing is left to do at this moment.
    pub fn settle(&mut self) {
        for _ in 0..100_000 {
            let acted = (0..self.servers.len()).filter(|number| self.act(*number));
            let acted: Vec<usize> = acted.collect();
            if !self.deliver() && acted.is_empty() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// So much time passes, and everything that falls due is done.
    pub fn pass(&mut self, length: Duration) {
        let end = self.now + length;
        loop {
            self.settle();
            let keepers = self
                .servers
                .iter()
                .filter_map(|server| server.keeper.as_ref());
            let next = keepers.filter_map(Keeper::next).min();
            match next.filter(|next| *next <= end) {
                Some(next) => self.now = self.now.max(next),
                None => break,
            }
            (0..self.servers.len()).for_each(|number| self.give(number, Event::Tick));
        }
        self.now = end;
    }

    /// The texts that a server has kept.
    pub fn kept(&self, number: usize) -> Vec<Text> {
        let conflicts = self.servers[number].conflicts.iter();
        conflicts.map(|(_, text)| text.clone()).collect()
    }

    pub fn words(&self, number: usize) -> String {
        String::from_utf8_lossy(&self.servers[number].disk.1).into_owned()
    }

    pub fn all_words(&self) -> Vec<String> {
        (0..self.servers.len())
            .map(|number| self.words(number))
            .collect()
    }
}
