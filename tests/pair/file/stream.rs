//! The streams that keepers talk over: one for each two servers. What is under way when one ends is lost; a cut is noticed
//! late, an end of the process at once where the network carries the news.

use std::rc::Rc;

use halb::pair::file::bytes::decode;
use halb::pair::file::bytes::encode;
use halb::pair::file::message::Message;
use halb::pair::file::words::Event;
use halb::pair::node::NodeId;

use crate::file::Happening;
use crate::queue::MICROSECOND;
use crate::queue::MILLISECOND;
use crate::queue::SECOND;
use crate::queue::What;
use crate::world::World;
use crate::world::node;

const LOOK: u64 = 50 * MILLISECOND;
/// After so much silence it is dialled anew.
const SILENCE: u64 = 4 * SECOND;
/// So often of a thousand looks somebody dials; every 100 ms to 2 s.
const DIALS: u64 = 80;

/// Between two servers.
pub struct Stream {
    one: usize,
    other: usize,
    number: u64,
    /// Of the processes that it was made between.
    lives: [Option<u64>; 2],
    open: bool,
    /// Since when it carries nothing.
    broken: Option<u64>,
}

impl Stream {
    pub fn all(hosts: usize) -> Vec<Stream> {
        let pairs = (0..hosts).flat_map(|other| (0..other).map(move |one| (one, other)));
        let between = |(one, other)| Stream {
            one,
            other,
            number: 0,
            lives: [None; 2],
            open: false,
            broken: None,
        };
        pairs.map(between).collect()
    }
}

impl World {
    /// What has become of the streams.
    pub fn look_at_streams(&mut self) {
        let mut streams = std::mem::take(&mut self.streams);
        streams
            .iter_mut()
            .for_each(|stream| self.look_at_stream(stream));
        self.streams = streams;
        self.queue.push(self.now + LOOK, What::Streams);
    }

    fn look_at_stream(&mut self, stream: &mut Stream) {
        let ends = [stream.one, stream.other];
        let lives = ends.map(|end| self.hosts[end].process.as_ref().map(|one| one.life));
        let runs = ends.iter().all(|end| self.hosts[*end].runs());
        let carried = runs && self.net.both_hear(stream.one, stream.other);
        if !stream.open {
            let there = lives.iter().all(Option::is_some);
            if there && carried && self.random.chance(DIALS) {
                stream.number += 1;
                (stream.open, stream.lives, stream.broken) = (true, lives, None);
                self.tell_ends(stream, true, 2 * MILLISECOND);
            }
            return;
        }
        let is_end = lives != stream.lives;
        if !is_end && carried {
            stream.broken = None;
            return;
        }
        let since = *stream.broken.get_or_insert(self.now);
        if is_end && carried || since + SILENCE <= self.now {
            stream.open = false;
            let late = if carried { 2 } else { 500 };
            self.tell_ends(stream, false, late * MILLISECOND);
        }
    }

    fn tell_ends(&mut self, stream: &Stream, up: bool, late: u64) {
        let number = stream.number;
        for (end, other) in [(stream.one, stream.other), (stream.other, stream.one)] {
            let takes = self.random.between(100 * MICROSECOND, late);
            let what = if up {
                Happening::Linked {
                    other,
                    stream: number,
                }
            } else {
                Happening::Unlinked {
                    other,
                    stream: number,
                }
            };
            self.control_later(end, takes, what);
        }
    }

    /// A host that slept may learn of a later stream first.
    pub fn linked(&mut self, index: usize, other: usize, stream: u64) {
        let Some(control) = self.control_at(index) else {
            return;
        };
        if stream <= control.newest[other] {
            return;
        }
        control.newest[other] = stream;
        let had = control.up[other].replace(stream).is_some();
        if had {
            self.keep(index, Event::Unlinked(node(other)));
        }
        self.keep(index, Event::Linked(node(other)));
    }

    pub fn unlinked(&mut self, index: usize, other: usize, stream: u64) {
        let Some(control) = self.control_at(index) else {
            return;
        };
        control.newest[other] = control.newest[other].max(stream);
        if control.up[other] == Some(stream) {
            control.up[other] = None;
            self.keep(index, Event::Unlinked(node(other)));
        }
    }

    pub fn tell_other(&mut self, index: usize, to: NodeId, message: &Message) {
        let other = (0..self.hosts.len()).find(|other| node(*other) == to);
        let Some(other) = other else {
            return;
        };
        let Some(stream) = self.control_at(index).and_then(|one| one.up[other]) else {
            return;
        };
        let bytes: Rc<[u8]> = encode(message).into();
        let careless = self.profile.careless;
        let copies = match careless && !self.healed {
            true => self.random.pick(&[0, 1, 1, 1, 1, 1, 1, 1, 1, 2]),
            false => 1,
        };
        for _ in 0..copies {
            let late = if careless && self.random.chance(100) {
                self.random.below(300) * MILLISECOND
            } else {
                0
            };
            let takes = late + self.random.between(100, 1500) * MICROSECOND;
            let from = index;
            let bytes = Rc::clone(&bytes);
            let message = Happening::Message {
                from,
                stream,
                bytes,
            };
            self.control_later(other, takes, message);
        }
    }

    /// Something comes over a stream; while the network is cut it waits in it.
    pub fn message(&mut self, index: usize, from: usize, stream: u64, bytes: Rc<[u8]>) {
        let Some(control) = self.control_at(index) else {
            return;
        };
        let (up, newest) = (control.up[from], control.newest[from]);
        let not_yet = up.is_none() && newest < stream || up.is_some_and(|up| up < stream);
        if not_yet || up == Some(stream) && !self.net.hears(from, index) {
            let takes = if not_yet { MILLISECOND } else { LOOK };
            let again = Happening::Message {
                from,
                stream,
                bytes,
            };
            return self.control_later(index, takes, again);
        }
        if up != Some(stream) {
            return;
        }
        let message = decode(&bytes).expect("what a keeper said");
        let from = node(from);
        self.keep(index, Event::Heard { from, message });
    }
}
