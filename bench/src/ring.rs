//! The ring under generator, origin and relay: HALB's own. It is the leanest way to move bytes that this
//! project has, and whoever is measured meets the same one on the other end of the line.

use std::net::SocketAddr;

use halb::ring::inbox::Hub;
use halb::ring::kernel::KernelRing;
use halb::ring::kernel::RingSetup;
use halb::ring::port::Ring;
use halb::ring::port::Socket;

use crate::trouble::Trouble;
use crate::trouble::While;

/// A buffer for each of so many connections that talk at once; pages become resident as they are used.
const SMALL_BUFFERS: u32 = 48 * 1024;
/// For as many long bodies at once.
const LARGE_BUFFERS: u32 = 4096;

/// A ring for the calling thread.
pub fn open() -> Result<KernelRing, Trouble> {
    let hub = Hub::new(1).during("opening a doorbell")?;
    KernelRing::new(RingSetup {
        small_buffers: SMALL_BUFFERS,
        large_buffers: LARGE_BUFFERS,
        pipes: 0,
        socket_bytes: None,
        hub: hub.into(),
        index: 0,
    })
    .during("opening a ring")
}

/// A listener of this ring, and the address it really has.
pub fn listen(
    ring: &mut KernelRing,
    address: &SocketAddr,
) -> Result<(Socket, SocketAddr), Trouble> {
    let reserved = halb::ring::socket::probe_bind(address);
    let reserved = reserved.during(&format!("listening on {address}"))?;
    let listener = ring.listen(&reserved.address);
    let listener = listener.during(&format!("listening on {address}"))?;
    Ok((listener, reserved.address))
}
