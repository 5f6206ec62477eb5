//! Every length of time that the pair rests on, with its reason.

use std::time::Duration;

/// How often a server speaks on every link. Twenty a second are nothing to a network and make five missed ones short.
pub const ADVERT: Duration = Duration::from_millis(50);
/// Five missed adverts on all links: one or two are lost now and then, five in a row on every path are not.
pub const DEAD: Duration = Duration::from_millis(250);
/// Three missed: the question to the service network takes 60 ms, so that its answer is there when five are missed.
pub const SUSPECT: Duration = Duration::from_millis(150);
/// After the last one the next is overdue: one interval, and what a busy host adds to it.
pub const OVERDUE: Duration = Duration::from_millis(60);
/// How often a server that would claim asks who has the addresses.
pub const ASK_AGAIN: Duration = Duration::from_millis(100);
/// A question takes 60 ms; when nothing came of it by then, the warden is not there, and another question is put.
pub const ANSWER_WAIT: Duration = Duration::from_millis(200);
/// So long "nobody answers" is believed: longer than it takes to ask again, so that one answer always stands.
pub const SILENCE_LASTS: Duration = Duration::from_millis(200);

/// A server that has just begun hears within this of anybody who is there: twice what a switch needs to learn a port.
pub const START_WAIT: Duration = Duration::from_secs(2);
/// The backup lets main go first: a question, a ballot on a slow disk and an advert fit into it.
pub const BACKUP_WAIT: Duration = Duration::from_millis(300);

/// Ping addresses are asked every 200 ms; silence of this length is not one lost answer.
pub const PING_SILENT: Duration = Duration::from_millis(500);
/// Ping addresses are asked every 200 ms: who reaches one has heard of it within this. Of two servers that lose a gateway one
/// has its last answer up to 200 ms after the other: its advert has to say no before the other has been silent for 500 ms.
pub const PING_FRESH: Duration = Duration::from_millis(240);
/// Five asks without an answer, and no advert of anybody as long.
pub const ISOLATED: Duration = Duration::from_secs(1);
/// Who gave the service away because of its network is not taken for sound earlier.
pub const KEPT_AWAY: Duration = Duration::from_secs(30);

/// So long after the last word of the one whom it heeds a voter votes for nobody else.
pub const VOTER_HEEDS: Duration = Duration::from_millis(500);
/// An active serves so long after it said what a majority has confirmed to have heard. Together with the 150 ms after which
/// the warden lets go by itself this ends before a voter of that majority is free.
pub const MAJORITY_LASTS: Duration = Duration::from_millis(300);
/// A domain that has just begun to vote has had no time to confirm anything.
pub const MAJORITY_GRACE: Duration = Duration::from_secs(1);

/// A claim that has not come through by then lets another server try,
pub const CLAIM_LONG: Duration = Duration::from_secs(1);
/// for so long: a voter is free again by then, and another one has asked and stored.
pub const STEP_BACK: Duration = Duration::from_millis(700);

/// Who has released by plan claims back when nobody has claimed by then.
pub const CLAIM_WAIT: Duration = Duration::from_millis(500);
/// A wish that the active has not taken up by then is refused.
pub const WISH_WAIT: Duration = Duration::from_millis(500);
/// Beyond the grace of a switch: what cutting, releasing and claiming may take.
pub const SWITCH_SLACK: Duration = Duration::from_secs(5);
/// A switch that came to nothing is not tried again before this, so that the service is not drained for ever.
pub const SWITCH_AGAIN: Duration = Duration::from_secs(5);
/// Workers end what they were told to cut within a turn; this is for one that is slow.
pub const CUT_WAIT: Duration = Duration::from_millis(200);
/// The warden says at once that the addresses are gone; without its word the addresses are not called released.
pub const RELEASE_WAIT: Duration = Duration::from_millis(500);
/// A change of the file reaches both servers one after the other: who has to hand over waits so long for somebody to hand
/// over to.
pub const SUCCESSOR_WAIT: Duration = Duration::from_secs(2);
/// Addresses that an active lacks so long are ordered afresh: a warden that is there adds them within milliseconds.
pub const HOLD_AGAIN: Duration = Duration::from_millis(200);
/// An active whose addresses do not come, or are gone, for so long hands over.
pub const HOLD_WAIT: Duration = Duration::from_secs(1);

/// Datagrams that were under way when their sender crashed arrive within this.
pub const CRASH_ECHO: Duration = Duration::from_millis(20);
/// An active that was not run for so long may have been replaced: the last advert left up to one interval earlier.
pub const STALL: Duration = Duration::from_millis(200);
/// Two adverts: after a stall whoever has replaced this server is heard within it.
pub const LISTEN: Duration = Duration::from_millis(100);
/// Addresses whose warden has died stay in the kernel for their lease, and up to 0.9 s longer where another address with a
/// lifetime is touched meanwhile.
pub const LEASE_LATE: Duration = Duration::from_secs(1);
/// What could not be stored is tried again.
pub const STORE_AGAIN: Duration = Duration::from_millis(500);
