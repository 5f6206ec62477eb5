//! Why something is as it is now: one sentence for people each.

use std::fmt;

use crate::pair::state::State;
use crate::pair::term::Term;

/// Why something is as it is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    // What becomes of a server.
    Started,
    BallotUnread,
    AloneAtStart,
    ActiveSilent { silent_ms: u64 },
    ActiveCrashed,
    ActiveLetGo,
    NobodyActive,
    Handed,
    ClaimedBack,
    OtherIsActive { term: Term },
    HigherTerm { term: Term },
    LowerTerm { term: Term },
    Isolated { silent_ms: u64 },
    IsolatedNoMore,
    NoMajority { reached: u8, needed: u8 },
    Stalled { stood_ms: u64 },
    Blind,
    BlindNoMore,
    CannotAsk,
    NotStored,
    PeerSilent { silent_ms: u64 },
    PeerCrashed,
    PeerBack,
    WardenLost,
    ServesAgain,

    // Why the service changes hands by plan, or does not.
    SwitchOrdered,
    SwitchBegun,
    Released,
    Leaving,
    Reported,
    Acknowledged,
    PlaneBroken,
    CarrierLost,
    CarrierBack,
    CannotHold,
    SuccessorLost,
    PingLost { silent_ms: u64 },
    MaintenanceOn,
    MaintenanceForced,
    MaintenanceOff,
    RoleGone,
    RoleGiven,

    // Other releases.
    NeighbourProtocol { theirs: u16, ours: u16 },
    NoCommonProtocol { theirs: u16, ours: u16 },
    OtherRelease { theirs: u32, ours: u32 },

    // Why an order is refused.
    NotStandby { state: State },
    NobodyToTakeFrom,
    FileDiffers,
    MirrorBehind,
    OutputsDown,
    NotAble,
    HasFailed,
    HandedOverLately { left_ms: u64 },
    AlreadySwitching,
    NotTaken { waited_ms: u64 },
    CalledOff { grace_ms: u64 },
    SwitchOverdue,
    EndsItself,
}

/// A reason with the names in it.
#[derive(Clone, Copy, Debug)]
pub struct Sentence<'n> {
    why: Why,
    me: &'n str,
    other: &'n str,
}

impl Why {
    /// For people. `me` is the server that says so, `other` the one that it is about.
    pub fn sentence<'n>(self, me: &'n str, other: Option<&'n str>) -> Sentence<'n> {
        Sentence {
            why: self,
            me,
            other: other.unwrap_or("another server"),
        }
    }
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.me, self.why, self.other)
    }
}
