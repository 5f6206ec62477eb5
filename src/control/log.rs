//! The program's own log: logfmt on stderr, one line per event. Under systemd or a container runtime each line
//! gets its time there, so none is written here.
//!
//! While HALB serves, a thread writes: whoever does not read our stderr holds up that thread alone. And of each kind
//! there are at most ten lines a second (of each event, for each output); further ones are counted. What is said at
//! the start and at the end is written at once, and all of it.

mod door;
mod limit;

use std::fmt::Display;
use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::sync::LazyLock;

use crate::control::log::door::Door;
use crate::control::log::limit::What;

/// A process has one stderr, so there is one door to it: HALB's only word that everybody can reach.
static DOOR: LazyLock<Arc<Door>> = LazyLock::new(|| Arc::new(Door::new(put)));

/// One line: `event=NAME key=value …`. Values with anything but plain characters are quoted.
pub fn event(name: &'static str, fields: &[(&str, &dyn Display)]) {
    let output = fields.iter().find(|(key, _)| *key == "output");
    let what = What {
        event: name,
        output: output.map(|(_, value)| value.to_string()),
    };
    DOOR.say(&what, line(name, fields));
}

/// From now on a thread writes, and no more than is good.
pub fn serve() -> io::Result<()> {
    Door::serve(&DOOR)
}

/// The thread has written everything when this returns, unless nobody reads. From now on lines are written at once
/// again.
pub fn finish() {
    DOOR.finish();
}

fn line(name: &str, fields: &[(&str, &dyn Display)]) -> String {
    let mut line = format!("event={name}");
    for (key, value) in fields {
        let value = value.to_string();
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
        // Writing to a String cannot fail.
        let _ = if !value.is_empty() && value.chars().all(plain) {
            write!(line, " {key}={value}")
        } else {
            write!(line, " {key}={value:?}")
        };
    }
    line.push('\n');
    line
}

/// Tests keep what they cause; and who has closed our stderr does not want to hear of it.
#[cfg_attr(
    test,
    expect(clippy::print_stderr, reason = "tests catch what is printed")
)]
fn put(lines: &str) {
    #[cfg(test)]
    eprint!("{lines}");
    #[cfg(not(test))]
    let _ = io::Write::write_all(&mut io::stderr(), lines.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_when_they_must_be() {
        let fields: [(&str, &dyn Display); 4] = [
            ("in", &"127.0.0.1:80"),
            ("cause", &"no route\nto host"),
            ("n", &3),
            ("empty", &""),
        ];
        assert_eq!(
            line("listening", &fields),
            "event=listening in=127.0.0.1:80 cause=\"no route\\nto host\" n=3 empty=\"\"\n"
        );
    }
}
