//! Two balancers of one kind, running on their hosts: how they are started, and who of their processes is who.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::machine::process::tree;
use crate::process::Place;
use crate::process::Running;
use crate::takeover::hosts::ADDRESS;
use crate::takeover::hosts::BALANCERS;
use crate::takeover::hosts::GATEWAY;
use crate::takeover::hosts::ORIGIN;
use crate::trouble::Trouble;
use crate::trouble::While;

const HALB: &str = include_str!("../../peers/takeover/halb.toml");
const HAPROXY: &str = include_str!("../../peers/takeover/haproxy.cfg");
const KEEPALIVED: &str = include_str!("../../peers/takeover/keepalived.conf");
const ANSWERS: &str = include_str!("../../peers/takeover/answers");

/// Who is tried.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Its program; one alone has no other server and no domain.
    Halb { path: PathBuf, alone: bool },
    /// keepalived and HAProxy.
    Keepalived { advert_s: f64 },
}

/// Ended with all its processes when it is dropped.
pub struct Pair<'a> {
    pub kind: &'a Kind,
    folder: &'a Path,
    servers: Vec<Server>,
}

struct Server {
    /// HALB, or HAProxy.
    balancer: Running,
    /// keepalived.
    keeper: Option<Running>,
}

impl<'a> Pair<'a> {
    /// Starts both; does not wait for anything.
    pub fn start(kind: &'a Kind, folder: &'a Path, cores: &[usize]) -> Result<Pair<'a>, Trouble> {
        let mut pair = Pair {
            kind,
            folder,
            servers: Vec::new(),
        };
        pair.share_key()?;
        let count = match kind {
            Kind::Halb { alone: true, .. } => 1,
            _ => BALANCERS.len(),
        };
        for host in BALANCERS.into_iter().take(count) {
            let server = pair.server(host, cores)?;
            pair.servers.push(server);
        }
        Ok(pair)
    }

    /// Fails when one of them has ended.
    pub fn check(&mut self) -> Result<(), Trouble> {
        for server in &mut self.servers {
            server.balancer.check()?;
            server.keeper.as_mut().map_or(Ok(()), Running::check)?;
        }
        Ok(())
    }

    /// A signal for what carries the requests.
    pub fn signal_balancer(&self, server: usize, signal: Signal) {
        signal_all(&[self.servers[server].balancer.process()], signal);
    }

    /// A signal for what holds the address: HALB's warden, or all of keepalived.
    pub fn signal_keeper(&self, server: usize, signal: Signal) -> Result<(), Trouble> {
        let mut keepers = self.keepers(server)?;
        if self.servers[server].keeper.is_none() {
            // Not the process that would start another one.
            keepers.retain(|one| has_word(*one, b"--alone"));
        }
        if keepers.is_empty() {
            return Err(Trouble::new("there is nobody who holds the address"));
        }
        signal_all(&keepers, signal);
        Ok(())
    }

    /// The same for everybody at once.
    pub fn signal_all(&self, server: usize, signal: Signal) -> Result<(), Trouble> {
        let mut everybody = self.keepers(server)?;
        everybody.push(self.servers[server].balancer.process());
        signal_all(&everybody, signal);
        Ok(())
    }

    /// The order to end that an operator gives keepalived: to the first of its processes.
    pub fn end_keeper(&self, server: usize) {
        if let Some(keeper) = &self.servers[server].keeper {
            signal_all(&[keeper.process()], Signal::SIGTERM);
        }
    }

    /// All processes of a server.
    pub fn processes(&self, server: usize) -> Result<Vec<i32>, Trouble> {
        let server = &self.servers[server];
        let mut all = tree(server.balancer.process())?;
        if let Some(keeper) = &server.keeper {
            all.extend(tree(keeper.process())?);
        }
        Ok(all)
    }

    /// Runs `halb domain …` on the host of a server; what it said, when it went well.
    pub fn domain(&self, server: usize, words: &[&str]) -> Result<Option<String>, Trouble> {
        let Kind::Halb { path, .. } = self.kind else {
            return Ok(None);
        };
        let host = BALANCERS[server];
        let mut command = Command::new("ip");
        command.args(["netns", "exec", host]).arg(path);
        command
            .arg("domain")
            .args(words)
            .arg("-f")
            .arg(self.file(host));
        let output = command.args(["--node", host]).output();
        let output = output.during("giving an order to HALB")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(output.status.success().then_some(said))
    }

    fn keepers(&self, server: usize) -> Result<Vec<i32>, Trouble> {
        let server = &self.servers[server];
        if let Some(keeper) = &server.keeper {
            return tree(keeper.process());
        }
        let all = tree(server.balancer.process())?;
        let is_warden = |one: &i32| has_word(*one, b"warden");
        Ok(all.into_iter().filter(is_warden).collect())
    }

    fn file(&self, host: &str) -> PathBuf {
        self.folder.join(host).join("halb.toml")
    }

    /// One key for both.
    fn share_key(&self) -> Result<(), Trouble> {
        let key = self.folder.join("domain.key");
        let text = format!("HALB domain key 1 {}\n", "5a".repeat(32));
        write(&key, &text, 0o600)
    }

    fn server(&self, host: &'static str, cores: &[usize]) -> Result<Server, Trouble> {
        let folder = self.folder.join(host);
        std::fs::create_dir_all(&folder).during("making a folder for a balancer")?;
        match self.kind {
            Kind::Halb { path, alone } => self.halb(host, path, *alone, cores),
            Kind::Keepalived { advert_s } => self.keepalived(host, *advert_s, cores),
        }
    }

    fn halb(
        &self,
        host: &'static str,
        path: &Path,
        alone: bool,
        cores: &[usize],
    ) -> Result<Server, Trouble> {
        let mut text = self.filled(HALB, host);
        if alone {
            let address = format!("\"{ADDRESS}:80\"");
            text = text.replace(&address, "\"0.0.0.0:80\"");
            let domain = text.find("[domain]").unwrap_or(text.len());
            text.truncate(domain);
        }
        write(&self.file(host), &text, 0o600)?;
        let state = format!("HALB_STATE_DIR={}", self.folder.join(host).display());
        let path = path.display().to_string();
        let file = self.file(host).display().to_string();
        let mut words = vec!["env", &state, &path, "run", "-f", &file];
        if !alone {
            words.extend(["--node", host]);
        }
        Ok(Server {
            balancer: self.run(host, "halb", &words, cores)?,
            keeper: None,
        })
    }

    fn keepalived(
        &self,
        host: &'static str,
        advert_s: f64,
        cores: &[usize],
    ) -> Result<Server, Trouble> {
        let folder = self.folder.join(host);
        let priority = if host == BALANCERS[0] { "110" } else { "100" };
        let text = self.filled(KEEPALIVED, host);
        let text = text
            .replace("{{priority}}", priority)
            .replace("{{interval_s}}", "1")
            .replace("{{advert_s}}", &advert_s.to_string());
        let file = |name: &str| folder.join(name).display().to_string();
        for pid in ["pid", "vrrp_pid", "checkers_pid"] {
            // Of one that was killed: it would be taken for one that runs, as long as nobody has buried it.
            let _none_yet = std::fs::remove_file(file(pid));
        }
        write(Path::new(&file("keepalived.conf")), &text, 0o600)?;
        write(
            Path::new(&file("haproxy.cfg")),
            &self.filled(HAPROXY, host),
            0o600,
        )?;
        write(&self.folder.join("answers"), ANSWERS, 0o700)?;
        let haproxy = ["haproxy", "-db", "-f", &file("haproxy.cfg")];
        let keeper = [
            "keepalived",
            "--dont-fork",
            "--log-console",
            "--use-file",
            &file("keepalived.conf"),
            "--pid",
            &file("pid"),
            "--vrrp_pid",
            &file("vrrp_pid"),
            "--checkers_pid",
            &file("checkers_pid"),
        ];
        Ok(Server {
            balancer: self.run(host, "haproxy", &haproxy, cores)?,
            keeper: Some(self.run(host, "keepalived", &keeper, cores)?),
        })
    }

    fn filled(&self, template: &str, host: &str) -> String {
        template
            .replace("{{address}}", ADDRESS)
            .replace("{{gateway}}", GATEWAY)
            .replace("{{origin}}", ORIGIN)
            .replace("{{host}}", host)
            .replace("{{folder}}", &self.folder.display().to_string())
    }

    fn run(
        &self,
        host: &str,
        name: &str,
        words: &[&str],
        cores: &[usize],
    ) -> Result<Running, Trouble> {
        run_on(host, name, words, cores, self.folder)
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        // A graceful end of what is stopped would take its time; nothing here is worth one.
        for server in 0..self.servers.len() {
            let _ends_when_dropped = self.signal_all(server, Signal::SIGKILL);
        }
    }
}

/// Starts a program on a host.
pub fn run_on(
    host: &str,
    name: &str,
    words: &[&str],
    cores: &[usize],
    folder: &Path,
) -> Result<Running, Trouble> {
    let way = ["netns", "exec", host];
    let arguments = way.iter().chain(words).map(ToString::to_string);
    let arguments: Vec<String> = arguments.collect();
    let (name, place) = (format!("{host}-{name}"), Place::on(cores));
    let ip = Path::new("ip");
    Running::start(&name, place, ip, &arguments, Stdio::null(), folder)
}

/// Ended processes, and those that end meanwhile, are no trouble.
fn signal_all(processes: &[i32], signal: Signal) {
    for process in processes {
        let _gone_already = kill(Pid::from_raw(*process), signal);
    }
}

/// Whether it was started with that argument.
fn has_word(process: i32, word: &[u8]) -> bool {
    let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).any(|one| one == word)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Trouble> {
    let doing = format!("writing {}", path.display());
    std::fs::write(path, text).during(&doing)?;
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).during(&doing)
}
