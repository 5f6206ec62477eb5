//! Starting other programs: on cores of their own, perhaps in a cgroup, in a process group of their own, ended by their number, and ended by the
//! kernel if the harness itself ends first.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sched::CpuSet;
use nix::sched::sched_setaffinity;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::allotment::Group;
use crate::trouble::Trouble;
use crate::trouble::While;

/// A program that does not end within this after SIGTERM is killed.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// How long to wait before looking again whether something happened that has no event.
const LOOK_AGAIN_MS: u16 = 10;
/// What is shown of a program's output when it fails.
const LAST_WORDS_BYTES: usize = 2000;

/// Where a program runs.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// It may use these cores, and no others.
    pub cores: &'a [usize],
    /// What it is allowed, where that is limited.
    pub group: Option<&'a Group>,
}

impl Place<'_> {
    /// Without a limit.
    pub fn on(cores: &[usize]) -> Place<'_> {
        Place { cores, group: None }
    }
}

/// A program the harness started. Dropping it ends it.
pub struct Running {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Running {
    /// Starts `program` in its place; what it prints goes to a file in `folder`.
    pub fn start(
        name: &str,
        place: Place<'_>,
        program: &Path,
        arguments: &[String],
        stdin: Stdio,
        folder: &Path,
    ) -> Result<Running, Trouble> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).during("creating a log file")?;
        let errors = output.try_clone().during("sharing a log file")?;
        let own = std::env::current_exe().during("finding this program")?;
        let child = Command::new(own)
            .args(Pinned::words(place))
            .arg(program)
            .args(arguments)
            .stdin(stdin)
            .stdout(output)
            .stderr(errors)
            .process_group(0) // Ctrl-C is for the harness, which then ends its children itself
            .spawn()
            .during(&format!("starting {name}"))?;
        Ok(Running {
            child,
            name: name.to_owned(),
            log,
        })
    }

    pub fn process(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// Fails with the program's last words when it has ended.
    pub fn check(&mut self) -> Result<(), Trouble> {
        match self.child.try_wait().during("looking after a program")? {
            None => Ok(()),
            Some(status) => {
                let words = last_words(&self.log);
                Err(Trouble::new(format!(
                    "{} ended ({status}): {words}",
                    self.name
                )))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let process = Pid::from_raw(self.process());
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _gone_already = kill(process, Signal::SIGTERM);
        let deadline = Deadline::after(STOP_LIMIT);
        while matches!(self.child.try_wait(), Ok(None)) {
            if deadline.reached() {
                let _gone_already = self.child.kill();
                let _reaped = self.child.wait();
                return;
            }
            deadline.look_again();
        }
    }
}

/// A moment after which waiting is given up.
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(length: Duration) -> Deadline {
        Deadline(Instant::now() + length)
    }

    pub fn reached(&self) -> bool {
        Instant::now() >= self.0
    }

    /// Milliseconds left, for `poll`.
    pub fn left(&self) -> PollTimeout {
        let left = self.0.saturating_duration_since(Instant::now());
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    }

    /// Waits a little, where the kernel offers no event to wait for.
    pub fn look_again(&self) {
        let _interrupted = poll(&mut [], PollTimeout::from(LOOK_AGAIN_MS));
    }
}

/// `halb-bench pinned`: goes to its place and becomes the program.
#[derive(Args)]
pub struct Pinned {
    #[arg(long, value_delimiter = ',', required = true)]
    cores: Vec<usize>,
    /// The files into which it writes its own number, to be in its group before the program runs.
    #[arg(long)]
    door: Vec<PathBuf>,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Pinned {
    fn words(place: Place<'_>) -> Vec<OsString> {
        let cores: Vec<String> = place.cores.iter().map(usize::to_string).collect();
        let mut words: Vec<OsString> = ["pinned", "--cores", &cores.join(",")]
            .map(Into::into)
            .into();
        for door in place.group.map(Group::doors).unwrap_or_default() {
            words.extend(["--door".into(), door.into()]);
        }
        words.push("--".into());
        words
    }

    /// Does not return but with what went wrong.
    pub fn become_program(&self) -> Result<(), Trouble> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Trouble::new("there is no program to start"));
        };
        let mut cores = CpuSet::new();
        for core in &self.cores {
            cores.set(*core).during(&format!("naming core {core}"))?;
        }
        let doing = format!("binding to cores {:?}", self.cores);
        sched_setaffinity(Pid::from_raw(0), &cores).during(&doing)?;
        for door in &self.door {
            let doing = format!("writing into {}", door.display());
            std::fs::write(door, std::process::id().to_string()).during(&doing)?;
        }
        set_pdeathsig(Signal::SIGTERM).during("asking to end with the harness")?;
        // The harness holds signals back for itself; what is blocked stays blocked across an exec.
        SigSet::all()
            .thread_unblock()
            .during("letting signals through")?;
        let error = Command::new(program).args(arguments).exec();
        let program = program.display();
        Err(Trouble::new(format!("starting {program}: {error}")))
    }
}

fn last_words(log: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(log) {
        let _partly = file.read_to_end(&mut text);
    }
    let start = text.len().saturating_sub(LAST_WORDS_BYTES);
    String::from_utf8_lossy(&text[start..]).trim().to_owned()
}
