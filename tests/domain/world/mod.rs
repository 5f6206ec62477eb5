//! Hosts in network namespaces, joined by a service network and a direct link, with HALB on two or three of them.

pub mod clients;
pub mod faults;
pub mod freeze;
pub mod handmade;
pub mod key;
pub mod network;
pub mod outputs;
pub mod processes;
pub mod record;
pub mod replay;
pub mod server;
pub mod space;
pub mod watch;

use std::any::type_name;
use std::fmt::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use halb::model::time::Instant;
use halb::ring::clock;
use nix::errno::Errno;

use clients::Clients;
use clients::Habit;
use key::write_key;
use network::Cable;
use network::Network;
use outputs::Outputs;
use record::PATIENCE;
use server::Server;
use space::Space;
use watch::Watch;

/// As outputs see the servers.
pub const LB1: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 11));
pub const LB2: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 12));
/// Where the service is.
pub const SERVICE: SocketAddr = SocketAddr::new(VIRTUAL, 80);
const VIRTUAL: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 100));
const OUTPUTS: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 21)), 8080),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 22)), 8080),
];
const NAMES: [&str; 3] = ["lb1", "lb2", "lb3"];
/// Set in the process that a test runs itself in where it has no privileges of its own.
const INSIDE: &str = "DOMAIN_TEST_INSIDE";

/// What a test wants to be different.
#[derive(Clone, Copy)]
pub struct Layout {
    pub servers: usize,
    /// Whether the servers have a second path to each other.
    pub direct: bool,
    /// Whether the gateway is a ping address.
    pub ping: bool,
    /// More lines at the top of the file.
    pub properties: &'static str,
    /// More lines of `[domain]`.
    pub domain: &'static str,
}

pub const PAIR: Layout = Layout {
    servers: 2,
    direct: true,
    ping: true,
    properties: "",
    domain: "",
};

/// Everything is gone when it is dropped.
pub struct World {
    pub lb1: Server,
    pub lb2: Server,
    pub lb3: Option<Server>,
    pub network: Network,
    pub client: Space,
    _gateway: Space,
    _watch: Watch,
    /// Keeps the outputs' namespace.
    _backends: Space,
    _outputs: Outputs,
    folder: Folder,
}

/// Runs a test in a world of its own. Whoever may not make one becomes root in a namespace of users first.
pub fn world<F: FnOnce(World)>(layout: Layout, test: F) {
    match World::new(layout) {
        Ok(world) => test(world),
        Err(error) => {
            assert_eq!(error, Errno::EPERM);
            assert!(
                std::env::var_os(INSIDE).is_none(),
                "not even a namespace of users helps"
            );
            again_as_root(type_name::<F>());
        }
    }
}

/// Runs one test in another process, by the name of its closure.
fn again_as_root(closure: &str) {
    let test = closure.trim_end_matches("::{{closure}}");
    let (_, test) = test.split_once("::").unwrap();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount"]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    let output = command.env(INSIDE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let trouble = String::from_utf8_lossy(&output.stderr);
    // A runner that finds no test of that name is content as well.
    let ran = text.contains("1 passed");
    assert!(output.status.success() && ran, "{test}: {text}{trouble}");
}

impl World {
    fn new(layout: Layout) -> Result<World, Errno> {
        let network = Network::new()?;
        let host = |name: &str, addresses: &[&str]| {
            let space = Space::new()?;
            network.plug(name, &space, Cable::Service, addresses[0]);
            for more in &addresses[1..] {
                space.ip(&format!("addr add {more} dev eth0"));
            }
            Ok::<Space, Errno>(space)
        };
        let client = host("client", &["10.0.0.50/24"])?;
        let gateway = host("gateway", &["10.0.0.1/24"])?;
        let backends = host("outputs", &["10.0.0.21/24", "10.0.0.22/24"])?;
        let folder = Folder::new();
        let mut servers = (0u8..).zip(NAMES).take(layout.servers);
        let mut server = || -> Result<Option<Server>, Errno> {
            let Some((index, name)) = servers.next() else {
                return Ok(None);
            };
            let space = host(name, &[&format!("10.0.0.{}/24", 11 + index)])?;
            if layout.direct {
                let address = format!("192.168.77.{}/24", 1 + index);
                network.plug(name, &space, Cable::Direct, &address);
            }
            let file = folder.write(name, &text(layout, &folder.0));
            let state = folder.0.join(name).join("state");
            let link = SocketAddr::new([10, 0, 0, 11 + index].into(), 7400);
            Ok(Some(Server::new(name, space, file, state, link)))
        };
        let (lb1, lb2, lb3) = (server()?.unwrap(), server()?.unwrap(), server()?);
        let all = [Some(&lb1), Some(&lb2), lb3.as_ref()];
        let ears = all.iter().flatten().map(|server| server.ear()).collect();
        Ok(World {
            _watch: Watch::new(ears, VIRTUAL),
            lb1,
            lb2,
            lb3,
            _outputs: Outputs::start(&backends, &OUTPUTS),
            network,
            client,
            _gateway: gateway,
            _backends: backends,
            folder,
        })
    }

