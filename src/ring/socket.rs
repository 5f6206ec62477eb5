//! Opening sockets: listeners, connections from their backlogs, and connections to outputs. Every option stands
//! beside its reason.
//!
//! Invariants the `unsafe` here rests on:
//! - S1: a descriptor that the kernel has just handed out belongs to nobody else.
//! - S2: the kernel writes no more than the length that it is given, into words that outlive the call.

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::socket::Backlog;
use nix::sys::socket::SockFlag;
use nix::sys::socket::accept4;
use nix::sys::socket::listen;
use socket2::Domain;
use socket2::Protocol;
use socket2::SockRef;
use socket2::Type;

/// Connections that wait in a listener's backlog. The kernel takes the lower of this and
/// `net.core.somaxconn`, which is 4096 since Linux 5.4; a burst beyond it waits for a SYN's retry.
pub const BACKLOG: i32 = 4096;

/// The congestion control for connections to outputs, which stand in the same data centre: where the
/// machine's default is `bbr`, every paced packet costs a timer that a local network does not need.
/// The first that is not refused; `reno` is built into every kernel and allowed to everybody, while a process
/// without CAP_NET_ADMIN may choose `cubic` only where `net.ipv4.tcp_allowed_congestion_control` has it.
const LOCAL_CONGESTION: [&str; 2] = ["cubic", "reno"];

/// Whose an address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Locality {
    /// This host's, always.
    Own,
    /// It comes and goes between the servers of a domain (`IP_FREEBIND`, ip(7)).
    Virtual,
}

impl Locality {
    /// That of an address which may be a virtual one.
    pub fn virtual_if(comes_and_goes: bool) -> Locality {
        match comes_and_goes {
            true => Locality::Virtual,
            false => Locality::Own,
        }
    }
}

/// An address that is held for this process: nobody of another user can listen on it, and the listeners
/// of this one can.
pub struct Reservation {
    /// The address, with the port the kernel chose where 0 was asked.
    pub address: SocketAddr,
    holder: OwnedFd,
}

impl Reservation {
    /// Listens there, for whoever accepts from one socket alone.
    pub fn listen(self) -> Result<TcpListener, Errno> {
        listen(
            &self.holder,
            Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN),
        )?;
        Ok(self.holder.into())
    }
}

/// Finds out honestly whether `address` can be listened on, and holds it. Two programs that both set
/// `SO_REUSEPORT` would share an address without noticing; so this binds without it first.
///
/// `EADDRINUSE`: another program listens there. `EADDRNOTAVAIL`: not an address of this host.
/// `EACCES`: a port below `net.ipv4.ip_unprivileged_port_start` without `CAP_NET_BIND_SERVICE`.
pub fn probe_bind(address: &SocketAddr) -> Result<Reservation, Errno> {
    probe_bind_of(address, Locality::Own)
}

/// The same for one that may come and go.
pub fn probe_bind_of(address: &SocketAddr, locality: Locality) -> Result<Reservation, Errno> {
    if address.port() != 0 {
        let alone = unbound(address, locality).map_err(errno)?;
        // Refused by any listener there, even by one that shares; it does not listen itself, so no client
        // can get lost in it.
        alone.bind(&(*address).into()).map_err(errno)?;
    }
    hold(address, locality)
}

/// The same beside `ours`, on which this process listens already. Where both are one port of one address, or of every
/// address, nobody can bind alone: who else listens there is only found out when they do not share it.
pub fn probe_bind_beside(
    address: &SocketAddr,
    locality: Locality,
    ours: &[SocketAddr],
) -> Result<Reservation, Errno> {
    let overlaps = |our: &SocketAddr| {
        let any = our.ip().is_unspecified() || address.ip().is_unspecified();
        let meets = our.port() == address.port() && our.is_ipv4() == address.is_ipv4();
        our == address || meets && any
    };
    if ours.iter().any(overlaps) {
        hold(address, locality)
    } else {
        probe_bind_of(address, locality)
    }
}

fn hold(address: &SocketAddr, locality: Locality) -> Result<Reservation, Errno> {
    let holder = shared(address, locality).map_err(errno)?;
    Ok(Reservation {
        address: local_address(holder.as_fd())?,
        holder: holder.into(),
    })
}

/// A listener of one worker. All workers listen on the same address; the kernel spreads connections.
pub fn listener(address: &SocketAddr) -> Result<OwnedFd, Errno> {
    listener_with(address, Locality::Own, None)
}

/// The same. What it accepts may have so many bytes waiting in each direction (tests/kernel.rs).
fn listener_with(
    address: &SocketAddr,
    locality: Locality,
    waiting_bytes: Option<usize>,
) -> Result<OwnedFd, Errno> {
    let socket = shared(address, locality).map_err(errno)?;
    // Before it listens: the window that a client is offered first depends on it.
    clamp(&socket, waiting_bytes).map_err(errno)?;
    socket.listen(BACKLOG).map_err(errno)?;
    Ok(socket.into())
}

