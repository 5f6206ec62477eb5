//! What ties a request to an output, and what a response teaches (SPEC 4).
//!
//! Each worker has all learned sessions. What it learns it tells every other one before the response that carries it
//! may leave, so that wherever the client comes next, its output is known.

use crate::balance::choice::Tie;
use crate::balance::hash::HashKey;
use crate::balance::hash::SessionKey;
use crate::balance::source::Source;
use crate::balance::table::News;
use crate::balance::table::SessionTable;
use crate::balance::table::Trust;
use crate::balance::table::What;
use crate::http::client;
use crate::http::cookie::insert;
use crate::http::cookie::insert::Inserted;
use crate::http::cookie::passive;
use crate::http::cookie::sync;
use crate::http::edits::Edits;
use crate::http::response::Response;
use crate::model::config::Mode;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::plane::inbox::Entry;
use crate::plane::outbox::EntryNumber;
use crate::plane::outbox::Outbox;
use crate::ring::port::Ring;
use crate::worker::Worker;
use crate::worker::session::Session;
use crate::worker::table::Key;

/// One worker's part in it.
pub struct Affinity {
    /// Learned sessions; in mode `passive` with a cookie only.
    pub table: Option<SessionTable>,
    /// What is changed in the head that is being written.
    pub edits: Edits,
    hash: HashKey,
    outbox: Outbox,
    /// Sessions that a table has room for.
    capacity: usize,
    /// Sessions whose response waits until everybody knows what it teaches.
    held: Vec<Key>,
}

/// What a request says of where it belongs.
#[derive(Clone, Copy, Debug)]
pub struct Brought {
    pub tie: Tie,
    /// A cookie that nobody knows: it is tied to the output that gets the request.
    pub unknown: Option<SessionKey>,
}

const NOTHING: Brought = Brought {
    tie: Tie::Free,
    unknown: None,
};

impl Affinity {
    pub fn new(plan: &Plan, worker: usize, hash: HashKey, capacity: usize) -> Affinity {
        let learns = plan.affinity.learns();
        Affinity {
            table: learns.then(|| SessionTable::new(capacity, plan.affinity.timeout)),
            capacity,
            edits: Edits::new(),
            hash,
            outbox: Outbox::new(worker),
            held: Vec::new(),
        }
    }

    /// `after` is in force from now on. Sessions stay, but for those of outputs that are others now, and unless
    /// another cookie is meant.
    pub fn change(&mut self, before: &Plan, after: &Plan) {
        let (old, new) = (&before.affinity, &after.affinity);
        if !new.learns() {
            self.table = None;
            return;
        }
        let same_cookie = old.cookie_name == new.cookie_name
            && old.cookie_check_length == new.cookie_check_length;
        let Some(table) = self.table.as_mut().filter(|_| same_cookie) else {
            self.table = Some(SessionTable::new(self.capacity, new.timeout));
            return;
        };
        table.set_timeout(new.timeout);
        for output in before.outputs.iter() {
            let now = after.at(output.id.index());
            if now.is_none_or(|now| now.born != output.born) {
                table.forget_output(output.id);
            }
        }
    }
}

impl<R: Ring> Worker<R> {
    /// What the request whose head has just been parsed is tied to. Its edits are ready then.
    pub(super) fn read_tie(&mut self, key: Key) -> Brought {
        self.affinity.edits.clear();
        let plan = &self.plan.affinity;
        let Some(client) = self.clients.get(key) else {
            return NOTHING;
        };
        let bytes = client.stream.bytes();
        let name = plan.cookie_name.as_bytes();
        let known = |output| self.chooser.knows(output);
        let edits = &mut self.affinity.edits;
        let output = match plan.mode {
            Mode::Source => {
                let trusted = |address| self.plan.trusts(address);
                let address = client::address(&self.fields, bytes, client.peer, trusted);
                let tie = Tie::Source(Source::of(address));
                return Brought { tie, ..NOTHING };
            }
            _ if name.is_empty() => return NOTHING,
            Mode::Sync => sync::request(&self.fields, bytes, name, known, edits),
            Mode::Insert => insert::request(&self.fields, bytes, name, known, edits),
            Mode::Passive => {
                let length = plan.cookie_check_length;
                let value = passive::request(&self.fields, bytes, name, length);
                let session = value.map(|value| self.affinity.hash.session(value, length));
                return session.map_or(NOTHING, |session| self.look_up(session));
            }
        };
        let tie = output.map_or(Tie::Free, Tie::Output);
        Brought { tie, ..NOTHING }
    }

    /// The request goes to `output`: a cookie that nobody knew is tied to it, until somebody knows better.
    pub(super) fn tie_unknown(&mut self, brought: &Brought, output: usize) {
        let planned = self.plan.at(output);
        let (Some(session), Some(planned)) = (brought.unknown, planned) else {
            return;
        };
        let now = self.ring.now();
        let table = self.affinity.table.as_mut();
        let news = table.and_then(|table| table.tie(session, planned.id, now));
        self.tell(news);
    }

