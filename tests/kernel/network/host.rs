//! A host of one's own: a thread in a network namespace, so that nothing outside changes, and nothing is left when it
//! ends. Works as root, also as root of a user namespace (`unshare -Urn`).

use std::process::Command;
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use halb::ring::clock;
use nix::sched::CloneFlags;
use nix::sched::unshare;
use nix::unistd::gettid;

/// Longer than anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

type Job = Box<dyn FnOnce() + Send>;

/// What runs in it is in its network; programs that are started there, too.
pub struct Host {
    thread: i32,
    jobs: Option<Sender<Job>>,
    joined: Option<JoinHandle<()>>,
}

impl Host {
    /// With nothing but a loopback, which is up.
    pub fn new() -> Host {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (say, begun) = mpsc::channel();
        let joined = thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET)
                .expect("a network namespace: run as root or by unshare -Urn");
            say.send(gettid().as_raw()).unwrap();
            for job in todo {
                job();
            }
        });
        let host = Host {
            thread: begun.recv().expect("a namespace"),
            jobs: Some(jobs),
            joined: Some(joined),
        };
        host.ip("link set lo up");
        host
    }

    /// Two, joined by a cable between `eth0` of both: 10.0.0.1 and 10.0.0.2, 2001:db8::1 and 2001:db8::2.
    pub fn pair() -> (Host, Host) {
        let (one, two) = (Host::new(), Host::new());
        let other = two.thread;
        one.ip(&format!(
            "link add eth0 type veth peer name eth0 netns {other}"
        ));
        for (host, last) in [(&one, 1), (&two, 2)] {
            host.ip(&format!("addr add 10.0.0.{last}/24 dev eth0"));
            host.ip(&format!("addr add 2001:db8::{last}/64 dev eth0 nodad"));
            host.ip("link set eth0 up");
        }
        for host in [&one, &two] {
            // Before, groups are not heard: the kernel takes note of a carrier a moment later.
            while !host
                .ip("-6 route show table local")
                .contains("multicast ff00::/8 dev eth0")
            {
                thread::yield_now();
            }
        }
        (one, two)
    }

    /// Runs something in this host.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (say, done) = mpsc::channel();
        let job: Job = Box::new(move || {
            let _ = say.send(job());
        });
        self.jobs
            .as_ref()
            .unwrap()
            .send(job)
            .expect("the host runs");
        done.recv().expect("the job did not panic")
    }

    /// `ip` with these arguments; what it prints.
    pub fn ip(&self, arguments: &str) -> String {
        let (worked, said) = self.try_ip(arguments);
        assert!(worked, "ip {arguments}: {said}");
        said
    }

    /// The same where it may fail; whether it worked.
    pub fn try_ip(&self, arguments: &str) -> (bool, String) {
        let words: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        self.run(move || {
            let output = Command::new("ip").args(words).output().expect("iproute2");
            let said = [output.stdout, output.stderr].concat();
            (
                output.status.success(),
                String::from_utf8_lossy(&said).into_owned(),
            )
        })
    }

    /// What the kernel's own setting `name` is from now on, such as `net.ipv4.ip_forward`.
    pub fn set(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        let value = value.to_owned();
        self.run(move || std::fs::write(path, value)).expect(name);
    }

    /// Whether this address is there.
    pub fn has(&self, address: &str) -> bool {
        let all = self.ip("-o addr show");
        all.split_whitespace()
            .any(|word| word.split('/').next() == Some(address))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(joined) = self.joined.take() {
            let _ = joined.join();
        }
    }
}

/// Waits until it is so, and how long that took. A deadline makes a broken test fail.
pub fn wait_for(so: impl Fn() -> bool) -> Duration {
    let begun = clock::read().now;
    loop {
        let passed = clock::read().now.since(begun);
        if so() {
            return passed;
        }
        assert!(passed < PATIENCE, "it never is so");
        thread::yield_now();
    }
}
