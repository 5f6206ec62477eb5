//! Host names that a reload brings. Those that were there before keep what they are known to resolve to.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;

use crate::control::shared::Current;
use crate::model::address::HostPort;
use crate::model::config::Config;

/// A name server that is well answers within this. A name without an answer begins without an address, like any that
/// does not resolve.
const PATIENCE: Duration = Duration::from_secs(2);

/// What new names resolve to.
pub struct Names(BTreeMap<HostPort, SocketAddr>);

impl Names {
    /// Asks the system for every name that is new, each on a thread of its own: it may take as long as it likes, and
    /// neither this nor the end of the program waits for it.
    pub async fn resolve(before: &Config, next: &Config) -> Names {
        let (say, mut answers) = unbounded_channel();
        for name in new_names(before, next) {
            let say = say.clone();
            // Without a thread there is no answer.
            let _ = thread::Builder::new()
                .name("halb-resolver".to_owned())
                .spawn(move || {
                    let addresses = name.to_string().to_socket_addrs();
                    let first = addresses.ok().and_then(|mut addresses| addresses.next());
                    let _ = say.send((name, first));
                });
        }
        drop(say);
        let mut found = BTreeMap::new();
        let all = async {
            while let Some((name, address)) = answers.recv().await {
                found.extend(address.map(|address| (name, address)));
            }
        };
        let _late = timeout(PATIENCE, all).await;
        Names(found)
    }

    /// The address of `name`, where `now` is in force.
    pub fn address(&self, now: &Current, name: &HostPort) -> Option<SocketAddr> {
        let mut known = now.config.out.iter();
        match known.find(|(_, output)| output.address == *name) {
            Some((id, _)) => now.plan.at(id.index())?.address,
            None => self.0.get(name).copied(),
        }
    }
}

fn new_names(before: &Config, next: &Config) -> BTreeSet<HostPort> {
    let names = |config: &Config| -> BTreeSet<HostPort> {
        let outputs = config.out.values();
        let names = outputs.filter(|output| output.address.socket().is_none());
        names.map(|output| output.address.clone()).collect()
    };
    &names(next) - &names(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::shared::tests::current_of;

    #[test]
    fn names_that_were_known_keep_their_address_and_new_ones_are_asked_for() {
        let mut before = current_of("out1 = 'known.test'\nout2 = '10.0.0.2'");
        let known: SocketAddr = "192.0.2.1:80".parse().unwrap();
        let mut plan = (*before.plan).clone();
        plan.outputs.each_mut().next().unwrap().address = Some(known);
        before.plan = plan.into();
        let next =
            current_of("out1 = '10.0.0.1'\nout3 = 'known.test'\nout4 = 'localhost:81'").config;
        let asked = new_names(&before.config, &next);
        let asked: Vec<String> = asked.iter().map(HostPort::to_string).collect();
        assert_eq!(asked, ["localhost:81"]);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let names = runtime.block_on(Names::resolve(&before.config, &next));
        let address = |number: usize| {
            let mut outputs = next.out.iter();
            let (_, output) = outputs.find(|(id, _)| id.number() == number).unwrap();
            names.address(&before, &output.address)
        };
        assert_eq!(address(3), Some(known));
        let local = address(4).unwrap();
        assert!(local.ip().is_loopback() && local.port() == 81);
    }
}
