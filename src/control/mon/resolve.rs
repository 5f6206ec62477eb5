//! The addresses of a name. Asking for them may take as long as a name server likes, so a thread of its own does it.

use std::io;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;
use std::thread;

use tokio::sync::oneshot;

use crate::model::address::HostPort;

/// At least one.
pub async fn resolve(to: &HostPort) -> io::Result<Vec<SocketAddr>> {
    if let Some(address) = to.socket() {
        return Ok(vec![address]);
    }
    let name = to.to_string();
    let (answer, answered) = oneshot::channel();
    // Nobody joins it: the end of the program does not wait for a name server.
    thread::Builder::new()
        .name("halb-names".to_owned())
        .spawn(move || {
            let found = name.to_socket_addrs().map(Vec::from_iter);
            // Whoever asked may have been told to stop.
            let _ = answer.send(found);
        })?;
    let found = answered.await.map_err(io::Error::other)??;
    if found.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
    }
    Ok(found)
}
