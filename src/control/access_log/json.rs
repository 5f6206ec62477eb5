//! `log_format = "json"`: one object a line. Keys keep their names and their order; new ones come at the end.

use std::time::Duration;

use crate::control::access_log::line::Line;
use crate::control::access_log::text::Moment;
use crate::control::access_log::text::decimal;
use crate::control::access_log::text::display;
use crate::control::access_log::text::millis;
use crate::control::access_log::text::quoted;
use crate::http::request::Version;
use crate::plane::record::Marks;
use crate::plane::record::Text;

pub fn write(line: &Line<'_>, out: &mut Vec<u8>) {
    let record = &line.record;
    out.extend_from_slice(b"{\"time\":\"");
    Moment::of(line.unix_us).put_rfc3339(out);
    out.extend_from_slice(b"\",\"client\":\"");
    display(out, record.client);
    out.push(b'"');
    number(out, "client_port", record.port);
    request(line, out);
    key(out, "output");
    match record.output {
        Some(output) => {
            out.push(b'"');
            display(out, output);
            out.push(b'"');
        }
        None => null(out),
    }
    key(out, "status");
    match record.status {
        Some(status) => decimal(out, u64::from(status)),
        None => null(out),
    }
    key(out, "reason");
    quoted(out, record.ending.reason().as_bytes());
    number(out, "bytes_in", record.bytes_in);
    number(out, "bytes_out", record.bytes_out);
    time(out, "read_ms", Some(record.reading));
    time(out, "wait_ms", record.waited);
    time(out, "connect_ms", record.connected);
    time(out, "response_ms", record.answered);
    time(out, "total_ms", Some(record.total));
    number(out, "retries", record.retries);
    for (name, mark) in MARKS {
        key(out, name);
        let word: &[u8] = if record.marks.has(mark) {
            b"true"
        } else {
            b"false"
        };
        out.extend_from_slice(word);
    }
    number(out, "worker", line.worker as u64);
    out.push(b'}');
}

const MARKS: [(&str, Marks); 4] = [
    ("redispatched", Marks::MOVED),
    ("tied", Marks::TIED),
    ("kept_alive", Marks::KEPT),
    ("cut", Marks::CUT),
];

/// What was asked. Of a request that could not be read there is the first line only.
fn request(line: &Line<'_>, out: &mut Vec<u8>) {
    let version = match line.record.version {
        None => None,
        Some(Version::Http10) => Some("HTTP/1.0"),
        Some(Version::Http11) => Some("HTTP/1.1"),
    };
    let whole = line.is_request();
    let of = |text: Text| Some(line.texts.of(text)).filter(|text| !text.is_empty());
    text(out, "method", of(Text::Method).filter(|_| whole));
    text(out, "target", of(Text::Target).filter(|_| whole));
    text(out, "version", version.map(str::as_bytes));
    text(out, "host", of(Text::Host));
    text(out, "referer", of(Text::Referer));
    text(out, "user_agent", of(Text::UserAgent));
    text(out, "malformed", of(Text::Target).filter(|_| !whole));
}

fn text(out: &mut Vec<u8>, name: &str, text: Option<&[u8]>) {
    key(out, name);
    match text {
        Some(text) => quoted(out, text),
        None => null(out),
    }
}

fn time(out: &mut Vec<u8>, name: &str, length: Option<Duration>) {
    key(out, name);
    match length {
        Some(length) => millis(out, length),
        None => null(out),
    }
}

fn number(out: &mut Vec<u8>, name: &str, value: impl Into<u64>) {
    key(out, name);
    decimal(out, value.into());
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}
