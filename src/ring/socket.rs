//! Opening sockets: listeners, and connections to outputs. Every option stands beside its reason.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use socket2::Domain;
use socket2::Protocol;
use socket2::SockRef;
use socket2::Type;

/// Connections that wait in a listener's backlog. The kernel takes the lower of this and
/// `net.core.somaxconn`, which is 4096 since Linux 5.4; a burst beyond it waits for a SYN's retry.
pub const BACKLOG: i32 = 4096;

/// The congestion control for connections to outputs, which stand in the same data centre: where the
/// machine's default is `bbr`, every paced packet costs a timer that a local network does not need.
const LOCAL_CONGESTION: &str = "cubic";

/// An address that is held for this process: nobody of another user can listen on it, and the listeners
/// of this one can.
pub struct Reservation {
    /// The address, with the port the kernel chose where 0 was asked.
    pub address: SocketAddr,
    _holder: OwnedFd,
}

/// Finds out honestly whether `address` can be listened on, and holds it. Two programs that both set
/// `SO_REUSEPORT` would share an address without noticing; so this binds without it first.
///
/// `EADDRINUSE`: another program listens there. `EADDRNOTAVAIL`: not an address of this host.
/// `EACCES`: a port below `net.ipv4.ip_unprivileged_port_start` without `CAP_NET_BIND_SERVICE`.
pub fn probe_bind(address: &SocketAddr) -> Result<Reservation, Errno> {
    if address.port() != 0 {
        let alone = unbound(address).map_err(errno)?;
        // Refused by any listener there, even by one that shares; it does not listen itself, so no client
        // can get lost in it.
        alone.bind(&(*address).into()).map_err(errno)?;
    }
    let holder = shared(address).map_err(errno)?;
    let bound = local_address(holder.as_fd())?;
    Ok(Reservation {
        address: bound,
        _holder: holder.into(),
    })
}

/// A listener of one worker. All workers listen on the same address; the kernel spreads connections.
pub fn listener(address: &SocketAddr) -> Result<OwnedFd, Errno> {
    let socket = shared(address).map_err(errno)?;
    socket.listen(BACKLOG).map_err(errno)?;
    Ok(socket.into())
}

/// The address a socket is bound to.
pub fn local_address(socket: BorrowedFd<'_>) -> Result<SocketAddr, Errno> {
    let address = SockRef::from(&socket).local_addr().map_err(errno)?;
    address.as_socket().ok_or(Errno::EAFNOSUPPORT)
}

/// What a ring needs to know to open sockets to outputs.
pub(super) struct Opener {
    /// Whether choosing [`LOCAL_CONGESTION`] is worth a call: it is not the default and was not refused.
    choose_congestion: bool,
}

impl Opener {
    /// Looks once at the machine's default.
    pub(super) fn new() -> Opener {
        let default = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
        Opener {
            choose_congestion: default.is_ok_and(|name| name.trim() != LOCAL_CONGESTION),
        }
    }

    /// A stream socket towards `to`, and how many system calls that took.
    pub(super) fn open(&mut self, to: &SocketAddr) -> (Result<OwnedFd, Errno>, u64) {
        let socket = match stream(to) {
            Ok(socket) => socket,
            Err(error) => return (Err(errno(error)), 1),
        };
        // Small writes must not wait for acknowledgements: HALB writes whole messages.
        if let Err(error) = socket.set_tcp_nodelay(true) {
            return (Err(errno(error)), 2);
        }
        if !self.choose_congestion {
            return (Ok(socket.into()), 2);
        }
        // Refused (ENOENT: not loaded; EPERM: not allowed): the default serves too; do not ask again.
        self.choose_congestion = socket
            .set_tcp_congestion(LOCAL_CONGESTION.as_bytes())
            .is_ok();
        (Ok(socket.into()), 3)
    }
}

/// Bound with `SO_REUSEPORT`, not yet listening.
fn shared(address: &SocketAddr) -> io::Result<socket2::Socket> {
    let socket = unbound(address)?;
    // One listener per worker, each with its own queue: no thundering herd, no shared lock.
    socket.set_reuse_port(true)?;
    // Inherited by what is accepted (tests/kernel.rs), which saves a call per connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&(*address).into())?;
    Ok(socket)
}

fn unbound(address: &SocketAddr) -> io::Result<socket2::Socket> {
    let socket = stream(address)?;
    // Connections of an earlier run in TIME_WAIT must not keep the address.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]:80` beside `0.0.0.0:80` must not clash, and no address arrives disguised as IPv6.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Non-blocking (calls outside the ring must never wait) and close-on-exec (nothing leaks to a child).
fn stream(address: &SocketAddr) -> io::Result<socket2::Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    socket2::Socket::new_raw(Domain::for_address(*address), kind, Some(Protocol::TCP))
}

/// Every failing system call has a number; `EIO` stands for a library error that has none.
fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn a_reserved_address_can_be_listened_on_many_times() {
        let reserved = probe_bind(&loopback()).unwrap();
        let first = listener(&reserved.address).unwrap();
        let second = listener(&reserved.address).unwrap();
        assert_eq!(local_address(first.as_fd()), Ok(reserved.address));
        assert_eq!(local_address(second.as_fd()), Ok(reserved.address));
    }

    #[test]
    fn an_address_another_program_listens_on_is_an_honest_error() {
        let other = std::net::TcpListener::bind(loopback()).unwrap();
        let address = other.local_addr().unwrap();
        assert_eq!(probe_bind(&address).err(), Some(Errno::EADDRINUSE));
        let sharing = listener(&loopback()).unwrap();
        let address = local_address(sharing.as_fd()).unwrap();
        assert_eq!(probe_bind(&address).err(), Some(Errno::EADDRINUSE));
    }

    #[test]
    fn an_address_of_another_host_is_an_error() {
        let foreign = SocketAddr::from(([192, 0, 2, 1], 8080));
        assert_eq!(probe_bind(&foreign).err(), Some(Errno::EADDRNOTAVAIL));
    }

    #[test]
    fn a_socket_towards_an_output_has_no_delay_and_does_not_block() {
        let mut opener = Opener::new();
        let (socket, calls) = opener.open(&loopback());
        let socket = socket2::Socket::from(socket.unwrap());
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.nonblocking().unwrap());
        assert!((2..=3).contains(&calls));
        let known = "/proc/sys/net/ipv4/tcp_available_congestion_control";
        if std::fs::read_to_string(known)
            .unwrap()
            .contains(LOCAL_CONGESTION)
        {
            let name = socket.tcp_congestion().unwrap();
            assert!(name.starts_with(LOCAL_CONGESTION.as_bytes()), "{name:?}");
        }
    }
}
