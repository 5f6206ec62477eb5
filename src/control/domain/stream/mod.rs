//! Streams between the servers of a domain: TCP with Noise inside, one for each pair of servers. They carry the mirror,
//! the domain file and orders. That nothing comes over one says nothing of the server at its other end.
//!
//! - `subject`: what is spoken of, who listens, why there is no answer; `stream`: what waits, and what has been asked
//! - `noise`: what makes it secret; `frame`: what is said inside; `hello`: what is said first
//! - `seat`: which of two streams stays, and whether the end of one tells of a crash
//! - `dial` and `door`: how streams come into being; `wire`: frames over a socket; `run`: a stream at work

mod counts;
mod dial;
mod door;
mod frame;
mod hello;
mod noise;
mod run;
mod seat;
#[expect(clippy::module_inception, reason = "one of the streams")]
mod stream;
pub mod subject;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::control::domain::Answers;
use crate::control::domain::Later;
use crate::control::domain::Peers;
use crate::control::domain::Subject;
use crate::control::domain::Unreached;
use crate::control::domain::stream::counts::Counts;
pub use crate::control::domain::stream::counts::Figures;
pub use crate::control::domain::stream::frame::BODY_MOST;
use crate::control::domain::stream::hello::Hello;
pub use crate::control::domain::stream::hello::PROTOCOLS;
pub use crate::control::domain::stream::hello::Protocols;
use crate::control::domain::stream::seat::End;
use crate::control::domain::stream::seat::is_crash;
use crate::control::domain::stream::seat::takes_over;
use crate::control::domain::stream::stream::Stream;
use crate::control::domain::stream::subject::Handlers;
use crate::control::domain::stream::subject::Happening;
use crate::control::domain::stream::subject::NotTold;
use crate::control::domain::stream::subject::OnAsk;
use crate::control::domain::stream::subject::OnTell;
use crate::control::domain::stream::subject::Sender;
use crate::control::domain::stream::subject::Unreachable;
use crate::control::log;
use crate::pair::node::NodeId;
use crate::ring::clock;

/// What streams need to know.
pub struct Setup {
    /// Of this server.
    pub name: String,
    pub boot: u64,
    /// `major << 16 | minor`
    pub release: u32,
    /// [`PROTOCOLS`], but in tests.
    pub protocols: Protocols,
    /// Made of the domain key for use "stream".
    pub key: [u8; 32],
    pub members: Members,
    pub handlers: Handlers,
}

/// What the domain file says of who is where.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Members {
    /// Of this server, best first: it listens there, and dials from there.
    pub addresses: Vec<SocketAddr>,
    /// All others.
    pub peers: Vec<Member>,
}

/// Another server. Its address i and address i of this one are the ends of path i.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub name: String,
    pub addresses: Vec<SocketAddr>,
}

/// A server that a stream leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerStream {
    pub node: NodeId,
    pub name: String,
    pub boot: u64,
    /// `major << 16 | minor`
    pub release: u32,
    /// What both speak.
    pub protocol: u16,
    pub since_unix_ms: u64,
    /// Of the other side.
    pub address: SocketAddr,
}

/// All streams of this server.
pub struct Streams {
    me: NodeId,
    hello: Hello,
    key: [u8; 32],
    handlers: RwLock<Handlers>,
    counts: Counts,
    state: Mutex<State>,
    /// A stream has ended.
    ended: Condvar,
    runtime: OnceLock<Handle>,
}

#[derive(Default)]
struct State {
    stopping: bool,
    addresses: Vec<SocketAddr>,
    listening: BTreeMap<SocketAddr, AbortHandle>,
    peers: BTreeMap<NodeId, Peer>,
    /// Of the next stream.
    number: u64,
}

struct Peer {
    name: String,
    addresses: Vec<SocketAddr>,
    stream: Option<Arc<Stream>>,
    /// Why there is none although it was reached.
    refused: Option<String>,
    dialler: Option<AbortHandle>,
    /// Its stream has ended.
    alone: Arc<Notify>,
}

