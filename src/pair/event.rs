//! What goes into the machine.

use std::time::Duration;

use crate::pair::advert::Advert;
use crate::pair::advert::FileVersion;
use crate::pair::node::NodeId;
use crate::pair::term::Ballot;

/// The domain as its file says it, for one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Domain {
    pub me: NodeId,
    pub hot_standby: bool,
    pub main: NodeId,
    pub backup: Option<NodeId>,
    /// All servers, this one included; `None` behind the last.
    pub servers: [Option<Member>; super::SERVERS_MAX],
    /// Whether addresses move at all; without any nobody is asked before a claim.
    pub has_addresses: bool,
    /// Whether there is anybody to ping.
    pub has_ping: bool,
    pub activate_backup_on_local_failure: bool,
    pub switch_grace: Duration,
    /// How long the kernel keeps an address that nobody renews.
    pub lease: Duration,
}

/// One server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    pub node: NodeId,
    pub maintenance: bool,
}

/// One thing that has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The time that the machine asked for has come.
    Tick,
    /// An advert that is sealed with the domain's key, new, and of the boot that its sender runs now.
    Heard { link: u8, advert: Advert },
    /// The stream to that boot of a server ended without a farewell: it has crashed.
    Crashed { node: NodeId, boot: u64 },
    /// The disk has it.
    Stored(Ballot),
    /// The disk has not, and why is in the log.
    NotStored,
    /// What the warden says.
    Warden(FromWarden),
    /// How the data plane is, whenever that changes.
    Plane(Plane),
    /// What control knows, whenever that changes.
    Readiness(Readiness),
    /// The domain file says otherwise now.
    Domain(Domain),
    /// By an operator or the service manager.
    Order(Order),
}

/// What the warden says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FromWarden {
    /// The addresses are there (`true`) or gone.
    Holds(bool),
    /// What came of the question with that number.
    Answered { number: u32, reply: Reply },
    /// A ping address has answered.
    Reached,
    /// Whether `interface` has a carrier.
    Carrier(bool),
    /// It has died: what it held is gone after the lease. Another one is started.
    Lost,
    /// It has died, and so has who would start another one: what it held is gone after the lease, and nothing will be held
    /// again. [`FromWarden::Holds`] with `false` may follow, when somebody has seen that it is gone.
    Ended,
}

/// Whether somebody on the service network answers for the virtual addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    Silence,
    Somebody,
    /// No question could be sent.
    Unable,
}

/// How the data plane is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plane {
    /// Every worker makes turns, and the listeners are open.
    Serves,
    /// A worker or a listener is lost.
    Broken,
    /// Everything that was under way before a planned switch has ended.
    Drained,
}

/// What control knows of this server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Readiness {
    pub file: FileVersion,
    /// Whether the mirror holds everything that the active has learned (the active itself: yes).
    pub mirrored: bool,
    /// Whether any output is up, or there is none that could be.
    pub outputs_up: bool,
}

/// What somebody ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `halb domain activate`
    Activate { cut: bool },
    /// `halb domain report-failure`
    ReportFailure,
    /// `halb domain ack`
    Acknowledge,
    /// The process is to end: hand over first, if there is somebody to take it.
    Leave,
}
