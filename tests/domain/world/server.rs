//! One host with HALB on it: starting it, doing it harm, and what it says.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::thread;

use halb::model::time::Instant;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use serde_json::json;

use super::processes;
use super::record::PATIENCE;
use super::record::Record;
use super::record::comes_true;
use super::space::Space;
use super::watch::Ear;

/// Where operators ask, on each host.
const CTL: &str = "127.0.0.1:8081";

/// Ended with all that belongs to it when dropped.
pub struct Server {
    pub name: &'static str,
    pub space: Space,
    /// HALB itself: a test may put another release in its place before a start.
    pub program: PathBuf,
    /// The domain file as this server has it.
    pub file: PathBuf,
    /// Everything it has said, over all its starts.
    pub log: Record<String>,
    /// When it had the virtual address.
    pub held: Record<bool>,
    state: PathBuf,
    link: SocketAddr,
    starts: Sender<Start>,
    child: Option<Child>,
    wardens: Vec<Pid>,
}

struct Start {
    command: Command,
    answer: Sender<Child>,
}

impl Server {
    pub fn new(
        name: &'static str,
        space: Space,
        file: PathBuf,
        state: PathBuf,
        link: SocketAddr,
    ) -> Server {
        Server {
            name,
            program: env!("CARGO_BIN_EXE_halb").into(),
            file,
            log: Record::new(),
            held: Record::new(),
            state,
            link,
            starts: starter(&space),
            space,
            child: None,
            wardens: Vec::new(),
        }
    }

    /// Hears when it gets the address and loses it.
    pub fn ear(&self) -> Ear {
        Ear::new(&self.space, self.held.clone())
    }

    /// Where it talks to the other servers first.
    pub fn link(&self) -> SocketAddr {
        self.link
    }

    /// As outputs see it.
    pub fn address(&self) -> IpAddr {
        self.link.ip()
    }

    /// Its domain file.
    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    /// Somebody saves its domain file with `from` replaced by `to`.
    pub fn edit(&self, from: &str, to: &str) {
        let text = self.text();
        assert!(text.contains(from), "no {from:?} in {text}");
        let saved = self.file.with_extension("saved");
        std::fs::write(&saved, text.replacen(from, to, 1)).unwrap();
        std::fs::rename(&saved, &self.file).unwrap();
    }