impl Streams {
    pub fn new(setup: Setup) -> Arc<Streams> {
        let streams = Streams {
            me: NodeId::of(&setup.name),
            hello: Hello {
                protocols: setup.protocols,
                release: setup.release,
                boot: setup.boot,
                replaces: false,
                name: setup.name,
                wanted: None,
            },
            key: setup.key,
            handlers: RwLock::new(setup.handlers),
            counts: Counts::default(),
            state: Mutex::default(),
            ended: Condvar::new(),
            runtime: OnceLock::new(),
        };
        let streams = Arc::new(streams);
        streams.set_members(setup.members);
        streams
    }

    /// Somebody else listens to what comes.
    pub fn listen(&self, add: impl FnOnce(&mut Handlers)) {
        add(&mut self
            .handlers
            .write()
            .unwrap_or_else(PoisonError::into_inner));
    }

    /// Of this process.
    pub fn boot(&self) -> u64 {
        self.hello.boot
    }

    /// Listens and dials from now on. In the runtime where all of it shall happen.
    pub fn start(self: &Arc<Self>) {
        if self.runtime.set(Handle::current()).is_ok() {
            self.tend(&mut self.state());
        }
    }

    /// The domain file says otherwise now. Streams to servers that are none any more end with a farewell.
    pub fn set_members(self: &Arc<Self>, members: Members) {
        let mut state = self.state();
        let stays = |node: &NodeId| {
            members
                .peers
                .iter()
                .any(|peer| NodeId::of(&peer.name) == *node)
        };
        let gone: Vec<NodeId> = state
            .peers
            .keys()
            .copied()
            .filter(|node| !stays(node))
            .collect();
        let gone: Vec<Peer> = gone
            .iter()
            .filter_map(|node| state.peers.remove(node))
            .collect();
        for member in members.peers {
            let node = NodeId::of(&member.name);
            let peer = state
                .peers
                .entry(node)
                .or_insert_with(|| Peer::new(&member.name));
            peer.addresses = member.addresses;
        }
        state.addresses = members.addresses;
        self.tend(&mut state);
        drop(state);
        for peer in gone {
            peer.end("it is no server of the domain any more");
            if let Some(stream) = &peer.stream {
                self.gone(stream, End::Ours);
            }
        }
    }

    /// Asks `node` about `subject` and waits for the answer.
    pub async fn ask(
        &self,
        node: NodeId,
        subject: Subject,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Vec<u8>, Unreachable> {
        if body.len() > BODY_MOST {
            return Err(Unreachable::TooMuch);
        }
        let stream = self.stream(node).ok_or(Unreachable::NoStream)?;
        let mut question = stream.ask(subject as u8, body)?;
        match timeout(patience, &mut question.answer).await {
            Ok(Ok(answer)) => answer.map_err(Unreachable::Refused),
            Ok(Err(_)) => Err(Unreachable::Lost),
            Err(_) => Err(Unreachable::Silent),
        }
    }

    /// Tells `node` something about `subject`, behind what it was told before. Never waits. Who is answered that it was
    /// not told begins anew.
    pub fn tell(&self, node: NodeId, subject: Subject, body: &[u8]) -> Result<(), NotTold> {
        let stream = self.stream(node).ok_or(NotTold::NoStream)?;
        let told = stream.tell(subject as u8, body);
        if told == Err(NotTold::Full) {
            self.counts.dropped.add(1);
        }
        told
    }

    /// Whether what `node` is told goes away as fast as it comes, or nearly.
    pub fn has_room(&self, node: NodeId) -> bool {
        self.stream(node).is_some_and(|stream| stream.has_room())
    }

    /// The other end of the stream to `node`, if there is one at this moment.
    pub fn sender(&self, node: NodeId) -> Option<Sender> {
        self.stream(node).map(|stream| stream.sender())
    }

    /// Those that are there at this moment.
    pub fn peers(&self) -> Vec<PeerStream> {
        let state = self.state();
        let streams = state.peers.values().filter_map(|peer| peer.stream.as_ref());
        let shown = streams.map(|stream| PeerStream {
            node: stream.facts.node,
            name: stream.facts.name.clone(),
            boot: stream.facts.claim.boot,
            release: stream.facts.release,
            protocol: stream.facts.protocol,
            since_unix_ms: stream.since_unix_ms,
            address: stream.facts.address,
        });
        shown.collect()
    }

    /// Servers that were reached and yet do not talk with this one, and why: a sentence.
    pub fn refusals(&self) -> Vec<(String, String)> {
        let state = self.state();
        let silent = state.peers.values().filter(|peer| peer.stream.is_none());
        silent
            .filter_map(|peer| Some((peer.name.clone(), peer.refused.clone()?)))
            .collect()
    }

    pub fn figures(&self) -> Figures {
        self.counts.read()
    }

    /// This server stops: everybody is told, and nobody is listened to any more. Waits until all streams have ended, but
    /// no longer than `patience`. On another thread than the runtime's.
    pub fn finish(&self, patience: Duration) {
        let mut state = self.state();
        state.stopping = true;
        for (_, listening) in std::mem::take(&mut state.listening) {
            listening.abort();
        }
        for peer in state.peers.values() {
            peer.end("it stops");
        }
        let open = |state: &mut State| state.peers.values().any(|peer| peer.stream.is_some());
        // Either way it is over.
        let _ = self.ended.wait_timeout_while(state, patience, open);
    }

    fn asked(&self, subject: u8) -> Option<OnAsk> {
        let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner);
        handlers.asked(subject)
    }

