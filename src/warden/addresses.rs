//! The virtual addresses on the interface: added, renewed and removed, and what there is to say about them.

use std::net::IpAddr;

use crate::model::plan::Network;
use crate::warden::netlink::Kernel;
use crate::warden::netlink::Link;
use crate::warden::netlink::Present;

/// Those of HALB that may be there now.
#[derive(Default)]
pub struct Addresses {
    interface: u32,
    held: Vec<IpAddr>,
}

impl Addresses {
    /// Adds all of `wanted`, or renews them; how many are there afterwards. What is not HALB's is never touched: an
    /// address that the operator has given this host is no virtual one.
    pub fn hold(
        &mut self,
        kernel: &mut Kernel,
        link: Link,
        wanted: &[Network],
        lease_s: u64,
        trouble: &mut impl FnMut(String),
    ) -> usize {
        if self.interface != link.index {
            // With their interface the kernel has removed them, but not when it only got another name.
            self.let_go(kernel, |_| false, trouble);
            self.held.clear();
            self.interface = link.index;
        }
        let own = match wanted.iter().all(|one| self.held.contains(&one.address)) {
            true => Some(Vec::new()),
            false => own(kernel, link, trouble),
        };
        let lease_s = u32::try_from(lease_s).unwrap_or(u32::MAX);
        let mut there = 0;
        for address in wanted.iter().map(|network| network.address) {
            let is_held = self.held.contains(&address);
            match &own {
                Some(own) if own.iter().any(|one| one.address == address) => {
                    trouble(format!(
                        "virtual address {address} is on the interface already and not made by HALB: \
                         it is left alone and does not move; remove it from the host's own configuration"
                    ));
                    continue;
                }
                // What could not be read may be the host's own.
                None if !is_held => continue,
                Some(_) | None => {}
            }
            match kernel.hold(link.index, address, lease_s) {
                Ok(()) => {
                    there += 1;
                    if !is_held {
                        self.held.push(address);
                    }
                }
                Err(error) => trouble(format!(
                    "the kernel refuses virtual address {address}: {error}"
                )),
            }
        }
        there
    }

    /// Those that are held.
    pub fn held(&self) -> &[IpAddr] {
        &self.held
    }

    /// Removes those that `stay` does not keep; whether all of them are gone.
    pub fn let_go(
        &mut self,
        kernel: &mut Kernel,
        stay: impl Fn(IpAddr) -> bool,
        trouble: &mut impl FnMut(String),
    ) -> bool {
        let mut gone = true;
        let interface = self.interface;
        self.held.retain(|address| {
            if stay(*address) {
                return true;
            }
            match kernel.let_go(interface, *address) {
                Ok(()) => false,
                Err(error) => {
                    trouble(format!(
                        "the kernel does not remove virtual address {address}: {error}"
                    ));
                    gone = false;
                    true
                }
            }
        });
        gone
    }
}

/// Removes what a warden before this one has left: on the interface, and `wanted` ones anywhere. Whether all of it is gone.
pub fn clear(
    kernel: &mut Kernel,
    link: Option<Link>,
    wanted: &[Network],
    trouble: &mut impl FnMut(String),
) -> bool {
    let Some(present) = read(kernel, trouble) else {
        return false;
    };
    let mut gone = true;
    let left = present.iter().filter(|present| {
        let here = link.is_some_and(|link| link.index == present.interface);
        let wanted = wanted.iter().any(|one| one.address == present.address);
        present.made_by_halb && (here || wanted)
    });
    for present in left {
        if let Err(error) = kernel.let_go(present.interface, present.address) {
            let address = present.address;
            trouble(format!(
                "the kernel does not remove {address}, which is left over: {error}"
            ));
            gone = false;
        }
    }
    gone
}

/// The host's own addresses on the interface, with their networks. `None`: that cannot be read.
pub fn own(
    kernel: &mut Kernel,
    link: Link,
    trouble: &mut impl FnMut(String),
) -> Option<Vec<Network>> {
    let present = read(kernel, trouble)?;
    let here = present
        .iter()
        .filter(|present| present.interface == link.index && !present.made_by_halb);
    let networks = here.map(|present| Network {
        address: present.address,
        prefix_length: present.prefix_length,
    });
    Some(networks.collect())
}

/// Says which of `wanted` are on none of the interface's networks.
pub fn check(
    interface: &str,
    own: &[Network],
    wanted: &[Network],
    trouble: &mut impl FnMut(String),
) {
    for network in wanted {
        if !own.iter().any(|own| network.contains(own.address)) {
            trouble(format!(
                "virtual address {}/{}: {interface} has no address of its own in that network, \
                 so nobody there may reach it",
                network.address, network.prefix_length
            ));
        }
    }
}

fn read(kernel: &mut Kernel, trouble: &mut impl FnMut(String)) -> Option<Vec<Present>> {
    kernel
        .addresses()
        .inspect_err(|error| trouble(format!("cannot read the addresses of this host: {error}")))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_INTERFACE: u32 = 0x7fff_0000;

    fn wanted() -> [Network; 1] {
        [Network {
            address: IpAddr::from([192, 0, 2, 100]),
            prefix_length: 24,
        }]
    }

    #[test]
    fn what_cannot_be_read_is_neither_gone_nor_taken_for_ours() {
        let mut kernel = Kernel::unanswered().unwrap();
        let link = Link {
            index: NO_INTERFACE,
            carrier: true,
            hardware: None,
        };
        let mut said = Vec::new();
        let trouble = &mut |text| said.push(text);
        assert!(!clear(&mut kernel, None, &wanted(), trouble));
        let mut addresses = Addresses::default();
        let there = addresses.hold(&mut kernel, link, &wanted(), 1, trouble);
        assert_eq!((there, addresses.held()), (0, &[][..]));
        assert_eq!(said.len(), 2);
        for sentence in said {
            assert!(sentence.starts_with("cannot read"), "{sentence}");
        }
    }
}
