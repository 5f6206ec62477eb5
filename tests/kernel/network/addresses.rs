//! Addresses with a lifetime, and what they do to others.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::net::TcpListener;
use std::net::UdpSocket;
use std::time::Duration;

use halb::warden::netlink::Kernel;

use super::VIRTUAL;
use super::VIRTUAL6;
use super::host::Host;
use super::host::wait_for;

#[test]
fn an_address_with_a_lifetime_goes_by_itself() {
    let (host, _other) = Host::pair();
    for address in ["10.0.0.100/32", "2001:db8::100/128"] {
        let plain = address.split('/').next().unwrap();
        host.ip(&format!(
            "addr add {address} dev eth0 valid_lft 1 preferred_lft 0"
        ));
        assert!(host.has(plain));
        let took = wait_for(|| !host.has(plain));
        assert!(
            took > Duration::from_millis(500),
            "{address} went after {took:?}"
        );
    }
    assert!(host.has("10.0.0.1") && host.has("2001:db8::1"));
}

#[test]
fn a_renewed_address_stays() {
    let (host, _other) = Host::pair();
    for _ in 0..12 {
        host.ip("addr replace 10.0.0.100/32 dev eth0 valid_lft 1 preferred_lft 0");
        assert!(host.has(VIRTUAL));
        // Nothing to wait for but the time itself: the next renewal.
        host.run(|| nix::poll::poll(&mut [], 200u8)).unwrap();
        assert!(host.has(VIRTUAL));
    }
    wait_for(|| !host.has(VIRTUAL));
}

#[test]
fn alone_it_takes_no_other_address_along() {
    for (prefix, stays) in [(32, true), (24, false)] {
        let (host, _other) = Host::pair();
        host.set("net.ipv4.conf.all.promote_secondaries", "0");
        host.set("net.ipv4.conf.eth0.promote_secondaries", "0");
        host.ip("addr del 10.0.0.1/24 dev eth0");
        // The virtual one first, as on a host whose own address is renewed meanwhile (DHCP).
        host.ip(&format!(
            "addr add {VIRTUAL}/{prefix} dev eth0 valid_lft 1 preferred_lft 0"
        ));
        host.ip("addr add 10.0.0.1/24 dev eth0");
        wait_for(|| !host.has(VIRTUAL));
        assert_eq!(host.has("10.0.0.1"), stays, "/{prefix}");
    }
}

#[test]
fn without_detection_an_ipv6_address_can_be_used_at_once() {
    let (host, _other) = Host::pair();
    let listen = || {
        let listened = TcpListener::bind((VIRTUAL6, 0));
        listened.map(drop).map_err(|error| error.kind())
    };
    host.ip(&format!("addr add {VIRTUAL6}/128 dev eth0"));
    assert_eq!(host.run(listen), Err(ErrorKind::AddrNotAvailable));
    host.ip(&format!("addr del {VIRTUAL6}/128 dev eth0"));
    host.ip(&format!("addr add {VIRTUAL6}/128 dev eth0 nodad"));
    assert_eq!(host.run(listen), Ok(()));
}

/// The address from which a packet to `to` would leave.
fn source(host: &Host, to: &'static str) -> String {
    host.run(move || {
        let socket = UdpSocket::bind("[::]:0").unwrap();
        socket.connect((to, 9)).unwrap();
        socket.local_addr().unwrap().ip().to_string()
    })
}

#[test]
fn what_is_never_preferred_is_no_source() {
    let (host, _other) = Host::pair();
    // Nearer to this destination than the host's own.
    let to = "2001:db8::102";
    host.ip(&format!("addr add {VIRTUAL6}/128 dev eth0 nodad"));
    assert_eq!(source(&host, to), VIRTUAL6);
    host.ip(&format!(
        "addr replace {VIRTUAL6}/128 dev eth0 nodad valid_lft 10 preferred_lft 0"
    ));
    assert_eq!(source(&host, to), "2001:db8::1");
}

#[test]
fn who_made_an_address_is_kept_when_it_is_renewed() {
    let (host, _other) = Host::pair();
    host.run(|| {
        let mut kernel = Kernel::open().unwrap();
        let link = kernel.link("eth0").unwrap().unwrap();
        for address in [VIRTUAL, VIRTUAL6] {
            let address: IpAddr = address.parse().unwrap();
            for _ in 0..2 {
                kernel.hold(link.index, address, 10).unwrap();
                let all = kernel.addresses().unwrap();
                let ours: Vec<_> = all.iter().filter(|one| one.made_by_halb).collect();
                assert_eq!(ours.len(), 1);
                assert_eq!(ours[0].address, address);
                assert!([32, 128].contains(&ours[0].prefix_length));
            }
            kernel.let_go(link.index, address).unwrap();
            // Once more is as good.
            kernel.let_go(link.index, address).unwrap();
        }
    });
}

#[test]
fn an_interface_that_is_not_there_is_none() {
    let host = Host::new();
    host.run(|| {
        let mut kernel = Kernel::open().unwrap();
        assert_eq!(kernel.link("eth0").unwrap(), None);
        assert_eq!(kernel.link("").unwrap(), None);
        assert_eq!(
            kernel.link("a name that no interface can have").unwrap(),
            None
        );
        let lo = kernel.link("lo").unwrap().unwrap();
        assert_eq!(lo.hardware, None);
        assert!(
            kernel
                .hold(lo.index + 100, VIRTUAL.parse().unwrap(), 1)
                .is_err()
        );
    });
}
