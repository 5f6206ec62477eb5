//! HALB itself, as a user starts it.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use nix::sys::signal::Signal;

use crate::cgroup::Cgroup;
use crate::client::Client;
use crate::process::Folder;
use crate::process::Process;

/// Probes go out at the start and then take no output down: for tests of what workers do with an output that fails
/// between two probes.
pub const SELDOM_PROBED: &str = "healthcheck_interval = 86400\nhealthcheck_fall = 1000";

/// A running HALB. A test ends it with [`Node::stop`], which is the leak check.
pub struct Node {
    pub process: Process,
    pub addresses: Vec<SocketAddr>,
    /// Where `ctl` is asked.
    pub ctl: SocketAddr,
    /// Of the configuration.
    pub file: PathBuf,
    pub state: PathBuf,
    /// Where `ui` is looked at.
    pub ui: SocketAddr,
    _folder: Folder,
}

impl Node {
    /// HALB in front of `outputs`, with `properties` besides.
    pub fn start(outputs: &[SocketAddr], properties: &str) -> Node {
        Node::from_text(&with_outputs(outputs, properties))
    }

    /// HALB with a configuration that says only what the test is about; the rest is small. Its first probes are over.
    pub fn from_text(properties: &str) -> Node {
        let folder = Folder::new();
        let state = folder.path("state");
        Node::with_state(properties, &state, folder)
    }

    /// HALB that finds in `state` what an earlier one has left there.
    pub fn from_state(properties: &str, state: &Path) -> Node {
        Node::with_state(properties, state, Folder::new())
    }

    /// HALB in front of `outputs`, in a cgroup.
    pub fn inside(group: &Cgroup, outputs: &[SocketAddr], properties: &str) -> Node {
        let folder = Folder::new();
        let state = folder.path("state");
        let text = with_outputs(outputs, properties);
        Node::wrapped(&text, &state, folder, |command| group.wrap(&command))
    }

    fn with_state(properties: &str, state: &Path, folder: Folder) -> Node {
        Node::wrapped(properties, state, folder, |command| command)
    }

    fn wrapped(
        properties: &str,
        state: &Path,
        folder: Folder,
        wrap: impl FnOnce(Command) -> Command,
    ) -> Node {
        let text = complete(properties);
        let file = folder.write("halb.toml", text.as_bytes());
        let mut command = program();
        command.env("HALB_STATE_DIR", state);
        command.args(["run", "-f"]).arg(&file);
        let mut process = Process::start(&mut wrap(command));
        let ctl = process.line("event=listening ctl=").parse().unwrap();
        let ui = process.line("event=listening ui=").parse().unwrap();
        let listeners = text.split_once("\nin = ").unwrap().1;
        let listeners = listeners.lines().next().unwrap().split(',').count();
        let addresses = (0..listeners).map(|_| listening(&mut process)).collect();
        for name in outputs(&text) {
            process.has_said(&["up", "down"].map(|to| format!("event={to} output={name} ")));
        }
        Node {
            process,
            addresses,
            ctl,
            file,
            state: state.to_owned(),
            ui,
            _folder: folder,
        }
    }

    /// Another configuration lies where it found the first.
    pub fn rewrite(&self, properties: &str) {
        std::fs::write(&self.file, complete(properties)).unwrap();
    }

    /// It takes up another configuration; what it says of that.
    pub fn reload(&mut self, properties: &str) -> String {
        self.rewrite(properties);
        self.process.signal(Signal::SIGHUP);
        self.reloaded()
    }

    /// What it says of the next reload. Of more than ten in a second it says only how many more there were.
    pub fn reloaded(&mut self) -> String {
        let starts = ["event=reload text=", "event=suppressed kind=reload "];
        let line = self.process.line_of(&starts);
        let text = line.strip_prefix(starts[0]).unwrap_or_default();
        text.trim_matches('"').to_owned()
    }

    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// The body of a simple GET on a connection of its own.
    pub fn get(&self, path: &str) -> String {
        let mut client = self.connect();
        client.get(path);
        let response = client.response();
        assert_eq!(response.status, 200, "{}", response.head);
        response.text()
    }

    /// A graceful stop, after which nothing may be left.
    pub fn stop(self) {
        self.process.signal(Signal::SIGTERM);
        self.ends();
    }

    /// It ends because it was told so earlier, and nothing is left.
    pub fn ends(mut self) {
        ends_well(&mut self.process);
    }
}

/// The program, with `ctl` and `ui` where no others are.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halb"));
    // A HALB_… variable of the person who tests would count more than the file.
    command.env_clear();
    command.envs(apart());
    command
}

/// Properties that keep this HALB away from all others on this machine, as variables. Port 0 is none that `ctl_port`
/// and `ui_port` may have, so it is a loopback address for each process that tests, and two ports there for each program
/// it starts.
pub fn apart() -> [(&'static str, String); 5] {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    let [_, high, middle, low] = process.to_be_bytes();
    let address = format!("127.{}.{middle}.{low}", 64 | high & 63);
    // Below what the kernel gives away by itself.
    let port = 10_000 + STARTED.fetch_add(2, Ordering::Relaxed) % 20_000;
    [
        ("HALB_CTL", address.clone()),
        ("HALB_CTL_PORT", port.to_string()),
        ("HALB_UI", address),
        ("HALB_UI_PORT", (port + 1).to_string()),
        ("HALB_STATE_DIR", env!("CARGO_TARGET_TMPDIR").to_owned()),
    ]
}

/// The address in the next line that says where it listens.
pub fn listening(process: &mut Process) -> SocketAddr {
    let rest = process.line("event=listening in=");
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// The leak check: exit code 0, and everything has come home.
pub fn ends_well(process: &mut Process) {
    let status = process.end();
    let history = process.history();
    assert!(status.success(), "{status} of {history}");
    assert!(history.ends_with("event=stopped left=nothing"), "{history}");
}

/// The names of the outputs in a configuration.
fn outputs(text: &str) -> impl Iterator<Item = &str> {
    let names = text.lines().filter_map(|line| line.split_once(" = "));
    let names = names.map(|(name, _)| name);
    names.filter(|name| {
        name.strip_prefix("out")
            .is_some_and(|n| n.parse::<u8>().is_ok())
    })
}

fn with_outputs(outputs: &[SocketAddr], properties: &str) -> String {
    let mut text = format!("{properties}\n");
    for (number, output) in (1..).zip(outputs) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "out{number} = \"{output}\"");
    }
    text
}

fn complete(properties: &str) -> String {
    let mut text = format!("\n{properties}\n");
    let defaults = [
        ("in", "\"127.0.0.1:0\""),
        ("workers", "1"),
        ("resources", "{ memory = \"96MB\" }"),
    ];
    for (name, value) in defaults {
        if !text.contains(&format!("\n{name} = ")) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} = {value}");
        }
    }
    text
}
