//! Adverts on their way: sealed, so that a stranger can neither read nor forge one, and proven to be new, so that one
//! that was recorded says nothing later.
//!
//! Each start of a server draws a boot id, and of that, of its name and of the receiver's comes the key of what it sends
//! there (ChaCha20-Poly1305, RFC 8439). The nonce is the number of the advert with that of its link, so that no nonce comes
//! twice under a key. What is new follows from three rules:
//!
//! - Of one boot and link, numbers rise.
//! - Each advert echoes the newest one that its sender has from the receiver. Another boot of a server counts only when it
//!   echoes something that was sent to it within [`FRESH`]: nothing that was recorded before can.
//! - Within a boot, what echoes nothing fresh is believed as well, or the loss of one direction would silence both; but
//!   only when, by the sender's clock, it has not been on its way for long. That clock is compared with what was proven
//!   last.

use std::time::Duration;

use snow::params::CipherChoice;
use snow::params::HashChoice;
use snow::resolvers::CryptoResolver;
use snow::resolvers::DefaultResolver;
use snow::types::Cipher;
use snow::types::Hash;

use crate::model::time::Instant;
use crate::pair::LINKS_MAX;
use crate::pair::node::NodeId;

/// `HALB`, then the version of this envelope.
const MAGIC: [u8; 5] = *b"HALB\x01";
/// Magic, link, sender, boot, number: in clear, but authenticated.
const HEAD: usize = MAGIC.len() + 1 + 8 + 8 + 8;
/// What is echoed (boot and number), and when this was sent.
const ENVELOPE: usize = 8 + 8 + 8;
const TAG: usize = 16;
const KEY: usize = 32;
/// No payload is longer.
pub const PAYLOAD_MAX: usize = 512;
/// No datagram is longer; it fits any path.
pub const DATAGRAM_MAX: usize = HEAD + ENVELOPE + PAYLOAD_MAX + TAG;

/// An echo of what was sent longer ago than this proves nothing.
pub const FRESH: Duration = Duration::from_millis(500);
/// Without an echo, what has been under way for longer than this is not believed …
const LATE: Duration = Duration::from_millis(500);
/// … and clocks drift apart by less than a thousandth.
const DRIFT_SHARE: u32 = 1000;
/// A boot that has not proven itself is echoed so long, before another one may take its place.
const CANDIDATE: Duration = Duration::from_millis(200);
/// Boots of a server that are over for good.
const RETIRED: usize = 8;
/// So many of the last numbers sent are known with their times: more than are sent within `FRESH`, unless there is
/// something new to say ten times as often.
const SENT_KEPT: usize = 128;

/// What travels between this server and another one.
pub struct Channel {
    names: Names,
    derivation: Derivation,
    /// For what this server sends …
    sealer: Box<dyn Cipher>,
    /// … for what comes of the boot that has proven itself …
    opener: Box<dyn Cipher>,
    /// … and for what comes of any other.
    spare: Box<dyn Cipher>,
    sent: Sent,
    /// The boot of the other server that has proven itself.
    run: Option<Run>,
    candidate: Option<Candidate>,
    retired: [Option<u64>; RETIRED],
    retirements: usize,
    plain: [u8; ENVELOPE + PAYLOAD_MAX],
}

#[derive(Clone, Copy)]
struct Names {
    me: NodeId,
    peer: NodeId,
    boot: u64,
}

/// What was sent, and when.
struct Sent {
    number: u64,
    at: [Instant; SENT_KEPT],
}

/// One boot of the other server.
struct Run {
    boot: u64,
    /// The newest number.
    number: u64,
    /// The newest number of each link.
    links: [u64; LINKS_MAX],
    /// Its clock, as it was proven last.
    clock: Clock,
}

/// How far the other server's clock is behind ours, and a part of the way at most.
#[derive(Clone, Copy)]
struct Clock {
    behind_nanos: u64,
    proven: Instant,
}

/// A boot that was heard and has yet to prove itself.
#[derive(Clone, Copy)]
struct Candidate {
    boot: u64,
    number: u64,
    since: Instant,
}

/// What an advert is known by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Echo {
    boot: u64,
    number: u64,
}

/// What came of a datagram that is to be believed.
#[derive(PartialEq, Eq, Debug)]
pub enum Opened<'c> {
    /// Newer than all before it, or the newest one over another link.
    Newest { link: u8, payload: &'c [u8] },
    /// Overtaken by a newer one: all it says is that its link works.
    Overtaken { link: u8 },
}

/// Why a datagram is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Not an advert of that server.
    Foreign,
    /// Not sealed with the domain's key for this server, or changed on its way.
    Forged,
    /// Its number came before, over that link.
    Replayed,
    /// Of a boot that is over.
    Retired,
    /// It has been on its way for too long.
    Late,
    /// Of a boot that has yet to prove that it is there now; it is being asked to.
    Unproven,
}

/// Who says to have sent a datagram.
pub fn sender(datagram: &[u8]) -> Option<NodeId> {
    let head = Head::read(datagram)?;
    Some(head.from)
}

