//! What `docs/faults.md` shows of the logs after a fault.

const TEXT: &str = include_str!("../../../docs/faults.md");

/// What a server says, or something else in its place.
#[derive(PartialEq, Eq, Debug)]
pub struct Line {
    pub server: &'static str,
    pub any_of: Vec<&'static str>,
}

/// All lines under one heading.
pub fn lines(heading: &str) -> Vec<Line> {
    let lines = lines_in(TEXT, heading);
    assert!(!lines.is_empty(), "docs/faults.md has no {heading:?}");
    lines
}

fn lines_in(text: &'static str, heading: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut sections = text.split("\n## ").skip(1);
    let section = sections.find_map(|section| section.strip_prefix(heading)?.strip_prefix('\n'));
    let shown = section.into_iter().flat_map(str::lines);
    for shown in shown.filter_map(|line| line.strip_prefix("    ")) {
        let (server, said) = shown.trim_start().split_once(": ").unwrap();
        match (server, lines.last_mut()) {
            ("or", Some(line)) => line.any_of.push(said),
            _ => lines.push(Line {
                server,
                any_of: vec![said],
            }),
        }
    }
    lines
}

impl Line {
    /// Whether `said` is that line, whatever the numbers in it are.
    pub fn is(&self, said: &str) -> bool {
        let said = without_numbers(said);
        self.any_of.iter().any(|line| without_numbers(line) == said)
    }
}

/// Names of servers and outputs end in digits, too, which are no numbers.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    let mut in_name = false;
    for letter in line.chars() {
        let in_number = letter.is_ascii_digit() && !in_name;
        in_name = letter.is_alphanumeric() && !in_number;
        match in_number {
            true if text.ends_with('#') => {}
            true => text.push('#'),
            false => text.push(letter),
        }
    }
    text
}

#[test]
fn a_line_is_known_whatever_its_numbers_are() {
    let text = "# Faults\n\n## One\n\nA sentence.\n\n    lb1: has 2 of 10.0.0.1\n     or: has none\n    lb2: x\n\n## Two\n";
    let lines = lines_in(text, "One");
    let all = |line: &Line| (line.server, line.any_of.len());
    assert_eq!(
        lines.iter().map(all).collect::<Vec<_>>(),
        [("lb1", 2), ("lb2", 1)]
    );
    assert!(lines[0].is("has 17 of 10.1.20.3") && lines[0].is("has none"));
    assert!(!lines[0].is("has 17 of 10.1.20"));
    assert!(!lines[1].is("x2") && !lines[1].is("has none"));
    assert_eq!(lines_in(text, "Two"), []);
    assert_eq!(lines_in(text, "On"), []);
    assert_ne!(without_numbers("lb1 serves"), without_numbers("lb2 serves"));
}
