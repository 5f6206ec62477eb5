//! Where others come in. Whoever has no key learns nothing and costs little: few at a time, for a short time.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::control::domain::stream::Streams;
use crate::control::domain::stream::frame::Frame;
use crate::control::domain::stream::frame::Kind;
use crate::control::domain::stream::hello::Hello;
use crate::control::domain::stream::hello::Refused;
use crate::control::domain::stream::hello::meet;
use crate::control::domain::stream::run::run;
use crate::control::domain::stream::seat::Claim;
use crate::control::domain::stream::stream::Facts;
use crate::control::domain::stream::stream::Stream;
use crate::control::domain::stream::wire::Fault;
use crate::control::domain::stream::wire::Halves;
use crate::control::log;

/// A handshake and both hellos: three ways over a slow network, and a lost packet or two.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);
/// At one address, from addresses of the domain's servers …
const MEMBERS_MOST: usize = 32;
/// … and from all others, which may be the same servers behind something that changes addresses.
const STRANGERS_MOST: usize = 4;
/// Whose handshake has failed keeps its place for so long: a handshake that somebody recorded costs as much as a true
/// one until it fails, and so nobody makes this thread do more than some dozen a second.
const REST: Duration = Duration::from_millis(250);
/// After it was not possible to listen or to accept.
const PAUSE: Duration = Duration::from_secs(1);
const BACKLOG: i32 = 64;

/// Listens at `address`, for ever.
pub async fn listen(streams: Arc<Streams>, address: SocketAddr) {
    loop {
        match bind(address) {
            Ok(listener) => accept(&streams, &listener).await,
            Err(error) => {
                let fields: [(&str, &dyn std::fmt::Display); 2] =
                    [("address", &address), ("cause", &error)];
                log::event("stream_deaf", &fields);
            }
        }
        sleep(PAUSE).await;
    }
}

/// Returns when the listener is no good any more.
async fn accept(streams: &Arc<Streams>, listener: &TcpListener) {
    let members = Arc::new(Semaphore::new(MEMBERS_MOST));
    let strangers = Arc::new(Semaphore::new(STRANGERS_MOST));
    loop {
        let (socket, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                log::event("stream_deaf", &[("cause", &error)]);
                return;
            }
        };
        let places = if is_member(streams, from.ip()) {
            &members
        } else {
            &strangers
        };
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            streams.counts.crowded.add(1);
            continue; // and it is closed
        };
        let streams = Arc::clone(streams);
        tokio::spawn(async move {
            match timeout(HANDSHAKE_TIMEOUT, greet(&streams, socket, from)).await {
                Ok(Ok(Some(seated))) => {
                    drop(place);
                    seated.stay(&streams).await;
                }
                Ok(Ok(None)) => {}
                Ok(Err(fault)) => {
                    say(&streams, from, &fault);
                    sleep(REST).await;
                }
                Err(_) => streams.counts.slow.add(1),
            }
        });
    }
}

/// A stream that has its place, before it is at work.
pub struct Seated {
    pub stream: Arc<Stream>,
    pub halves: Halves,
    pub outgoing: tokio::sync::mpsc::UnboundedReceiver<super::stream::Outgoing>,
}

impl Seated {
    /// Until it ends.
    pub async fn stay(self, streams: &Arc<Streams>) {
        let end = run(streams, &self.stream, self.halves, self.outgoing).await;
        streams.unseat(&self.stream, end);
    }
}

/// The answering side of a beginning.
async fn greet(
    streams: &Arc<Streams>,
    socket: TcpStream,
    from: SocketAddr,
) -> Result<Option<Seated>, Fault> {
    let _ = socket.set_nodelay(true); // it works without, only later
    let mut halves = Halves::answer(socket, &streams.key).await?;
    let theirs = hello(&mut halves).await?;
    let is_known = streams.state().peers.contains_key(&theirs.node());
    let protocol = match meet(&streams.hello, &theirs, None, is_known) {
        Ok(protocol) => protocol,
        Err(refused) => {
            let sentence = refused.to_string();
            streams.refuse(Some(theirs.node()), &sentence);
            if matches!(refused, Refused::Protocol { .. }) {
                // It can say better than we what is to be done there.
                send(&mut halves, Kind::Hello, streams.hello.encode()).await?;
            }
            send(&mut halves, Kind::Farewell, sentence.into_bytes()).await?;
            return Ok(None);
        }
    };
    let dialled_by = theirs.node();
    let (stream, outgoing) = made(streams, &theirs, protocol, from, dialled_by);
    // Seated before it goes: whoever has it may ask. And nothing is waited for from there on to the stream's work.
    stream.begin(&Frame::plain(Kind::Hello, streams.hello.encode()));
    if !streams.seat(&stream) {
        send(&mut halves, Kind::Farewell, Vec::new()).await?;
        return Ok(None);
    }
    Ok(Some(Seated {
        stream,
        halves,
        outgoing,
    }))
}

/// The stream to who has said `theirs`.
pub fn made(
    streams: &Arc<Streams>,
    theirs: &Hello,
    protocol: u16,
    address: SocketAddr,
    dialled_by: crate::pair::node::NodeId,
) -> (
    Arc<Stream>,
    tokio::sync::mpsc::UnboundedReceiver<super::stream::Outgoing>,
) {
    let (put, outgoing) = tokio::sync::mpsc::unbounded_channel();
    let facts = Facts {
        number: streams.next_number(),
        node: theirs.node(),
        name: theirs.name.clone(),
        claim: Claim {
            boot: theirs.boot,
            dialled_by,
            replaces: theirs.replaces,
        },
        release: theirs.release,
        protocol,
        address,
    };
    (Arc::new(Stream::new(facts, put)), outgoing)
}

/// The first frame of the other side.
pub async fn hello(halves: &mut Halves) -> Result<Hello, Fault> {
    let frame = halves.reader.next(|| {}).await?;
    let hello = (frame.kind == Kind::Hello).then(|| Hello::decode(&frame.body));
    let garbled = || Fault::Broken(super::noise::Broken::Foreign);
    hello.and_then(Result::ok).ok_or_else(garbled)
}

pub async fn send(halves: &mut Halves, kind: Kind, body: Vec<u8>) -> Result<(), Fault> {
    let frame = Frame::plain(kind, body).encode();
    Ok(halves.writer.send(&frame).await?)
}

fn is_member(streams: &Streams, ip: IpAddr) -> bool {
    let state = streams.state();
    let mut addresses = state.peers.values().flat_map(|peer| &peer.addresses);
    addresses.any(|address| address.ip() == ip)
}

fn say(streams: &Streams, from: SocketAddr, fault: &Fault) {
    match fault {
        Fault::Io(_) => {} // it has gone
        Fault::TooLong => streams.counts.garbled.add(1),
        Fault::Broken(broken) => {
            streams.counts.foreign.add(1);
            log::event("stream_foreign", &[("from", &from), ("cause", broken)]);
        }
    }
}

/// An address that this machine has not yet is no reason to fail: an interface may come up late.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Bound to nothing yet.
pub fn socket(address: SocketAddr) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_freebind_v6(true)?;
        }
    }
    Ok(socket)
}