    /// What a response's head, just parsed, teaches, and how it is to be changed. `false`: it waits until everybody
    /// knows; it will be read again then.
    pub(super) fn learn(&mut self, key: Key, response: &Response) -> bool {
        self.affinity.edits.clear();
        let plan = &self.plan.affinity;
        let name = plan.cookie_name.as_bytes();
        if name.is_empty() || plan.mode == Mode::Source || response.is_interim() {
            return true; // an interim response is not what the client keeps (RFC 9110 §15.2)
        }
        let Some(session) = self.sessions.get(key) else {
            return true;
        };
        let upstream = session.upstream.and_then(|key| self.upstreams.get(key));
        let planned = self.plan.at(session.output);
        let (Some(upstream), Some(planned)) = (upstream, planned) else {
            return true;
        };
        let (fields, bytes, output) = (&self.fields, upstream.stream.bytes(), planned.id);
        let edits = &mut self.affinity.edits;
        match plan.mode {
            Mode::Sync => sync::response(fields, bytes, name, output, edits),
            Mode::Insert => {
                let cookie = Inserted {
                    name,
                    secure: plan.cookie_secure,
                };
                let new = session.cookie_is_due(output).then_some(output);
                insert::response(response, session.method, fields, bytes, cookie, new, edits);
            }
            Mode::Passive => {
                let length = plan.cookie_check_length;
                let now = self.ring.unix_seconds();
                let said = passive::response(fields, bytes, name, length, now);
                let learned = said.key.map(|key| self.affinity.hash.session(key, length));
                return learned.is_none_or(|learned| self.learn_session(key, learned));
            }
            Mode::Source => {}
        }
        true
    }

    /// Takes in what other workers found out. To be done before the first look-up of a turn.
    pub(super) fn hear_news(&mut self) {
        self.hear_other_servers();
        if self.plane.inboxes().is_empty(self.index) {
            return;
        }
        let now = self.ring.now();
        let (table, ring) = (&mut self.affinity.table, &mut self.ring);
        let hear = |entry: Entry| {
            if let (Some(table), Some(news)) = (table.as_mut(), news(entry)) {
                table.hear(news, now);
            }
        };
        self.plane
            .inboxes()
            .empty(self.index, hear, |worker| ring.wake(worker));
    }

    fn hear_other_servers(&mut self) {
        let Some(exchange) = self.plane.exchange() else {
            return;
        };
        let (table, ring) = (&mut self.affinity.table, &self.ring);
        exchange.hear(self.index, |entry| {
            if let (Some(table), Some(news)) = (table.as_mut(), news(entry)) {
                table.hear(news, ring.now());
            }
        });
    }

    /// Goes on telling where an inbox was full, and lets go of the responses that waited for it.
    pub(super) fn resume_telling(&mut self) {
        if self.affinity.outbox.is_empty() {
            return;
        }
        let ring = &mut self.ring;
        let inboxes = self.plane.inboxes();
        self.affinity
            .outbox
            .resume(inboxes, |worker| ring.wake(worker));
        for key in std::mem::take(&mut self.affinity.held) {
            self.forward_head_again(key);
        }
    }

    fn look_up(&mut self, session: SessionKey) -> Brought {
        let now = self.ring.now();
        let table = self.affinity.table.as_mut();
        let found = table.and_then(|table| table.look_up(session, now));
        let Some(found) = found else {
            let unknown = Some(session);
            return Brought { unknown, ..NOTHING };
        };
        self.tell(found.news);
        let tie = Tie::Output(found.output);
        Brought { tie, ..NOTHING }
    }

    /// A response sets a session's cookie. `false`: somebody has yet to hear of it.
    fn learn_session(&mut self, key: Key, learned: SessionKey) -> bool {
        let Some(session) = self.sessions.get(key) else {
            return true;
        };
        if let Some(number) = session.taught {
            return self.is_told(key, number);
        }
        let Some(planned) = self.plan.at(session.output) else {
            return true;
        };
        let now = self.ring.now();
        let table = self.affinity.table.as_mut();
        let news = table.and_then(|table| table.learn(learned, planned.id, now));
        // With nothing new, what was said before about the same session may still be on its way.
        let told = self.tell(news).or(self.affinity.outbox.latest());
        let Some(number) = told else {
            return true;
        };
        if let Some(session) = self.sessions.get_mut(key) {
            session.taught = Some(number);
        }
        self.is_told(key, number)
    }

    fn is_told(&mut self, key: Key, number: EntryNumber) -> bool {
        let told = self.affinity.outbox.is_told(number);
        if !told && !self.affinity.held.contains(&key) {
            self.affinity.held.push(key);
        }
        told
    }

    fn tell(&mut self, news: Option<News>) -> Option<EntryNumber> {
        let entry = entry(news?);
        if let Some(exchange) = self.plane.exchange() {
            exchange.learned(self.index, entry);
        }
        let ring = &mut self.ring;
        let inboxes = self.plane.inboxes();
        let outbox = &mut self.affinity.outbox;
        Some(outbox.tell(inboxes, entry, |worker| ring.wake(worker)))
    }
}

impl Session {
    /// In mode `insert`: whether the client has to be told its output. One redispatch does not tie it anew.
    fn cookie_is_due(&self, output: OutputId) -> bool {
        match self.tie {
            Tie::Output(brought) => brought != output && !self.moved,
            Tie::Free | Tie::Source(_) => true,
        }
    }
}

/// Every way something can be said, by its number in an inbox.
const WHATS: [What; 5] = [
    What::Learned,
    What::Tied,
    What::InUse(Trust::Tied),
    What::InUse(Trust::Used),
    What::InUse(Trust::Learned),
];

/// As it travels between workers, and between servers.
pub fn entry(news: News) -> Entry {
    let what = WHATS.iter().position(|what| *what == news.what);
    Entry {
        key: news.key.0,
        output: news.output,
        what: what.map_or(0, |number| number as u8),
    }
}

/// `None`: nobody here has said it so.
pub fn news(entry: Entry) -> Option<News> {
    let what = *WHATS.get(usize::from(entry.what))?;
    Some(News {
        key: SessionKey(entry.key),
        output: entry.output,
        what,
    })
}
