//! How long the service is away when the active of a pair meets with something: HALB's pair beside keepalived and HAProxy.
//!
//! - `hosts`: namespaces of the network; `pair`: who is tried; `faults`: what happens
//! - `client`: what is asked meanwhile; `judge`: what came of it; `steady`: what a pair costs while nothing happens
//! - `text`: the table

mod client;
mod faults;
mod hosts;
mod judge;
mod pair;
mod steady;
mod text;

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use crate::compare::adapter::beside_this;
use crate::compare::print;
use crate::interrupt::Interrupt;
use crate::process::Deadline;
use crate::process::Running;
use crate::progress::Progress;
use crate::takeover::client::Client;
use crate::takeover::faults::Fault;
use crate::takeover::judge::Trial;
use crate::takeover::pair::Kind;
use crate::takeover::pair::Pair;
use crate::takeover::steady::Steady;
use crate::trouble::Trouble;
use crate::trouble::While;

/// So long a pair may take until it serves, and both are ready.
const START_LIMIT: Duration = Duration::from_secs(20);
/// A pair is left alone for so long before something happens to it.
const REST: Duration = Duration::from_secs(2);
/// A service that has not come back by then does not come back.
const GONE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);

#[derive(Args)]
pub struct TakeoverOptions {
    /// HALB's program; without it, the `halb` beside this program.
    #[arg(long)]
    halb: Option<PathBuf>,
    /// How often each fault happens to each of them.
    #[arg(long, default_value_t = 20)]
    repetitions: usize,
    /// Keep configurations and logs in this folder.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Only these faults.
    #[arg(long, value_delimiter = ',', value_enum)]
    faults: Vec<Fault>,
    /// Only these: halb, keepalived, keepalived-fast.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Seconds between the adverts of `keepalived-fast`.
    #[arg(long, default_value_t = FASTEST_S)]
    advert_s: f64,
    /// How often it is measured what a pair costs while nothing happens; 0: not.
    #[arg(long, default_value_t = 5)]
    steady_turns: usize,
    /// How long each time, in seconds.
    #[arg(long, default_value_t = 10)]
    steady_s: u64,
    /// Write the figures here, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// This is the run within its namespaces.
    #[arg(long, hide = true)]
    inside: bool,
}

/// The shortest interval at which keepalived was seen to keep still under load (docs/benchmark.md).
const FASTEST_S: f64 = 0.05;

/// One fault and one contender.
#[derive(Serialize)]
pub struct Row {
    pub contender: String,
    pub fault: Fault,
    pub trials: Vec<Trial>,
    /// Why there are no more of them.
    pub trouble: Option<String>,
}

#[derive(Default, Serialize)]
pub struct Figures {
    pub complete: bool,
    pub rows: Vec<Row>,
    pub steady: Vec<Steady>,
}

/// The answer says whether the service always came back.
pub fn run(options: TakeoverOptions) -> Result<bool, Trouble> {
    if !options.inside {
        return apart();
    }
    let interrupt = Interrupt::hold()?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "none", "/run"])
        .status()
        .during("emptying /run for this run")?;
    if !mounted.success() {
        return Err(Trouble::new("emptying /run for this run was refused"));
    }
    hosts::make()?;
    let lost = tempfile::tempdir().during("making a folder for the run")?;
    let folder = options.folder.as_deref().unwrap_or(lost.path());
    std::fs::create_dir_all(folder).during("making a folder for the run")?;
    // Configurations name it, and they take whole paths only.
    let folder = &folder
        .canonicalize()
        .during("finding the folder for the run")?;
    let mut figures = Figures::default();
    let mut harness = Harness::new(&options, folder, &interrupt)?;
    let end = harness.all(&options, &mut figures);
    harness.progress.end();
    figures.complete = matches!(end, Ok(true));
    print(&text::text(&figures))?;
    if let Some(path) = &options.json {
        let json = serde_json::to_vec_pretty(&figures).during("writing the figures")?;
        std::fs::write(path, json).during("writing the figures")?;
    }
    end?;
    let mut trials = figures.rows.iter().flat_map(|row| &row.trials);
    Ok(figures.complete && trials.all(|trial| trial.recovered))
}

/// The same once more in namespaces of its own, so that nothing is left behind whatever becomes of it.
fn apart() -> Result<bool, Trouble> {
    let own = std::env::current_exe().during("finding this program")?;
    let kept = [
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ];
    let status = Command::new("unshare")
        .args(kept)
        .arg(own)
        .args(std::env::args_os().skip(1))
        .arg("--inside")
        .status();
    let status = status.during("making namespaces (unshare, as root)")?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(Trouble::new(format!(
            "it ended within its namespaces: {status}"
        ))),
    }
}

struct Harness<'a> {
    folder: &'a Path,
    interrupt: &'a Interrupt,
    client: Client,
    _origin: Running,
    /// The balancers have all cores but the client's, where there are several.
    cores: Vec<usize>,
    contenders: Vec<(String, Kind)>,
    progress: Progress,
}

