//! What HALB writes and nobody reads: that stops neither a request nor a probe nor its end.

use std::fmt::Write;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::PipeReader;
use std::io::Read;
use std::io::pipe;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use nix::fcntl::FcntlArg;
use nix::fcntl::fcntl;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::backend::Backend;
use crate::client::Client;
use crate::node::SELDOM_PROBED;
use crate::node::program;
use crate::process::Folder;
use crate::process::PATIENCE;

/// The least that a pipe can hold.
const PIPE_BYTES: i32 = 4096;

/// HALB whose test reads its output itself, or does not.
struct Unread {
    child: Child,
    stderr: BufReader<PipeReader>,
    address: SocketAddr,
    folder: Folder,
}

impl Unread {
    /// `stdout`: where that goes. Its stderr is read until it listens.
    fn start(properties: &str, stdout: Stdio) -> Unread {
        let folder = Folder::new();
        let text = format!(
            "in = \"127.0.0.1:0\"\nworkers = 1\nresources = {{ memory = \"96MB\" }}\n{properties}"
        );
        let file = folder.write("halb.toml", text.as_bytes());
        let (stderr, theirs) = small_pipe();
        let mut command = program();
        command.env("HALB_STATE_DIR", folder.path("state"));
        command.args(["run", "-f"]).arg(file);
        command.stdout(stdout).stderr(theirs);
        let mut unread = Unread {
            child: command.spawn().unwrap(),
            stderr: BufReader::with_capacity(1, stderr),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            folder,
        };
        // The pipe's other end is the child's alone from now on.
        drop(command);
        let line = unread.line("event=listening in=");
        unread.address = line.split(' ').next().unwrap().parse().unwrap();
        unread
    }

