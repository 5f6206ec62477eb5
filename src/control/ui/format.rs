//! Numbers for people. `files/words.js` writes them in the same way.

use std::time::Duration;

/// `12,345`
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0`, `0.4`, `9.7`, `12,345`: a rate.
pub fn rate(number: f64) -> String {
    if number == 0.0 || number >= 9.95 {
        count(number.round() as u64)
    } else {
        format!("{number:.1}")
    }
}

/// `12 B`, `1.4 kB`, `980 MB`: as networks count.
pub fn bytes(number: f64) -> String {
    with_unit(number, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// As `memory` in the configuration counts: `96.0 MB` are 96 × 2^20.
pub fn memory(bytes: u64) -> String {
    with_unit(bytes as f64, 1024.0, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// `0.42 ms`, `7.5 ms`, `180 ms`, `2.5 s`; a dash: there was none.
pub fn micros(length: Option<f64>) -> String {
    let Some(ms) = length.map(|micros| micros / 1000.0) else {
        return "–".to_owned();
    };
    match ms {
        ms if ms < 0.995 => format!("{ms:.2} ms"),
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// The two largest units: `3 d 4 h`, `5 min 3 s`, `12 s`.
pub fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// `12:34:56`, UTC.
pub fn time_of_day(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000 % 86400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// Three digits, and the unit they belong to.
fn with_unit(number: f64, step: f64, units: &[&str]) -> String {
    let mut number = number;
    let mut rest = units.iter();
    let mut unit = rest.next();
    while number >= 999.5
        && let Some(next) = rest.next()
    {
        number /= step;
        unit = Some(next);
    }
    let unit = unit.copied().unwrap_or_default();
    match number {
        number if unit == "B" => format!("{number:.0} {unit}"),
        number if number < 9.995 => format!("{number:.2} {unit}"),
        number if number < 99.95 => format!("{number:.1} {unit}"),
        number => format!("{number:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let counts = [0, 999, 1000, 12_345, 1_234_567].map(count);
        assert_eq!(counts, ["0", "999", "1,000", "12,345", "1,234,567"]);
        let rates = [0.0, 0.04, 0.44, 9.94, 9.96, 99.6, 12_345.4].map(rate);
        assert_eq!(rates, ["0", "0.0", "0.4", "9.9", "10", "100", "12,345"]);
        let sizes = [0.0, 12.3, 999.4, 999.6, 1_400.0, 99_960.0, 980e6, 5.5e15].map(bytes);
        let expected = [
            "0 B", "12 B", "999 B", "1.00 kB", "1.40 kB", "100 kB", "980 MB", "5.50 PB",
        ];
        assert_eq!(sizes, expected);
        assert_eq!(memory(96 << 20), "96.0 MB");
        let lengths = [5.0, 420.0, 996.0, 7_540.0, 9_960.0, 180_400.0, 2_540_000.0];
        let lengths = lengths.map(|length| micros(Some(length)));
        let expected = [
            "0.01 ms", "0.42 ms", "1.0 ms", "7.5 ms", "10 ms", "180 ms", "2.5 s",
        ];
        assert_eq!(lengths, expected);
        assert_eq!(micros(None), "–");
    }

    #[test]
    fn times_are_written_for_people() {
        let lengths = [0, 59, 60, 303, 3_600, 7_384, 86_400, 273_600];
        let lengths = lengths.map(|seconds| length(Duration::from_secs(seconds)));
        let expected = [
            "0 s",
            "59 s",
            "1 min 0 s",
            "5 min 3 s",
            "1 h 0 min",
            "2 h 3 min",
            "1 d 0 h",
            "3 d 4 h",
        ];
        assert_eq!(lengths, expected);
        assert_eq!(time_of_day(1_700_000_000_999), "22:13:20");
    }
}
