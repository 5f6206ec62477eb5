//! Keeping new connections away from a listener without touching anybody else.

use std::os::fd::BorrowedFd;

use nix::libc;
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

/// Lets nobody begin to connect to a listener any more, or again.
pub(super) fn refuse_new(listener: BorrowedFd<'_>, refuse: bool) {
    let listener = SockRef::from(&listener);
    // No memory for it, or none is there to take away: then everybody comes in as before.
    let _ = match refuse {
        true => listener.attach_filter(&NOTHING_NEW),
        false => listener.detach_filter(),
    };
}
