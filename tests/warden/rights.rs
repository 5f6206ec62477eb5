//! Who may what: the main process nothing that the warden may, and the warden nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use caps::Capability;
use halb::warden::rights;
use halb::warden::rights::Denied;
use halb::warden::start::start_program;
use nix::unistd::Pid;

use crate::capabilities::NETWORK;
use crate::capabilities::of_all_threads;
use crate::capabilities::set;
use crate::host::Host;
use crate::main_process::Main;
use crate::main_process::PROGRAM;
use crate::main_process::VIRTUAL;

fn status(process: Pid) -> String {
    fs::read_to_string(format!("/proc/{process}/status")).unwrap()
}

/// Of the thread that asks.
fn own() -> String {
    fs::read_to_string("/proc/thread-self/status").unwrap()
}

#[test]
fn the_warden_may_change_addresses_and_nothing_else() {
    let (host, _other) = Host::pair();
    let main = Main::start(&host);
    for (process, name, inherited) in [
        (main.warden, "halb-warden", 0),
        (main.keeper(), "halb-keeper", NETWORK),
    ] {
        let status = status(process);
        assert!(status.starts_with(&format!("Name:\t{name}\n")), "{status}");
        for whole in ["CapPrm", "CapEff", "CapBnd"] {
            assert_eq!(set(&status, whole), NETWORK, "{name} {whole}");
        }
        let number = u32::try_from(process.as_raw()).unwrap();
        assert_eq!(of_all_threads(number), NETWORK, "{name}");
        for passed in ["CapInh", "CapAmb"] {
            assert_eq!(set(&status, passed), inherited, "{name} {passed}");
        }
    }
}

#[test]
fn the_keeper_inherits_nothing_but_the_pipe() {
    let host = Host::new();
    // Whoever started HALB may have left something open.
    let left = host.run(|| {
        let open = fs::File::open("/dev/zero").unwrap();
        nix::unistd::dup(&open).unwrap()
    });
    let main = Main::bare(&host);
    drop(left);
    let folder = format!("/proc/{}/fd", main.keeper());
    let open: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|one| fs::read_link(one.unwrap().path()).unwrap())
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    assert!(!open.contains(&"/dev/zero".to_owned()), "{open:?}");
    // Standard input and its copy.
    let pipes = open.iter().filter(|one| one.starts_with("socket:"));
    assert_eq!(pipes.count(), 2, "{open:?}");
}

#[test]
fn the_main_process_gives_up_what_it_has_lent() {
    let (host, _other) = Host::pair();
    let (warden, own, child) = host.run(|| {
        // Rights belong to threads: the host's own keeps its.
        let main = thread::spawn(|| {
            rights::lend().unwrap();
            let warden = start_program(Path::new(PROGRAM)).unwrap();
            rights::surrender().unwrap();
            let child = Command::new("cat").arg("/proc/self/status").output();
            (warden, own(), child.unwrap())
        });
        main.join().unwrap()
    });
    let child = String::from_utf8(child.stdout).unwrap();
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(set(&own, name) & NETWORK, 0, "{name}");
        assert_eq!(set(&child, name) & NETWORK, 0, "a child's {name}");
    }
    // The warden still can, and so can another one.
    let mut main = Main::of(warden);
    main.tell_setup();
    main.hold();
    assert!(host.has(VIRTUAL));
    main.signal(nix::sys::signal::Signal::SIGKILL);
    main.hold = false;
    main.warden = main.started();
    main.tell_setup();
    main.hold();
    assert!(host.has(VIRTUAL));
}

#[test]
fn who_may_not_says_what_is_missing() {
    let sentence = thread::spawn(|| {
        rights::surrender().unwrap();
        let Err(Denied::Missing(missing)) = rights::lend() else {
            panic!("it was given up");
        };
        let both = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];
        assert_eq!(missing, both);
        Denied::Missing(missing).to_string()
    });
    let sentence = sentence.join().unwrap();
    assert!(
        sentence.contains("CAP_NET_ADMIN and CAP_NET_RAW"),
        "{sentence}"
    );
    assert!(sentence.contains("AmbientCapabilities="), "{sentence}");
}

/// As systemd starts it: being root means nothing (`noroot`), the rights are ambient, and no file gives any more.
#[test]
fn ambient_rights_are_enough() {
    let (host, _other) = Host::pair();
    let folder = std::env::temp_dir().join(format!("halb-rights-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let script = folder.join("halb");
    let granted = "-all,+net_bind_service,+net_admin,+net_raw";
    let text = format!(
        "#!/bin/sh\nexec setpriv --no-new-privs --securebits +noroot,+noroot_locked --bounding-set {granted} \
         --inh-caps {granted} --ambient-caps {granted} {PROGRAM} \"$@\"\n"
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let warden = host.run(move || start_program(&script)).unwrap();
    let mut main = Main::of(warden);
    fs::remove_dir_all(folder).unwrap();
    main.tell_setup();
    main.hold();
    assert!(host.has(VIRTUAL));
    let status = status(main.warden);
    assert_eq!(set(&status, "CapPrm"), NETWORK);
    assert_eq!(set(&status, "CapAmb"), 0);
    assert_eq!(set(&status, "CapInh"), 0);
}
