//! Being followed: what the active remembers of one server that mirrors it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::time::Instant;

/// Messages whose arrival is waited for. More are not measured.
const SENT_MOST: usize = 4096;

/// One follower, as the active knows it.
#[derive(Debug)]
pub struct Led {
    number: u64,
    next: u64,
    /// Something was not told: it has to ask again. It sees that by a sequence that is left out.
    is_broken: bool,
    /// Messages that are on their way: their sequence, and since when somebody may have known what they say.
    sent: VecDeque<(u64, Instant)>,
    /// What the last one took that was confirmed.
    took: Option<Duration>,
    lack: Option<Lack>,
}

/// It does not have everything, whatever it confirms meanwhile.
#[derive(Clone, Copy, Debug)]
struct Lack {
    since: Instant,
    /// With that message it has, once that is known.
    until: Option<u64>,
}

impl Led {
    /// From `since` on it has had less than this server.
    pub fn new(number: u64, since: Instant) -> Led {
        Led {
            number,
            next: 0,
            is_broken: false,
            sent: VecDeque::new(),
            took: None,
            lack: Some(Lack { since, until: None }),
        }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// It is of no use to tell it anything but that it has to ask again.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Something that may have been known `since` then was lost on its way there.
    pub fn broke(&mut self, since: Instant) {
        if !self.is_broken {
            self.is_broken = true;
            self.next += 1;
            let since = self
                .behind_since()
                .map_or(since, |before| before.min(since));
            self.lack = Some(Lack { since, until: None });
        }
    }

    /// The sequence of the next message, which says what may have been known `since` then.
    pub fn stamp(&mut self, since: Instant) -> u64 {
        let sequence = self.next;
        // The last one is said again and again until it is heard.
        self.next += u64::from(!self.is_broken);
        if !self.is_broken && self.sent.len() < SENT_MOST {
            self.sent.push_back((sequence, since));
        }
        sequence
    }

    /// With the last message it has everything that was known before it followed.
    pub fn copied(&mut self) {
        if let Some(lack) = self.lack.as_mut().filter(|_| !self.is_broken) {
            lack.until = self.next.checked_sub(1);
        }
    }

    /// It has everything up to `sequence`.
    pub fn on_have(&mut self, number: u64, sequence: u64, now: Instant) {
        if number != self.number {
            return;
        }
        let mut took = None;
        while let Some((sent, since)) = self.sent.front().copied()
            && sent <= sequence
        {
            self.sent.pop_front();
            took = took.max(Some(now.since(since)));
        }
        self.took = took.or(self.took);
        let lacks = |lack: &Lack| lack.until.is_none_or(|until| sequence < until);
        self.lack = self.lack.filter(lacks);
    }

    /// Since when there is something that it does not have, by all that is known.
    pub fn behind_since(&self) -> Option<Instant> {
        let waiting = self.sent.front().map(|(_, since)| *since);
        let lacking = self.lack.map(|lack| lack.since);
        waiting.into_iter().chain(lacking).min()
    }

    /// How far it is behind: the age of what it has yet to get, or else the time that the last message took.
    pub fn lag(&self, now: Instant) -> Duration {
        let behind = self.behind_since().map(|since| now.since(since));
        behind.max(self.took).unwrap_or_default()
    }
}
