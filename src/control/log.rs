//! The program's own log: logfmt on stderr, one line per event. Under systemd or a container runtime each line
//! gets its time there, so none is written here.
#![expect(clippy::print_stderr, reason = "this is the log's one door")]

use std::fmt::Display;
use std::fmt::Write;

/// One line: `event=NAME key=value …`. Values with anything but plain characters are quoted.
pub fn event(name: &str, fields: &[(&str, &dyn Display)]) {
    eprintln!("{}", line(name, fields));
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
    line
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
            r#"event=listening in=127.0.0.1:80 cause="no route\nto host" n=3 empty="""#
        );
    }
}
