//! Two servers of a domain on one machine: without virtual addresses there is nothing that only root may do. What moves
//! addresses is tried in `tests/domain`, with hosts of their own.

use std::fs;
use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;

use nix::sys::signal::Signal;

use crate::backend::Backend;
use crate::capabilities::NETWORK;
use crate::capabilities::of_all_threads;
use crate::client::Client;
use crate::node;
use crate::process::Folder;
use crate::process::Process;
use crate::start::fails;

/// A domain with one file, one key, and a backend.
struct Domain {
    folder: Folder,
    _backend: Backend,
}

impl Domain {
    fn new() -> Domain {
        static NEXT: AtomicU16 = AtomicU16::new(30_000);
        let port = NEXT.fetch_add(4, Ordering::Relaxed);
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        let host = Ipv4Addr::new(127, 64 | high & 63, middle, low);
        let path = |offset| SocketAddr::from((host, port + offset));
        let (folder, backend) = (Folder::new(), Backend::named("first"));
        let key = folder.write("domain.key", &key('7'));
        open_to(&key, 0o600);
        let text = format!(
            "in = '127.0.0.1:0'\nout1 = '{}'\nworkers = 1\n\
             [domain]\nname = 'shop'\nhot_standby = true\nmain = 'lb1'\nbackup = 'lb2'\n\
             key_file = '{}'\nvirtual_addresses = []\n\
             [domain.servers.lb1]\naddresses = ['{}', '{}']\n\
             [domain.servers.lb2]\naddresses = ['{}', '{}']\n",
            backend.address,
            key.display(),
            path(0),
            path(1),
            path(2),
            path(3),
        );
        folder.write("halb.toml", text.as_bytes());
        Domain {
            folder,
            _backend: backend,
        }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = node::program();
        command.env("HALB_STATE_DIR", self.folder.path(name));
        let file = self.folder.path("halb.toml");
        command.args(["run", "--node", name, "-f"]).arg(file);
        command
    }

    fn start(&self, name: &str) -> Process {
        Process::start(&mut self.command(name))
    }

    fn key(&self) -> std::path::PathBuf {
        self.folder.path("domain.key")
    }
}

fn key(digit: char) -> Vec<u8> {
    let digits = String::from_iter([digit; 64]);
    format!("HALB domain key 1 {digits}\n").into_bytes()
}

fn open_to(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

const ACTIVE: &str = "event=pair text=\"active in term ";
const STANDBY: &str = "event=pair text=\"standby in term ";

#[test]
fn one_serves_and_the_other_one_takes_over() {
    let domain = Domain::new();
    let (mut main, mut backup) = (domain.start("lb1"), domain.start("lb2"));
    assert!(
        main.line(ACTIVE).starts_with("1 of main: "),
        "{}",
        main.history()
    );
    main.signal(Signal::SIGKILL);
    let said = backup.line(ACTIVE);
    assert!(said.starts_with("2: "), "{said}");
    drop(main);
    // Main comes back, and leaves the service where it is.
    let mut main = domain.start("lb1");
    let front = node::listening(&mut main);
    main.line(STANDBY);
    let mut client = Client::connect(front);
    client.get("/");
    assert_eq!(client.response().text(), "first");
    drop(client);
    // Who ends hands over.
    main.has_said(&["event=up output=out1 "]);
    backup.line_with("lb1"); // it is heard
    backup.signal(Signal::SIGTERM);
    let said = main.line(ACTIVE);
    assert!(said.starts_with("3 of main: "), "{said}");
    node::ends_well(&mut backup);
    // And who is left alone ends all the same.
    main.signal(Signal::SIGTERM);
    node::ends_well(&mut main);
}

#[test]
fn a_key_that_cannot_be_used_is_named() {
    let domain = Domain::new();
    let path = domain.key();
    let refused = |cause: &str| {
        let said = fails(&mut domain.command("lb1"));
        let start = format!(
            "Error: failed to initialize the hot standby: domain.key_file: {}: ",
            path.display()
        );
        let rest = said.strip_prefix(&start);
        assert!(rest.is_some_and(|rest| rest.starts_with(cause)), "{said}");
    };
    open_to(&path, 0o644);
    refused("others than its owner may read it");
    fs::write(&path, "secret").unwrap();
    open_to(&path, 0o600);
    refused("it is not what `halb domain keygen` writes");
    fs::remove_file(&path).unwrap();
    refused("it does not exist");
}

#[test]
fn a_ballot_that_cannot_be_kept_is_named() {
    let domain = Domain::new();
    let state = domain.folder.path("lb1");
    fs::create_dir_all(state.join("ballot")).unwrap();
    let said = fails(&mut domain.command("lb1"));
    assert!(
        said.contains("the ballot of this server cannot be kept"),
        "{said}"
    );
}

/// The unit of a domain grants them for the warden; where there is none, nobody has them.
#[test]
fn no_thread_may_change_addresses_where_none_move() {
    let domain = Domain::new();
    let mut main = domain.start("lb1");
    main.line(ACTIVE);
    assert_eq!(of_all_threads(main.id()) & NETWORK, 0);
    main.signal(Signal::SIGTERM);
    node::ends_well(&mut main);
}

/// Else the second one would stand by.
#[test]
fn servers_with_different_keys_do_not_hear_each_other() {
    let domain = Domain::new();
    let mut main = domain.start("lb1");
    main.line(ACTIVE);
    fs::write(domain.key(), key('8')).unwrap();
    let mut stranger = domain.start("lb2");
    stranger.line(ACTIVE);
    for process in [&mut main, &mut stranger] {
        process.signal(Signal::SIGTERM);
        node::ends_well(process);
    }
}