    /// What follows in the next line that begins so.
    fn line(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.stderr.read_line(&mut line).unwrap() > 0,
                "it has ended"
            );
            if let Some(rest) = line.strip_prefix(start) {
                return rest.trim_end().to_owned();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// It ends well, with whatever it still says.
    fn stop(mut self) -> String {
        self.signal(Signal::SIGTERM);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn small_pipe() -> (PipeReader, Stdio) {
    let (ours, theirs) = pipe().unwrap();
    fcntl(theirs.as_fd(), FcntlArg::F_SETPIPE_SZ(PIPE_BYTES)).unwrap();
    (ours, theirs.into())
}

/// So many requests with long targets, each of which has to be answered at once.
fn ask(address: SocketAddr, count: usize) {
    let mut client = Client::connect(address);
    let target = "t".repeat(900);
    for number in 0..count {
        client.get(&format!("/{number}/{target}"));
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn an_access_log_that_nobody_reads_delays_no_request() {
    let backend = Backend::named("hello");
    let (reader, theirs) = small_pipe();
    let properties = format!(
        "out1 = \"{}\"\n{SELDOM_PROBED}\naccess_log = \"stdout\"\nlog_format = \"combined\"\n",
        backend.address
    );
    let mut halb = Unread::start(&properties, theirs);
    // More than fits into the pipe, the lines that are written ahead, and the worker's ring.
    const COUNT: usize = 3000;
    ask(halb.address, COUNT);
    let dropped = halb.line("event=access_log_dropped lines=");
    assert!(dropped.parse::<u64>().unwrap() > 0);
    let rest = halb.stop();
    assert!(rest.contains("event=access_log_unwritten lines="), "{rest}");
    assert!(rest.ends_with("event=stopped left=nothing\n"), "{rest}");
    let mut text = String::new();
    BufReader::new(reader).read_to_string(&mut text).unwrap();
    let whole = |line: &&str| line.starts_with("127.0.0.1 - - [") && line.ends_with("\" \"-\"");
    let lines = text.lines().filter(whole).count();
    assert!(lines > 0 && lines < COUNT, "{lines}");
    assert!(
        text.lines().count() - lines <= 1,
        "only the last one is cut"
    );
}

#[test]
fn standard_output_has_the_lines_of_the_access_log_and_no_others() {
    let backend = Backend::named("hello");
    let (mut reader, theirs) = pipe().unwrap();
    let properties = format!("out1 = \"{}\"\naccess_log = \"stdout\"\n", backend.address);
    let halb = Unread::start(&properties, theirs.into());
    ask(halb.address, 2);
    halb.stop();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    let is_json = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(text.lines().all(is_json), "{text}");
}

/// A reload that is refused says every mistake: more than the pipe holds.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let backend = Backend::named("hello");
    let probed = TcpListener::bind("127.0.0.1:0").unwrap();
    let properties = format!(
        "out1 = \"{}\"\nout2 = \"{}\"\nbackup_outputs = \"out2\"\nhealthcheck_interval = 0.1\n",
        backend.address,
        probed.local_addr().unwrap()
    );
    let halb = Unread::start(&properties, Stdio::null());
    let mut mistakes = String::new();
    for number in 0..200 {
        // Writing to a String cannot fail.
        let _ = writeln!(mistakes, "nonsense_{number} = 1");
    }
    fs::write(halb.folder.path("halb.toml"), mistakes).unwrap();
    for _ in 0..3 {
        halb.signal(Signal::SIGHUP);
    }
    ask(halb.address, 10);
    let (seen, probes) = mpsc::channel();
    thread::spawn(move || {
        let come = probed.incoming().take(20);
        come.for_each(|probe| assert!(seen.send(probe.is_ok()).is_ok()));
    });
    for _ in 0..20 {
        assert_eq!(probes.recv_timeout(PATIENCE), Ok(true), "probes go on");
    }
    let rest = halb.stop();
    assert!(rest.contains("event=reload text=\"refused"), "{rest}");
}

#[test]
fn a_log_that_has_no_reader_any_more_ends_nothing() {
    let backend = Backend::named("hello");
    let properties = format!("out1 = \"{}\"\n", backend.address);
    let mut halb = Unread::start(&properties, Stdio::null());
    let (nobody, _) = pipe().unwrap();
    drop(std::mem::replace(&mut halb.stderr, BufReader::new(nobody)));
    halb.signal(Signal::SIGUSR2); // of which it says something
    ask(halb.address, 10);
    halb.stop();
}

#[test]
fn secrets_are_in_no_log() {
    let backend = Backend::named("hello");
    let properties = format!(
        "out1 = \"{}\"\naccess_log = \"stdout\"\nctl_token = \"sesame-token\"\nusername = \"me\"\n\
         password = \"sesame-password\"\nmode = \"passive\"\ncookie_name = \"SID\"\n",
        backend.address
    );
    let (mut reader, theirs) = pipe().unwrap();
    let halb = Unread::start(&properties, theirs.into());
    let mut client = Client::connect(halb.address);
    client.say(
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: SID=sesame-cookie\r\n\
         Authorization: Bearer sesame-bearer\r\nProxy-Authorization: Basic sesame-basic\r\n\r\n",
    );
    assert_eq!(client.response().status, 200);
    halb.signal(Signal::SIGHUP);
    let said = halb.stop();
    let mut logged = String::new();
    reader.read_to_string(&mut logged).unwrap();
    assert_eq!(logged.lines().count(), 1);
    assert!(
        !said.contains("sesame") && !logged.contains("sesame"),
        "{said}{logged}"
    );
}

#[test]
fn a_log_that_cannot_be_written_is_said_at_the_start() {
    let mut command: Command = program();
    let properties = [
        "access_log=/nowhere/at/all",
        "out1=127.0.0.1:9",
        "in=127.0.0.1:0",
    ];
    command
        .arg("run")
        .args(properties.iter().flat_map(|one| ["--set", one]));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let expected =
        "Error: failed to start HALB: cannot open /nowhere/at/all (access_log): No such file";
    assert!(said.contains(expected), "{said}");
}
