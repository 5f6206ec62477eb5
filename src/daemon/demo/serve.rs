//! One web server on one thread, which can be closed at any moment with all its connections.

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::thread;
use std::thread::JoinHandle;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// The demo is for the machine it runs on; the kernel chooses a free port.
pub const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A running server. Dropping it closes its listener and its connections, and waits until that has happened.
pub struct Served {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves `router` on `listener`, on a thread called `name`.
    pub fn start(name: &str, listener: TcpListener, router: Router) -> io::Result<Served> {
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let listener = listener.tap_io(|stream| {
            // A client that is gone already needs no quick answer.
            let _ = stream.set_nodelay(true);
        });
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                runtime.spawn(async { axum::serve(listener, router).await });
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
