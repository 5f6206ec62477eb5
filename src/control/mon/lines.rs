//! The counters as JSON, one object a line. It knows no sockets and no clock.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use crate::control::counters::Counter;
use crate::control::counters::GROUP;

/// The first line on every connection, and before the first record with other counters: what they are.
pub fn definitions(node: &str, interval: Duration, counters: &[Counter]) -> String {
    let mut line = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = write!(
        line,
        r#"{{"type":"definitions","node":{},"group":"{GROUP}","interval":{},"counters":["#,
        Value::from(node),
        interval.as_secs_f64(),
    );
    for (index, counter) in counters.iter().enumerate() {
        let _ = write!(
            line,
            r#"{}{{"name":{},"description":{},"unit":"{}","kind":"{}"}}"#,
            comma(index),
            Value::from(counter.name.as_str()),
            Value::from(counter.description.as_str()),
            counter.unit,
            counter.kind.word(),
        );
    }
    line.push_str("]}\n");
    line
}

/// What they were at one moment. `unix_ms`: milliseconds since 1970 (UTC).
pub fn record(unix_ms: u64, node: &str, counters: &[Counter]) -> String {
    let mut line = String::new();
    let _ = write!(
        line,
        r#"{{"type":"record","time":{}.{:03},"node":{},"group":"{GROUP}","values":{{"#,
        unix_ms / 1000,
        unix_ms % 1000,
        Value::from(node),
    );
    for (index, counter) in counters.iter().enumerate() {
        let name = Value::from(counter.name.as_str());
        let _ = write!(line, "{}{name}:{}", comma(index), counter.value);
    }
    line.push_str("}}\n");
    line
}

fn comma(index: usize) -> &'static str {
    if index == 0 { "" } else { "," }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::counters::Kind;

    fn two() -> [Counter; 2] {
        let counter = |name: &str, kind, value| Counter {
            name: name.to_owned(),
            description: format!("what \"{name}\" is"),
            unit: "sessions",
            kind,
            value,
        };
        [
            counter("queue", Kind::Gauge, 3),
            counter("errors", Kind::Counter, 7),
        ]
    }

    #[test]
    fn the_lines_are_those_of_the_manual() {
        let expected = concat!(
            r#"{"type":"definitions","node":"lb \"1\"","group":"HALB","interval":0.5,"counters":["#,
            r#"{"name":"queue","description":"what \"queue\" is","unit":"sessions","kind":"gauge"},"#,
            r#"{"name":"errors","description":"what \"errors\" is","unit":"sessions","kind":"counter"}]}"#,
            "\n"
        );
        let half = Duration::from_millis(500);
        assert_eq!(definitions("lb \"1\"", half, &two()), expected);
        let expected = concat!(
            r#"{"type":"record","time":1763789000.007,"node":"lb1","group":"HALB","#,
            r#""values":{"queue":3,"errors":7}}"#,
            "\n"
        );
        assert_eq!(record(1_763_789_000_007, "lb1", &two()), expected);
    }

    #[test]
    fn both_are_json_even_of_nothing() {
        for line in [
            definitions("a\nb", Duration::from_secs(1), &[]),
            definitions("é", Duration::from_secs(1), &two()),
            record(5, "a\nb", &[]),
        ] {
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            let value: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["group"], "HALB");
        }
    }
}
