//! One backend: its address, which it keeps, and the server behind it, which comes and goes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;

use crate::control::serve;
use crate::control::serve::Served;
use crate::daemon::demo::site;
use crate::daemon::demo::site::Identity;
use crate::model::output::OutputId;

/// Connections that may wait to be accepted; more than a benchmark against the demo opens at once.
const BACKLOG: i32 = 1024;

pub struct Backend {
    output: OutputId,
    address: SocketAddr,
    identity: Arc<Identity>,
    /// Bound and never listening: keeps the port ours while the backend is stopped, and the kernel refuses
    /// connections to it.
    _reserved: Socket,
    served: Mutex<Option<Served>>,
}

impl Backend {
    /// A backend that has an address and does not serve yet.
    pub fn new(output: OutputId) -> io::Result<Backend> {
        let reserved = bound(serve::ANY_PORT)?;
        let address = reserved.local_addr()?.as_socket();
        Ok(Backend {
            output,
            address: address.ok_or(io::ErrorKind::AddrNotAvailable)?,
            identity: Arc::new(Identity::new(output)),
            _reserved: reserved,
            served: Mutex::new(None),
        })
    }

    pub fn output(&self) -> OutputId {
        self.output
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn is_running(&self) -> bool {
        self.served().is_some()
    }

    /// Serves, if it does not yet.
    pub fn start(&self) -> io::Result<()> {
        let mut served = self.served();
        if served.is_none() {
            let socket = bound(self.address)?;
            socket.listen(BACKLOG)?;
            let name = format!("demo-{}", self.output);
            let router = site::router(Arc::clone(&self.identity));
            *served = Some(Served::start(&name, socket.into(), router)?);
        }
        Ok(())
    }

    /// Closes listener and connections, if it serves.
    pub fn stop(&self) {
        drop(self.served().take());
    }

    fn served(&self) -> MutexGuard<'_, Option<Served>> {
        // Whoever panicked left either a server or none; both are sound.
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream socket at `address`, which it may share with the one that reserves the port.
fn bound(address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
