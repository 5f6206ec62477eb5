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
pub mod terms;
pub mod verbs;
pub mod watch;

use std::any::type_name;
use std::fmt::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
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
use network::Family;
use network::Network;
use outputs::Outputs;
use record::PATIENCE;
use server::Server;
use space::Space;
use watch::Watch;

/// As outputs see the servers, where there is IPv4.
pub const LB1: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 11));
pub const LB2: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 12));
pub const LB3: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 13));
/// Where the service is.
pub const SERVICE: SocketAddr = SocketAddr::new(VIRTUAL, 80);
pub const SERVICE_6: SocketAddr = SocketAddr::new(VIRTUAL_6, 80);
const VIRTUAL: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 100));
const VIRTUAL_6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100));
/// The numbers of hosts in their addresses; those of servers follow on each other.
const GATEWAY: u8 = 1;
const SERVERS: u8 = 11;
const OUTPUTS: [u8; 2] = [21, 22];
const CLIENT: u8 = 50;
/// Of servers on the direct link.
const DIRECT: u8 = 1;
/// A SYN that is lost is sent again after a second.
const PATIENT: Duration = Duration::from_secs(10);
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
    /// Hosts, and the service, have addresses of each of them; servers, the gateway and outputs are spoken to by the
    /// first.
    pub families: &'static [Family],
    /// More lines at the top of the file.
    pub properties: &'static str,
    /// More lines of `[domain]`.
    pub domain: &'static str,
}

pub const PAIR: Layout = Layout {
    servers: 2,
    direct: true,
    ping: true,
    families: &[Family::V4],
    properties: "",
    domain: "",
};

/// The third is neither main nor backup.
pub const THREE: Layout = Layout { servers: 3, ..PAIR };

/// Everything is gone when it is dropped.
pub struct World {
    pub lb1: Server,
    pub lb2: Server,
    pub lb3: Option<Server>,
    /// Where clients ask that are not told otherwise.
    service: SocketAddr,
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
        let network = Network::new(layout.families)?;
        let host = |name: &str, numbers: &[u8]| {
            let space = Space::new()?;
            network.plug(name, &space, Cable::Service, numbers);
            Ok::<Space, Errno>(space)
        };
        let client = host("client", &[CLIENT])?;
        let gateway = host("gateway", &[GATEWAY])?;
        let backends = host("outputs", &OUTPUTS)?;
        let folder = Folder::new();
        let mut servers = (0u8..).zip(NAMES).take(layout.servers);
        let mut server = || -> Result<Option<Server>, Errno> {
            let Some((index, name)) = servers.next() else {
                return Ok(None);
            };
            let space = host(name, &[SERVERS + index])?;
            if layout.direct {
                network.plug(name, &space, Cable::Direct, &[DIRECT + index]);
            }
            let file = folder.write(name, &text(layout, &folder.0));
            let state = folder.0.join(name).join("state");
            let link = layout.links(index)[0];
            Ok(Some(Server::new(name, space, file, state, link)))
        };
        let (lb1, lb2, lb3) = (server()?.unwrap(), server()?.unwrap(), server()?);
        let all = [Some(&lb1), Some(&lb2), lb3.as_ref()];
        let ears = all.iter().flatten().map(|server| server.ear()).collect();
        let services = layout.families.iter().map(|family| service(*family).ip());
        Ok(World {
            _watch: Watch::new(ears, services.collect()),
            lb1,
            lb2,
            lb3,
            service: service(layout.families[0]),
            _outputs: Outputs::start(&backends, &layout.outputs()),
            network,
            client,
            _gateway: gateway,
            _backends: backends,
            folder,
        })
    }

    /// Starts all servers; returns when lb1 serves and lb2 could take over, as both know, and a third one is heard by
    /// both. Both have probed the outputs by then: until control has, requests wait.
    pub fn up(&mut self) {
        self.lb1.start();
        // On a busy machine main may come so late that the backup has begun to serve.
        self.lb1.says(&["event=listening in="]);
        self.lb2.start();
        self.lb1.serves();
        self.lb1.is_ready();
        self.lb2.follows(&self.lb1);
        self.lb2.is_ready();
        self.lb1.sees_ready(&self.lb2);
        // Of three, any two may begin without the third.
        if let Some(lb3) = &mut self.lb3 {
            lb3.start();
            lb3.says(&["event=pair", "text=\"inactive"]);
            self.lb1.hears(lb3);
            self.lb2.hears(lb3);
        }
    }

    fn servers(&self) -> impl Iterator<Item = &Server> {
        [&self.lb1, &self.lb2].into_iter().chain(&self.lb3)
    }

    /// The domain's.
    pub fn key(&self) -> PathBuf {
        self.folder.0.join("domain.key")
    }

    /// Waits until the logs have all the lines that `docs/faults.md` shows under that heading.
    pub fn logs_are_as_shown(&self, heading: &str) {
        for line in faults::lines(heading) {
            let server = self.servers().find(|server| server.name == line.server);
            let server = server.unwrap_or_else(|| panic!("{heading}: {line:?}"));
            let said = server.log.wait(PATIENCE, |entries| {
                let mut entries = entries.iter();
                entries.any(|entry| line.is(&entry.what)).then_some(())
            });
            let histories = || self.servers().map(Server::history);
            assert!(
                said.is_some(),
                "{line:?}\n{}",
                histories().collect::<String>()
            );
        }
    }

    /// The longest time for which two servers had addresses of the service at once.
    pub fn overlap(&self) -> Duration {
        let mut changes: Vec<(Instant, bool)> = Vec::new();
        for server in self.servers() {
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
        let histories = || self.servers().map(Server::history).collect::<String>();
        assert!(
            overlap <= allowed,
            "two had the address for {overlap:?}\n{}",
            histories()
        );
    }

    /// One new connection every few milliseconds, each of which gives up soon.
    pub fn ask_always(&self) -> Clients {
        self.clients(|habit| habit)
    }

    pub fn clients(&self, change: impl FnOnce(Habit) -> Habit) -> Clients {
        let habit = change(Habit {
            target: self.service,
            path: "/",
            every: Duration::from_millis(5),
            connects_within: Duration::from_millis(100),
            kept: 0,
        });
        Clients::start(&self.client, habit)
    }

    /// Clients with new connections, such that keep theirs, and such that are always under way when a switch begins.
    pub fn load(&self, target: SocketAddr) -> [Clients; 3] {
        let clients = |change: fn(&mut Habit)| {
            self.clients(|mut habit| {
                habit.target = target;
                habit.connects_within = PATIENT;
                change(&mut habit);
                habit
            })
        };
        [
            clients(|_| {}),
            clients(|habit| habit.kept = 8),
            clients(|habit| {
                habit.every = Duration::from_millis(50);
                habit.path = "/slow/200";
            }),
        ]
    }
}

