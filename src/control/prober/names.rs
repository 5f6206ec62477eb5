//! Host names of outputs, resolved again and again. The system's resolver may take as long as it likes: each
//! question has a thread of its own, and nobody waits for it, not even the end of the program.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::mpsc::unbounded_channel;

use crate::model::address::Host;
use crate::model::address::HostPort;
use crate::model::config::Config;
use crate::model::plan::Plan;
use crate::ring::clock;

/// What the resolver says of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// At least one.
    To(Vec<SocketAddr>),
    /// There is no such name, or it has no address.
    Nowhere,
    /// The resolver could not be asked: that says nothing about the name.
    Unknown,
}

/// How a name is resolved; it may take long.
pub type Resolve = Arc<dyn Fn(&HostPort) -> Resolved + Send + Sync>;

/// The questions that are open.
pub struct Names {
    resolve: Resolve,
    asked: BTreeSet<HostPort>,
    say: UnboundedSender<(HostPort, Resolved)>,
    answers: UnboundedReceiver<(HostPort, Resolved)>,
}

impl Names {
    pub fn new(resolve: Resolve) -> Names {
        let (say, answers) = unbounded_channel();
        Names {
            resolve,
            asked: BTreeSet::new(),
            say,
            answers,
        }
    }

    /// Asks for every name of the outputs, but for those whose last answer has not come yet.
    pub fn ask(&mut self, config: &Config) {
        for name in names(config).difference(&self.asked.clone()) {
            let say = self.say.clone();
            // Control may have ended when the answer comes.
            let hear = move |name, resolved| drop(say.send((name, resolved)));
            if ask(&self.resolve, name, hear) {
                self.asked.insert(name.clone());
            }
        }
    }

    /// The next answer.
    pub async fn answer(&mut self) -> (HostPort, Resolved) {
        let answer = self.answers.recv().await;
        let (name, resolved) = answer.expect("this has a sender itself");
        self.asked.remove(&name);
        (name, resolved)
    }
}

/// What the names of the outputs resolve to, as far as that is known after `patience`. All are asked at once.
pub fn known_within(
    patience: Duration,
    config: &Config,
    resolve: &Resolve,
) -> BTreeMap<HostPort, SocketAddr> {
    let begun = clock::read().now;
    let (say, answers) = mpsc::channel();
    for name in names(config) {
        let say = say.clone();
        // What comes too late nobody hears.
        ask(resolve, &name, move |name, resolved| {
            drop(say.send((name, resolved)));
        });
    }
    drop(say);
    let mut known = BTreeMap::new();
    let left = || patience.saturating_sub(clock::read().now.since(begun));
    while let Ok((name, resolved)) = answers.recv_timeout(left()) {
        let address = moved(None, &resolved);
        known.extend(address.map(|address| (name, address)));
    }
    known
}

/// The plan with what is known of `name` now; `None` when that is nothing new. An address that is still among those of
/// the name stays: the order in which they come means nothing.
pub fn with(plan: &Plan, config: &Config, name: &HostPort, resolved: &Resolved) -> Option<Plan> {
    let mut changed = false;
    let outputs = plan.outputs.iter().map(|output| {
        let mut output = output.clone();
        let is_named = config
            .out
            .get(&output.id)
            .is_some_and(|configured| configured.address == *name);
        if is_named {
            let next = moved(output.address, resolved);
            changed |= next != output.address;
            output.address = next;
        }
        output
    });
    let outputs = outputs.collect();
    changed.then(|| Plan {
        outputs,
        ..plan.clone()
    })
}

/// The names of a configuration's outputs.
fn names(config: &Config) -> BTreeSet<HostPort> {
    let addresses = config.out.values().map(|output| &output.address);
    let names = addresses.filter(|address| matches!(address.host, Host::Name(_)));
    names.cloned().collect()
}

/// Asks on a thread of its own, and says the answer there. `false`: there is no thread to be had, and no answer.
fn ask(
    resolve: &Resolve,
    name: &HostPort,
    hear: impl FnOnce(HostPort, Resolved) + Send + 'static,
) -> bool {
    let (resolve, name) = (Arc::clone(resolve), name.clone());
    let thread = thread::Builder::new().name("halb-resolver".to_owned());
    let asking = move || {
        let resolved = resolve(&name);
        hear(name, resolved);
    };
    thread.spawn(asking).is_ok()
}

fn moved(now: Option<SocketAddr>, resolved: &Resolved) -> Option<SocketAddr> {
    match resolved {
        Resolved::To(addresses) => now
            .filter(|now| addresses.contains(now))
            .or(addresses.first().copied()),
        Resolved::Nowhere => None,
        Resolved::Unknown => now,
    }
}

/// Asks the system, and waits for it.
pub fn system(name: &HostPort) -> Resolved {
    let asked = name.to_string();
    match asked.to_socket_addrs() {
        Ok(addresses) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            if addresses.is_empty() {
                Resolved::Nowhere
            } else {
                Resolved::To(addresses)
            }
        }
        Err(error) => unresolved(&error),
    }
}

/// The resolver's codes reach us as words only (`gai_strerror`, which no locale changes here).
fn unresolved(error: &io::Error) -> Resolved {
    let text = error.to_string();
    let temporary = ["Temporary failure", "Try again"];
    if error.raw_os_error().is_some() || temporary.iter().any(|words| text.contains(words)) {
        Resolved::Unknown
    } else {
        Resolved::Nowhere
    }
}

#[cfg(test)]
mod tests;
