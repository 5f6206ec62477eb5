use halb::ring::clock;
use halb::warden::wire::Said;
use halb::warden::wire::Told;
use nix::sys::signal::Signal;

use crate::host::Host;
use crate::main_process::Main;
use crate::main_process::VIRTUAL;
use crate::main_process::VIRTUAL6;
use crate::main_process::setup;

#[test]
fn it_holds_while_it_is_told_to() {
    let (host, _other) = Host::pair();
    let mut main = Main::start(&host);
    assert!(!host.has(VIRTUAL));
    for _ in 0..2 {
        main.hold();
        assert!(host.has(VIRTUAL) && host.has(VIRTUAL6));
        let shown = host.ip("-o addr show dev eth0");
        for address in ["10.0.0.100/32", "2001:db8::100/128"] {
            let line = shown.lines().find(|line| line.contains(address)).unwrap();
            assert!(line.contains("deprecated"), "{line}");
            assert!(
                line.contains("valid_lft 1sec") || line.contains("valid_lft 0sec"),
                "{line}"
            );
            assert!(!line.contains("tentative"), "{line}");
        }
        // Longer than the kernel's own lease.
        for _ in 0..12 {
            main.wait(|said| *said == Said::Holds(true));
        }
        assert!(host.has(VIRTUAL) && host.has(VIRTUAL6));
        main.let_go();
        assert!(!host.has(VIRTUAL) && !host.has(VIRTUAL6));
    }
    assert!(host.has("10.0.0.1") && host.has("2001:db8::1"));
}

#[test]
fn an_old_order_holds_nothing() {
    let (host, _other) = Host::pair();
    let main = Main::start(&host);
    let now = clock::read().now;
    let old = halb::model::time::Instant::from_nanos(now.as_nanos() - 151_000_000);
    main.tell(&Told::Beat {
        hold: true,
        at: old,
    });
    // It has read that when it answers this.
    main.tell(&Told::Ask { number: 1 });
    let mut main = main;
    main.wait(|said| matches!(said, Said::Answered { number: 1, .. }));
    assert!(!host.has(VIRTUAL));
}

#[test]
fn what_a_signal_to_everybody_says_is_not_for_it() {
    let (host, _other) = Host::pair();
    let mut main = Main::start(&host);
    main.hold();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGTSTP,
        Signal::SIGUSR1,
    ] {
        main.signal(signal);
    }
    for _ in 0..3 {
        main.wait(|said| *said == Said::Holds(true));
    }
    assert!(host.has(VIRTUAL));
}

#[test]
fn another_setup_moves_what_is_held() {
    let (host, _other) = Host::pair();
    let mut main = Main::start(&host);
    main.hold();
    let mut other = setup();
    other.addresses.remove(0);
    other.addresses[0].address = "2001:db8::200".parse().unwrap();
    main.tell(&Told::Setup(other));
    main.until(|| host.has("2001:db8::200"));
    assert!(!host.has(VIRTUAL) && !host.has(VIRTUAL6));
    main.let_go();
    assert!(!host.has("2001:db8::200"));
}

#[test]
fn what_the_operator_has_configured_is_left_alone() {
    let (host, _other) = Host::pair();
    host.ip(&format!("addr add {VIRTUAL6}/64 dev eth0 nodad"));
    let mut main = Main::start(&host);
    main.hold = true;
    let said = main.wait(|said| matches!(said, Said::Trouble(_)));
    let Said::Trouble(sentence) = said else {
        unreachable!("that was waited for");
    };
    assert!(
        sentence.contains(VIRTUAL6) && sentence.contains("not made by HALB"),
        "{sentence}"
    );
    main.wait(|said| *said == Said::Holds(true));
    assert!(host.has(VIRTUAL));
    main.let_go();
    assert!(!host.has(VIRTUAL));
    assert!(host.has(VIRTUAL6));
    let shown = host.ip("-o addr show dev eth0");
    let line = shown.lines().find(|line| line.contains(VIRTUAL6)).unwrap();
    assert!(line.contains("valid_lft forever"), "{line}");
}

#[test]
fn an_interface_may_come_later_and_go() {
    let host = Host::new();
    let mut main = Main::bare(&host);
    main.tell(&Told::Setup(setup()));
    main.wait(|said| *said == Said::Trouble("there is no interface eth0".to_owned()));
    main.wait(|said| *said == Said::Carrier(false));
    // It is said once, whatever else comes and goes. It has looked again by the second answer.
    host.ip("link add spare type veth peer name another");
    for number in [1, 2] {
        main.tell(&Told::Ask { number });
        main.wait(|said| {
            assert!(!matches!(said, Said::Trouble(_)), "{said:?}");
            matches!(said, Said::Answered { number: of, .. } if *of == number)
        });
    }
    // Nothing to add them to.
    main.beat();
    main.hold = true;
    main.wait(|said| *said == Said::Holds(false));
    main.hold = false;
    main.beat();
    // And another one by that name, with another number.
    for _ in 0..2 {
        plug(&host);
        main.wait(|said| *said == Said::Carrier(true));
        main.hold();
        assert!(host.has(VIRTUAL));
        host.ip("link set other down");
        main.wait(|said| *said == Said::Carrier(false));
        host.ip("link del eth0");
        main.wait(|said| *said == Said::Holds(false));
        main.hold = false;
        main.beat();
    }
}

/// A card with a cable.
fn plug(host: &Host) {
    host.ip("link add eth0 type veth peer name other");
    host.ip("link set other up");
    host.ip("addr add 10.0.0.1/24 dev eth0");
    host.ip("link set eth0 up");
}

#[test]
fn what_somebody_removes_comes_with_the_next_renewal() {
    let (host, _other) = Host::pair();
    let mut main = Main::start(&host);
    main.hold();
    host.ip(&format!("addr del {VIRTUAL}/32 dev eth0"));
    host.ip(&format!("addr del {VIRTUAL6}/128 dev eth0"));
    main.until(|| host.has(VIRTUAL) && host.has(VIRTUAL6));
    main.let_go();
    assert!(!host.has(VIRTUAL) && !host.has(VIRTUAL6));
}
