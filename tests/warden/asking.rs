use std::cell::Cell;
use std::os::fd::AsRawFd;
use std::time::Duration;

use halb::pair::event::Reply;
use halb::ring::clock;
use halb::ring::packet;
use halb::ring::packet::Frames;
use halb::warden::netlink::Kernel;
use halb::warden::segment::frame;
use halb::warden::segment::frame::Arp;
use halb::warden::wire::Said;
use halb::warden::wire::Setup;
use halb::warden::wire::Told;
use nix::poll::poll;
use nix::sys::signal::Signal;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::recv;
use nix::sys::socket::send;

use crate::host::Host;
use crate::host::wait_for;
use crate::main_process::Main;
use crate::main_process::VIRTUAL;
use crate::main_process::VIRTUAL6;
use crate::main_process::setup;

/// Somebody's card.
const CARD: [u8; 6] = [2, 0, 0, 0, 0, 7];

fn ask(main: &mut Main, number: u32) -> Reply {
    main.tell(&Told::Ask { number });
    let said = main.wait(|said| matches!(said, Said::Answered { .. }));
    let Said::Answered {
        number: answered,
        reply,
    } = said
    else {
        unreachable!("that was waited for");
    };
    assert_eq!(answered, number);
    reply
}

#[test]
fn it_hears_who_has_an_address() {
    let (host, other) = Host::pair();
    let mut main = Main::start(&host);
    let begun = clock::read().now;
    assert_eq!(ask(&mut main, 1), Reply::Silence);
    let took = clock::read().now.since(begun);
    assert!(
        took >= Duration::from_millis(60),
        "everybody has time to answer"
    );
    other.ip(&format!("addr add {VIRTUAL}/32 dev eth0"));
    assert_eq!(ask(&mut main, 2), Reply::Somebody);
    other.ip(&format!("addr del {VIRTUAL}/32 dev eth0"));
    assert_eq!(ask(&mut main, 3), Reply::Silence);
    other.ip(&format!(
        "addr add {VIRTUAL6}/128 dev eth0 nodad preferred_lft 0"
    ));
    assert_eq!(ask(&mut main, 4), Reply::Somebody);
}

#[test]
fn another_warden_answers_too_and_its_own_host_does_not() {
    let (host, other) = Host::pair();
    let main = Main::start(&host);
    let mut peer = Main::start(&other);
    peer.hold();
    let asked = Told::Ask { number: 1 };
    main.tell(&asked);
    while !matches!(main.beat(), Some(Said::Answered { reply, .. }) if reply == Reply::Somebody) {
        peer.beat();
    }
    peer.tell(&asked);
    peer.wait(|said| matches!(said, Said::Answered { reply, .. } if *reply == Reply::Silence));
}

/// A warden that was not run, in a network where much is said, finds the answer behind all else.
#[test]
fn an_answer_that_waits_behind_much_else_counts() {
    let (host, other) = Host::pair();
    let mut main = Main::start(&host);
    let socket = other.run(|| {
        let link = Kernel::open().unwrap().link("eth0").unwrap().unwrap();
        packet::open(link.index, Frames::Arp).unwrap()
    });
    let heard = |bytes: &mut [u8]| recv(socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT);
    for number in 1.. {
        while heard(&mut [0; 64]).is_ok() {}
        main.tell(&Told::Ask { number });
        let probes = Cell::new(0);
        wait_for(|| {
            probes.set(probes.get() + u32::from(heard(&mut [0; 64]).is_ok()));
            probes.get() == 3
        });
        main.stop();
        let said = std::iter::from_fn(|| main.hear());
        if said.last()
            == Some(Said::Answered {
                number,
                reply: Reply::Silence,
            })
        {
            main.signal(Signal::SIGCONT);
            continue; // it was stopped too late
        }
        let says = |address: [u8; 4]| frame::arp_announcement(Arp::Request, CARD, address.into());
        let foreign = std::iter::repeat_n(says([10, 0, 0, 50]), 100);
        for frame in foreign.chain([says([10, 0, 0, 100])]) {
            let sent = send(socket.as_raw_fd(), &frame, MsgFlags::empty());
            assert_eq!(sent, Ok(frame.len()));
        }
        // Longer than the question takes.
        poll(&mut [], 100_u8).unwrap();
        main.signal(Signal::SIGCONT);
        let said =
            main.wait(|said| matches!(said, Said::Answered { number: of, .. } if *of == number));
        let reply = Reply::Somebody;
        assert_eq!(said, Said::Answered { number, reply });
        return;
    }
}