    /// Starts HALB; does not wait for anything.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        // Should this process be killed, HALB ends as well.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        command.arg(&self.program).arg("run");
        self.complete(&mut command);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let (answer, started) = mpsc::channel();
        self.starts.send(Start { command, answer }).unwrap();
        let mut child = started.recv().unwrap();
        listen(child.stdout.take(), self.log.clone());
        listen(child.stderr.take(), self.log.clone());
        self.child = Some(child);
    }

    /// What makes a verb one of this server.
    pub(super) fn complete(&self, command: &mut Command) {
        command.arg("-f").arg(&self.file);
        command.env_clear();
        command.env("HALB_NODE", self.name);
        command.env("HALB_STATE_DIR", &self.state);
    }

    pub fn process(&self) -> Pid {
        let id = self.child.as_ref().expect("it runs").id();
        Pid::from_raw(i32::try_from(id).unwrap())
    }

    /// The two processes that belong to it: the one that starts wardens, and the warden itself.
    pub fn wardens(&mut self) -> [Pid; 2] {
        let keeper = self.only_child(self.process());
        let warden = self.only_child(keeper);
        self.wardens.extend([keeper, warden]);
        [keeper, warden]
    }

    fn only_child(&self, of: Pid) -> Pid {
        let found = processes::children(of, "warden");
        let &[only] = &found[..] else {
            panic!("{of} has wardens {found:?}\n{}", self.history());
        };
        only
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.process(), signal).unwrap();
    }

    /// `kill -9`, and nothing of the process is left.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.end();
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        self.child.take().expect("it runs").wait().unwrap()
    }

    pub fn holds(&self) -> bool {
        self.held.last().is_some_and(|entry| entry.what)
    }

    /// Waits until it has the address; since when.
    pub fn serves(&self) -> Instant {
        self.becomes(true)
    }

    /// Waits until it has the address no more; since when.
    pub fn releases(&self) -> Instant {
        self.becomes(false)
    }

    /// Waits until it says, after `mark` of its log, that it is standby.
    pub fn stands_by(&self, mark: usize) -> String {
        self.says_after(mark, &["event=pair text=\"standby", " is active"])
    }

    /// Waits until it could take over at once.
    pub fn is_ready(&self) {
        self.comes_to("be ready", || self.is("ready", &json!(true)));
    }

    /// Waits until it knows of another one that could take over at once: only then it may be told to go.
    pub fn sees_ready(&self, other: &Server) {
        self.comes_to(&format!("see {} ready", other.name), || {
            self.says_of(other.name, "ready", &json!(true))
        });
    }

    /// Waits until the other one is alive, as far as it knows.
    pub fn hears(&self, other: &Server) {
        self.comes_to(&format!("hear {}", other.name), || {
            self.says_of(other.name, "alive", &json!(true))
        });
    }

    /// Waits until there is a stream to the other one and all has come over it that the other one has learned: before
    /// the stream is up, nothing is missing as far as anybody knows.
    pub fn follows(&self, other: &Server) {
        self.comes_to(&format!("follow {}", other.name), || {
            let Ok(report) = self.asks("/api/domain/status") else {
                return false; // it is just starting, perhaps
            };
            let mirror = &report["status"]["domain"]["mirror"];
            mirror["following"] == other.name && mirror["whole"] == true
        });
    }

    pub(super) fn comes_to(&self, what: &str, is_so: impl Fn() -> bool) {
        let comes = comes_true(is_so);
        assert!(
            comes,
            "{} never comes to {what}\n{}",
            self.name,
            self.history()
        );
    }

    /// Whether that stands in what it says of itself.
    pub fn is(&self, word: &str, value: &Value) -> bool {
        self.says_of(self.name, word, value)
    }

    /// Whether that stands in what it says of a server that it hears.
    pub fn says_of(&self, name: &str, word: &str, value: &Value) -> bool {
        let Ok(report) = self.asks("/api/domain/status") else {
            return false; // it is just starting, perhaps
        };
        let servers = report["status"]["domain"]["servers"]
            .as_array()
            .into_iter()
            .flatten();
        let mut of = servers.filter(|server| server["name"] == name && server["alive"] == true);
        of.any(|server| server[word] == *value)
    }

    /// What `ctl` answers to an operator on this host.
    pub fn asks(&self, path: &str) -> io::Result<Value> {
        let answer = self.gets(CTL, path)?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).map_err(|_| io::Error::other(answer.clone()))
    }

    /// The whole response of one of its terminals, which are on its loopback.
    pub(super) fn gets(&self, terminal: &str, path: &str) -> io::Result<String> {
        self.space.within(|| {
            let mut stream = TcpStream::connect(terminal)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let fields = format!("Host: {terminal}\r\nConnection: close\r\n");
            stream.write_all(format!("GET {path} HTTP/1.1\r\n{fields}\r\n").as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        })
    }

    /// An order that has to be carried out; what was answered.
    pub fn orders(&self, path: &str) -> Value {
        let answer = self.asks(path).unwrap();
        assert_eq!(
            answer["status"]["code"],
            0,
            "{path}: {answer}\n{}",
            self.history()
        );
        answer
    }

    fn becomes(&self, held: bool) -> Instant {
        let since = self.held.wait(PATIENCE, |entries| {
            let last = entries.last();
            last.filter(|last| last.what == held).map(|last| last.at)
        });
        since.unwrap_or_else(|| {
            let state = if held { "gets" } else { "loses" };
            panic!(
                "{} never {state} the address\n{}",
                self.name,
                self.history()
            )
        })
    }

    /// Waits for a line with all of `parts`, said since `mark` of its log; that line.
    pub fn says_after(&self, mark: usize, parts: &[&str]) -> String {
        let line = self.log.wait(PATIENCE, |entries| {
            let news = entries.iter().skip(mark);
            let mut lines = news.map(|entry| &entry.what);
            lines
                .find(|line| parts.iter().all(|part| line.contains(part)))
                .cloned()
        });
        line.unwrap_or_else(|| panic!("{} never says {parts:?}\n{}", self.name, self.history()))
    }

    /// The same of all it has ever said.
    pub fn says(&self, parts: &[&str]) -> String {
        self.says_after(0, parts)
    }

    /// Everything it has said and what became of its address, in order, for a test that fails.
    pub fn history(&self) -> String {
        let mut all: Vec<(Instant, String)> = Vec::new();
        let lines = self.log.all().into_iter();
        all.extend(lines.map(|entry| (entry.at, entry.what)));
        let held = self.held.all().into_iter();
        all.extend(held.map(|entry| (entry.at, format!("-- has the address: {}", entry.what))));
        all.sort_by_key(|(at, _)| *at);
        let mut text = format!("{}:\n", self.name);
        for (at, line) in all {
            let ms = at.as_nanos() / 1_000_000;
            text.push_str(&format!(
                "{:>6}.{:03} {line}\n",
                ms / 1000 % 100_000,
                ms % 1000
            ));
        }
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let id = Pid::from_raw(child.id().cast_signed());
            for keeper in processes::children(id, "warden") {
                self.wardens.push(keeper);
                self.wardens.extend(processes::children(keeper, "warden"));
            }
            let _ = child.kill(); // it may have ended by itself
            let _ = child.wait();
        }
        for warden in &self.wardens {
            if processes::is_called(*warden, "warden") {
                let _ = kill(*warden, Signal::SIGKILL); // it was just about to end
            }
        }
    }
}

/// A thread that starts programs in a namespace and lasts as long as its server: a program that wants to die with its
/// parent dies with the very thread that started it.
fn starter(space: &Space) -> Sender<Start> {
    let (starts, orders) = mpsc::channel::<Start>();
    let space = space.again();
    thread::spawn(move || {
        space.enter();
        for mut start in orders {
            let child = start.command.spawn().unwrap();
            let _ = start.answer.send(child); // whoever asked has failed meanwhile
        }
    });
    starts
}

fn listen(output: Option<impl Read + Send + 'static>, log: Record<String>) {
    let output = output.expect("the output was asked for");
    thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { return };
            log.push(line);
        }
    });
}