impl Layout {
    /// Every path to the server with that index.
    fn links(&self, index: u8) -> Vec<SocketAddr> {
        let family = self.families[0];
        let mut addresses = vec![Cable::Service.address(family, SERVERS + index)];
        if self.direct {
            addresses.push(Cable::Direct.address(family, DIRECT + index));
        }
        let links = addresses.into_iter().map(|address| (address, 7400).into());
        links.collect()
    }

    fn outputs(&self) -> Vec<SocketAddr> {
        let address = |number| Cable::Service.address(self.families[0], number);
        let outputs = OUTPUTS.map(|number| (address(number), 8080).into());
        outputs.to_vec()
    }
}

fn service(family: Family) -> SocketAddr {
    match family {
        Family::V4 => SERVICE,
        Family::V6 => SERVICE_6,
    }
}

/// The domain file; the same for all servers.
fn text(layout: Layout, folder: &Path) -> String {
    let services = layout.families.iter().map(|family| service(*family));
    let networks = layout.families.iter().map(|family| {
        let (address, length) = (service(*family).ip(), family.prefix_length());
        format!("{address}/{length}")
    });
    let mut text = format!(
        "in = {}\nworkers = 1\nresources = {{ memory = \"96MB\" }}\n{}\n",
        list(services),
        layout.properties
    );
    // Writing to a String cannot fail.
    for (number, output) in (1..).zip(layout.outputs()) {
        let _ = writeln!(text, "out{number} = \"{output}\"");
    }
    let _ = write!(
        text,
        "[domain]\nname = \"shop\"\nmain = \"lb1\"\nbackup = \"lb2\"\n\
         virtual_addresses = {}\nkey_file = \"{}\"\n{}\n",
        list(networks),
        folder.join("domain.key").display(),
        layout.domain
    );
    if layout.ping {
        let gateway = Cable::Service.address(layout.families[0], GATEWAY);
        let _ = writeln!(text, "ping_addresses = [\"{gateway}\"]");
    }
    for (index, name) in (0u8..).zip(NAMES).take(layout.servers) {
        let _ = write!(
            text,
            "[domain.servers.{name}]\naddresses = {}\ninterface = \"eth0\"\n",
            list(layout.links(index).into_iter())
        );
    }
    text
}

/// As the file has it.
fn list(all: impl Iterator<Item = impl ToString>) -> String {
    let quoted = all.map(|one| format!("\"{}\"", one.to_string()));
    format!("[{}]", quoted.collect::<Vec<String>>().join(", "))
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
