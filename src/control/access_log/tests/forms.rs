use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::Sample;
use crate::control::access_log::line::Line;
use crate::control::access_log::line::Scene;
use crate::http::ending::Ending;
use crate::http::request::Version;
use crate::model::config::LogFormat;
use crate::plane::record::Marks;
use crate::plane::record::Record;
use crate::plane::record::Text;

const FORMATS: [LogFormat; 3] = [LogFormat::Json, LogFormat::Haproxy, LogFormat::Combined];

fn written(sample: &Sample, format: LogFormat) -> Vec<u8> {
    let encoded = sample.encoded();
    let (record, texts) = Record::decode(&encoded).unwrap();
    let line = Line {
        record,
        texts,
        unix_us: 1_795_326_095_067_900, // 2026-11-22T05:41:35 UTC
        worker: 1,
    };
    let mut scene = Scene::EMPTY;
    scene.connections = 9;
    (scene.sessions[0], scene.sessions[2]) = (4, 3);
    let mut out = Vec::new();
    line.write(format, &scene, &mut out);
    out
}

fn text(sample: &Sample, format: LogFormat) -> String {
    String::from_utf8(written(sample, format)).unwrap()
}

/// The bytes that a string of a line in JSON stands for.
fn bytes_of(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    bytes
}

#[test]
fn a_request_that_went_well() {
    let sample = Sample::answered();
    assert_eq!(
        text(&sample, LogFormat::Json),
        "{\"time\":\"2026-11-22T05:41:35.067Z\",\"client\":\"192.0.2.7\",\"client_port\":40000,\
         \"method\":\"GET\",\"target\":\"/a?b=c\",\"version\":\"HTTP/1.1\",\"host\":\"example.net\",\
         \"referer\":null,\"user_agent\":\"curl/8.5\",\"malformed\":null,\"output\":\"out3\",\
         \"status\":200,\"reason\":\"answered\",\"bytes_in\":120,\"bytes_out\":4242,\
         \"read_ms\":1.250,\"wait_ms\":0.000,\"connect_ms\":0.040,\"response_ms\":3.007,\
         \"total_ms\":12.345,\"retries\":0,\"redispatched\":false,\"tied\":false,\
         \"kept_alive\":true,\"cut\":false,\"worker\":1}\n"
    );
    assert_eq!(
        text(&sample, LogFormat::Haproxy),
        "192.0.2.7:40000 [22/Nov/2026:05:41:35.067] in out/out3 1/0/0/3/13 200 4242 - - ---- \
         9/9/7/3/0 0/0 \"GET /a?b=c HTTP/1.1\"\n"
    );
    assert_eq!(
        text(&sample, LogFormat::Combined),
        "192.0.2.7 - - [22/Nov/2026:05:41:35 +0000] \"GET /a?b=c HTTP/1.1\" 200 4242 \"-\" \
         \"curl/8.5\"\n"
    );
}

#[test]
fn a_client_that_left_before_it_was_answered() {
    let mut sample = Sample::answered();
    sample.texts[Text::Referer as usize] = b"http://a.example/".to_vec();
    sample.record = Record {
        client: "2001:db8::7".parse::<IpAddr>().unwrap(),
        answered: None,
        status: None,
        bytes_out: 0,
        ending: Ending::ClientGone,
        retries: 2,
        version: Some(Version::Http10),
        marks: Marks::default()
            .with(Marks::TIED, true)
            .with(Marks::MOVED, true),
        ..sample.record
    };
    let json: Value = serde_json::from_str(&text(&sample, LogFormat::Json)).unwrap();
    assert_eq!(json["status"], Value::Null);
    assert_eq!(json["response_ms"], Value::Null);
    assert_eq!(json["reason"], "client_gone");
    assert_eq!(
        (&json["tied"], &json["redispatched"]),
        (&true.into(), &true.into())
    );
    assert_eq!(
        text(&sample, LogFormat::Haproxy),
        "2001:db8::7:40000 [22/Nov/2026:05:41:35.067] in out/out3 1/0/0/-1/13 -1 0 - - CHV- \
         9/9/7/3/+2 0/0 \"GET /a?b=c HTTP/1.0\"\n"
    );
    assert_eq!(
        text(&sample, LogFormat::Combined),
        "2001:db8::7 - - [22/Nov/2026:05:41:35 +0000] \"GET /a?b=c HTTP/1.0\" 499 0 \
         \"http://a.example/\" \"curl/8.5\"\n"
    );
}

