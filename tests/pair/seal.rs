//! What the seal adds to adverts, as far as it decides what a machine gets to hear: without ciphers, which would cost most
//! of a run's time.

use std::collections::VecDeque;

use halb::model::time::Instant;
use halb::pair::advert::Advert;

use crate::net::LINKS;
use crate::queue::MILLISECOND;

/// As in `pair::seal`.
const FRESH: u64 = 500 * MILLISECOND;
const LATE: u64 = 500 * MILLISECOND;
const CANDIDATE: u64 = 200 * MILLISECOND;
const KEPT: u64 = 128;

/// A boot, and the number of one of its adverts.
type Echo = Option<(u64, u64)>;

/// An advert on its way.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub from: usize,
    pub boot: u64,
    pub number: u64,
    /// By the sender's clock.
    pub sent: u64,
    /// What the sender has from the receiver.
    pub echo: Echo,
    pub advert: Advert,
}

/// What one process has with one other server.
#[derive(Default)]
pub struct Channel {
    run: Option<Run>,
    candidate: Option<Candidate>,
    retired: Vec<u64>,
}

struct Run {
    boot: u64,
    number: u64,
    links: [u64; LINKS],
    /// How far the other clock is behind.
    behind: i128,
}

struct Candidate {
    boot: u64,
    number: u64,
    since: u64,
}

/// When this process sent its last adverts.
#[derive(Default)]
pub struct Sent {
    pub number: u64,
    times: VecDeque<u64>,
}

impl Sent {
    pub fn begin(&mut self, now: Instant) {
        self.number += 1;
        self.times.push_front(now.as_nanos());
        self.times.truncate(KEPT as usize);
    }

    fn is_fresh(&self, number: u64, now: u64) -> bool {
        let age = self.number.checked_sub(number);
        let time = age.and_then(|age| self.times.get(usize::try_from(age).ok()?));
        time.is_some_and(|time| now.saturating_sub(*time) <= FRESH)
    }
}

impl Channel {
    /// The boot that has proven itself.
    pub fn boot(&self) -> Option<u64> {
        self.run.as_ref().map(|run| run.boot)
    }

    pub fn echo(&self, number: u64, now: Instant) -> Echo {
        let run = self.run.as_ref().map(|run| (run.boot, run.number));
        let fresh = |new: &&Candidate| now.as_nanos().saturating_sub(new.since) < FRESH;
        let candidate = self.candidate.as_ref().filter(fresh);
        let candidate = candidate.map(|new| (new.boot, new.number));
        if number.is_multiple_of(4) {
            run.or(candidate)
        } else {
            candidate.or(run)
        }
    }

    /// Whether the machine of `boot`, which has `sent` so much, gets to hear this.
    pub fn opens(
        &mut self,
        envelope: &Envelope,
        link: usize,
        boot: u64,
        sent: &Sent,
        now: Instant,
    ) -> bool {
        let now = now.as_nanos();
        if self.retired.contains(&envelope.boot) {
            return false;
        }
        let fresh = envelope
            .echo
            .is_some_and(|(mine, number)| mine == boot && sent.is_fresh(number, now));
        let behind = i128::from(now) - i128::from(envelope.sent);
        if self.boot() != Some(envelope.boot) {
            if !fresh {
                self.consider(envelope, now);
                return false;
            }
            self.accept(envelope.boot, behind);
        }
        self.run
            .as_mut()
            .is_some_and(|run| run.admits(envelope, link, fresh, behind))
    }

    fn consider(&mut self, envelope: &Envelope, now: u64) {
        let (boot, number) = (envelope.boot, envelope.number);
        match &mut self.candidate {
            Some(known) if known.boot == boot => known.number = known.number.max(number),
            Some(known) if now.saturating_sub(known.since) < CANDIDATE => {}
            other => {
                let since = now;
                *other = Some(Candidate {
                    boot,
                    number,
                    since,
                });
            }
        }
    }

    fn accept(&mut self, boot: u64, behind: i128) {
        self.retired.extend(self.boot());
        self.candidate = None;
        self.run = Some(Run {
            boot,
            number: 0,
            links: [0; LINKS],
            behind,
        });
    }
}

impl Run {
    /// What has been overtaken only shows that its link works.
    fn admits(&mut self, envelope: &Envelope, link: usize, fresh: bool, behind: i128) -> bool {
        let newest = envelope.number >= self.number;
        if envelope.number <= self.links[link] {
            return false;
        }
        if fresh {
            self.behind = behind;
        } else if behind - self.behind > i128::from(LATE) {
            return false;
        }
        self.links[link] = envelope.number;
        self.number = self.number.max(envelope.number);
        newest
    }
}
