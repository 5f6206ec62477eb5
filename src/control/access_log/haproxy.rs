//! `log_format = "haproxy"`: the line of HAProxy's `option httplog`, without what syslog puts ahead of it.

use std::time::Duration;

use crate::control::access_log::line::Line;
use crate::control::access_log::line::Scene;
use crate::control::access_log::text::Moment;
use crate::control::access_log::text::decimal;
use crate::control::access_log::text::display;
use crate::control::access_log::text::hashed;
use crate::http::ending::Ending;
use crate::plane::record::Marks;
use crate::plane::record::Record;

pub fn write(line: &Line<'_>, scene: &Scene, out: &mut Vec<u8>) {
    let record = &line.record;
    display(out, record.client);
    out.push(b':');
    decimal(out, u64::from(record.port));
    out.extend_from_slice(b" [");
    let moment = Moment::of(line.unix_us);
    moment.put_common(out);
    out.push(b'.');
    moment.put_millis(out);
    out.extend_from_slice(b"] in out/");
    match record.output {
        Some(output) => display(out, output),
        None => out.extend_from_slice(b"<NOSRV>"),
    }
    times(record, out);
    match record.status {
        Some(status) => decimal(out, u64::from(status)),
        None => out.extend_from_slice(b"-1"),
    }
    out.push(b' ');
    decimal(out, record.bytes_out);
    out.extend_from_slice(b" - - ");
    let [cause, state] = termination(record);
    let tied = if record.marks.has(Marks::TIED) {
        b'V'
    } else {
        b'-'
    };
    out.extend_from_slice(&[cause, state, tied, b'-', b' ']);
    counts(record, scene, out);
    out.push(b'"');
    if line.is_request() {
        line.put_request(out, hashed);
    } else {
        out.extend_from_slice(b"<BADREQ>");
    }
    out.push(b'"');
}

/// `TR/Tw/Tc/Tr/Ta`: -1 for what was not reached.
fn times(record: &Record, out: &mut Vec<u8>) {
    let all = record.reading + record.total;
    let steps = [
        Some(record.reading),
        record.waited,
        record.connected,
        record.answered,
        Some(all),
    ];
    let mut before = b' ';
    for step in steps {
        out.push(before);
        match step {
            Some(step) => decimal(out, millis(step)),
            None => out.extend_from_slice(b"-1"),
        }
        before = b'/';
    }
    out.push(b' ');
}

/// `actconn/feconn/beconn/srv_conn/retries srv_queue/backend_queue`: as things stand while the line is written.
/// How many were ahead in a queue HALB does not keep.
fn counts(record: &Record, scene: &Scene, out: &mut Vec<u8>) {
    let here = record
        .output
        .map_or(0, |output| scene.sessions[output.index()]);
    let all = scene.sessions.iter().sum();
    for count in [scene.connections, scene.connections, all, here] {
        decimal(out, count);
        out.push(b'/');
    }
    if record.marks.has(Marks::MOVED) {
        out.push(b'+');
    }
    decimal(out, u64::from(record.retries));
    out.extend_from_slice(b" 0/0 ");
}

/// The first two letters of HAProxy's termination state: who ended it, and how far it was.
fn termination(record: &Record) -> [u8; 2] {
    let state = state(record);
    match record.ending {
        Ending::Answered | Ending::TunnelClosed => *b"--",
        Ending::LastHop => *b"LR",
        Ending::Refused(_) => *b"PR",
        Ending::RequestBody(_) | Ending::ClientGone => [b'C', state],
        Ending::RequestTimeout | Ending::ClientStalled => [b'c', state],
        Ending::NoOutput | Ending::ConnectFailed => *b"SC",
        Ending::ConnectTimeout => *b"sC",
        Ending::QueueTimeout => *b"sQ",
        Ending::OutputGone | Ending::ResponseBody(_) => [b'S', state],
        Ending::ServerTimeout | Ending::TunnelIdle => [b's', state],
        Ending::BrokenResponse(_) => *b"PH",
        Ending::NoBuffer | Ending::NoDescriptor | Ending::Shed => [b'R', state],
        Ending::Stopping => [b'K', state],
    }
}

/// Request, queue, connection, headers or data.
fn state(record: &Record) -> u8 {
    match record {
        Record {
            answered: Some(_), ..
        } => b'D',
        Record {
            connected: Some(_), ..
        } => b'H',
        Record {
            waited: Some(_), ..
        } => b'C',
        Record {
            version: Some(_), ..
        } => b'Q',
        _ => b'R',
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
