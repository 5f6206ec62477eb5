//! Of two streams between the same two servers one stays, and both servers find the same one.

use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::node::NodeId;

/// Something is said at least so often.
pub const ALIVE_EVERY: Duration = Duration::from_millis(250);
/// A stream that was silent for so long is dialled anew, over all addresses. The one there is stays meanwhile:
/// silence says something of the network, nothing of the server. Less than the mirror takes for a silence, so that
/// where one of several paths is lost the standby stays as ready as it was.
pub const SILENT: Duration = Duration::from_millis(1500);
/// Only the end of a stream that was heard within this tells of a crash: the end of one that was cut off for longer
/// may have been made by anybody on the way, or by a server that has long replaced it.
pub const LIVELY: Duration = Duration::from_secs(1);

/// What counts of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The other server's.
    pub boot: u64,
    pub dialled_by: NodeId,
    /// The one who dialled knows that the stream there was is no good any more.
    pub replaces: bool,
}

/// When the stream there is came into being, and when it was last heard since both sides know that it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    pub since: Instant,
    pub heard: Option<Instant>,
}

impl Times {
    pub fn is_silent(self, now: Instant) -> bool {
        now.since(self.heard.unwrap_or(self.since)) >= SILENT
    }
}

/// Whether a stream that has just come into being takes the place of the one there is. When both servers dial at the
/// same time, the one stays that was dialled by the lower of the two.
pub fn takes_over(new: Claim, old: Claim, times: Times, now: Instant) -> bool {
    new.boot != old.boot
        || new.dialled_by <= old.dialled_by
        // Not of two that both came in the place of a third.
        || (new.replaces && now.since(times.since) >= SILENT)
        || times.is_silent(now)
}

/// How a stream has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The other side said so.
    Farewell,
    /// EOF or a reset, without a word.
    Cut,
    /// The network gave it up.
    Lost,
    /// What came was not sealed with the key, or not what may come.
    Garbled,
    /// This side ended it: it was replaced, or this server stops.
    Ours,
}

impl End {
    /// For the log.
    pub const fn sentence(self) -> &'static str {
        match self {
            End::Farewell => "the other side has ended it",
            End::Cut => "it broke off without a farewell",
            End::Lost => "the network has lost it",
            End::Garbled => "it brought what may not come",
            End::Ours => "this side has ended it",
        }
    }
}

/// Whether the server at the other end has crashed. Of one that was never heard nothing is known: it may have found
/// that this is not the server it dialled, or that it was too late.
pub fn is_crash(end: End, times: Times, now: Instant) -> bool {
    match end {
        End::Cut => times.heard.is_some_and(|heard| now.since(heard) < LIVELY),
        End::Farewell | End::Lost | End::Garbled | End::Ours => false,
    }
}