/// The address a socket is bound to.
pub fn local_address(socket: BorrowedFd<'_>) -> Result<SocketAddr, Errno> {
    let address = SockRef::from(&socket).local_addr().map_err(errno)?;
    address.as_socket().ok_or(Errno::EAFNOSUPPORT)
}

/// A connection from a listener's backlog, and how many system calls that took.
pub(super) fn accept_now(listener: BorrowedFd<'_>) -> (Option<OwnedFd>, u64) {
    let mut calls = 0;
    loop {
        calls += 1;
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        match accept4(listener.as_raw_fd(), flags) {
            // SAFETY: S1.
            Ok(descriptor) => return (Some(unsafe { OwnedFd::from_raw_fd(descriptor) }), calls),
            // This one has gone, the next may be there (accept(2), "Error handling").
            Err(
                Errno::ECONNABORTED
                | Errno::EINTR
                | Errno::EPERM
                | Errno::EPROTO
                | Errno::ENETDOWN
                | Errno::ENOPROTOOPT
                | Errno::EHOSTDOWN
                | Errno::ENONET
                | Errno::EHOSTUNREACH
                | Errno::EOPNOTSUPP
                | Errno::ENETUNREACH,
            ) => {}
            // None is there, or there is no room for one.
            Err(Errno::EAGAIN | Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
                return (None, calls);
            }
            Err(errno) => panic!("accept refused a listener of ours: {errno}"),
        }
    }
}

/// Makes the close of a connection a reset (`SO_LINGER` with no time, socket(7)).
pub(super) fn reset_at_close(socket: BorrowedFd<'_>) {
    let set = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
    debug_assert!(set.is_ok(), "a socket of ours takes the option");
}

/// Whether a connection would take bytes now. Asked by a call of its own: an answer through the ring would come a turn
/// later.
pub(super) fn takes_more(socket: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::new(socket, PollFlags::POLLOUT)];
    poll(&mut asked, PollTimeout::ZERO) != Ok(0)
}

/// The address of the other end.
pub(super) fn peer(socket: BorrowedFd<'_>) -> Option<SocketAddr> {
    let address = SockRef::from(&socket).peer_addr().ok()?; // ENOTCONN: it has gone
    address.as_socket()
}

/// Whether the other end has still to acknowledge what was sent, the end of the stream included: only that, or a reset,
/// leads out of these states (RFC 9293 §3.3.2).
pub(super) fn is_unheard(socket: BorrowedFd<'_>) -> bool {
    // The kernel's numbers (include/net/tcp_states.h).
    const FIN_WAIT1: u8 = 4;
    const LAST_ACK: u8 = 9;
    const CLOSING: u8 = 11;
    let unheard = [FIN_WAIT1, LAST_ACK, CLOSING];
    tcp_state(socket).is_some_and(|state| unheard.contains(&state))
}

/// The first byte of `struct tcp_info`: the kernel gives as much of it as is asked for.
fn tcp_state(socket: BorrowedFd<'_>) -> Option<u8> {
    let mut state = 0_u8;
    let mut length: libc::socklen_t = 1;
    // SAFETY: S2.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut state).cast(),
            &raw mut length,
        )
    };
    (result == 0 && length == 1).then_some(state)
}

/// Whether the kernel paces what is sent to clients: with `bbr` a large stretch from a pipe leaves in many small
/// bursts, each with a timer. There copying is cheaper (docs/performance.md).
pub fn paces_clients() -> bool {
    default_congestion().is_some_and(|name| name.starts_with("bbr"))
}

/// The machine's congestion control, which connections of clients keep.
fn default_congestion() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").ok()?;
    Some(name.trim().to_owned())
}

/// What a ring needs to know to open sockets to outputs.
pub(super) struct Opener {
    /// Those of [`LOCAL_CONGESTION`] that were not refused yet; none when the default is one of them.
    congestion: &'static [&'static str],
    /// What may wait in a socket in each direction; `None`: as much as the kernel finds good.
    waiting_bytes: Option<usize>,
}

impl Opener {
    /// Looks once at the machine's default. `waiting_bytes` for every socket, of clients and to outputs.
    pub(super) fn new(waiting_bytes: Option<usize>) -> Opener {
        let unwanted =
            default_congestion().is_some_and(|name| !LOCAL_CONGESTION.contains(&name.as_str()));
        Opener {
            congestion: if unwanted { &LOCAL_CONGESTION } else { &[] },
            waiting_bytes,
        }
    }

    pub(super) fn listener(
        &self,
        address: &SocketAddr,
        locality: Locality,
    ) -> Result<OwnedFd, Errno> {
        listener_with(address, locality, self.waiting_bytes)
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
        let mut calls = 2;
        // Before it connects, as for a listener.
        match clamp(&socket, self.waiting_bytes) {
            Ok(more) => calls += more,
            Err(error) => return (Err(errno(error)), calls + 1),
        }
        while let [first, others @ ..] = self.congestion {
            calls += 1;
            if socket.set_tcp_congestion(first.as_bytes()).is_ok() {
                break;
            }
            // ENOENT: not loaded; EPERM: not allowed. Neither changes: it is not asked for again.
            self.congestion = others;
        }
        (Ok(socket.into()), calls)
    }
}

