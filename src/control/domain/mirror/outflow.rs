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
    pub fn follow(&mut self, sender: Sender, number: u64, now: Instant) {
        let before = self.followers.get(&sender.node);
        let behind = before.and_then(|told| told.led.behind_since());
        let (led, copy) = (Led::new(number, behind.unwrap_or(now)), Copy::Wanted);
        self.followers
            .insert(sender.node, Told { sender, led, copy });
    }

    /// Only those who are still there as they were.
    pub fn keep(&mut self, is_there: impl Fn(&Sender) -> bool) {
        self.followers.retain(|_, told| is_there(&told.sender));
    }

    /// This server is not the active any more.
    pub fn forget_all(&mut self) {
        self.followers.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.followers.is_empty()
    }

    /// Something learned `since` then was lost before it could be told: everybody has to ask anew.
    pub fn lost(&mut self, since: Instant) {
        self.followers
            .values_mut()
            .for_each(|told| told.led.broke(since));
    }

    pub fn on_have(&mut self, from: Sender, message: &Message, now: Instant) {
        if let Some(told) = self.followers.get_mut(&from.node) {
            told.led.on_have(message.number, message.sequence, now);
        }
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

    /// The next pieces of copies, to each only as fast as its stream takes them away.
    pub fn go_on(&mut self, now: Instant, streams: &Streams) {
        for told in self.followers.values_mut() {
            let mut pieces = PIECES;
            while pieces > 0 && streams.has_room(told.sender.node) && told.copies(now, streams) {
                pieces -= 1;
            }
        }
    }
}

impl Told {
    /// The next piece. `false`: there is none.
    fn copies(&mut self, now: Instant, streams: &Streams) -> bool {
        let Copy::Sending(entries, at) = &mut self.copy else {
            return false;
        };
        let until = (*at + PIECE).min(entries.len());
        let piece = entries[*at..until].to_vec();
        *at = until;
        let is_last = until == entries.len();
        self.tell(What::Known(piece), now, streams);
        if is_last {
            self.copy = Copy::Done;
            self.tell(What::Whole, now, streams);
            self.led.copied();
        }
        true
    }

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
            self.led.broke(since);
        }
    }
}
