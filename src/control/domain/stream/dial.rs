//! Dialling: every server dials every other one over all paths, best first, until there is a stream.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::control::domain::stream::Streams;
use crate::control::domain::stream::Wants;
use crate::control::domain::stream::door::HANDSHAKE_TIMEOUT;
use crate::control::domain::stream::door::Seated;
use crate::control::domain::stream::door::made;
use crate::control::domain::stream::door::send;
use crate::control::domain::stream::door::socket;
use crate::control::domain::stream::frame::Frame;
use crate::control::domain::stream::frame::Kind;
use crate::control::domain::stream::hello::Hello;
use crate::control::domain::stream::hello::meet;
use crate::control::domain::stream::noise::Broken;
use crate::control::domain::stream::seat::ALIVE_EVERY;
use crate::control::domain::stream::wire::Fault;
use crate::control::domain::stream::wire::Halves;
use crate::control::log;
use crate::pair::node::NodeId;
use crate::ring::clock;

/// A path that takes no connection within this is not waited for while there are others.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// After nobody answered; doubled each time …
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// … up to this.
const PAUSE_MOST: Duration = Duration::from_secs(2);
/// A stream that has lasted so long is none of those that end as soon as they begin.
const STEADY: Duration = Duration::from_secs(5);
/// The higher of two servers lets the lower one go first, so that both seldom dial at once.
const COURTESY: Duration = Duration::from_millis(150);
/// A stream to a server that goes on has said something by then.
const RECOVERY: Duration = ALIVE_EVERY.saturating_mul(2);
/// How often it is looked whether a stream is silent.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Sees to it that there is a stream to `node`, for ever.
pub async fn keep(streams: Arc<Streams>, node: NodeId, alone: Arc<Notify>) {
    let mut pause = PAUSE_FIRST;
    if streams.me > node {
        sleep(COURTESY).await;
    }
    while let Some(wanted) = wanted(&streams, node) {
        if wanted.wants == Wants::Nothing {
            if wanted.is_steady {
                pause = PAUSE_FIRST;
            }
            // Woken when the stream ends.
            let _ = timeout(LOOK_EVERY, alone.notified()).await;
            if streams.me > node {
                sleep(COURTESY).await;
            }
            continue;
        }
        dial(&streams, &wanted).await;
        // Also after a stream came of it: one that ends at once must not be dialled over and over.
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MOST);
    }
}

struct Wanted {
    wants: Wants,
    /// The stream there is has lasted for a while.
    is_steady: bool,
    name: String,
    /// Best first.
    paths: Vec<Path>,
}

/// From here to there.
type Path = (Option<SocketAddr>, SocketAddr);

fn wanted(streams: &Streams, node: NodeId) -> Option<Wanted> {
    let state = streams.state();
    let peer = state.peers.get(&node)?;
    let ours = |index: usize| state.addresses.get(index).copied();
    let paths = peer.addresses.iter().enumerate();
    let now = clock::read().now;
    let stream = peer.stream.as_ref();
    let paths = paths.map(|(index, to)| (ours(index), *to)).collect();
    Some(Wanted {
        wants: peer.wants(),
        is_steady: stream.is_some_and(|stream| now.since(stream.since) >= STEADY),
        name: peer.name.clone(),
        paths: in_order(paths, stream.map(|stream| stream.facts.address.ip())),
    })
}

/// That of the stream there is last: it is dialled again only because that is silent, and a path that is cut takes long
/// to fail.
pub fn in_order(mut paths: Vec<Path>, there_is: Option<IpAddr>) -> Vec<Path> {
    paths.sort_by_key(|(_, to)| Some(to.ip()) == there_is);
    paths
}

/// What came of a path that somebody has answered on.
enum Came {
    Stream(Seated),
    /// There is one, and it stays.
    Another,
    /// Why is known by now.
    Refused,
}

