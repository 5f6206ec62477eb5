//! Web servers on a thread of their own, which can be closed at any moment with all their connections.
//!
//! One thread, one runtime: whatever it waits for, the data plane does not notice.

use std::future::Future;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::ring::socket::Locality;
use crate::ring::socket::Reservation;
use crate::ring::socket::probe_bind_beside;
use crate::ring::thread::give_way;

/// For this machine alone; the kernel chooses a free port.
pub const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Connections that one terminal serves at a time. More wait in the kernel: whoever floods a terminal takes from
/// those who use it, not from the data plane.
const CONNECTIONS_MOST: usize = 256;
/// A request's head has to come within this, also the next one on a kept connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Who does not read what it has asked for is cut off after this.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(20);
/// What is kept of an answer that is not read, or of a head that is not whole. A stream of events that nobody reads
/// stops here.
const BUFFER_BYTES: usize = 64 << 10;
/// After accepting failed (no descriptors, no memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A thread with a runtime. Dropping it closes every socket there, and waits until that has happened.
pub struct Served {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The two ends of a connection; a handler asks for `ConnectInfo<Ends>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    pub peer: SocketAddr,
    pub local: SocketAddr,
}

/// Where the next listener of a terminal is put in. The one before it closes; its connections go on.
pub type Door = UnboundedSender<TcpListener>;

impl Served {
    /// Serves `router` on `listener`, on a thread called `name`.
    pub fn start(name: &str, listener: TcpListener, router: Router) -> io::Result<Served> {
        let (door, listeners) = door();
        // The receiver is held until the thread has it.
        let _ = door.send(listener);
        Served::run(name, async move {
            let _stays_open = door;
            serve(listeners, router).await;
        })
    }

    /// Does `work` on a thread called `name`. What of it has been given to the pool of blocking tasks is over when
    /// this is dropped.
    pub fn run(name: &str, work: impl Future<Output = ()> + Send + 'static) -> io::Result<Served> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                give_way();
                runtime.spawn(work);
                // Ends when the sender sends or is dropped: both mean stop. What the runtime still runs, and with
                // it every socket, goes when the runtime is dropped.
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Served {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has closed its sockets as well.
            let _ = thread.join();
        }
    }
}

/// Listens for a terminal. `ours`: where it listens until now.
pub fn listen(address: SocketAddr, ours: &[SocketAddr]) -> io::Result<TcpListener> {
    let reserved = probe_bind_beside(&address, Locality::Own, ours).and_then(Reservation::listen);
    reserved.map_err(io::Error::from)
}

/// A door and what comes through it.
pub fn door() -> (Door, UnboundedReceiver<TcpListener>) {
    unbounded_channel()
}

/// Serves `router` on the newest of `listeners`, until it is dropped.
pub async fn serve(mut listeners: UnboundedReceiver<TcpListener>, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MOST));
    let mut connections = JoinSet::new();
    let mut listener = None;
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async {
            match &listener {
                Some(listener) => {
                    // The semaphore is never closed.
                    let place = place.await.ok();
                    (accept(listener).await, place)
                }
                None => pending().await,
            }
        };
        tokio::select! {
            next = listeners.recv() => match next {
                Some(next) => listener = usable(next),
                None => return,
            },
            (accepted, place) = accepted => {
                if let Some((stream, ends)) = accepted {
                    let router = router.clone();
                    connections.spawn(async move {
                        serve_connection(stream, ends, router).await;
                        drop(place);
                    });
                }
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

fn usable(listener: TcpListener) -> Option<tokio::net::TcpListener> {
    listener.set_nonblocking(true).ok()?;
    tokio::net::TcpListener::from_std(listener).ok()
}

/// `None`: it was for nothing, or there is no room; the connection stays in the kernel then.
async fn accept(listener: &tokio::net::TcpListener) -> Option<(TcpStream, Ends)> {
    let Ok((stream, peer)) = listener.accept().await else {
        sleep(ACCEPT_PAUSE).await;
        return None;
    };
    let local = stream.local_addr().ok()?;
    let socket = SockRef::from(&stream);
    // A client that is gone already needs neither a quick answer nor any.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_user_timeout(Some(UNREAD_TIMEOUT));
    Some((stream, Ends { peer, local }))
}

async fn serve_connection(stream: TcpStream, ends: Ends, router: Router) {
    let service = TowerToHyperService::new(router.layer(Extension(ConnectInfo(ends))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // How it ended is the client's business.
    let _ = connection.await;
}