    fn told(&self, subject: u8) -> Option<OnTell> {
        let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner);
        handlers.told(subject)
    }

    fn happened(&self, happening: &Happening) {
        let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner);
        let hearing = handlers.happened();
        drop(handlers);
        for hear in hearing {
            hear(happening);
        }
    }

    fn stream(&self, node: NodeId) -> Option<Arc<Stream>> {
        self.state().peers.get(&node)?.stream.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens at every address, and has somebody dial every server.
    fn tend(self: &Arc<Self>, state: &mut State) {
        let Some(runtime) = self.runtime.get().filter(|_| !state.stopping) else {
            return;
        };
        let State {
            addresses,
            listening,
            peers,
            ..
        } = state;
        listening.retain(|address, task| {
            let stays = addresses.contains(address);
            if !stays {
                task.abort();
            }
            stays
        });
        for address in addresses {
            listening.entry(*address).or_insert_with(|| {
                let task = door::listen(Arc::clone(self), *address);
                runtime.spawn(task).abort_handle()
            });
        }
        for (node, peer) in peers {
            peer.dialler.get_or_insert_with(|| {
                let task = dial::keep(Arc::clone(self), *node, Arc::clone(&peer.alone));
                runtime.spawn(task).abort_handle()
            });
        }
    }

    /// A stream has come into being. `false`: another one stays.
    fn seat(&self, stream: &Arc<Stream>) -> bool {
        let mut state = self.state();
        if state.stopping {
            return false;
        }
        let Some(peer) = state.peers.get_mut(&stream.facts.node) else {
            return false;
        };
        let now = clock::read().now;
        if let Some(old) = &peer.stream {
            if !takes_over(stream.facts.claim, old.facts.claim, old.times(), now) {
                return false;
            }
            old.say_farewell("another stream takes its place");
        }
        let old = peer.stream.replace(Arc::clone(stream));
        peer.refused = None;
        drop(state);
        if let Some(old) = old {
            self.gone(&old, End::Ours);
        }
        self.counts.ups.add(1);
        let (name, address) = (&stream.facts.name, &stream.facts.address);
        log::event("stream_up", &[("server", name), ("address", address)]);
        self.happened(&Happening::Up(stream.sender()));
        true
    }

    /// A stream has ended.
    fn unseat(&self, stream: &Arc<Stream>, end: End) {
        if end == End::Garbled {
            self.counts.garbled.add(1);
        }
        let mut state = self.state();
        let peer = state.peers.get_mut(&stream.facts.node);
        let held = peer.filter(|peer| {
            let number = peer.stream.as_ref().map(|held| held.facts.number);
            number == Some(stream.facts.number)
        });
        if let Some(peer) = held {
            peer.stream = None;
            peer.alone.notify_one();
            drop(state);
            self.gone(stream, end);
        }
        self.ended.notify_all();
    }

    fn gone(&self, stream: &Arc<Stream>, end: End) {
        stream.forget_all();
        let crashed = is_crash(end, stream.times(), clock::read().now);
        let name = &stream.facts.name;
        log::event(
            "stream_down",
            &[("server", name), ("cause", &end.sentence())],
        );
        self.counts.crashes.add(u64::from(crashed));
        self.happened(&Happening::Down(stream.sender()));
        if crashed {
            let (node, boot) = (stream.facts.node, stream.facts.claim.boot);
            self.happened(&Happening::Crashed { node, boot });
        }
    }

    /// It was reached and does not talk with this server. Said once, until something else is so.
    fn refuse(&self, node: Option<NodeId>, sentence: &str) {
        self.counts.refused.add(1);
        let mut state = self.state();
        let peer = node.and_then(|node| state.peers.get_mut(&node));
        let known = peer.is_some_and(|peer| {
            let before = peer.refused.replace(sentence.to_owned());
            before.as_deref() == Some(sentence)
        });
        drop(state);
        if !known {
            log::event("stream_refused", &[("cause", &sentence)]);
        }
    }

    fn next_number(&self) -> u64 {
        let mut state = self.state();
        state.number += 1;
        state.number
    }
}