#[test]
fn what_could_not_be_read() {
    let sample = Sample::refused(b"GET  \"/\\\x1b[2J HTTP/1.1");
    let json: Value = serde_json::from_str(&text(&sample, LogFormat::Json)).unwrap();
    assert_eq!(json["method"], Value::Null);
    assert_eq!(json["target"], Value::Null);
    assert_eq!(json["output"], Value::Null);
    assert_eq!(bytes_of(&json["malformed"]), b"GET  \"/\\\x1b[2J HTTP/1.1");
    assert_eq!(
        text(&sample, LogFormat::Haproxy),
        "192.0.2.7:40000 [22/Nov/2026:05:41:35.067] in out/<NOSRV> 1/-1/-1/-1/13 400 4242 - - PR-- \
         9/9/7/0/0 0/0 \"<BADREQ>\"\n"
    );
    assert_eq!(
        text(&sample, LogFormat::Combined),
        "192.0.2.7 - - [22/Nov/2026:05:41:35 +0000] \"GET  \\x22/\\x5c\\x1b[2J HTTP/1.1\" \
         400 4242 \"-\" \"-\"\n"
    );
    let nothing = text(&Sample::refused(b""), LogFormat::Combined);
    assert!(nothing.contains("] \"-\" 400 "), "{nothing}");
}

#[test]
fn what_is_longer_than_what_is_kept_says_so() {
    let mut sample = Sample::answered();
    sample.texts[Text::Target as usize] = vec![b'/'; Text::Target.most()];
    sample.record.marks = Marks::CUT;
    assert!(text(&sample, LogFormat::Json).contains("\"cut\":true"));
    for format in [LogFormat::Haproxy, LogFormat::Combined] {
        let line = text(&sample, format);
        assert!(line.contains("//... HTTP/1.1\""), "{line}");
        assert_eq!(line.matches("...").count(), 1, "{line}");
    }
}

#[test]
fn every_ending_has_its_termination_state() {
    let mut sample = Sample::answered();
    let mut states = Vec::new();
    for number in 0..Ending::COUNT {
        sample.record.ending = Ending::from_number(number).unwrap();
        let line = text(&sample, LogFormat::Haproxy);
        let state = line.split(' ').nth(9).unwrap().to_owned();
        assert_eq!(state.len(), 4, "{line}");
        assert_eq!(line.split(' ').count(), 15, "{line}");
        states.push(state);
    }
    let first = [
        "----", "cD--", "CD--", "cD--", "SC--", "sQ--", "SC--", "sC--", "SD--", "sD--",
    ];
    assert_eq!(states[..10], first);
    let record = |change: fn(&mut Record)| {
        let mut sample = Sample::answered();
        sample.record.ending = Ending::ClientGone;
        change(&mut sample.record);
        let line = text(&sample, LogFormat::Haproxy);
        line.split(' ').nth(9).unwrap()[..2].to_owned()
    };
    assert_eq!(record(|_| {}), "CD");
    assert_eq!(record(|r| r.answered = None), "CH");
    assert_eq!(record(|r| (r.answered, r.connected) = (None, None)), "CC");
    let unplaced = |r: &mut Record| (r.answered, r.connected, r.waited) = (None, None, None);
    assert_eq!(record(unplaced), "CQ");
}

#[test]
fn times_that_never_end_do_not_overflow() {
    let mut sample = Sample::answered();
    sample.record.total = Duration::from_nanos(u64::MAX - 1);
    sample.record.reading = Duration::from_nanos(u64::MAX - 1);
    for format in FORMATS {
        assert!(text(&sample, format).ends_with('\n'));
    }
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        any::<u8>(),
        proptest::sample::select(b"\"\\#\n\r\t\0\x1b[]{}|' \x7f\xc2\x85".to_vec())
    ];
    proptest::collection::vec(bytes, 0..40)
}

proptest! {
    /// Whatever clients write, a line is one line, and its fields are where they belong.
    #[test]
    fn no_bytes_break_a_line(texts in proptest::array::uniform5(hostile()), known: bool) {
        let mut sample = Sample::answered();
        sample.texts = texts;
        sample.record.version = known.then_some(Version::Http11);
        for format in FORMATS {
            let line = written(&sample, format);
            let (end, line) = line.split_last().unwrap();
            prop_assert_eq!(*end, b'\n');
            let line = std::str::from_utf8(line).unwrap();
            prop_assert_eq!(line.lines().count(), 1);
            let hidden = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
            prop_assert!(!line.contains(hidden), "{:?}", line);
            match format {
                LogFormat::Json => {
                    let json: Value = serde_json::from_str(line).unwrap();
                    let keys = [(Text::Host, "host"), (Text::Referer, "referer"), (Text::UserAgent, "user_agent")];
                    for (text, key) in keys {
                        prop_assert_eq!(&bytes_of(&json[key]), &sample.texts[text as usize]);
                    }
                    let target = if known { "target" } else { "malformed" };
                    prop_assert_eq!(&bytes_of(&json[target]), &sample.texts[Text::Target as usize]);
                }
                LogFormat::Haproxy => prop_assert_eq!(line.matches('"').count(), 2),
                LogFormat::Combined => {
                    prop_assert_eq!(line.matches('"').count(), 6);
                    prop_assert!(line.is_ascii());
                }
            }
        }
    }
}