    /// Starts both servers at once; returns when lb1 serves and lb2 could take over, as both know. Both have probed the
    /// outputs by then: until control has, requests wait.
    pub fn up(&mut self) {
        self.lb1.start();
        self.lb2.start();
        self.lb1.serves();
        self.lb1.is_ready();
        self.lb2.follows(&self.lb1);
        self.lb2.is_ready();
        self.lb1.sees_ready(&self.lb2);
    }

    /// The domain's.
    pub fn key(&self) -> PathBuf {
        self.folder.0.join("domain.key")
    }

    /// Waits until the logs have all the lines that `docs/faults.md` shows under that heading.
    pub fn logs_are_as_shown(&self, heading: &str) {
        let servers = [Some(&self.lb1), Some(&self.lb2), self.lb3.as_ref()];
        for line in faults::lines(heading) {
            let mut named = servers.into_iter().flatten();
            let server = named.find(|server| server.name == line.server);
            let server = server.unwrap_or_else(|| panic!("{heading}: {line:?}"));
            let said = server.log.wait(PATIENCE, |entries| {
                let mut entries = entries.iter();
                entries.any(|entry| line.is(&entry.what)).then_some(())
            });
            let histories = || servers.into_iter().flatten().map(Server::history);
            assert!(
                said.is_some(),
                "{line:?}\n{}",
                histories().collect::<String>()
            );
        }
    }

    /// The longest time for which two servers had the address at once.
    pub fn overlap(&self) -> Duration {
        let servers = [Some(&self.lb1), Some(&self.lb2), self.lb3.as_ref()];
        let mut changes: Vec<(Instant, bool)> = Vec::new();
        for server in servers.into_iter().flatten() {
            let held = server.held.all().into_iter();
            changes.extend(held.map(|entry| (entry.at, entry.what)));
        }
        // What was found out at once happened at once: who released comes first.
        changes.sort();
        let (mut holders, mut since, mut longest) = (0, Instant::ZERO, Duration::ZERO);
        for (at, held) in changes {
            match (held, holders) {
                (true, 1) => since = at,
                (false, 2) => longest = longest.max(at.since(since)),
                _ => {}
            }
            holders = if held { holders + 1 } else { holders - 1 };
        }
        if holders > 1 {
            longest = longest.max(clock::read().now.since(since));
        }
        longest
    }

    /// No two servers ever had the address at once, and everybody's words when they had.
    pub fn was_never_served_twice(&self) {
        self.was_served_twice_at_most(Duration::ZERO);
    }

    pub fn was_served_twice_at_most(&self, allowed: Duration) {
        let overlap = self.overlap();
        assert!(
            overlap <= allowed,
            "two had the address for {overlap:?}\n{}{}",
            self.lb1.history(),
            self.lb2.history()
        );
    }

    /// One new connection every few milliseconds, each of which gives up soon.
    pub fn ask_always(&self) -> Clients {
        self.clients(|habit| habit)
    }

    pub fn clients(&self, change: impl FnOnce(Habit) -> Habit) -> Clients {
        let habit = change(Habit {
            target: SERVICE,
            path: "/",
            every: Duration::from_millis(5),
            connects_within: Duration::from_millis(100),
            kept: 0,
        });
        Clients::start(&self.client, habit)
    }
}

/// The domain file; the same for all servers.
fn text(layout: Layout, folder: &Path) -> String {
    let names = &NAMES[..layout.servers];
    let mut text = format!(
        "in = \"{SERVICE}\"\nworkers = 1\nresources = {{ memory = \"96MB\" }}\n{}\n",
        layout.properties
    );
    for (number, output) in (1..).zip(OUTPUTS) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "out{number} = \"{output}\"");
    }
    let _ = write!(
        text,
        "[domain]\nname = \"shop\"\nmain = \"lb1\"\nbackup = \"lb2\"\n\
         virtual_addresses = [\"{VIRTUAL}/24\"]\nkey_file = \"{}\"\n{}\n",
        folder.join("domain.key").display(),
        layout.domain
    );
    if layout.ping {
        text.push_str("ping_addresses = [\"10.0.0.1\"]\n");
    }
    for (index, name) in names.iter().enumerate() {
        let mut addresses = format!("\"10.0.0.{}:7400\"", 11 + index);
        if layout.direct {
            let _ = write!(addresses, ", \"192.168.77.{}:7400\"", 1 + index);
        }
        let _ = write!(
            text,
            "[domain.servers.{name}]\naddresses = [{addresses}]\ninterface = \"eth0\"\n"
        );
    }
    text
}

/// Of one test, removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("domain-{}-{number}", std::process::id());
        let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        std::fs::create_dir_all(&folder.0).unwrap();
        write_key(&folder.0.join("domain.key"), "5a");
        folder
    }

    /// The domain file of one server.
    fn write(&self, server: &str, text: &str) -> PathBuf {
        let folder = self.0.join(server);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("halb.toml");
        std::fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in a folder that the next build may clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
