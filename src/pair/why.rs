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
    WardenLetGo,
    WardenEnded,
    Expired,
    ServesAgain,

    // Why the service changes hands by plan, or does not.
    SwitchOrdered,
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
        let Sentence { me, other, .. } = *self;
        match self.why {
            Why::Started => write!(f, "{me} has started"),
            Why::BallotUnread => write!(
                f,
                "the term in state_dir cannot be read; {me} starts as standby and asks its peers"
            ),
            Why::ActiveSilent { silent_ms } => {
                write!(
                    f,
                    "{other}, which was active, has been silent for {silent_ms} ms on every link"
                )
            }
            Why::ActiveCrashed => write!(
                f,
                "{other}, which was active, has crashed: its stream ended without a farewell"
            ),
            Why::ActiveLetGo => write!(
                f,
                "{other}, which was active, says that it does not hold the addresses"
            ),
            Why::NobodyActive => write!(
                f,
                "no server is active, and nobody answers for the addresses"
            ),
            Why::Handed => write!(f, "{other} has handed the service over"),
            Why::ClaimedBack => write!(f, "{other} was to take the service and has not"),
            Why::OtherIsActive { term } => write!(f, "{other} is active, term {}", term.number),
            Why::HigherTerm { term } => {
                write!(
                    f,
                    "{other} is active by a higher term, {}; {me} lets the addresses go",
                    term.number
                )
            }
            Why::LowerTerm { term } => {
                write!(
                    f,
                    "{other} is active, too, by a lower term, {}; it has to let go",
                    term.number
                )
            }
            why => self.of_hosts(why, f),
        }
    }
}