impl Channel {
    /// Between this server in this boot and another one. `key` is the domain's for adverts. Numbers begin with the time, so
    /// that a channel that is made again goes on with higher ones.
    pub fn new(key: &[u8; KEY], me: NodeId, boot: u64, peer: NodeId, now: Instant) -> Channel {
        let mut derivation = Derivation::new(key);
        let names = Names { me, peer, boot };
        let mut sealer = cipher();
        sealer.set(&derivation.derive(me, boot, peer));
        Channel {
            names,
            derivation,
            sealer,
            opener: cipher(),
            spare: cipher(),
            sent: Sent {
                number: now.as_nanos() / 1000,
                at: [Instant::ZERO; SENT_KEPT],
            },
            run: None,
            candidate: None,
            retired: [None; RETIRED],
            retirements: 0,
            plain: [0; ENVELOPE + PAYLOAD_MAX],
        }
    }

    /// Begins another advert; [`Channel::seal`] then makes it a datagram for each link.
    pub fn begin(&mut self, payload: &[u8], now: Instant) {
        assert!(payload.len() <= PAYLOAD_MAX, "an advert has its size");
        self.sent.number += 1;
        self.sent.at[place(self.sent.number)] = now;
        let echo = self.echo(now);
        let words = [echo.boot, echo.number, now.as_nanos()];
        for (to, word) in self.plain.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        self.plain[ENVELOPE..ENVELOPE + payload.len()].copy_from_slice(payload);
    }

    /// The advert that was begun, of a payload of so many bytes, for one link.
    pub fn seal<'o>(
        &self,
        link: u8,
        payload_length: usize,
        out: &'o mut [u8; DATAGRAM_MAX],
    ) -> &'o [u8] {
        assert!(usize::from(link) < LINKS_MAX, "a link is one of a few");
        let head = Head {
            link,
            from: self.names.me,
            boot: self.names.boot,
            number: self.sent.number,
        };
        let plain = &self.plain[..ENVELOPE + payload_length];
        let (in_clear, sealed) = out.split_at_mut(HEAD);
        in_clear.copy_from_slice(&head.bytes());
        let length = self.sealer.encrypt(head.nonce(), in_clear, plain, sealed);
        &out[..HEAD + length]
    }

    /// What a datagram says, if it is to be believed.
    pub fn open(&mut self, datagram: &[u8], now: Instant) -> Result<Opened<'_>, Refused> {
        let head = Head::read(datagram).ok_or(Refused::Foreign)?;
        if head.from != self.names.peer {
            return Err(Refused::Foreign);
        }
        if self.retired.contains(&Some(head.boot)) {
            return Err(Refused::Retired);
        }
        let length = self.unseal(&head, datagram)?;
        let word = |index: usize| u64::from_le_bytes(eight(&self.plain[8 * index..]));
        let (echo, sent_nanos) = (
            Echo {
                boot: word(0),
                number: word(1),
            },
            word(2),
        );
        let is_fresh = echo.boot == self.names.boot && self.sent.is_fresh(echo.number, now);
        let clock = Clock {
            behind_nanos: now.as_nanos().wrapping_sub(sent_nanos),
            proven: now,
        };
        if self.proven() != Some(head.boot) {
            if !is_fresh {
                self.consider(&head, now);
                return Err(Refused::Unproven);
            }
            self.accept(&head, clock);
        }
        let Some(run) = &mut self.run else {
            return Err(Refused::Unproven);
        };
        let (link, is_newest) = (head.link, head.number >= run.number);
        run.admit(&head, is_fresh, clock)?;
        let payload = &self.plain[ENVELOPE..length];
        Ok(match is_newest {
            true => Opened::Newest { link, payload },
            false => Opened::Overtaken { link },
        })
    }

    /// The boot of the other server that has proven itself.
    pub fn proven(&self) -> Option<u64> {
        self.run.as_ref().map(|run| run.boot)
    }

    /// Takes the seal off, into `plain`; its length.
    fn unseal(&mut self, head: &Head, datagram: &[u8]) -> Result<usize, Refused> {
        let (in_clear, sealed) = datagram.split_at(HEAD);
        if !(ENVELOPE + TAG..=self.plain.len() + TAG).contains(&sealed.len()) {
            return Err(Refused::Foreign);
        }
        let Names { me, peer, .. } = self.names;
        let opener = match &self.run {
            Some(run) if run.boot == head.boot => &self.opener,
            _ => {
                self.spare.set(&self.derivation.derive(peer, head.boot, me));
                &self.spare
            }
        };
        let length = sealed.len() - TAG;
        opener
            .decrypt(head.nonce(), in_clear, sealed, &mut self.plain[..length])
            .map_err(|_| Refused::Forged)
    }

    /// That boot is echoed from now on, so that it can prove itself.
    fn consider(&mut self, head: &Head, now: Instant) {
        let new = Candidate {
            boot: head.boot,
            number: head.number,
            since: now,
        };
        match &mut self.candidate {
            // One that is no longer echoed begins again: it may only now be able to hear that.
            Some(known) if known.boot == new.boot && now.since(known.since) < FRESH => {
                known.number = known.number.max(new.number);
            }
            Some(known) if now.since(known.since) < CANDIDATE => {}
            other => *other = Some(new),
        }
    }

    /// That boot has proven itself. The one before it is over.
    fn accept(&mut self, head: &Head, clock: Clock) {
        if let Some(run) = &self.run {
            self.retired[self.retirements % RETIRED] = Some(run.boot);
            self.retirements += 1;
        }
        self.run = Some(Run {
            boot: head.boot,
            number: 0,
            links: [0; LINKS_MAX],
            clock,
        });
        // It has just been opened with that one.
        std::mem::swap(&mut self.opener, &mut self.spare);
        self.candidate = None;
    }

    /// What the next advert echoes.
    fn echo(&self, now: Instant) -> Echo {
        let run = self.run.as_ref().map(|run| Echo {
            boot: run.boot,
            number: run.number,
        });
        let candidate = self.candidate.filter(|new| now.since(new.since) < FRESH);
        let candidate = candidate.map(|new| Echo {
            boot: new.boot,
            number: new.number,
        });
        // Who is known is echoed now and then also while somebody replays another boot.
        let turn_of_run = self.sent.number.is_multiple_of(4);
        let (first, second) = match turn_of_run {
            true => (run, candidate),
            false => (candidate, run),
        };
        first.or(second).unwrap_or_default()
    }
}

