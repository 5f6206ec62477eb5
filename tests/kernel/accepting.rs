//! Listeners and what comes out of them.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;

use halb::ring::inbox::Hub;
use halb::ring::kernel::KernelRing;
use halb::ring::kernel::RingError;
use halb::ring::kernel::RingSetup;
use halb::ring::port::InFlight;
use halb::ring::port::Ring;
use halb::ring::port::Socket;
use halb::ring::socket;
use nix::errno::Errno;
use nix::libc;
use socket2::SockRef;

use crate::rig::Rig;
use crate::rig::alone;
use crate::rig::loopback;
use crate::rig::rest;
use crate::rig::token;

/// The flags of a descriptor of this thread's table.
fn flags(socket: Socket) -> i32 {
    let path = format!("/proc/thread-self/fdinfo/{}", socket.0);
    let text = std::fs::read_to_string(path).unwrap();
    let octal = text.lines().find_map(|line| line.strip_prefix("flags:"));
    i32::from_str_radix(octal.unwrap().trim(), 8).unwrap()
}

#[test]
fn one_accept_gives_every_connection_until_it_is_cancelled() {
    let mut rig = Rig::new();
    let (listener, address) = rig.listen();
    rig.ring.accept(listener, token(1));
    for _ in 0..3 {
        let client = TcpStream::connect(address).unwrap();
        let done = rig.wait(1);
        assert!(!done.last);
        let socket = Socket(done.result.unwrap() as i32);
        assert_eq!(rig.ring.peer(socket), client.local_addr().ok());
        let wanted = libc::O_NONBLOCK | libc::O_CLOEXEC;
        assert_eq!(flags(socket) & wanted, wanted);
        rig.ring.close(socket, InFlight::Nothing);
        rig.submit();
        assert_eq!(rest(&client), b"");
    }
    assert_eq!(rig.ring.counts().accepts, 1);
    rig.ring.cancel(listener);
    let done = rig.wait(1);
    assert!(done.last);
    assert_eq!(done.result, Err(Errno::ECANCELED));
    rig.ring.close(listener, InFlight::Nothing);
    rig.finish();
}

#[test]
fn what_is_accepted_inherits_no_delay_and_how_much_may_wait_unsent() {
    alone();
    let reserved = socket::probe_bind(&loopback()).unwrap();
    let listener = TcpListener::from(socket::listener(&reserved.address).unwrap());
    listener.set_nonblocking(false).unwrap();
    let _client = TcpStream::connect(reserved.address).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    assert!(accepted.nodelay().unwrap());
    // A client that takes nothing: the kernel takes what its window has room for, that much, and no more.
    accepted.set_nonblocking(true).unwrap();
    let mut taken = 0;
    while let Ok(count) = (&accepted).write(&[0; 65536]) {
        taken += count;
    }
    assert!(taken < 1 << 20, "{taken} bytes wait in the kernel");
}

#[test]
fn what_is_accepted_inherits_how_much_may_wait_and_keeps_it() {
    let mut rig = Rig::clamped(20_000);
    let (listener, address) = rig.listen();
    rig.ring.accept(listener, token(1));
    let mut client = TcpStream::connect(address).unwrap();
    let socket = Socket(rig.wait(1).result.unwrap() as i32);
    // Nothing is received, and the client says all that the kernel takes: a window of its own accord would grow to MBs.
    client.set_nonblocking(true).unwrap();
    SockRef::from(&client).set_send_buffer_size(4096).unwrap();
    let mut taken = 0;
    while let Ok(count) = client.write(&[0; 4096]) {
        taken += count;
    }
    assert!(
        (1..=60_000).contains(&taken),
        "{taken} bytes wait in the kernel"
    );
    rig.ring.cancel(listener);
    assert!(rig.wait(1).last);
    rig.ring.close(socket, InFlight::Nothing);
    rig.ring.close(listener, InFlight::Nothing);
    rig.finish();
}

