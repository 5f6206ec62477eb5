//! The domain as control sees it: what this server has of the pair thread, of the other servers and of the domain file.
//!
//! - `liaison`: the pair thread, as control has it; `readiness`: what that is told of this server
//! - `stream`: encrypted streams to the other servers; `joined`: to which; `mirror`: what goes over them to whoever
//!   stands by
//! - `file`: the domain file and its way to all servers; `diff`: what two servers' files say otherwise
//! - `report`: how the domain stands, for people and programs; `links`: which paths are silent; `failure`: what somebody
//!   has reported, remembered
//!
//! Built at start where the configuration has a `[domain]`, and carried by [`Shared`](super::shared::Shared) from then on.

pub mod diff;
pub mod failure;
pub mod file;
pub mod joined;
pub mod liaison;
pub mod links;
pub mod mirror;
pub mod readiness;
pub mod report;
pub mod stream;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;

use crate::control::domain::failure::Failure;
use crate::control::domain::file::DomainFile;
use crate::control::domain::mirror::view::View;
use crate::control::domain::readiness::Parts;
use crate::model::config;
use crate::pair::action::Outcome;
use crate::pair::event::Event;
use crate::pair::event::Order;
use crate::pair::node::NodeId;
use crate::standby::handle::Standing;

/// What will be known later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What all parts of control have of the domain.
pub struct Domain {
    /// This server.
    pub node: NodeId,
    /// What it is called in the domain file.
    pub name: String,
    /// The pair thread.
    pub pair: Arc<dyn Pair>,
    /// What the pair thread is told of this server's readiness to serve.
    pub readiness: Parts,
    /// The streams to the other servers, once control runs.
    pub peers: OnceLock<Arc<dyn Peers>>,
    /// How the mirror is doing.
    pub mirror: Arc<View>,
    /// The domain file, once control runs.
    pub file: OnceLock<Arc<DomainFile>>,
    /// What was reported on this server, once control runs.
    pub failure: OnceLock<Failure>,
}

/// The pair thread. A trait so that tests need no thread.
pub trait Pair: Send + Sync {
    /// How the pair stands at this moment; `None` before the thread has said so for the first time.
    fn standing(&self) -> Option<Standing>;

    /// Tells it what control knows: `Crashed`, `Readiness`, `Domain`. Never waits.
    fn tell(&self, event: Event);

    /// Orders something; what became of it comes as soon as that is known. `None`: the thread has ended.
    fn order(&self, order: Order) -> Later<'_, Option<Outcome>>;
}

/// The other servers. A trait so that tests need no sockets.
pub trait Peers: Send + Sync {
    /// The servers to which there is a stream at this moment.
    fn reached(&self) -> Vec<NodeId>;

    /// Asks a server, and waits for its answer.
    fn ask(
        &self,
        node: NodeId,
        subject: Subject,
        body: Vec<u8>,
    ) -> Later<'_, Result<Vec<u8>, Unreached>>;

    /// Sends something that needs no answer. What cannot be sent is lost: nothing may rest on it.
    fn tell(&self, node: NodeId, subject: Subject, body: Vec<u8>);

    /// Who answers what others ask and takes what they tell, for one subject.
    fn serve(&self, subject: Subject, answers: Arc<dyn Answers>);
}

/// Answers other servers about one subject.
pub trait Answers: Send + Sync {
    /// To [`Peers::ask`], and what is told: the answer to that goes nowhere. What is asked comes from a server that
    /// has the domain's key, but may be of another release or damaged: it must not lead to a panic.
    fn answer(&self, from: NodeId, body: Vec<u8>) -> Later<'_, Vec<u8>>;

    /// A stream to that server has come up (`true`) or ended.
    fn linked(&self, node: NodeId, up: bool) {
        let _ = (node, up);
    }
}

/// What servers talk about over a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Subject {
    /// The domain file: [`crate::pair::file`].
    File = 1,
    /// A request of `ctl` that is meant for another server: `halb domain … --node NODE`.
    Remote = 2,
    /// An order about an output, carried to the active.
    Switch = 3,
    /// Sessions, switches, health, counters' base.
    Mirror = 4,
}

/// Why a server could not be asked: a sentence for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreached(pub String);

impl Domain {
    pub fn new(name: &str, pair: Arc<dyn Pair>) -> Domain {
        Domain {
            node: NodeId::of(name),
            name: name.to_owned(),
            readiness: Parts::new(Arc::clone(&pair)),
            pair,
            peers: OnceLock::new(),
            mirror: Arc::default(),
            file: OnceLock::new(),
            failure: OnceLock::new(),
        }
    }

    /// The streams, unless control has yet to begin.
    pub fn peers(&self) -> Option<&Arc<dyn Peers>> {
        self.peers.get()
    }

    /// The domain file, unless control has yet to begin.
    pub fn file(&self) -> Option<&Arc<DomainFile>> {
        self.file.get()
    }
}

// The check of the configuration counts as the pair does.
const _: () = assert!(config::SERVERS_MAX == crate::pair::SERVERS_MAX);
const _: () = assert!(config::ADDRESSES_MAX == crate::pair::LINKS_MAX);

/// What a server is called in that file; by its number where it is in none.
pub fn name_of(domain: &config::Domain, node: NodeId) -> String {
    let mut names = domain.servers.keys();
    match names.find(|name| NodeId::of(name) == node) {
        Some(name) => name.clone(),
        None => node.to_string(),
    }
}
