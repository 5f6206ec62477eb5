//! Numbers as people read them.

use crate::http::writer::date::civil;

/// What stands for a figure that does not exist.
const NONE: &str = "–";
const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;
/// From here on the last digits say nothing to anybody.
const COUNT_MAX: f64 = 9_999_999.5;

/// `1,204`, `12.3 M`
pub fn count(number: Option<f64>) -> String {
    let Some(number) = sound(number) else {
        return NONE.to_owned();
    };
    if number < COUNT_MAX {
        grouped(number.round() as u64)
    } else if number < 999.95e6 {
        format!("{:.1} M", number / 1e6)
    } else {
        format!("{:.1} G", number / 1e9)
    }
}

/// A rate: with a decimal where it would round to little.
pub fn rate(number: Option<f64>) -> String {
    match sound(number) {
        Some(small) if small > 0.0 && small < 9.95 => format!("{small:.1}"),
        other => count(other),
    }
}

/// `48.3 MB`, in powers of 1000 as networks count.
pub fn bytes(number: Option<f64>) -> String {
    let Some(mut number) = sound(number) else {
        return NONE.to_owned();
    };
    if number < 999.5 {
        return format!("{number:.0} B");
    }
    for unit in ["kB", "MB", "GB"] {
        number /= 1000.0;
        if number < 999.5 {
            let decimals = usize::from(number < 99.95);
            return format!("{number:.decimals$} {unit}");
        }
    }
    format!("{:.1} TB", number / 1000.0)
}

/// Milliseconds, with three digits that count.
pub fn milliseconds(number: Option<f64>) -> String {
    match sound(number) {
        None => NONE.to_owned(),
        Some(ms) if ms < 9.995 => format!("{ms:.2}"),
        Some(ms) if ms < 99.95 => format!("{ms:.1}"),
        Some(ms) => count(Some(ms)),
    }
}

/// `0.4 s`, `12 s`, `3 min 5 s`, `4 h 12 min`, `3 d 4 h`
pub fn length(seconds: Option<f64>) -> String {
    let Some(seconds) = sound(seconds) else {
        return NONE.to_owned();
    };
    let whole = seconds as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..MINUTE_S => format!("{whole} s"),
        MINUTE_S..HOUR_S => format!("{} min {} s", whole / MINUTE_S, whole % MINUTE_S),
        HOUR_S..DAY_S => format!("{} h {} min", whole / HOUR_S, whole % HOUR_S / MINUTE_S),
        _ => format!("{} d {} h", whole / DAY_S, whole % DAY_S / HOUR_S),
    }
}

/// `11-22 12:03:04`, in UTC.
pub fn moment(unix_ms: Option<u64>) -> String {
    let Some(unix_ms) = unix_ms else {
        return NONE.to_owned();
    };
    let seconds = unix_ms / 1000;
    let (_, month, day) = civil(seconds / DAY_S);
    let of_day = seconds % DAY_S;
    let (hour, minute, second) = (
        of_day / HOUR_S,
        of_day % HOUR_S / MINUTE_S,
        of_day % MINUTE_S,
    );
    format!("{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Neither negative nor beyond all figures.
fn sound(number: Option<f64>) -> Option<f64> {
    number.filter(|number| (0.0..1e18).contains(number))
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        for (number, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (1204.0, "1,204"),
            (1_234_567.0, "1,234,567"),
            (12_345_678.0, "12.3 M"),
            (4.2e9, "4.2 G"),
            (-1.0, "–"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(count(Some(number)), text);
        }
        assert_eq!(count(None), "–");
        assert_eq!(rate(Some(0.0)), "0");
        assert_eq!(rate(Some(0.34)), "0.3");
        assert_eq!(rate(Some(9.96)), "10");
        for (number, text) in [
            (0.0, "0 B"),
            (999.4, "999 B"),
            (999.6, "1.0 kB"),
            (48_300_000.0, "48.3 MB"),
            (123_400_000.0, "123 MB"),
            (1.25e9, "1.2 GB"),
            (2e15, "2000.0 TB"),
        ] {
            assert_eq!(bytes(Some(number)), text);
        }
        for (number, text) in [
            (0.0, "0.00"),
            (0.824, "0.82"),
            (12.34, "12.3"),
            (1234.0, "1,234"),
        ] {
            assert_eq!(milliseconds(Some(number)), text);
        }
    }

    #[test]
    fn lengths_and_moments_read_as_people_write_them() {
        for (seconds, text) in [
            (0.94, "0.9 s"),
            (9.96, "9 s"),
            (59.9, "59 s"),
            (61.0, "1 min 1 s"),
            (15_120.0, "4 h 12 min"),
            (273_600.0, "3 d 4 h"),
        ] {
            assert_eq!(length(Some(seconds)), text);
        }
        for (unix_s, text) in [
            (0, "01-01 00:00:00"),
            (951_782_400, "02-29 00:00:00"), // 2000
            (951_868_800, "03-01 00:00:00"),
            (1_709_251_199, "02-29 23:59:59"), // 2024
            (1_795_348_984, "11-22 12:03:04"), // 2026
            (4_107_542_400, "03-01 00:00:00"), // 2100 has no leap day
            (4_107_542_399, "02-28 23:59:59"),
        ] {
            assert_eq!(moment(Some(unix_s * 1000)), text);
        }
    }
}
