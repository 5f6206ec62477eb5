//! What hosts of the service network learn from announcements.

use std::net::IpAddr;
use std::os::fd::AsRawFd;

use halb::ring::packet;
use halb::ring::packet::Frames;
use halb::warden::netlink::Kernel;
use halb::warden::segment::Heard;
use halb::warden::segment::Segment;
use halb::warden::segment::frame;
use halb::warden::segment::frame::Arp;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::send;

use super::VIRTUAL;
use super::VIRTUAL6;
use super::host::Host;
use super::host::wait_for;

/// Whom nobody knows yet.
const STRANGER: &str = "02:00:00:00:00:99";
const CARD: [u8; 6] = [2, 0, 0, 0, 0, 7];
const CARD_WORDS: &str = "02:00:00:00:00:07";

/// Sends frames out of `eth0` of this host.
fn emit(host: &Host, frame: Vec<u8>) {
    host.run(move || {
        let link = Kernel::open().unwrap().link("eth0").unwrap().unwrap();
        let socket = packet::open(link.index, Frames::None).unwrap();
        let sent = send(socket.as_raw_fd(), &frame, MsgFlags::empty());
        assert_eq!(sent, Ok(frame.len()));
    });
}

/// What `host` knows of `address`.
fn known(host: &Host, address: &str) -> String {
    host.ip(&format!("neigh show {address} dev eth0"))
}

fn announcements() -> [(&'static str, Vec<u8>); 3] {
    let four = |form| {
        let Ok(IpAddr::V4(address)) = VIRTUAL.parse() else {
            panic!("it is one");
        };
        (VIRTUAL, frame::arp_announcement(form, CARD, address))
    };
    let Ok(IpAddr::V6(address)) = VIRTUAL6.parse() else {
        panic!("it is one");
    };
    [
        four(Arp::Request),
        four(Arp::Reply),
        (VIRTUAL6, frame::neighbour_announcement(CARD, address)),
    ]
}

#[test]
fn an_announcement_changes_who_is_known() {
    for (address, frame) in announcements() {
        let (host, other) = Host::pair();
        // Learned just now: within the second in which an answer of somebody else does not count (`locktime`).
        other.ip(&format!(
            "neigh add {address} lladdr {STRANGER} dev eth0 nud reachable"
        ));
        emit(&host, frame);
        wait_for(|| known(&other, address).contains(CARD_WORDS));
    }
}

#[test]
fn an_announcement_makes_nobody_known() {
    for (address, frame) in announcements() {
        let (host, other) = Host::pair();
        emit(&host, frame);
        // What comes after it has arrived.
        host.run(|| {
            std::net::UdpSocket::bind("10.0.0.1:0")
                .unwrap()
                .send_to(b"x", "10.0.0.2:9")
        })
        .unwrap();
        wait_for(|| known(&other, "10.0.0.1").contains("lladdr"));
        assert_eq!(known(&other, address), "");
    }
}

#[test]
fn a_host_answers_who_names_no_address_of_its_own() {
    let (host, other) = Host::pair();
    let (one, two) = (VIRTUAL.parse().unwrap(), VIRTUAL6.parse().unwrap());
    other.ip(&format!("addr add {VIRTUAL}/32 dev eth0"));
    other.ip(&format!(
        "addr add {VIRTUAL6}/128 dev eth0 nodad preferred_lft 0"
    ));
    host.run(move || {
        let mut kernel = Kernel::open().unwrap();
        let link = kernel.link("eth0").unwrap().unwrap();
        for wanted in [one, two] {
            let (segment, refused) = Segment::open("eth0", link);
            assert!(refused.is_none());
            assert!(segment.ask(None, wanted));
            wait_for(|| {
                let mut found = false;
                segment.hear(|heard| {
                    found |= heard == Heard::Owner(wanted);
                });
                found
            });
        }
    });
}
