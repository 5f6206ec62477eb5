//! A network namespace without a name: it lasts as long as this process or one that runs in it, so that even a test
//! that is killed leaves nothing behind.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::panic::resume_unwind;
use std::process::Command;
use std::process::Stdio;
use std::thread;

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sched::setns;
use nix::sched::unshare;

pub struct Space(File);

impl Space {
    /// `EPERM`: whoever runs this test may not make any.
    pub fn new() -> Result<Space, Errno> {
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            Ok(File::open("/proc/thread-self/ns/net").unwrap())
        });
        let space = Space(made.join().unwrap()?);
        space.ip("link set lo up");
        Ok(space)
    }

    /// The same one, held once more.
    pub fn again(&self) -> Space {
        Space(self.0.try_clone().unwrap())
    }

    /// As `ip` takes it for the namespace of another end.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// The calling thread, and what it starts, is in this namespace from now on.
    pub fn enter(&self) {
        setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
    }

    /// Does something in this namespace; the sockets it opens stay here wherever they are used.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                self.enter();
                work()
            });
            worker.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Lines for `ip`, all of which have to succeed.
    pub fn ip(&self, lines: &str) {
        self.feed("ip", lines);
    }

    /// What `ip` shows here.
    pub fn shows(&self, arguments: &str) -> String {
        let mut command = Command::new("ip");
        command.args(arguments.split(' '));
        let output = self.within(|| command.output().unwrap());
        assert!(output.status.success(), "ip {arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn tc(&self, lines: &str) {
        self.feed("tc", lines);
    }

    fn feed(&self, program: &str, lines: &str) {
        let mut command = Command::new(program);
        command.args(["-batch", "-"]).stdin(Stdio::piped());
        let mut child = self.within(|| command.spawn().unwrap());
        let mut input = child.stdin.take().unwrap();
        input.write_all(lines.as_bytes()).unwrap();
        input.write_all(b"\n").unwrap();
        drop(input);
        let status = child.wait().unwrap();
        assert!(status.success(), "{program}: {status} of\n{lines}");
    }
}
