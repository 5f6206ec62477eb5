//! Web servers on a thread of their own, which can be closed at any moment with all their connections.
//!
//! One thread, one runtime: whatever it waits for, the data plane does not notice.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::thread;
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use axum::serve::Listener;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// For this machine alone; the kernel chooses a free port.
pub const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running server. Dropping it closes its listener and its connections, and waits until that has happened.
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

impl Served {
    /// Serves `router` on `listener`, on a thread called `name`.
    pub fn start(name: &str, listener: TcpListener, router: Router) -> io::Result<Served> {
        Served::start_with(name, listener, router, async {})
    }

    /// The same, and does `besides` on the same thread. What of it has been given to the pool of blocking tasks
    /// is over when the server is dropped.
    pub fn start_with(
        name: &str,
        listener: TcpListener,
        router: Router,
        besides: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Served> {
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let door = {
            let _inside = runtime.enter();
            Door(tokio::net::TcpListener::from_std(listener)?)
        };
        let service = router.into_make_service_with_connect_info::<Ends>();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                runtime.spawn(async { axum::serve(door, service).await });
                runtime.spawn(besides);
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

/// A listener that knows both ends of what it accepts.
struct Door(tokio::net::TcpListener);

impl Listener for Door {
    type Io = TcpStream;
    type Addr = Ends;

    async fn accept(&mut self) -> (TcpStream, Ends) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.0).await;
            // A client that is gone already needs neither a quick answer nor any.
            let _ = stream.set_nodelay(true);
            if let Ok(local) = stream.local_addr() {
                return (stream, Ends { peer, local });
            }
        }
    }

    fn local_addr(&self) -> io::Result<Ends> {
        let local = self.0.local_addr()?;
        Ok(Ends { peer: local, local })
    }
}

impl Connected<IncomingStream<'_, Door>> for Ends {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Ends {
        *stream.remote_addr()
    }
}
