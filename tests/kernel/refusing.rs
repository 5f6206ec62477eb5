//! New connections are kept away from a listener while the service goes to another server; and who says that all was heard.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;

use caps::CapSet;
use halb::ring::port::Arrival;
use halb::ring::port::InFlight;
use halb::ring::port::Ring;
use halb::ring::port::Socket;
use halb::ring::socket;
use halb::ring::socket::Locality;
use nix::errno::Errno;
use socket2::Domain;
use socket2::Type;

use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::reset;
use crate::rig::rest;
use crate::rig::token;

/// A client that has begun to connect, and waits for nobody.
fn begin(address: SocketAddr) -> socket2::Socket {
    let domain = Domain::for_address(address);
    let client = socket2::Socket::new(domain, Type::STREAM, None).unwrap();
    client.set_nonblocking(true).unwrap();
    let begun = client.connect(&address.into()).unwrap_err();
    assert_eq!(begun.raw_os_error(), Some(Errno::EINPROGRESS as i32));
    client
}

/// Reads to the end of what the ring's end of a connection says.
fn echo(rig: &mut Rig, ours: Socket, client: &mut TcpStream) {
    client.write_all(b"x").unwrap();
    rig.pick(ours, Arrival::Now, 90);
    let done = rig.wait(90);
    assert_eq!(done.result, Ok(1));
    rig.home(done);
    let buffer = rig.filled(b"y");
    rig.ring.send(ours, buffer, 0..1, token(91));
    let done = rig.wait(91);
    rig.home(done);
    let mut byte = [0];
    client.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"y");
}

#[test]
fn a_listener_that_refuses_keeps_its_backlog_and_its_connections() {
    let mut rig = Rig::new();
    let (listener, address) = rig.listen();
    let mut early = TcpStream::connect(address).unwrap();
    let ours = rig.ring.accept_now(listener).unwrap();
    let waiting = TcpStream::connect(address).unwrap();
    rig.ring.refuse_new(listener, true);
    echo(&mut rig, ours, &mut early);
    let accepted = rig.ring.accept_now(listener).unwrap();
    assert_eq!(rig.ring.peer(accepted), waiting.local_addr().ok());
    let mut waiting = waiting;
    echo(&mut rig, accepted, &mut waiting);
    for socket in [ours, accepted, listener] {
        rig.ring.close(socket, InFlight::Nothing);
    }
    rig.submit();
    assert_eq!(rest(&early), b"");
    rig.finish();
}

/// A client whose first packet finds a listener that refuses, and the second one does not.
fn comes_in_by_its_own_retry(mut rig: Rig, address: &str) {
    let (listener, address) = rig.listen_at(address.parse().unwrap());
    rig.ring.accept(listener, token(1));
    rig.ring.refuse_new(listener, true);
    let client = begin(address);
    // Loopback delivers before `connect` returns: what was not dropped would be here.
    assert!(!rig.is_done(1), "its first packet passed");
    rig.ring.refuse_new(listener, false);
    let done = rig.wait(1);
    let ours = Socket(done.result.unwrap() as i32);
    let theirs = client.local_addr().unwrap().as_socket();
    assert_eq!(rig.ring.peer(ours), theirs);
    let mut client = TcpStream::from(client);
    client.set_nonblocking(false).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    echo(&mut rig, ours, &mut client);
    rig.ring.close(ours, InFlight::Nothing);
    rig.ring.close(listener, InFlight::Any);
    assert!(rig.wait(1).last);
    rig.finish();
}

#[test]
fn who_is_kept_away_comes_in_by_its_own_retry() {
    comes_in_by_its_own_retry(Rig::new(), "127.0.0.1:0");
}

/// Who may have no filter keeps first packets away as well; and who was half-way through the handshake comes in.
#[test]
fn nothing_of_it_needs_a_right() {
    nobody_may_filter_at("127.0.0.1:0");
}

#[test]
fn nor_does_it_with_ipv6() {
    nobody_may_filter_at("[::1]:0");
}

fn nobody_may_filter_at(address: &str) {
    let rig = Rig::new();
    caps::clear(None, CapSet::Effective).unwrap();
    comes_in_by_its_own_retry(rig, address);
}

#[test]
fn all_is_heard_when_the_end_is_acknowledged() {
    let mut rig = Rig::new();
    let (ours, mut theirs) = rig.pair();
    // More than the other end has room for, which does not read yet.
    let buffer = rig.fill_up(ours);
    rig.ring.stop_sending(ours);
    assert!(rig.ring.is_unheard(ours));
    let mut taken = [0; 65536];
    while theirs.read(&mut taken).unwrap() > 0 {}
    // It reads the end as soon as it has come, and its acknowledgement is a moment behind: the end of its own stream
    // carries it as well.
    theirs.shutdown(Shutdown::Write).unwrap();
    rig.pick(ours, Arrival::Now, 1);
    let done = rig.wait(1);
    assert_eq!(done.result, Ok(0));
    rig.home(done);
    assert!(!rig.ring.is_unheard(ours));
    rig.ring.give_back(buffer);
    rig.ring.close(ours, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_reset_ends_the_wait_for_what_was_not_heard() {
    let mut rig = Rig::new();
    let (ours, theirs) = rig.pair();
    let buffer = rig.fill_up(ours);
    rig.ring.give_back(buffer);
    rig.ring.stop_sending(ours);
    assert!(rig.ring.is_unheard(ours));
    reset(theirs);
    rig.pick(ours, Arrival::Now, 1);
    let done = rig.wait(1);
    rig.home(done);
    assert!(!rig.ring.is_unheard(ours));
    rig.ring.close(ours, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_virtual_address_is_listened_on_before_it_is_here() {
    for address in ["192.0.2.7:8080", "[2001:db8::7]:8080"] {
        let mut rig = Rig::new();
        let address: SocketAddr = address.parse().unwrap();
        let own = socket::probe_bind(&address).err();
        assert_eq!(own, Some(Errno::EADDRNOTAVAIL), "{address}");
        let held = socket::probe_bind_of(&address, Locality::Virtual).unwrap();
        assert_eq!(rig.ring.listen(&address), Err(Errno::EADDRNOTAVAIL));
        let listener = rig.ring.listen_virtual(&address).unwrap();
        assert_eq!(held.address, address);
        rig.ring.close(listener, InFlight::Nothing);
        rig.finish();
    }
}
