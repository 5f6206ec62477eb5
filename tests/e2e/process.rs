//! A program that a test started: its output line by line, its end, and the certainty that it ends.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Output;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// Longer than anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when dropped, so that a test that fails leaves nothing behind.
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    /// What it said that nobody waited for, to be shown when something fails.
    said: VecDeque<String>,
}

impl Process {
    /// Starts `command` with its output kept.
    pub fn start(command: &mut Command) -> Process {
        let name = format!("{command:?}");
        let started = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (say, lines) = mpsc::channel();
        listen(child.stdout.take(), say.clone());
        listen(child.stderr.take(), say);
        Process {
            name,
            child,
            lines,
            said: VecDeque::new(),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that begins with `start`, and gives what follows.
    pub fn line(&mut self, start: &str) -> String {
        self.find(start, |line| line.strip_prefix(start))
    }

    /// Waits for a line with `part` in it, and gives what follows that.
    pub fn line_with(&mut self, part: &str) -> String {
        self.find(part, |line| line.split_once(part).map(|(_, rest)| rest))
    }

    fn find(&mut self, what: &str, found: impl Fn(&str) -> Option<&str>) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let rest = found(&line).map(str::to_owned);
                    self.said.push_back(line);
                    if let Some(rest) = rest {
                        return rest;
                    }
                }
                Err(error) => panic!("no line {what:?} ({error}) from {}", self.history()),
            }
        }
    }

    /// Waits for a line that begins with one of `starts`, and gives it.
    pub fn line_of(&mut self, starts: &[&str]) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let found = starts.iter().any(|start| line.starts_with(start));
                    self.said.push_back(line.clone());
                    if found {
                        return line;
                    }
                }
                Err(error) => panic!("no line {starts:?} ({error}) from {}", self.history()),
            }
        }
    }

    /// Waits until a line, one of those before included, begins with one of `starts`; that line.
    pub fn has_said(&mut self, starts: &[impl AsRef<str> + Debug]) -> String {
        let mut looked_at = 0;
        loop {
            let mut news = self.said.iter().skip(looked_at);
            if let Some(line) =
                news.find(|line| starts.iter().any(|start| line.starts_with(start.as_ref())))
            {
                return line.clone();
            }
            looked_at = self.said.len();
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push_back(line),
                Err(error) => panic!("no line {starts:?} ({error}) from {}", self.history()),
            }
        }
    }

    /// Takes note of what it has said meanwhile, without waiting.
    pub fn look(&mut self) {
        self.said.extend(self.lines.try_iter());
    }

    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(id, signal).unwrap();
    }

    /// Waits for its end. Its output closes when it ends, so that is what is waited for.
    pub fn end(&mut self) -> ExitStatus {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push_back(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no end of {}", self.history()),
            }
        }
        self.child.wait().unwrap()
    }

    /// Everything it has said so far.
    pub fn history(&self) -> String {
        let said: Vec<&str> = self.said.iter().map(String::as_str).collect();
        format!("{}:\n{}", self.name, said.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(output: Option<impl Read + Send + 'static>, say: Sender<String>) {
    let output = output.expect("the output was asked for");
    thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if say.send(text).is_err() {
                return;
            }
        }
    });
}

/// Runs a program to its end, which has to be a good one; what it wrote.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    // `timeout` is there so that a client that never ends fails its test instead of holding all of them up.
    let seconds = PATIENCE.as_secs().to_string();
    let mut command = Command::new("timeout");
    command.args([&seconds, program]).args(arguments);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The same, for what it wrote as text.
pub fn says(program: &str, arguments: &[&str]) -> String {
    String::from_utf8(run(program, arguments).stdout).unwrap()
}

/// Bytes without a pattern that a lost or doubled buffer would keep.
pub fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A folder of a test's own, removed with all that is in it.
pub struct Folder(PathBuf);

static FOLDERS: AtomicU32 = AtomicU32::new(0);

impl Folder {
    pub fn new() -> Folder {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file; its path.
    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in a folder that the next build may clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