impl<'a> Harness<'a> {
    fn new(
        options: &TakeoverOptions,
        folder: &'a Path,
        interrupt: &'a Interrupt,
    ) -> Result<Harness<'a>, Trouble> {
        let path = options
            .halb
            .clone()
            .map_or_else(|| beside_this("halb"), Ok)?;
        let alone = false;
        let contenders = [
            ("halb", Kind::Halb { path, alone }),
            ("keepalived", Kind::Keepalived { advert_s: 1.0 }),
            (
                "keepalived-fast",
                Kind::Keepalived {
                    advert_s: options.advert_s,
                },
            ),
        ];
        let wanted =
            |name: &str| options.only.is_empty() || options.only.iter().any(|one| one == name);
        let contenders = contenders.into_iter().filter(|(name, _)| wanted(name));
        let contenders: Vec<_> = contenders
            .map(|(name, kind)| (name.to_owned(), kind))
            .collect();
        let cores = halb::ring::thread::cores().during("asking which cores there are")?;
        let own = std::env::current_exe().during("finding this program")?;
        let own = own.display().to_string();
        let words = [&own, "origin", "--listen", hosts::ORIGIN];
        let count = contenders.len() * faults(options).len() * options.repetitions;
        let watched = steady::candidates(&contenders).len() * options.steady_turns;
        Ok(Harness {
            folder,
            interrupt,
            client: Client::start(hosts::space("client")?, target()?),
            _origin: pair::run_on("web", "origin", &words, &cores, folder)?,
            cores,
            contenders,
            progress: Progress::new(count + watched),
        })
    }

    /// `false`: the person wants it to end.
    fn all(&mut self, options: &TakeoverOptions, figures: &mut Figures) -> Result<bool, Trouble> {
        let contenders = self.contenders.clone();
        let length = Duration::from_secs(options.steady_s);
        if !self.steady(options.steady_turns, length, figures)? {
            return Ok(false);
        }
        for fault in faults(options) {
            let first = figures.rows.len();
            let rows = contenders.iter().map(|(name, _)| Row {
                contender: name.clone(),
                fault,
                trials: Vec::new(),
                trouble: None,
            });
            figures.rows.extend(rows);
            // In turns, so that whatever drifts in the machine drifts through all.
            for repetition in 1..=options.repetitions {
                for (row, (name, kind)) in figures.rows[first..].iter_mut().zip(&contenders) {
                    let what = format!("{name}: {}, number {repetition}", fault.word());
                    self.progress.tell(&what);
                    match self.once(kind, fault) {
                        Ok(Some(trial)) => row.trials.push(trial),
                        Ok(None) => return Ok(false),
                        Err(trouble) => row.trouble = Some(trouble.to_string()),
                    }
                }
            }
        }
        Ok(true)
    }

    /// `None`: the person wants it to end.
    fn once(&mut self, kind: &Kind, fault: Fault) -> Result<Option<Trial>, Trouble> {
        hosts::heal()?;
        self.client.forget();
        let mut pair = Pair::start(kind, self.folder, &self.cores)?;
        let Some(active) = self.ready(&mut pair)? else {
            return Ok(None);
        };
        let began = Instant::now();
        fault.happen(&pair, active)?;
        let mut recovered = false;
        while !recovered && began.elapsed() < GONE {
            if self.pause(LOOK)? {
                return Ok(None);
            }
            let attempts = self.client.since(began);
            recovered = judge::is_over(began, &attempts, Instant::now());
        }
        let attempts = self.client.since(began);
        Ok(Some(Trial {
            recovered,
            moved: hosts::holders()? == [1 - active],
            ..judge::judge(began, &attempts, Instant::now())
        }))
    }

    /// Waits until one serves, the other is ready, and all has been still for a while.
    fn ready(&self, pair: &mut Pair<'_>) -> Result<Option<usize>, Trouble> {
        let deadline = Deadline::after(START_LIMIT);
        let mut still = Instant::now();
        let mut held_by = None;
        loop {
            if self.pause(LOOK)? {
                return Ok(None);
            }
            pair.check()?;
            let holders = hosts::holders()?;
            let now = Instant::now();
            let recent = self.client.since(now.checked_sub(LOOK).unwrap_or(now));
            let served = recent
                .iter()
                .any(|attempt| matches!(attempt.ended, client::Ended::Answered { .. }));
            let active = match holders[..] {
                [active] if served => Some(active),
                _ => None,
            };
            if active != held_by {
                (still, held_by) = (now, active);
            }
            if let Some(active) = active
                && now - still >= REST
                && is_ready(pair, 1 - active)?
            {
                return Ok(Some(active));
            }
            if deadline.reached() {
                let served = if served {
                    "it serves"
                } else {
                    "it does not serve"
                };
                return Err(Trouble::new(format!(
                    "not ready in time: {served}, the address is held by {holders:?}"
                )));
            }
        }
    }

    /// Whether the person wants it to end.
    fn pause(&self, length: Duration) -> Result<bool, Trouble> {
        self.interrupt.pause(&Deadline::after(length))?;
        Ok(self.interrupt.seen())
    }
}

/// keepalived is as soon as it runs; HALB says so.
fn is_ready(pair: &Pair<'_>, standby: usize) -> Result<bool, Trouble> {
    if matches!(pair.kind, Kind::Keepalived { .. }) {
        return Ok(true);
    }
    let said = pair.domain(standby, &["status"])?;
    // A build that cannot say it yet has had its rest.
    Ok(said.is_none_or(|said| said.contains("standby")))
}

fn faults(options: &TakeoverOptions) -> Vec<Fault> {
    match options.faults.is_empty() {
        true => Fault::ALL.to_vec(),
        false => options.faults.clone(),
    }
}

fn target() -> Result<SocketAddr, Trouble> {
    let target = format!("{}:80", hosts::ADDRESS);
    target.parse().during("reading the virtual address")
}
