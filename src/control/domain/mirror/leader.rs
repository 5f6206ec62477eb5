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
    lag: Option<Duration>,
}

impl Led {
    pub fn new(number: u64) -> Led {
        Led {
            number,
            next: 0,
            is_broken: false,
            sent: VecDeque::new(),
            lag: None,
        }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// It is of no use to tell it anything but that it has to ask again.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Something was lost on its way there.
    pub fn broke(&mut self) {
        if !self.is_broken {
            self.is_broken = true;
            self.next += 1;
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

    /// It has everything up to `sequence`. Gives how long each message took.
    pub fn on_have(&mut self, number: u64, sequence: u64, now: Instant) -> Vec<Duration> {
        let mut took = Vec::new();
        if number != self.number {
            return took;
        }
        while let Some((sent, since)) = self.sent.front().copied()
            && sent <= sequence
        {
            self.sent.pop_front();
            took.push(now.since(since));
        }
        self.lag = took.iter().max().copied().or(self.lag);
        took
    }

    /// How far it is behind: the age of what it has yet to confirm, or else the time that the last one took.
    pub fn lag(&self, now: Instant) -> Duration {
        let waiting = self.sent.front().map(|(_, since)| now.since(*since));
        waiting.max(self.lag).unwrap_or_default()
    }
}
