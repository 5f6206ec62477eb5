//! What the active tells those who follow it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::control::domain::Subject;
use crate::control::domain::mirror::leader::Led;
use crate::control::domain::mirror::message::Message;
use crate::control::domain::mirror::message::What;
use crate::control::domain::stream::Streams;
use crate::control::domain::stream::subject::Sender;
use crate::model::time::Instant;
use crate::pair::node::NodeId;
use crate::plane::inbox::Entry;

/// Sessions in one message: a few kilobytes, so that what is learned meanwhile does not wait.
const PIECE: usize = 500;
/// Messages of a copy at a time: 16,000 sessions in 20 ms.
const PIECES: usize = 32;

/// All who follow.
#[derive(Default)]
pub struct Outflow {
    followers: BTreeMap<NodeId, Told>,
}

struct Told {
    sender: Sender,
    led: Led,
    copy: Copy,
}

enum Copy {
    /// It has asked, and nobody has been asked for it.
    Wanted,
    /// A copy that was begun after it had asked is made.
    Asked,
    Sending(Arc<Vec<Entry>>, usize),
    Done,
}

impl Outflow {
    /// Somebody follows, from the beginning.
    pub fn follow(&mut self, sender: Sender, number: u64) {
        let (led, copy) = (Led::new(number), Copy::Wanted);
        self.followers
            .insert(sender.node, Told { sender, led, copy });
    }

    /// Its stream has ended, or this server is not the active any more.
    pub fn forget(&mut self, node: NodeId) {
        self.followers.remove(&node);
    }

    pub fn forget_all(&mut self) {
        self.followers.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.followers.is_empty()
    }

    /// Something was lost before it could be told: everybody has to ask anew.
    pub fn lost(&mut self) {
        self.followers
            .values_mut()
            .for_each(|told| told.led.broke());
    }

    /// Gives how long each message took to arrive.
    pub fn on_have(&mut self, from: Sender, message: &Message, now: Instant) -> Vec<Duration> {
        let told = self.followers.get_mut(&from.node);
        told.map_or(Vec::new(), |told| {
            told.led.on_have(message.number, message.sequence, now)
        })
    }

    pub fn lags(&self, now: Instant) -> Vec<(NodeId, Duration)> {
        let lag = |(node, told): (&NodeId, &Told)| (*node, told.led.lag(now));
        self.followers.iter().map(lag).collect()
    }

    /// What was learned `since` then.
    pub fn learned(&mut self, entries: &[Entry], since: Instant, streams: &Streams) {
        for told in self.followers.values_mut() {
            for piece in entries.chunks(PIECE) {
                told.tell(What::Learned(piece.to_vec()), since, streams);
            }
        }
    }

    pub fn state(&mut self, state: &Value, now: Instant, streams: &Streams) {
        for told in self.followers.values_mut() {
            told.tell(What::State(state.clone()), now, streams);
        }
    }

    /// So that it is known that nothing is missing, and, where something is, that.
    pub fn alive(&mut self, now: Instant, streams: &Streams) {
        for told in self.followers.values_mut() {
            told.tell_even_if_broken(What::Alive, now, streams);
        }
    }

    /// Whether a copy has to be made; it is taken for begun.
    pub fn wants_copy(&mut self) -> bool {
        let asked = |told: &Told| matches!(told.copy, Copy::Asked);
        if self.followers.values().any(asked) {
            return false; // one at a time
        }
        let mut wanted = false;
        for told in self.followers.values_mut() {
            if matches!(told.copy, Copy::Wanted) {
                told.copy = Copy::Asked;
                wanted = true;
            }
        }
        wanted
    }

    /// Whether one is being made.
    pub fn awaits_copy(&self) -> bool {
        let mut all = self.followers.values();
        all.any(|told| matches!(told.copy, Copy::Asked))
    }

    /// It is made.
    pub fn copied(&mut self, entries: Vec<Entry>) {
        let entries = Arc::new(entries);
        for told in self.followers.values_mut() {
            if matches!(told.copy, Copy::Asked) {
                told.copy = Copy::Sending(Arc::clone(&entries), 0);
            }
        }
    }

    /// The next pieces of copies.
    pub fn go_on(&mut self, now: Instant, streams: &Streams) {
        for told in self.followers.values_mut() {
            for _ in 0..PIECES {
                let Copy::Sending(entries, at) = &told.copy else {
                    break;
                };
                let until = (at + PIECE).min(entries.len());
                let piece = entries[*at..until].to_vec();
                let is_last = until == entries.len();
                let entries = Arc::clone(entries);
                told.copy = match is_last {
                    true => Copy::Done,
                    false => Copy::Sending(entries, until),
                };
                told.tell(What::Known(piece), now, streams);
                if is_last {
                    told.tell(What::Whole, now, streams);
                }
            }
        }
    }
}

impl Told {
    fn tell(&mut self, what: What, since: Instant, streams: &Streams) {
        if !self.led.is_broken() {
            self.tell_even_if_broken(what, since, streams);
        }
    }

    fn tell_even_if_broken(&mut self, what: What, since: Instant, streams: &Streams) {
        let message = Message {
            number: self.led.number(),
            sequence: self.led.stamp(since),
            what,
        };
        let told = streams.tell(self.sender.node, Subject::Mirror, &message.encode());
        if told.is_err() {
            self.led.broke();
        }
    }
}
