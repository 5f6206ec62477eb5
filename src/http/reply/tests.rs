use super::*;

use crate::http::body::Framing;
use crate::http::ending::Refusal;
use crate::http::ending::tests::all;
use crate::http::field::Fields;
use crate::http::request::Method;
use crate::http::response;
use crate::http::response::Asked;

const RULES: ReplyRules<'static> = ReplyRules {
    head_only: false,
    close: true,
    unix_seconds: 784_111_777,
    page: None,
};

const ASKED: Asked = Asked {
    method: Method::Get,
    upgrade: false,
};

fn written(ending: Ending, rules: &ReplyRules<'_>) -> String {
    let mut room = [0; REPLY_BYTES_MAX];
    let mut out = Writer::new(&mut room);
    write(ending, rules, &mut out).unwrap();
    let used = out.used();
    String::from_utf8(room[..used].to_vec()).unwrap()
}

#[test]
fn an_answer_in_full() {
    assert_eq!(
        written(Ending::NoOutput, &RULES),
        "HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Content-Type: text/html\r\nCache-Control: no-store\r\nRetry-After: 5\r\n\
         Connection: close\r\nContent-Length: 140\r\n\r\n\
         <!doctype html>\n<title>503 Service Unavailable</title>\n<h1>503 Service Unavailable</h1>\n\
         <p>No server is available for this request now.</p>\n"
    );
}

#[test]
fn every_answer_is_whole_and_reads_as_what_it_says() {
    for ending in all() {
        for close in [false, true] {
            let text = written(ending, &ReplyRules { close, ..RULES });
            let Some(status) = ending.status() else {
                assert_eq!(text, "", "{ending:?}");
                continue;
            };
            let mut fields = Fields::new();
            let head = response::parse(text.as_bytes(), 4096, ASKED, &mut fields);
            let head = head.unwrap().unwrap();
            assert_eq!(
                (head.status, head.persistent),
                (status, !close),
                "{ending:?}"
            );
            let body = (text.len() - head.head_bytes) as u64;
            assert_eq!(head.body, Framing::Length(body), "{ending:?}");
        }
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let head_only = ReplyRules {
        head_only: true,
        ..RULES
    };
    let whole = written(Ending::ServerTimeout, &RULES);
    let head = written(Ending::ServerTimeout, &head_only);
    assert!(head.ends_with("\r\n\r\n"));
    assert!(whole.starts_with(&head) && whole.len() > head.len());
}

#[test]
fn a_refused_method_learns_what_is_served() {
    let text = written(Ending::Refused(Refusal::Method), &RULES);
    assert!(text.contains("\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"));
}

#[test]
fn a_full_writer_is_an_error() {
    let whole = written(Ending::NoOutput, &RULES).len();
    let mut room = [0; REPLY_BYTES_MAX];
    for length in 0..whole {
        let mut out = Writer::new(&mut room[..length]);
        assert_eq!(write(Ending::NoOutput, &RULES, &mut out), Err(Full));
    }
}
