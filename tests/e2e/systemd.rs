//! What the service manager is told.

use std::fs::File;
use std::io::ErrorKind;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::backend::Backend;
use crate::client::Client;
use crate::node;
use crate::process::Folder;
use crate::process::PATIENCE;
use crate::process::Process;
use crate::process::run;
use crate::process::says;

/// The release of systemd that brought this type.
const NOTIFY_RELOAD: u32 = 253;

/// A manager, and what it has started.
struct Service {
    socket: UnixDatagram,
    process: Process,
    folder: Folder,
}

impl Service {
    fn start(properties: &str, watchdog: Option<Duration>) -> Service {
        let folder = Folder::new();
        let path = folder.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let file = folder.write("halb.toml", properties.as_bytes());
        let mut command = node::program();
        command.env("NOTIFY_SOCKET", path);
        command.env("HALB_STATE_DIR", folder.path("state"));
        command.env("HALB_NODE", "lb1");
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        command.args(["run", "-f"]).arg(file);
        Service {
            process: Process::start(&mut command),
            socket,
            folder,
        }
    }

    /// The next thing it is told, but for beats.
    fn told(&self) -> String {
        loop {
            let text = self.anything();
            if text != "WATCHDOG=1\n" {
                return text;
            }
        }
    }

    fn anything(&self) -> String {
        let mut bytes = [0; 4096];
        let count = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    /// The file is changed and SIGHUP sent, whereupon a reload begins and ends with that status. The file stays open: so
    /// nothing but the signal says that there is something to read.
    fn reloads(&self, text: &str, status: &str) -> File {
        let mut file = File::create(self.folder.path("halb.toml")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        self.process.signal(Signal::SIGHUP);
        let first = self.told();
        assert!(first.starts_with("RELOADING=1\n"), "{first}");
        let end = format!("READY=1\nSTATUS=reload: {status}");
        while !self.told().starts_with(&end) {}
        file
    }

    fn stop(mut self) {
        self.process.signal(Signal::SIGTERM);
        assert!(self.told().starts_with("STOPPING=1\n"));
        node::ends_well(&mut self.process);
        // It was the last word.
        self.socket.set_nonblocking(true).unwrap();
        let mut bytes = [0; 4096];
        while let Ok(count) = self.socket.recv(&mut bytes) {
            assert_eq!(&bytes[..count], b"WATCHDOG=1\n");
        }
        let error = self.socket.recv(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

fn small(backend: &Backend, more: &str) -> String {
    format!(
        "in = \"127.0.0.1:0\"\nworkers = 2\nout1 = \"{}\"\n{more}\nresources = {{ memory = \"96MB\" }}\n",
        backend.address
    )
}

#[test]
fn ready_reloading_and_stopping_are_said_in_time() {
    let backend = Backend::named("alive");
    let mut service = Service::start(&small(&backend, ""), None);
    assert_eq!(service.told(), "READY=1\nSTATUS=serving 1 outputs\n");
    // It listens already.
    let address = node::listening(&mut service.process);
    let mut client = Client::connect(address);
    client.get("/");
    assert_eq!(client.response().text(), "alive");
    let now = || {
        let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
        time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000
    };
    for (more, status) in [
        ("client_timeout = 30", "reload: client_timeout 60 → 30\n"),
        ("colour = 3", "reload: refused, nothing is changed: "),
    ] {
        service
            .folder
            .write("halb.toml", small(&backend, more).as_bytes());
        let before = now();
        service.process.signal(Signal::SIGHUP);
        let told = service.told();
        let micros = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        let micros: i64 = micros.trim().parse().unwrap();
        assert!((before..=now()).contains(&micros), "after the order");
        let told = service.told();
        let said = told.strip_prefix("READY=1\nSTATUS=").unwrap();
        assert!(said.starts_with(status), "{said}");
        assert_eq!(said.lines().count(), 1);
    }
    drop(client);
    service.stop();
}

/// Also where not every server can take what the file says, or nobody is asked: else the manager would wait in vain.
#[test]
fn in_a_domain_every_reload_has_an_end() {
    let (backend, folder) = (Backend::named("alive"), Folder::new());
    let key = folder.path("key");
    let made = node::program()
        .args(["domain", "keygen"])
        .arg(&key)
        .output();
    assert!(made.unwrap().status.success());
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let link = |side: u8| format!("127.{}.{middle}.{low}:7400", side | high & 15);
    let text = format!(
        "{}[domain]\nname = 'shop'\nhot_standby = false\nmain = 'lb1'\nbackup = 'lb2'\nkey_file = '{}'\n\
         [domain.servers.lb1]\naddresses = '{}'\n[domain.servers.lb2]\naddresses = '{}'\n",
        small(&backend, ""),
        key.display(),
        link(192),
        link(208),
    );
    let service = Service::start(&text, None);
    assert_eq!(service.told(), "READY=1\nSTATUS=serving 1 outputs\n");
    let with = |line: &str| format!("{line}\n{text}");
    let refusal = "refused, nothing is changed on any server: lb1: ";
    let changes = [
        // What HALB does by itself at the beginning, it has done by then.
        (text.clone(), "nothing changed"),
        (with("client_timeout = 30"), "domain file "),
        (with("colour = 3"), refusal),
        (with("client_timeout = 30"), "nothing changed"),
        (String::new(), "the domain file is empty: "),
        (
            small(&backend, ""),
            "waits, nothing is changed: it has no [domain]",
        ),
    ];
    let reloaded = changes.map(|(text, status)| service.reloads(&text, status));
    service.stop();
    drop(reloaded);
}

/// With this program in the place of the installed one, and a type that this machine's systemd knows.
fn unit() -> String {
    let text = include_str!("../../systemd/halb.service");
    let text = text.replace("/usr/bin/halb", env!("CARGO_BIN_EXE_halb"));
    let version = says("systemd-analyze", &["--version"]);
    let version = version.split(' ').nth(1).and_then(|word| word.parse().ok());
    if version.unwrap_or(0) < NOTIFY_RELOAD {
        text.replace("Type=notify-reload", "Type=notify")
    } else {
        text
    }
}

#[test]
fn the_unit_is_sound_and_shut_in() {
    let folder = Folder::new();
    let file = folder.write("halb.service", unit().as_bytes());
    let file = file.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = run("systemd-analyze", arguments);
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(run(&["verify", "--man=no", file]), "");
    // Of 100; the network it is there for costs 16.
    run(&[
        "security",
        "--offline=true",
        "--threshold=20",
        "--no-pager",
        file,
    ]);
}

#[test]
fn with_a_domain_the_unit_is_sound_too() {
    let folder = Folder::new();
    let file = folder.write("halb.service", unit().as_bytes());
    let parts = folder.path("halb.service.d");
    std::fs::create_dir(&parts).unwrap();
    let verify = |text: &str| {
        std::fs::write(parts.join("domain.conf"), text).unwrap();
        let file = file.to_str().unwrap();
        let output = run("systemd-analyze", &["verify", "--man=no", file]);
        String::from_utf8(output.stderr).unwrap()
    };
    let domain = include_str!("../../systemd/domain.conf");
    assert_eq!(verify(domain), "");
    // It is read at all.
    let wrong = domain.replace("AF_PACKET", "AF_NOTHING");
    assert!(verify(&wrong).contains("AF_NOTHING"));
}

#[test]
fn the_watchdog_is_fed_while_idle_workers_sleep() {
    let backend = Backend::named("alive");
    let watchdog = Duration::from_millis(40);
    let service = Service::start(&small(&backend, ""), Some(watchdog));
    let mut beats = 0;
    while beats < 5 {
        match service.anything().as_str() {
            "WATCHDOG=1\n" => beats += 1,
            other => assert!(other.starts_with("READY=1\n"), "{other}"),
        }
    }
    service.stop();
}
