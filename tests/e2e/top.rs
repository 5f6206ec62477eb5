//! `halb top` in a terminal, and without one.

use std::io::Read;
use std::io::Write;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use crate::backend::Backend;
use crate::node;
use crate::node::Node;

/// The properties of a running HALB, for another process.
fn like(node: &Node, command: &mut Command) {
    command.env("HALB_CTL", node.ctl.ip().to_string());
    command.env("HALB_CTL_PORT", node.ctl.port().to_string());
}

fn once(node: &Node) -> Output {
    let mut command = node::program();
    like(node, &mut command);
    command.args(["top", "-f"]).arg(&node.file);
    command.stdin(Stdio::null()).output().unwrap()
}

/// A terminal with somebody before it.
struct Person {
    keyboard: ChildStdin,
    screen: ChildStdout,
    seen: Vec<u8>,
}

impl Person {
    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until this has been drawn since the last call; a frame draws only what has changed.
    fn sees(&mut self, part: &str) {
        let mut bytes = [0; 4096];
        while !String::from_utf8_lossy(&self.seen).contains(part) {
            let count = self.screen.read(&mut bytes).unwrap_or(0);
            let seen = String::from_utf8_lossy(&self.seen);
            assert!(count > 0, "it ended without {part:?}:\n{seen}");
            self.seen.extend_from_slice(&bytes[..count]);
        }
        self.seen.clear();
    }
}

#[test]
fn an_output_is_disabled_from_the_keyboard() {
    let backends = [Backend::named("one"), Backend::named("two")];
    let node = Node::start(&backends.each_ref().map(|backend| backend.address), "");
    // A terminal of its own, 100 columns wide, for a minute at most.
    let program = env!("CARGO_BIN_EXE_halb");
    let file = node.file.display();
    let run =
        format!("stty cols 100 rows 30; exec timeout --foreground 60 {program} top -f {file}");
    let mut command = Command::new("script");
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm");
    like(&node, &mut command);
    command.args([
        "--quiet",
        "--flush",
        "--return",
        "--command",
        &run,
        "/dev/null",
    ]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut terminal = command.spawn().unwrap();
    let mut person = Person {
        keyboard: terminal.stdin.take().unwrap(),
        screen: terminal.stdout.take().unwrap(),
        seen: Vec::new(),
    };
    person.sees("out2");
    person.press("jx");
    person.sees("Disable out2?");
    person.press("n");
    person.sees("choose");
    person.press("xy");
    person.sees("out2 disabled");
    for _ in 0..4 {
        assert_eq!(node.get("/"), "one");
    }
    person.press("q");
    // The ordinary screen, as it was.
    person.sees("\u{1b}[?1049l");
    assert!(terminal.wait().unwrap().success());
    node.stop();
}

#[test]
fn without_a_terminal_it_prints_one_frame() {
    let backend = Backend::named("one");
    let node = Node::start(&[backend.address], "");
    assert_eq!(node.get("/"), "one");
    let printed = once(&node);
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.status.success(), "{text}");
    let line = text.lines().find(|line| line.starts_with("out1 ")).unwrap();
    assert!(line.contains(" UP "), "{text}");
    assert!(line.contains(&backend.address.to_string()), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    node.stop();
}

#[test]
fn nobody_to_ask_is_said() {
    let mut command = node::program();
    command.env("HALB_OUT1", "127.0.0.1:9");
    command.args(["top", "-f", "/dev/null"]);
    let printed = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(printed.stderr).unwrap();
    assert_eq!(printed.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("halb top: no halb answers at 127."),
        "{said}"
    );
    assert_eq!(printed.stdout, b"");
}