async fn dial(streams: &Arc<Streams>, wanted: &Wanted) {
    for (from, to) in &wanted.paths {
        match over(streams, wanted, *from, *to).await {
            Ok(Came::Stream(seated)) => {
                let streams = Arc::clone(streams);
                tokio::spawn(async move { seated.stay(&streams).await });
                return;
            }
            Ok(Came::Another) => return,
            Ok(Came::Refused) => {} // somebody else may be at the next address
            Err(Fault::Broken(broken)) => {
                streams.counts.foreign.add(1);
                log::event("stream_foreign", &[("to", to), ("cause", &broken)]);
            }
            Err(Fault::Io(_) | Fault::TooLong) => {}
        }
    }
}

async fn over(
    streams: &Arc<Streams>,
    wanted: &Wanted,
    from: Option<SocketAddr>,
    to: SocketAddr,
) -> Result<Came, Fault> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let socket = timeout(CONNECT_TIMEOUT, connect(from, to)).await;
    let socket = socket.map_err(late)??;
    let greeted = timeout(HANDSHAKE_TIMEOUT, greet(streams, wanted, socket, to)).await;
    greeted.map_err(late)?
}

async fn connect(from: Option<SocketAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(to)?;
    if let Some(mut from) = from.filter(|from| from.is_ipv4() == to.is_ipv4()) {
        from.set_port(0);
        socket.bind(&from.into())?;
    }
    let stream = TcpSocket::from_std_stream(socket.into())
        .connect(to)
        .await?;
    let _ = stream.set_nodelay(true); // it works without, only later
    Ok(stream)
}

/// The dialling side of a beginning.
async fn greet(
    streams: &Arc<Streams>,
    wanted: &Wanted,
    socket: TcpStream,
    to: SocketAddr,
) -> Result<Came, Fault> {
    let node = NodeId::of(&wanted.name);
    let mut halves = Halves::dial(socket, &streams.key).await?;
    if wanted.wants == Wants::Another {
        // It has answered. If it, or this server, only stood still, the stream there is speaks again by now.
        sleep(RECOVERY).await;
        if self::wanted(streams, node).is_none_or(|wanted| wanted.wants == Wants::Nothing) {
            return Ok(Came::Another);
        }
    }
    let ours = Hello {
        replaces: wanted.wants == Wants::Another,
        wanted: Some(wanted.name.clone()),
        ..streams.hello.clone()
    };
    send(&mut halves, Kind::Hello, ours.encode()).await?;
    let frame = halves.reader.next(|| {}).await?;
    let theirs = match frame.kind {
        Kind::Farewell => {
            if frame.body.is_empty() {
                return Ok(Came::Another);
            }
            let sentence = String::from_utf8_lossy(&frame.body);
            streams.refuse(Some(node), &format!("{} says: {sentence}", wanted.name));
            return Ok(Came::Refused);
        }
        Kind::Hello => Hello::decode(&frame.body).map_err(|_| Fault::Broken(Broken::Foreign))?,
        _ => return Err(Fault::Broken(Broken::Foreign)),
    };
    let protocol = match meet(&ours, &theirs, Some(&wanted.name), true) {
        Ok(protocol) => protocol,
        Err(refused) => {
            let sentence = refused.to_string();
            streams.refuse(Some(node), &sentence);
            // So that it does not take the end for a crash.
            send(&mut halves, Kind::Farewell, sentence.into_bytes()).await?;
            return Ok(Came::Refused);
        }
    };
    let theirs = Hello {
        replaces: ours.replaces,
        ..theirs
    };
    let (stream, outgoing) = made(streams, &theirs, protocol, to, streams.me);
    stream.note_heard();
    // From here on it knows that this side stays.
    stream.begin(&Frame::plain(Kind::Alive, Vec::new()));
    if !streams.seat(&stream) {
        send(&mut halves, Kind::Farewell, Vec::new()).await?;
        return Ok(Came::Another);
    }
    Ok(Came::Stream(Seated {
        stream,
        halves,
        outgoing,
    }))
}
