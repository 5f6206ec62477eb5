//! What a reload touches besides the plan. Each part first does all that can fail and changes nothing; when all could,
//! all are carried out.

use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;

use crate::control;
use crate::control::serve::Door;
use crate::control::serve::listen;
use crate::control::shared::Current;
use crate::model::config::Config;
use crate::model::planning::virtual_addresses;
use crate::ring::socket::Locality;
use crate::ring::socket::Reservation;
use crate::ring::socket::probe_bind_beside;

/// Does what was prepared; cannot fail.
pub type Commit = Box<dyn FnOnce() + Send>;

/// One part.
pub trait Part: Send + Sync {
    /// Prepares for `next`; `None`: nothing is to be done. The error is a sentence for people.
    fn prepare(&self, before: &Config, next: &Config) -> Result<Option<Commit>, String>;
}

/// A terminal's listener.
pub struct Terminal {
    /// The properties that say where it is, for people.
    pub properties: &'static str,
    pub address: fn(&Config) -> SocketAddr,
    pub door: Door,
}

impl Part for Terminal {
    fn prepare(&self, before: &Config, next: &Config) -> Result<Option<Commit>, String> {
        let (was, is) = ((self.address)(before), (self.address)(next));
        if was == is {
            return Ok(None);
        }
        // Terminals may exchange their places.
        let ours = [control::ctl_address(before), control::ui_address(before)];
        let listener = listen(is, &ours).map_err(|error| refusal(is, self.properties, error))?;
        let door = self.door.clone();
        Ok(Some(Box::new(move || {
            // Nobody serves any more when the end has begun.
            let _ = door.send(listener);
        })))
    }
}

/// The addresses of `in` in the order of the configuration. New ones are held until the workers listen there.
pub fn inputs(
    before: &Current,
    next: &Config,
) -> Result<(Vec<SocketAddr>, Vec<Reservation>), String> {
    let ours = &before.plan.listen;
    let visiting = virtual_addresses(next);
    let mut kept: Vec<_> = before.config.r#in.iter().zip(ours).collect();
    let (mut addresses, mut reserved) = (Vec::new(), Vec::new());
    for address in &next.r#in {
        // One with port 0 stays where the kernel has put it.
        let known = kept.iter().position(|(was, _)| *was == address);
        let known = known.map(|position| *kept.remove(position).1);
        if let Some(known) = known.or_else(|| ours.iter().copied().find(|our| our == address)) {
            addresses.push(known);
            continue;
        }
        let locality = Locality::virtual_if(visiting.contains(&address.ip()));
        let held = probe_bind_beside(address, locality, ours)
            .map_err(|errno| refusal(*address, "in", Errno::into(errno)))?;
        addresses.push(held.address);
        reserved.push(held);
    }
    Ok((addresses, reserved))
}

fn refusal(address: SocketAddr, properties: &str, error: io::Error) -> String {
    let cause = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        _ => error.to_string(),
    };
    format!("cannot listen on {address} ({properties}): {cause}")
}
