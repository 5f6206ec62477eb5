//! What an operator does on one host: the verbs of HALB, the file in an editor, and a look at what is measured.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use serde_json::Value;

use super::record::eventually;
use super::server::Server;

/// Where `ui` is looked at, on each host.
const UI: &str = "127.0.0.1:8080";

impl Server {
    /// What a verb printed; it has to succeed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.halb(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?}: {said}\n{}",
            self.history()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a verb complained of; it has to fail, and not for its usage.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.halb(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        let done = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {done}{said}");
        said
    }

    fn halb(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        self.complete(&mut command);
        command.stdin(Stdio::null());
        self.space.within(|| command.output().unwrap())
    }

    /// How the domain stands, as it says.
    pub fn status(&self) -> Value {
        let printed = self.done(&["domain", "status", "--json"]);
        serde_json::from_str(&printed).unwrap()
    }

    /// Waits until that stands in what it says of the domain file. Asked over HTTP: a verb wants a file without mistakes.
    pub fn says_of_its_file(&self, part: &str) {
        eventually(&format!("{} says {part} of its file", self.name), || {
            let report = self.asks("/api/domain/status").unwrap();
            let text = report["status"]["domain"]["file"]["text"].as_str();
            text.is_some_and(|text| text.contains(part))
        });
    }

    /// Somebody writes the file and has not closed it yet: nobody is told of that.
    pub fn begins_to_write(&self, text: &str) -> File {
        let mut file = File::create(&self.file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.sync_all().unwrap();
        file
    }

    /// Somebody else closes the file, as if it had been written.
    pub fn touches(&self) {
        drop(OpenOptions::new().append(true).open(&self.file).unwrap());
    }

    /// What `/metrics` says now.
    pub fn metrics(&self) -> Metrics {
        let answer = self.gets(UI, "/metrics").unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        Metrics(text.to_owned())
    }

    /// Waits until all of these lines stand in its metrics.
    pub fn measures(&self, lines: &[&str]) {
        for line in lines {
            self.comes_to(&format!("measure {line}"), || self.metrics().has(line));
        }
    }
}

/// One reading.
pub struct Metrics(String);

impl Metrics {
    pub fn has(&self, line: &str) -> bool {
        self.0.lines().any(|one| one == line)
    }

    /// Whether there is such a series at all.
    pub fn knows(&self, series: &str) -> bool {
        self.0.lines().any(|line| line.starts_with(series))
    }

    /// Prometheus' own judge is content.
    pub fn are_sound(&self) {
        let mut command = Command::new("promtool");
        command.args(["check", "metrics"]);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("promtool is there");
        let mut input = child.stdin.take().unwrap();
        input.write_all(self.0.as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{}", self.0);
    }
}
