//! Capabilities, divided: the warden alone may change addresses and speak with the service network below IP.
//!
//! Capabilities belong to threads (capabilities(7)), so all of this has to happen before the first one is started.

use std::fmt;

use caps::CapSet;
use caps::Capability;
use caps::CapsHashSet;
use caps::errors::CapsError;

/// What the warden needs.
const NEEDED: [Capability; 2] = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];

/// Why there is no warden.
#[derive(Debug)]
pub enum Denied {
    /// These are missing.
    Missing(Vec<Capability>),
    /// The kernel does not let this process change what it may.
    Unchanged(CapsError),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Missing(missing) => {
                let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "virtual_addresses need {}: start HALB as root, or by systemd with \
                     AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_ADMIN CAP_NET_RAW \
                     and the same CapabilityBoundingSet",
                    names.join(" and ")
                )
            }
            Denied::Unchanged(error) => write!(f, "cannot change capabilities: {error}"),
        }
    }
}

/// Sees to it that a child has what the warden needs, if this process has it.
pub fn lend() -> Result<(), Denied> {
    let permitted = caps::read(None, CapSet::Permitted).map_err(Denied::Unchanged)?;
    let missing: Vec<Capability> = NEEDED
        .into_iter()
        .filter(|capability| !permitted.contains(capability))
        .collect();
    if !missing.is_empty() {
        return Err(Denied::Missing(missing));
    }
    for capability in NEEDED {
        caps::raise(None, CapSet::Inheritable, capability).map_err(Denied::Unchanged)?;
        // Not root: a program that is executed has nothing else. Where even that is shut off (securebits), it has
        // what its file gives it, or says what is missing.
        let _ = caps::raise(None, CapSet::Ambient, capability);
    }
    Ok(())
}

/// Gives up for good what only the warden needs; to be called by the one thread there is.
pub fn surrender() -> Result<(), Denied> {
    for capability in NEEDED {
        // Only who may change the bounding set can; for anybody else a new program has what is inherited, which is
        // given up, too.
        let _ = caps::drop(None, CapSet::Bounding, capability);
        let _ = caps::drop(None, CapSet::Ambient, capability);
        for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
            caps::drop(None, set, capability).map_err(Denied::Unchanged)?;
        }
    }
    Ok(())
}

/// Keeps what the warden needs, and nothing else; `lent`: for a child, too.
pub fn keep(lent: bool) -> Result<(), Denied> {
    let needed: CapsHashSet = NEEDED.into_iter().collect();
    for capability in caps::all() {
        if !NEEDED.contains(&capability) {
            let _ = caps::drop(None, CapSet::Bounding, capability);
            let _ = caps::drop(None, CapSet::Ambient, capability);
        }
    }
    let nothing = CapsHashSet::new();
    let inherited = if lent { &needed } else { &nothing };
    caps::set(None, CapSet::Inheritable, inherited).map_err(Denied::Unchanged)?;
    for capability in NEEDED {
        // As in `lend`.
        let _ = if lent {
            caps::raise(None, CapSet::Ambient, capability)
        } else {
            caps::drop(None, CapSet::Ambient, capability)
        };
    }
    caps::set(None, CapSet::Effective, &needed).map_err(Denied::Unchanged)?;
    caps::set(None, CapSet::Permitted, &needed).map_err(Denied::Unchanged)
}