/// As long as a disk may take to write a domain file down, and more.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// A planned switch ends within `switch_grace`, which people may make long; and who has asked for one waits no longer.
const ORDER_PATIENCE: Duration = Duration::from_secs(60);

/// What others have told of one subject, and is being heard.
const HEARD_MOST: usize = 64;

fn patience(subject: Subject) -> Duration {
    match subject {
        Subject::Remote => ORDER_PATIENCE,
        Subject::File | Subject::Switch | Subject::Mirror => ANSWER_PATIENCE,
    }
}

impl Peers for Streams {
    fn reached(&self) -> Vec<NodeId> {
        let state = self.state();
        let there = state.peers.iter().filter(|(_, peer)| peer.stream.is_some());
        there.map(|(node, _)| *node).collect()
    }

    fn ask(
        &self,
        node: NodeId,
        subject: Subject,
        body: Vec<u8>,
    ) -> Later<'_, Result<Vec<u8>, Unreached>> {
        Box::pin(async move {
            let asked = Streams::ask(self, node, subject, body, patience(subject)).await;
            asked.map_err(|unreachable| Unreached(unreachable.to_string()))
        })
    }

    fn tell(&self, node: NodeId, subject: Subject, body: Vec<u8>) {
        let _ = Streams::tell(self, node, subject, &body); // nothing rests on it
    }

    fn serve(&self, subject: Subject, answers: Arc<dyn Answers>) {
        let mut handlers = self
            .handlers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let asked = Arc::clone(&answers);
        handlers.on_ask(subject, move |sender: Sender, body| {
            let answers = Arc::clone(&asked);
            async move { Ok(answers.answer(sender.node, body).await) }
        });
        let told = Arc::clone(&answers);
        let places = Arc::new(Semaphore::new(HEARD_MOST));
        handlers.on_tell(subject, move |sender, body| {
            // Nothing may rest on what is told so.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                return;
            };
            let answers = Arc::clone(&told);
            // Handlers are called where the streams run.
            tokio::spawn(async move {
                drop(answers.answer(sender.node, body).await);
                drop(place);
            });
        });
        handlers.on_happening(move |happening| match happening {
            Happening::Up(sender) => answers.linked(sender.node, true),
            Happening::Down(sender) => answers.linked(sender.node, false),
            Happening::Crashed { .. } => {}
        });
    }
}

impl Peer {
    fn new(name: &str) -> Peer {
        Peer {
            name: name.to_owned(),
            addresses: Vec::new(),
            stream: None,
            refused: None,
            dialler: None,
            alone: Arc::default(),
        }
    }

    fn end(&self, why: &str) {
        if let Some(dialler) = &self.dialler {
            dialler.abort();
        }
        if let Some(stream) = &self.stream {
            stream.say_farewell(why);
        }
    }

    /// Whether somebody has to dial, and whether a stream is there that is no good any more.
    fn wants(&self) -> Wants {
        let now = clock::read().now;
        match &self.stream {
            None => Wants::First,
            Some(stream) if stream.times().is_silent(now) => Wants::Another,
            Some(_) => Wants::Nothing,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wants {
    Nothing,
    First,
    /// In the place of one that is silent.
    Another,
}

#[cfg(test)]
pub mod tests;
