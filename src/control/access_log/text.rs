//! Pieces of lines: numbers, moments, and texts of others, which can never end a line or a quotation.

use std::io::Write;
use std::time::Duration;

use crate::http::writer::date::DAY_SECONDS;
use crate::http::writer::date::MONTHS;
use crate::http::writer::date::civil;

const HEX: &[u8; 16] = b"0123456789abcdef";
const MICROS: u64 = 1_000_000;

/// A moment in UTC, taken apart.
pub struct Moment {
    year: u64,
    month: u64,
    day: u64,
    seconds: u64,
    millis: u64,
}

impl Moment {
    pub fn of(unix_us: u64) -> Moment {
        let seconds = unix_us / MICROS;
        let (year, month, day) = civil(seconds / DAY_SECONDS);
        Moment {
            year,
            month,
            day,
            seconds: seconds % DAY_SECONDS,
            millis: unix_us % MICROS / 1000,
        }
    }

    /// `2026-11-22T05:21:35.123Z` (RFC 3339)
    pub fn put_rfc3339(&self, out: &mut Vec<u8>) {
        padded(out, self.year, 4);
        out.push(b'-');
        padded(out, self.month, 2);
        out.push(b'-');
        padded(out, self.day, 2);
        out.push(b'T');
        self.put_clock(out);
        out.push(b'.');
        padded(out, self.millis, 3);
        out.push(b'Z');
    }

    /// `22/Nov/2026:05:21:35`
    pub fn put_common(&self, out: &mut Vec<u8>) {
        padded(out, self.day, 2);
        let name = (self.month as usize - 1) * 3;
        out.push(b'/');
        out.extend_from_slice(&MONTHS[name..name + 3]);
        out.push(b'/');
        padded(out, self.year, 4);
        out.push(b':');
        self.put_clock(out);
    }

    /// Milliseconds of its second, three digits.
    pub fn put_millis(&self, out: &mut Vec<u8>) {
        padded(out, self.millis, 3);
    }

    fn put_clock(&self, out: &mut Vec<u8>) {
        padded(out, self.seconds / 3600, 2);
        out.push(b':');
        padded(out, self.seconds / 60 % 60, 2);
        out.push(b':');
        padded(out, self.seconds % 60, 2);
    }
}

/// A number.
pub fn decimal(out: &mut Vec<u8>, value: u64) {
    padded(out, value, 1);
}

/// A number with at least so many digits.
fn padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut at) = (value, digits.len());
    while rest > 0 || digits.len() - at < width {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Milliseconds with three decimals.
pub fn millis(out: &mut Vec<u8>, length: Duration) {
    let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
    decimal(out, micros / 1000);
    out.push(b'.');
    padded(out, micros % 1000, 3);
}

/// What a program can be asked to print.
pub fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value}");
}

/// As nginx and Apache do: what is not visible ASCII, quotes and backslashes are `\xHH`.
pub fn hexed(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'"' | b'\\' | ..b' ' | 0x7f.. => hex(out, b"\\x", *byte),
            _ => out.push(*byte),
        }
    }
}

/// As HAProxy does: what is not visible ASCII, quotes and `#` are `#HH`, in capitals.
pub fn hashed(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'"' | b'#' | ..b' ' | 0x7f.. => {
                let start = out.len();
                hex(out, b"#", *byte);
                out[start..].make_ascii_uppercase();
            }
            _ => out.push(*byte),
        }
    }
}

/// A JSON string that says exactly which bytes there were: those that are not UTF-8 become the four characters
/// `\xHH`, and so does a backslash, so that nothing else looks like one.
pub fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|char| character(out, char));
        chunk
            .invalid()
            .iter()
            .for_each(|byte| hex(out, b"\\\\x", *byte));
    }
    out.push(b'"');
}

fn character(out: &mut Vec<u8>, char: char) {
    match char {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => hex(out, b"\\\\x", b'\\'),
        ' '..='~' => out.push(char as u8),
        // Some readers take these two for the end of a line.
        '\u{2028}' => out.extend_from_slice(b"\\u2028"),
        '\u{2029}' => out.extend_from_slice(b"\\u2029"),
        // Terminals obey what stands between 7f and 9f, too.
        '\0'..='\u{9f}' => hex(out, b"\\u00", char as u8),
        _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn hex(out: &mut Vec<u8>, mark: &[u8], byte: u8) {
    out.extend_from_slice(mark);
    out.push(HEX[usize::from(byte >> 4)]);
    out.push(HEX[usize::from(byte & 15)]);
}
