//! Dialling: every server dials every other one over all paths, best first, until there is a stream.

use std::io;
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
use crate::control::domain::stream::frame::Kind;
use crate::control::domain::stream::hello::Hello;
use crate::control::domain::stream::hello::meet;
use crate::control::domain::stream::noise::Broken;
use crate::control::domain::stream::wire::Fault;
use crate::control::domain::stream::wire::Halves;
use crate::control::log;
use crate::pair::node::NodeId;

/// A path that takes no connection within this is not waited for while there are others.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// After nobody answered; doubled each time …
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// … up to this.
const PAUSE_MOST: Duration = Duration::from_secs(2);
/// The higher of two servers lets the lower one go first, so that both seldom dial at once.
const COURTESY: Duration = Duration::from_millis(150);
/// How often it is looked whether a stream is silent.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sees to it that there is a stream to `node`, for ever.
pub async fn keep(streams: Arc<Streams>, node: NodeId, alone: Arc<Notify>) {
    let mut pause = PAUSE_FIRST;
    if streams.me > node {
        sleep(COURTESY).await;
    }
    loop {
        let Some(wanted) = wanted(&streams, node) else {
            return;
        };
        if wanted.wants == Wants::Nothing {
            pause = PAUSE_FIRST;
            // Woken when the stream ends.
            let _ = timeout(LOOK_EVERY, alone.notified()).await;
            if streams.me > node {
                sleep(COURTESY).await;
            }
            continue;
        }
        if !dial(&streams, &wanted).await {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }
}

struct Wanted {
    wants: Wants,
    name: String,
    /// From here to there, best first.
    paths: Vec<(Option<SocketAddr>, SocketAddr)>,
}

fn wanted(streams: &Streams, node: NodeId) -> Option<Wanted> {
    let state = streams.state();
    let peer = state.peers.get(&node)?;
    let ours = |index: usize| state.addresses.get(index).copied();
    let paths = peer.addresses.iter().enumerate();
    Some(Wanted {
        wants: peer.wants(),
        name: peer.name.clone(),
        paths: paths
            .map(|(index, theirs)| (ours(index), *theirs))
            .collect(),
    })
}

/// `false`: on no path.
async fn dial(streams: &Arc<Streams>, wanted: &Wanted) -> bool {
    for (from, to) in &wanted.paths {
        match over(streams, wanted, *from, *to).await {
            Ok(Some(seated)) => {
                let streams = Arc::clone(streams);
                tokio::spawn(async move { seated.stay(&streams).await });
                return true;
            }
            Ok(None) => return false, // it was reached, and that is that
            Err(Fault::Broken(broken)) => {
                streams.counts.foreign.add(1);
                log::event("stream_foreign", &[("to", to), ("cause", &broken)]);
            }
            Err(Fault::Io(_) | Fault::TooLong) => {}
        }
    }
    false
}

/// `None`: it was reached, and no stream came of it.
async fn over(
    streams: &Arc<Streams>,
    wanted: &Wanted,
    from: Option<SocketAddr>,
    to: SocketAddr,
) -> Result<Option<Seated>, Fault> {
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
) -> Result<Option<Seated>, Fault> {
    let mut halves = Halves::dial(socket, &streams.key).await?;
    let ours = Hello {
        replaces: wanted.wants == Wants::Another,
        ..streams.hello.clone()
    };
    send(&mut halves, Kind::Hello, ours.encode()).await?;
    let frame = halves.reader.next(|| {}).await?;
    let node = Some(NodeId::of(&wanted.name));
    let theirs = match frame.kind {
        Kind::Farewell => {
            // With nothing to say: another stream stays.
            if !frame.body.is_empty() {
                let sentence = String::from_utf8_lossy(&frame.body);
                streams.refuse(node, &format!("{} says: {sentence}", wanted.name));
            }
            return Ok(None);
        }
        Kind::Hello => Hello::decode(&frame.body).map_err(|_| Fault::Broken(Broken::Foreign))?,
        _ => return Err(Fault::Broken(Broken::Foreign)),
    };
    let protocol = match meet(&ours, &theirs, Some(&wanted.name), true) {
        Ok(protocol) => protocol,
        Err(refused) => {
            streams.refuse(node, &refused.to_string());
            return Ok(None);
        }
    };
    let theirs = Hello {
        replaces: ours.replaces,
        ..theirs
    };
    let (stream, outgoing) = made(streams, &theirs, protocol, to, streams.me);
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
