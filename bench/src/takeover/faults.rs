//! What happens to the active.

use clap::ValueEnum;
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde::Serialize;

use crate::takeover::hosts;
use crate::takeover::hosts::BALANCERS;
use crate::takeover::pair::Kind;
use crate::takeover::pair::Pair;
use crate::trouble::Trouble;

/// The same for everybody, as far as there is such a thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// `kill -9` of what carries the requests: HALB, or HAProxy.
    Kill,
    /// SIGSTOP of the same.
    Stop,
    /// `kill -9` of what holds the address: the warden, or all of keepalived.
    Keeper,
    /// `kill -9` of both at once.
    Both,
    /// Nothing passes the cable any more; neither end sees that.
    Silent,
    /// The cable is pulled out.
    Unplugged,
    /// An order: `halb domain activate` on the other server; keepalived is stopped, HAProxy runs on.
    Switch,
    /// The active is told to end: SIGTERM for HALB; for the others SIGTERM for keepalived, SIGUSR1 for HAProxy.
    Term,
}

impl Fault {
    pub const ALL: [Fault; 8] = [
        Fault::Kill,
        Fault::Stop,
        Fault::Keeper,
        Fault::Both,
        Fault::Silent,
        Fault::Unplugged,
        Fault::Switch,
        Fault::Term,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Fault::Kill => "kill -9 of the balancer",
            Fault::Stop => "SIGSTOP of the balancer",
            Fault::Keeper => "kill -9 of who holds the address",
            Fault::Both => "kill -9 of both at once",
            Fault::Silent => "its network falls silent",
            Fault::Unplugged => "its cable is pulled out",
            Fault::Switch => "planned switch",
            Fault::Term => "it is told to end",
        }
    }

    /// Lets it happen.
    pub fn happen(self, pair: &Pair<'_>, active: usize) -> Result<(), Trouble> {
        let is_halb = matches!(pair.kind, Kind::Halb { .. });
        match self {
            Fault::Kill => pair.signal_balancer(active, Signal::SIGKILL),
            Fault::Stop => pair.signal_balancer(active, Signal::SIGSTOP),
            Fault::Keeper => pair.signal_keeper(active, Signal::SIGKILL)?,
            Fault::Both => pair.signal_all(active, Signal::SIGKILL)?,
            Fault::Silent => hosts::silence(BALANCERS[active])?,
            Fault::Unplugged => hosts::unplug(BALANCERS[active])?,
            Fault::Switch if is_halb => {
                if pair.domain(1 - active, &["activate"])?.is_none() {
                    return Err(Trouble::new("`halb domain activate` was refused"));
                }
            }
            Fault::Switch => pair.end_keeper(active),
            Fault::Term if is_halb => pair.signal_balancer(active, Signal::SIGTERM),
            Fault::Term => {
                pair.end_keeper(active);
                pair.signal_balancer(active, Signal::SIGUSR1);
            }
        }
        Ok(())
    }
}