impl Sentence<'_> {
    fn of_hosts(&self, why: Why, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sentence { me, other, .. } = *self;
        match why {
            Why::Isolated { silent_ms } => write!(
                f,
                "{me} is isolated: no ping address has answered for {silent_ms} ms, and no peer is heard on any link"
            ),
            Why::IsolatedNoMore => write!(f, "{me} is not isolated any longer"),
            Why::NoMajority { reached, needed } => {
                write!(
                    f,
                    "{me} has no majority: it hears {reached} servers, itself included, and needs the word of {needed}"
                )
            }
            Why::Stalled { stood_ms } => {
                write!(
                    f,
                    "{me} was not run for {stood_ms} ms; another one may have taken over meanwhile"
                )
            }
            Why::Blind => write!(
                f,
                "somebody answers for the addresses, so {me} does not claim them; it asks again every 100 ms"
            ),
            Why::BlindNoMore => write!(
                f,
                "nobody answers for the addresses any longer, or {me} does not want them any longer"
            ),
            Why::CannotAsk => write!(
                f,
                "{me} cannot ask the service network who has the addresses, so it does not claim them"
            ),
            Why::NotStored => write!(
                f,
                "{me} cannot store its term, and claims nothing before it has; it tries again every 500 ms"
            ),
            Why::PeerSilent { silent_ms } => write!(
                f,
                "{other} has been silent for {silent_ms} ms on every link"
            ),
            Why::PeerCrashed => write!(
                f,
                "{other} has crashed: its stream ended without a farewell"
            ),
            Why::PeerBack => write!(f, "{other} is heard"),
            Why::WardenLost => write!(f, "the warden has died; another one is started"),
            Why::WardenLetGo => write!(
                f,
                "the warden of {me} has let the addresses go by itself; they are added again unless somebody answers for them"
            ),
            Why::WardenEnded => write!(
                f,
                "the warden and the keeper that starts wardens have died, so {me} can hold no address again, and ends to \
                 be started anew; it serves as long as the kernel keeps what it has"
            ),
            Why::Expired => write!(
                f,
                "the kernel has taken the addresses of {me} away, whose warden has died"
            ),
            Why::ServesAgain => write!(f, "all workers serve again"),
            Why::SwitchOrdered => write!(
                f,
                "an operator wants the service to change between {me} and {other}"
            ),
            why => self.of_plans(why, f),
        }
    }

    fn of_plans(&self, why: Why, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sentence { me, other, .. } = *self;
        match why {
            Why::Released => write!(f, "{me} has let the addresses go for {other}"),
            Why::Leaving => write!(f, "{me} is to end and hands over to {other}"),
            Why::Reported => write!(
                f,
                "{me} has reported a failure; `halb domain ack` says that it is repaired"
            ),
            Why::Acknowledged => write!(f, "the failure of {me} has been acknowledged"),
            Why::PlaneBroken => write!(f, "a worker or a listener of {me} is lost"),
            Why::CarrierLost => write!(f, "the service interface of {me} has no carrier"),
            Why::CarrierBack => write!(f, "the service interface of {me} has its carrier again"),
            Why::CannotHold => write!(f, "{me} does not get the addresses; {other} may"),
            Why::SuccessorLost => write!(
                f,
                "the switch is called off: {other} cannot take the service any longer"
            ),
            Why::PingLost { silent_ms } => {
                write!(
                    f,
                    "no ping address has answered {me} for {silent_ms} ms, but {other} reaches one"
                )
            }
            Why::MaintenanceOn => write!(f, "the domain file puts {me} into maintenance"),
            Why::MaintenanceForced => {
                write!(
                    f,
                    "the domain file puts {me} into maintenance, and nobody can take the service"
                )
            }
            Why::MaintenanceOff => write!(f, "the domain file ends the maintenance of {me}"),
            Why::RoleGone => write!(f, "the domain file names {me} neither main nor backup"),
            Why::RoleGiven => write!(f, "{me} takes part as main or backup"),
            why => self.of_releases(why, f),
        }
    }

    fn of_releases(&self, why: Why, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sentence { me, other, .. } = *self;
        match why {
            Why::NeighbourProtocol { theirs, ours } => write!(
                f,
                "{other} speaks protocol {theirs}, {me} {ours}: they understand each other; bring both to one release soon"
            ),
            Why::NoCommonProtocol { theirs, ours } => write!(
                f,
                "{other} speaks protocol {theirs}, {me} {ours}: they cannot be a pair; bring both to one release"
            ),
            Why::OtherRelease { theirs, ours } => write!(
                f,
                "{other} runs release {}.{}, {me} {}.{}; bring both to one release soon",
                theirs >> 16,
                theirs & 0xffff,
                ours >> 16,
                ours & 0xffff
            ),
            why => self.of_refusals(why, f),
        }
    }

    fn of_refusals(&self, why: Why, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sentence { me, .. } = *self;
        match why {
            Why::NotStandby { state } => write!(
                f,
                "{me} is {}; only a standby can be made active",
                state.word()
            ),
            Why::NobodyToTakeFrom => write!(
                f,
                "no active server is heard; {me} becomes active by itself as soon as nobody answers for the addresses"
            ),
            Why::FileDiffers => write!(
                f,
                "{me} has another domain file than the active server; see `halb domain diff`"
            ),
            Why::MirrorBehind => write!(
                f,
                "{me} does not know yet all that the active server has learned"
            ),
            Why::OutputsDown => write!(f, "{me} reaches none of its outputs"),
            Why::NotAble => write!(
                f,
                "{me} cannot serve: its interface has no carrier, or a worker or a listener is lost"
            ),
            Why::HasFailed => write!(
                f,
                "{me} has reported a failure; `halb domain ack` says that it is repaired"
            ),
            Why::HandedOverLately { left_ms } => write!(
                f,
                "{me} has handed over because of its network; it is not taken for sound for another {left_ms} ms"
            ),
            Why::AlreadySwitching => write!(f, "a switch to {me} is under way"),
            Why::NotTaken { waited_ms } => {
                write!(
                    f,
                    "the active server has not taken up the switch within {waited_ms} ms"
                )
            }
            Why::CalledOff { grace_ms } => write!(
                f,
                "the switch was called off: something was still under way after {grace_ms} ms, or the standby was lost"
            ),
            Why::SwitchOverdue => write!(f, "the switch has come to nothing in time"),
            Why::EndsItself => write!(f, "{me} is about to end"),
            other => write!(f, "{other:?}"),
        }
    }
}