/// Lets so many bytes wait in a socket in each direction; how many calls that took. The kernel doubles the number, for
/// what it needs itself to hold them (socket(7)), and then leaves it alone: no window grows beyond.
fn clamp(socket: &socket2::Socket, waiting_bytes: Option<usize>) -> io::Result<u64> {
    let Some(bytes) = waiting_bytes else {
        return Ok(0);
    };
    socket.set_recv_buffer_size(bytes)?;
    socket.set_send_buffer_size(bytes)?;
    Ok(2)
}

/// Bytes towards a client that wait in the kernel for room in the client's window. Inherited like `TCP_NODELAY`.
const UNSENT_MOST: u32 = 128 * 1024;

/// Bound with `SO_REUSEPORT`, not yet listening.
fn shared(address: &SocketAddr, locality: Locality) -> io::Result<socket2::Socket> {
    let socket = unbound(address, locality)?;
    // One listener per worker, each with its own queue: no thundering herd, no shared lock.
    socket.set_reuse_port(true)?;
    // Inherited by what is accepted (tests/kernel.rs), which saves a call per connection.
    socket.set_tcp_nodelay(true)?;
    // Of what a client does not take, the kernel holds so much and no more; else up to `tcp_wmem`, 4 MB each.
    socket.set_tcp_notsent_lowat(UNSENT_MOST)?;
    socket.bind(&(*address).into())?;
    Ok(socket)
}

fn unbound(address: &SocketAddr, locality: Locality) -> io::Result<socket2::Socket> {
    let socket = stream(address)?;
    // Connections of an earlier run in TIME_WAIT must not keep the address.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]:80` beside `0.0.0.0:80` must not clash, and no address arrives disguised as IPv6.
        socket.set_only_v6(true)?;
    }
    if locality == Locality::Virtual {
        // Whoever stands by listens before it has the address, or those who come at once would be refused.
        match address {
            SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
            SocketAddr::V6(_) => socket.set_freebind_v6(true)?,
        }
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
    fn every_address_can_take_the_place_of_one_and_one_that_of_every() {
        let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
        let ours = probe_bind(&loopback()).unwrap();
        let _listens = listener(&ours.address).unwrap();
        let wider = any(ours.address.port());
        assert_eq!(probe_bind(&wider).err(), Some(Errno::EADDRINUSE));
        let beside = probe_bind_beside(&wider, Locality::Own, &[any(1), ours.address]).unwrap();
        let ours = beside.listen().unwrap().local_addr().unwrap();
        assert_eq!(ours, wider);
        let other = std::net::TcpListener::bind(loopback()).unwrap();
        let taken = other.local_addr().unwrap();
        let beside = probe_bind_beside(&taken, Locality::Own, &[any(taken.port())]);
        assert_eq!(
            beside.err(),
            Some(Errno::EADDRINUSE),
            "somebody who does not share it"
        );
    }

    #[test]
    fn an_address_of_another_host_is_an_error() {
        let foreign = SocketAddr::from(([192, 0, 2, 1], 8080));
        assert_eq!(probe_bind(&foreign).err(), Some(Errno::EADDRNOTAVAIL));
    }

    #[test]
    fn a_socket_towards_an_output_has_no_delay_and_does_not_block() {
        let mut opener = Opener::new(None);
        let (socket, calls) = opener.open(&loopback());
        let socket = socket2::Socket::from(socket.unwrap());
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.nonblocking().unwrap());
        assert!((2..=4).contains(&calls));
    }

    #[test]
    fn little_waits_in_a_socket_that_was_told_so() {
        let mut opener = Opener {
            congestion: &[],
            waiting_bytes: Some(30_000),
        };
        let (socket, calls) = opener.open(&loopback());
        let socket = socket2::Socket::from(socket.unwrap());
        assert_eq!(calls, 4);
        assert_eq!(socket.recv_buffer_size().unwrap(), 60_000);
        assert_eq!(socket.send_buffer_size().unwrap(), 60_000);
    }

    #[test]
    fn a_congestion_control_that_is_refused_is_asked_for_once() {
        let mut opener = Opener {
            congestion: &["no such one", "reno"],
            waiting_bytes: None,
        };
        for expected in [4, 3] {
            let (socket, calls) = opener.open(&loopback());
            assert_eq!(calls, expected);
            let name = socket2::Socket::from(socket.unwrap()).tcp_congestion();
            assert!(name.unwrap().starts_with(b"reno"));
        }
        let mut content = Opener {
            congestion: &[],
            waiting_bytes: None,
        };
        assert_eq!(content.open(&loopback()).1, 2);
    }
}