#[test]
fn a_bridge_is_an_interface_like_any_other() {
    let (host, other) = Host::pair();
    host.ip("addr flush dev eth0");
    host.ip("link add br0 type bridge");
    host.ip("link set eth0 master br0");
    host.ip("addr add 10.0.0.1/24 dev br0");
    host.ip("addr add 2001:db8::1/64 dev br0 nodad");
    host.ip("link set br0 up");
    let mut main = Main::bare(&host);
    main.tell(&Told::Setup(Setup {
        interface: "br0".to_owned(),
        ..setup()
    }));
    main.wait(|said| *said == Said::Carrier(true));
    assert_eq!(ask(&mut main, 1), Reply::Silence);
    other.ip(&format!("addr add {VIRTUAL}/32 dev eth0"));
    assert_eq!(ask(&mut main, 2), Reply::Somebody);
    other.ip(&format!("addr del {VIRTUAL}/32 dev eth0"));
    main.hold();
    assert_eq!(ask(&mut main, 3), Reply::Silence, "its own host is nobody");
    assert!(host.ip("addr show dev br0").contains(VIRTUAL));
}

#[test]
fn where_nobody_can_be_asked_it_says_so() {
    let (host, other) = Host::pair();
    let mut main = Main::start(&host);
    other.ip("link set eth0 down");
    main.wait(|said| *said == Said::Carrier(false));
    assert_eq!(ask(&mut main, 1), Reply::Unable);
    let mut nowhere = setup();
    nowhere.interface = "lo".to_owned();
    main.tell(&Told::Setup(nowhere));
    main.wait(|said| matches!(said, Said::Trouble(text) if text.contains("no Ethernet")));
    assert_eq!(ask(&mut main, 2), Reply::Unable);
}

#[test]
fn neighbours_learn_who_has_the_address_now() {
    let (host, other) = Host::pair();
    let mut main = Main::start(&host);
    // Somebody else had it.
    let stale = "lladdr 02:00:00:00:00:99 dev eth0 nud stale";
    other.ip(&format!("neigh add {VIRTUAL} {stale}"));
    other.ip(&format!("neigh add {VIRTUAL6} {stale}"));
    main.hold();
    main.until(|| !other.ip("neigh show").contains("02:00:00:00:00:99"));
    let card = host.ip("-o link show eth0");
    let card = card.split("link/ether ").nth(1).unwrap();
    let card = card.split(' ').next().unwrap();
    let known = other.ip("neigh show");
    for address in [VIRTUAL, VIRTUAL6] {
        let line = known
            .lines()
            .find(|line| line.starts_with(address))
            .unwrap();
        assert!(line.contains(card), "{line}");
    }
}

#[test]
fn a_ping_address_is_reached_by_echo_or_as_a_neighbour() {
    for (address, echoes) in [
        ("10.0.0.2", true),
        ("2001:db8::2", true),
        ("10.0.0.2", false),
        ("2001:db8::2", false),
    ] {
        let (host, other) = Host::pair();
        if !echoes {
            other.set("net.ipv4.icmp_echo_ignore_all", "1");
            other.set("net.ipv6.icmp.echo_ignore_all", "1");
        }
        let mut main = Main::bare(&host);
        let mut setup = setup();
        setup.ping_addresses.push(address.parse().unwrap());
        main.tell(&Told::Setup(setup));
        for _ in 0..3 {
            main.wait(|said| *said == Said::Reached);
        }
        // Nobody is there any more.
        other.ip("link set eth0 down");
        main.wait(|said| *said == Said::Carrier(false));
        for _ in 0..30 {
            assert_ne!(main.beat(), Some(Said::Reached), "{address} {echoes}");
        }
    }
}
