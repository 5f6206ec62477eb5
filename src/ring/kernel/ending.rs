//! How what is in flight on a socket is ended.

use io_uring::opcode;
use io_uring::squeue;
use io_uring::types::CancelBuilder;
use io_uring::types::Fd;

use super::reap;
use super::reap::Holding;
use crate::ring::port::InFlight;
use crate::ring::port::Socket;

/// The entry that ends it; none when there is nothing.
pub(super) fn of(socket: Socket, in_flight: InFlight) -> Option<squeue::Entry> {
    match in_flight {
        InFlight::Nothing => None,
        InFlight::Pick(token) => {
            let name = reap::pack(token, Holding::Pick);
            Some(opcode::AsyncCancel::new(name).build())
        }
        InFlight::Any => Some(all(socket)),
    }
}

/// Whatever it is. The kernel looks at everything that waits on the ring for it.
pub(super) fn all(socket: Socket) -> squeue::Entry {
    opcode::AsyncCancel2::new(CancelBuilder::fd(Fd(socket.0)).all()).build()
}
