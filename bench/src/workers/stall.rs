//! One thread of another process, stopped and let go again and again, as a debugger does it (ptrace(2)); all its other
//! threads go on.

use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::ptrace;
use nix::sys::wait::WaitPidFlag;
use nix::sys::wait::WaitStatus;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::trouble::Trouble;
use crate::trouble::While;

/// So long it is stopped, and so long it goes.
const HALF: Duration = Duration::from_millis(50);

/// Under way until [`Stall::end`].
pub struct Stall {
    over: Sender<()>,
    thread: JoinHandle<Result<(), Trouble>>,
}

impl Stall {
    /// Begins with the thread of this name.
    pub fn begin(process: i32, name: &str) -> Result<Stall, Trouble> {
        let victim = find(process, name)?;
        let (over, told) = mpsc::channel();
        // Only the thread that traces may stop and let go, so it is one of its own.
        let stop_and_go = move || {
            ptrace::seize(victim, ptrace::Options::empty()).during("tracing a worker")?;
            loop {
                if told.recv_timeout(HALF) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
                stop(victim)?;
                let over = told.recv_timeout(HALF) != Err(RecvTimeoutError::Timeout);
                ptrace::cont(victim, None).during("letting a worker go")?;
                if over {
                    break;
                }
            }
            // Only a stopped thread can be left.
            stop(victim)?;
            ptrace::detach(victim, None).during("leaving a worker")
        };
        let thread = std::thread::spawn(stop_and_go);
        Ok(Stall { over, thread })
    }

    /// Lets it go for good.
    pub fn end(self) -> Result<(), Trouble> {
        drop(self.over);
        let joined = self.thread.join();
        joined.map_err(|_| Trouble::new("stopping a worker went wrong"))?
    }
}

fn stop(victim: Pid) -> Result<(), Trouble> {
    ptrace::interrupt(victim).during("stopping a worker")?;
    let status =
        waitpid(victim, Some(WaitPidFlag::__WALL)).during("waiting for a worker to stop")?;
    match status {
        WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {
            Err(Trouble::new("the worker has ended"))
        }
        _ => Ok(()),
    }
}

fn find(process: i32, name: &str) -> Result<Pid, Trouble> {
    let folder = format!("/proc/{process}/task");
    let entries = std::fs::read_dir(&folder).during(&format!("listing {folder}"))?;
    let named = |entry: &std::fs::DirEntry| {
        let found = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        found.trim_end() == name
    };
    let mut found = entries.flatten().filter(named);
    let thread = found.find_map(|entry| entry.file_name().to_str()?.parse().ok());
    let thread =
        thread.ok_or_else(|| Trouble::new(format!("process {process} has no thread {name}")))?;
    Ok(Pid::from_raw(thread))
}
