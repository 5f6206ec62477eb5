//! The program that is verified, in a cgroup of its own, as it comes: with its default configuration.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use crate::allotment::Allotment;
use crate::allotment::Group;
use crate::compare::contender::await_answer;
use crate::compare::contender::free_address;
use crate::machine::memory;
use crate::machine::memory::Memory;
use crate::machine::process::tree;
use crate::process::Place;
use crate::process::Running;
use crate::trouble::Trouble;
use crate::trouble::While;
use crate::verify::judge::Seen;

/// What is verified.
pub enum Program {
    Halb {
        path: PathBuf,
        /// So many, where that is not left to HALB.
        workers: Option<usize>,
    },
    Relay,
}

impl Program {
    pub fn name(&self) -> &'static str {
        match self {
            Program::Halb { .. } => "halb",
            Program::Relay => "relay",
        }
    }

    /// What it says about its version; fails when it cannot be started at all.
    pub fn version(&self) -> Result<String, Trouble> {
        let Program::Halb { path, .. } = self else {
            return Ok(env!("CARGO_PKG_VERSION").to_owned());
        };
        let doing = format!("starting {}", path.display());
        let output = Command::new(path)
            .arg("--version")
            .output()
            .during(&doing)?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(said.lines().next().unwrap_or("unknown").trim().to_owned())
    }

    fn command(
        &self,
        listen: SocketAddr,
        origin: SocketAddr,
        ui_port: u16,
        folder: &Path,
    ) -> Result<(PathBuf, Vec<String>), Trouble> {
        match self {
            Program::Halb { path, workers } => {
                let file = folder.join("verified.toml");
                let mut text = configuration(listen, origin, ui_port, folder)?;
                if let Some(workers) = workers {
                    text += &format!("workers = {workers}\n");
                }
                std::fs::write(&file, text).during("writing a configuration")?;
                let words = ["run", "-f", &file.display().to_string()].map(str::to_owned);
                Ok((path.clone(), words.into()))
            }
            Program::Relay => {
                let own = std::env::current_exe().during("finding this program")?;
                let (listen, origin) = (listen.to_string(), origin.to_string());
                let words = ["relay", "--listen", &listen, "--to", &origin].map(str::to_owned);
                Ok((own, words.into()))
            }
        }
    }
}

/// Only what HALB cannot know by itself, and ports that clash with nothing. Everything else is its default, the
/// number of workers, probes, counters and histograms included.
fn configuration(
    listen: SocketAddr,
    origin: SocketAddr,
    ui_port: u16,
    folder: &Path,
) -> Result<String, Trouble> {
    let ctl_port = free_address()?.port();
    let state = folder.join("verified-state");
    Ok(format!(
        "in = \"{listen}\"\nout1 = \"{origin}\"\nui_port = {ui_port}\nctl_port = {ctl_port}\nstate_dir = {:?}\n",
        state.display().to_string()
    ))
}

/// The program, running. It is ended before its group is removed: fields are dropped in this order.
pub struct Subject {
    running: Running,
    group: Group,
    pub target: SocketAddr,
    /// Where HALB serves its metrics.
    pub ui: SocketAddr,
    /// All its processes.
    pub processes: Vec<i32>,
    name: &'static str,
}

impl Subject {
    /// Starts the program within the allotment, and waits until it has answered through to the origin.
    pub fn start(
        program: &Program,
        allotment: &Allotment,
        cores: &[usize],
        origin: SocketAddr,
        folder: &Path,
    ) -> Result<Subject, Trouble> {
        let name = program.name();
        let group = Group::create("verify", allotment)?;
        let target = free_address()?;
        let ui = free_address()?;
        let (path, arguments) = program.command(target, origin, ui.port(), folder)?;
        let place = Place {
            cores,
            group: Some(&group),
        };
        let mut running = Running::start(name, place, &path, &arguments, Stdio::null(), folder)?;
        await_answer(target, &mut running, name)?;
        Ok(Subject {
            target,
            ui,
            processes: tree(running.process())?,
            running,
            group,
            name,
        })
    }

    /// Its memory in user space, now. One that has ended has none.
    pub fn memory(&self) -> Memory {
        memory::of(&self.processes).unwrap_or_default()
    }

    /// What the kernel says of it so far.
    pub fn seen(&mut self) -> Result<Seen, Trouble> {
        let mut ended = self
            .running
            .check()
            .err()
            .map(|trouble| trouble.to_string());
        let killed = self.group.killed()?;
        if killed > 0 && ended.is_none() {
            ended = Some(format!(
                "{}: the kernel killed {killed} of its processes",
                self.name
            ));
        }
        Ok(Seen {
            memory_peak: self.group.memory_peak()?,
            throttled: self.group.throttled()?,
            killed,
            ended,
        })
    }
}