#[test]
fn listeners_of_one_address_share_its_connections() {
    let mut rig = Rig::new();
    let (one, address) = rig.listen();
    let two = rig.ring.listen(&address).unwrap();
    rig.ring.accept(one, token(1));
    rig.ring.accept(two, token(2));
    rig.submit();
    // By a hash of both addresses: that all 64 meet one listener has a chance of two in 2^64.
    let clients: Vec<_> = (0..64)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut counts = [0, 0];
    for _ in &clients {
        let slot = if rig.is_done(1) { 1 } else { 2 };
        let done = rig.wait(slot);
        counts[slot as usize - 1] += 1;
        rig.ring
            .close(Socket(done.result.unwrap() as i32), InFlight::Nothing);
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    rig.ring.close(one, InFlight::Any);
    rig.ring.close(two, InFlight::Any);
    assert!(rig.wait(1).last && rig.wait(2).last);
    rig.finish();
}

#[test]
fn a_full_table_ends_accepting_and_loses_nobody() {
    let mut rig = Rig::new();
    let (listener, address) = rig.listen();
    let clients = [
        TcpStream::connect(address).unwrap(),
        TcpStream::connect(address).unwrap(),
    ];
    let mut filling = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        filling.push(file);
    }
    rig.ring.accept(listener, token(1));
    let done = rig.wait(1);
    assert_eq!((done.result, done.last), (Err(Errno::EMFILE), true));
    filling.clear();
    rig.ring.accept(listener, token(2));
    for _ in &clients {
        let done = rig.wait(2);
        assert!(!done.last);
        rig.ring
            .close(Socket(done.result.unwrap() as i32), InFlight::Nothing);
    }
    rig.submit();
    for client in &clients {
        assert_eq!(rest(client), b"", "accepted and closed, not dropped");
    }
    rig.ring.close(listener, InFlight::Any);
    assert!(rig.wait(2).last);
    rig.finish();
}

#[test]
fn a_backlog_can_be_emptied_without_waiting() {
    let mut rig = Rig::new();
    let (listener, address) = rig.listen();
    let clients = [
        TcpStream::connect(address).unwrap(),
        TcpStream::connect(address).unwrap(),
    ];
    for client in &clients {
        let socket = rig.ring.accept_now(listener).unwrap();
        assert_eq!(rig.ring.peer(socket), client.local_addr().ok());
        let wanted = libc::O_NONBLOCK | libc::O_CLOEXEC;
        assert_eq!(flags(socket) & wanted, wanted);
        rig.ring.close(socket, InFlight::Nothing);
    }
    assert_eq!(rig.ring.accept_now(listener), None);
    rig.ring.close(listener, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_closed_listener_refuses() {
    let mut rig = Rig::new();
    let (listener, address) = rig.listen();
    rig.ring.accept(listener, token(1));
    rig.submit();
    rig.ring.close(listener, InFlight::Any);
    assert_eq!(rig.wait(1).result, Err(Errno::ECANCELED));
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::ECONNREFUSED));
    rig.finish();
}

#[test]
fn both_families_can_have_the_same_port() {
    alone();
    let four = socket::probe_bind(&SocketAddr::from(([0, 0, 0, 0], 0))).unwrap();
    let six = SocketAddr::from(([0u16; 8], four.address.port()));
    let _four = socket::listener(&four.address).unwrap();
    match socket::listener(&six) {
        Ok(listener) => drop(listener),
        // A kernel without IPv6 has nothing to clash with.
        Err(errno) => assert_eq!(errno, Errno::EAFNOSUPPORT),
    }
}

#[test]
fn a_full_table_is_no_ring_and_the_error_says_so() {
    alone();
    let hub = Arc::new(Hub::new(1).unwrap());
    let mut filling = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        filling.push(file);
    }
    let setup = RingSetup {
        small_buffers: 2,
        large_buffers: 1,
        pipes: 1,
        socket_bytes: None,
        hub,
        index: 0,
    };
    let error = KernelRing::new(setup).err();
    assert_eq!(error, Some(RingError::Descriptors));
}
