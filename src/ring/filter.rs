//! Keeping new connections away from a listener without touching anybody else.
//!
//! Invariants the `unsafe` here rests on:
//! - F1: the kernel reads no more than the length that it is given, from a word that outlives the call.

use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;

use nix::libc;
use socket2::Domain;
use socket2::SockFilter;
use socket2::SockRef;

/// Where the flags are in a TCP header (RFC 9293 §3.1).
const FLAGS_AT: u32 = 13;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;
/// Longer than any packet: it passes as it is.
const WHOLE: u32 = 0x0004_0000;

/// Drops the packet that begins a connection (SYN without ACK), and nothing else. The kernel shows a TCP socket's filter
/// the header first (Linux, `tcp_filter`). What is accepted inherits it (`sk_clone_lock`), which changes nothing: such a
/// packet has no meaning on a connection.
const NOTHING_NEW: [SockFilter; 5] = [
    SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_AT),
    SockFilter::new(AND, 0, 0, SYN | ACK),
    SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
    SockFilter::new(RETURN, 0, 0, 0),
    SockFilter::new(RETURN, 0, 0, WHOLE),
];

const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// The most hops that a packet can have left. Nobody's first packet has as many, but of machines on the same network that
/// begin with the most there are: those come in.
const MOST_HOPS: libc::c_int = 255;

/// Lets nobody begin to connect to a listener any more, or again. Also takes off a connection what it inherited of that.
pub(super) fn refuse_new(socket: BorrowedFd<'_>, refuse: bool) {
    let filtered = SockRef::from(&socket);
    if !refuse {
        // ENOENT: it has none.
        let _ = filtered.detach_filter();
        ask_for_hops(socket, 0);
    } else if filtered.attach_filter(&NOTHING_NEW).is_err() {
        // EPERM: a process without CAP_BPF may have none where `kernel.unprivileged_bpf_disabled` is set (seen on Linux
        // 6.18). Packets that come from too far are dropped as silently, and not those that end a handshake
        // (`tcp_v4_rcv` looks at connections and listeners only). But connections inherit it and lose their packets.
        ask_for_hops(socket, MOST_HOPS);
    }
}

/// What arrives with fewer hops left is dropped (`IP_MINTTL`, Linux 2.6.34; `IPV6_MINHOPCOUNT`, 2.6.35).
fn ask_for_hops(socket: BorrowedFd<'_>, least: libc::c_int) {
    let is_v4 = SockRef::from(&socket)
        .domain()
        .is_ok_and(|domain| domain == Domain::IPV4);
    let (level, name) = match is_v4 {
        true => (libc::IPPROTO_IP, libc::IP_MINTTL),
        false => (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT),
    };
    // SAFETY: F1.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const least).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    debug_assert_eq!(result, 0, "a TCP socket takes the option");
}
