//! Holds a single thread of a process, as a debugger does: SIGSTOP would stop them all.

use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::thread;
use std::thread::JoinHandle;

use nix::sys::ptrace;
use nix::sys::wait::WaitPidFlag;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

/// The thread goes on when this is dropped.
pub struct Frozen {
    thaw: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Frozen {
    /// Returns when the thread stands.
    pub fn new(id: Pid) -> Frozen {
        let (stands, stood) = mpsc::channel();
        let (thaw, thawed) = mpsc::channel::<()>();
        // ptrace(2): the tracer is a thread, and only that one may let go.
        let thread = thread::spawn(move || {
            ptrace::seize(id, ptrace::Options::empty()).unwrap();
            ptrace::interrupt(id).unwrap();
            waitpid(id, Some(WaitPidFlag::__WALL)).unwrap();
            stands.send(()).unwrap();
            let _ = thawed.recv(); // dropped: that is the end
            let _ = ptrace::detach(id, None); // its process may have ended
        });
        stood.recv().unwrap();
        Frozen {
            thaw: Some(thaw),
            thread: Some(thread),
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        drop(self.thaw.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what went wrong on it has been printed
        }
    }
}
