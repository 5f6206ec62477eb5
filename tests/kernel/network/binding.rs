//! Listeners on addresses that come and go, and their connections.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;

use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use super::VIRTUAL;
use super::VIRTUAL6;
use super::host::Host;
use crate::rig::PATIENCE;

const PORT: u16 = 8080;

/// Listens in `host`, also where the address is not.
fn listen(host: &Host, address: &'static str, free: bool) -> std::io::Result<TcpListener> {
    host.run(move || {
        let address = SocketAddr::new(address.parse().unwrap(), PORT);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        match address {
            SocketAddr::V4(_) => socket.set_freebind_v4(free)?,
            SocketAddr::V6(_) => socket.set_freebind_v6(free)?,
        }
        socket.bind(&address.into())?;
        socket.listen(8)?;
        Ok(socket.into())
    })
}

fn connect(host: &Host, address: &'static str) -> TcpStream {
    host.run(move || {
        let address = SocketAddr::new(address.parse().unwrap(), PORT);
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    })
}

/// A byte from one end to the other.
fn pass(from: &mut TcpStream, to: &mut TcpStream, byte: u8) {
    from.write_all(&[byte]).unwrap();
    arrives(to, byte);
}

fn arrives(to: &mut TcpStream, byte: u8) {
    let mut bytes = [0];
    to.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, [byte]);
}

/// Returns when a packet to the host's own address has come the same way as all before it.
fn follow(from: &Host, to: &Host) {
    let last = to.run(|| UdpSocket::bind("10.0.0.1:0")).unwrap();
    let address = last.local_addr().unwrap();
    from.run(move || {
        UdpSocket::bind("10.0.0.2:0").and_then(|socket| socket.send_to(b"x", address))
    })
    .unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    last.recv(&mut [0]).unwrap();
}

#[test]
fn a_listener_may_be_there_before_its_address() {
    for (address, length) in [(VIRTUAL, 32), (VIRTUAL6, 128)] {
        let (host, other) = Host::pair();
        let add = format!("addr add {address}/{length} dev eth0 nodad");
        let remove = format!("addr del {address}/{length} dev eth0");
        assert!(listen(&host, address, false).is_err(), "it is not there");
        let listener = listen(&host, address, true).unwrap();
        // Each time that it comes.
        for _ in 0..2 {
            host.ip(&add);
            let mut client = connect(&other, address);
            let (mut served, _) = listener.accept().unwrap();
            pass(&mut client, &mut served, 1);
            pass(&mut served, &mut client, 2);
            host.ip(&remove);
        }
    }
}

#[test]
fn connections_outlive_their_address() {
    for (address, length) in [(VIRTUAL, 32), (VIRTUAL6, 128)] {
        let (host, other) = Host::pair();
        host.ip(&format!("addr add {address}/{length} dev eth0 nodad"));
        let listener = listen(&host, address, true).unwrap();
        let mut client = connect(&other, address);
        let (mut served, _) = listener.accept().unwrap();
        pass(&mut client, &mut served, 1);
        host.ip(&format!("addr del {address}/{length} dev eth0"));
        client.write_all(&[2]).unwrap();
        served.write_all(&[3]).unwrap();
        follow(&other, &host);
        // Neither end is told. (IPv4: what the host sends does not leave either. IPv6: it does, by the route it had.)
        for end in [&client, &served] {
            assert_eq!(end.take_error().unwrap().map(|error| error.kind()), None);
        }
        served.set_nonblocking(true).unwrap();
        let arrived = served.peek(&mut [0]).map_err(|error| error.kind());
        assert_eq!(arrived, Err(ErrorKind::WouldBlock));
        served.set_nonblocking(false).unwrap();
        // And what was sent arrives by TCP's own retries once the address is back.
        host.ip(&format!("addr add {address}/{length} dev eth0 nodad"));
        arrives(&mut served, 2);
        arrives(&mut client, 3);
    }
}