impl Sent {
    /// Whether the advert with that number was sent a short time ago.
    fn is_fresh(&self, number: u64, now: Instant) -> bool {
        let age = self.number.checked_sub(number);
        let is_kept = number > 0 && age.is_some_and(|age| age < SENT_KEPT as u64);
        is_kept && now.since(self.at[place(number)]) <= FRESH
    }
}

impl Run {
    /// Whether a datagram of this boot is to be believed; then it counts.
    fn admit(&mut self, head: &Head, is_fresh: bool, clock: Clock) -> Result<(), Refused> {
        let newest = &mut self.links[usize::from(head.link)];
        if head.number <= *newest {
            return Err(Refused::Replayed);
        }
        if is_fresh {
            self.clock = clock;
        } else if self.clock.lateness(clock) > LATE {
            return Err(Refused::Late);
        }
        *newest = head.number;
        self.number = self.number.max(head.number);
        Ok(())
    }
}

impl Clock {
    /// How much longer than what was proven something has been on its way, beyond what the clocks may have drifted.
    fn lateness(self, now: Clock) -> Duration {
        // Both are numbers of another machine, which may be anything.
        let later = now.behind_nanos.wrapping_sub(self.behind_nanos) as i64;
        let later = Duration::from_nanos(u64::try_from(later).unwrap_or(0));
        later.saturating_sub(now.proven.since(self.proven) / DRIFT_SHARE)
    }
}

/// What is in clear.
struct Head {
    link: u8,
    from: NodeId,
    boot: u64,
    number: u64,
}

impl Head {
    fn read(datagram: &[u8]) -> Option<Head> {
        let rest = datagram.strip_prefix(&MAGIC)?;
        let (head, _) = rest.split_at_checked(HEAD - MAGIC.len())?;
        let link = head[0];
        (usize::from(link) < LINKS_MAX).then(|| Head {
            link,
            from: NodeId::from_bits(u64::from_le_bytes(eight(&head[1..]))),
            boot: u64::from_le_bytes(eight(&head[9..])),
            number: u64::from_le_bytes(eight(&head[17..])),
        })
    }

    fn bytes(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
        bytes[MAGIC.len()] = self.link;
        let words = [self.from.bits(), self.boot, self.number];
        for (to, word) in bytes[MAGIC.len() + 1..].chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Another one for each advert and link.
    fn nonce(&self) -> u64 {
        self.number
            .wrapping_mul(LINKS_MAX as u64)
            .wrapping_add(u64::from(self.link))
    }
}

/// Makes a key for each sender, boot and receiver.
struct Derivation {
    key: [u8; KEY],
    hash: Box<dyn Hash>,
}

impl Derivation {
    fn new(key: &[u8; KEY]) -> Derivation {
        let Some(hash) = DefaultResolver.resolve_hash(&HashChoice::Blake2s) else {
            panic!("BLAKE2s is compiled in");
        };
        Derivation { key: *key, hash }
    }

    fn derive(&mut self, from: NodeId, boot: u64, to: NodeId) -> [u8; KEY] {
        let mut names = [0; 24];
        let words = [from.bits(), boot, to.bits()];
        for (place, word) in names.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let mut derived = [0; KEY];
        self.hash.hmac(&self.key, &names, &mut derived);
        derived
    }
}

fn cipher() -> Box<dyn Cipher> {
    let Some(cipher) = DefaultResolver.resolve_cipher(&CipherChoice::ChaChaPoly) else {
        panic!("ChaCha20-Poly1305 is compiled in");
    };
    cipher
}

/// The first eight bytes; what is missing counts as zero.
fn eight(bytes: &[u8]) -> [u8; 8] {
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(bytes) {
        *to = *from;
    }
    eight
}

fn place(number: u64) -> usize {
    (number % SENT_KEPT as u64) as usize
}

#[cfg(test)]
mod tests;
