use halb::warden::wire::Said;
use halb::warden::wire::Told;
use nix::sys::signal::Signal;

use crate::host::Host;
use crate::host::wait_for;
use crate::main_process::Main;
use crate::main_process::VIRTUAL;
use crate::main_process::VIRTUAL6;
use crate::main_process::setup;

#[test]
fn when_the_main_process_dies_the_addresses_go_and_the_warden_ends() {
    let (host, _other) = Host::pair();
    let mut main = Main::start(&host);
    main.hold();
    let mut keeper = main.die();
    // It removes them first.
    assert!(keeper.wait().unwrap().success());
    assert!(!host.has(VIRTUAL) && !host.has(VIRTUAL6));
}

#[test]
fn when_nobody_beats_the_addresses_go_and_stay_away() {
    let (host, _other) = Host::pair();
    let mut main = Main::start(&host);
    main.hold();
    // As if it had been stopped.
    while main.hear() != Some(Said::Holds(false)) {}
    assert!(!host.has(VIRTUAL) && !host.has(VIRTUAL6));
    // It goes on as if nothing had been; only a fresh order counts.
    for _ in 0..20 {
        assert_ne!(main.beat(), Some(Said::Holds(true)));
    }
    assert!(!host.has(VIRTUAL));
    main.hold = false;
    main.beat();
    main.hold();
    assert!(host.has(VIRTUAL));
}

#[test]
fn when_the_warden_is_stopped_the_kernel_lets_go() {
    let (host, _other) = Host::pair();
    let mut main = Main::start(&host);
    main.hold();
    main.signal(Signal::SIGSTOP);
    main.until(|| !host.has(VIRTUAL) && !host.has(VIRTUAL6));
    // It wakes up too late to go on.
    main.signal(Signal::SIGCONT);
    main.wait(|said| *said == Said::Holds(false));
    assert!(!host.has(VIRTUAL) && !host.has(VIRTUAL6));
    main.hold = false;
    main.beat();
    main.hold();
}

#[test]
fn when_the_warden_dies_another_one_clears_up() {
    let (host, _other) = Host::pair();
    let mut main = Main::start(&host);
    main.hold();
    let first = main.warden;
    main.signal(Signal::SIGKILL);
    main.warden = main.started();
    assert_ne!(main.warden, first);
    // What beats say that nobody has set up is not heard.
    for _ in 0..5 {
        assert_ne!(main.beat(), Some(Said::Holds(true)));
    }
    main.tell(&Told::Setup(setup()));
    main.wait(|said| *said == Said::Holds(false));
    assert!(!host.has(VIRTUAL) && !host.has(VIRTUAL6));
    main.hold = false;
    main.beat();
    main.hold();
    assert!(host.has(VIRTUAL));
}

#[test]
fn when_the_warden_and_the_main_process_die_the_kernel_lets_go() {
    let (host, _other) = Host::pair();
    let mut main = Main::start(&host);
    main.hold();
    main.signal(Signal::SIGSTOP);
    let warden = main.warden;
    let mut keeper = main.die();
    wait_for(|| !host.has(VIRTUAL) && !host.has(VIRTUAL6));
    nix::sys::signal::kill(warden, Signal::SIGKILL).unwrap();
    // No other one is started for nobody.
    keeper.wait().unwrap();
}
