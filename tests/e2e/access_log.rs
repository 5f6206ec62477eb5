//! The access log: exactly one line for each request, whatever becomes of it, and nobody waits for who reads it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use serde_json::Value;

use crate::backend::Backend;
use crate::client::Client;
use crate::node::Node;
use crate::node::SELDOM_PROBED;
use crate::process::Folder;

const FORMATS: [&str; 3] = ["json", "haproxy", "combined"];

/// What a request of [`ask_everything`] has to end with: status, reason, target.
type Expected = (Option<u64>, &'static str, &'static str);

/// Answers by the path: with a body, by closing, with a tunnel, or never.
fn backend() -> Backend {
    Backend::start(|connection| {
        while let Some(request) = connection.request() {
            let target = request.head.split(' ').nth(1).unwrap().to_owned();
            let said = match target.as_str() {
                "/gone" => return,
                "/tunnel" => {
                    connection.say(
                        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                         Upgrade: echo\r\n\r\n",
                    );
                    let said = connection.rest();
                    connection.say(said);
                    return;
                }
                "/half" => connection.say("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"),
                "/never" => true,
                _ if request.head.starts_with("HEAD") => {
                    connection.say("HTTP/1.1 204 No Content\r\n\r\n")
                }
                _ => connection.answer("hello"),
            };
            if !said || target == "/never" || target == "/half" {
                connection.wait_for_close();
                return;
            }
        }
    })
}

/// One of each kind; what has to be in the log, in no particular order.
fn ask_everything(node: &Node, backend: &Backend) -> Vec<Expected> {
    let mut expected = kept_alive(node);
    expected.extend(refused(node));
    expected.extend(cut(node, backend));
    expected
}

fn kept_alive(node: &Node) -> Vec<Expected> {
    let mut client = node.connect();
    for _ in 0..3 {
        client.get("/kept?a=%22b");
        assert_eq!(client.response().status, 200);
    }
    client.say(
        "GET /one HTTP/1.1\r\nHost: a\r\n\r\nPOST /two HTTP/1.1\r\nHost: a\r\n\
         Content-Length: 3\r\n\r\nabcHEAD /three HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response_to_head().status, 204);
    client.say(
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\nPUT /up HTTP/1.1\r\nHost: a\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().status, 200);
    let mut tunnel = node.connect();
    tunnel.say("GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    assert!(tunnel.head().starts_with("HTTP/1.1 101 "));
    tunnel.say("through");
    tunnel.finish();
    assert_eq!(tunnel.rest().unwrap(), b"through");
    vec![
        (Some(200), "answered", "/kept?a=%22b"),
        (Some(200), "answered", "/kept?a=%22b"),
        (Some(200), "answered", "/kept?a=%22b"),
        (Some(200), "answered", "/one"),
        (Some(200), "answered", "/two"),
        (Some(204), "answered", "/three"),
        (Some(200), "last_hop", "*"),
        (Some(200), "answered", "/up"),
        (Some(101), "tunnel_closed", "/tunnel"),
    ]
}

fn refused(node: &Node) -> Vec<Expected> {
    let answered = |bytes: &[u8], status: u16| {
        let mut client = node.connect();
        client.say(bytes);
        assert_eq!(client.response().status, status);
    };
    answered(b"GET \x1b[31m\" HTTP/1.1\r\n\r\n", 400);
    answered(b"GET /hostless HTTP/1.1\r\n\r\n", 400);
    answered(b"TRACE /trace HTTP/1.1\r\nHost: a\r\n\r\n", 405);
    answered(b"GET /new HTTP/2.0\r\nHost: a\r\n\r\n", 505);
    answered(
        b"POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        400,
    );
    answered(
        b"POST /gone HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        502,
    );
    vec![
        (Some(400), "target_malformed", ""),
        (Some(400), "host_missing", ""),
        (Some(405), "method_not_allowed", ""),
        (Some(505), "version_unsupported", ""),
        (Some(400), "request_chunk_malformed", "/chunks"),
        (Some(502), "output_gone", "/gone"),
    ]
}

/// Clients that leave, before and within their response.
fn cut(node: &Node, backend: &Backend) -> Vec<Expected> {
    let mut half = node.connect();
    half.get("/half");
    half.head();
    assert_eq!(half.exactly(4), b"half");
    reset(half);
    let mut never = node.connect();
    let asked = backend.requests();
    never.get("/never");
    while backend.requests() == asked {
        thread::yield_now();
    }
    reset(never);
    vec![
        (Some(200), "client_gone", "/half"),
        (None, "client_gone", "/never"),
    ]
}

fn reset(client: Client) {
    let socket = socket2::SockRef::from(&client.stream);
    socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
}

/// The lines of a log that is complete.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(str::to_owned).collect()
}

fn logged(path: &Path, format: &str, more: &str) -> String {
    let path = path.display();
    format!("access_log = \"{path}\"\nlog_format = \"{format}\"\n{SELDOM_PROBED}\n{more}")
}

/// A request that waits for nobody's answer has its line when HALB stops at the latest.
#[test]
fn every_request_has_one_line_that_says_how_it_ended() {
    for format in FORMATS {
        let folder = Folder::new();
        let path = folder.path("access.log");
        let backend = backend();
        let node = Node::start(&[backend.address], &logged(&path, format, "workers = 2"));
        let mut expected = ask_everything(&node, &backend);
        node.stop();
        let lines = lines(&path);
        assert_eq!(lines.len(), expected.len(), "{}", lines.join("\n"));
        let statuses = |line: &String| status(line, format);
        let mut found: Vec<_> = lines.iter().map(statuses).collect();
        found.sort_unstable();
        let unanswered = match format {
            "json" => 0,
            "haproxy" => -1,
            _ => 499,
        };
        let wanted = |(status, _, _): &Expected| status.map_or(unanswered, u64::cast_signed);
        let mut wanted: Vec<_> = expected.iter().map(wanted).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{}", lines.join("\n"));
        if format == "json" {
            let mut found: Vec<_> = lines.iter().map(|line| parts(line)).collect();
            found.sort();
            expected.sort_unstable();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(status, reason, target)| (status, reason.to_owned(), target.to_owned()))
                .collect();
            assert_eq!(found, expected);
        }
    }
}

fn status(line: &str, format: &str) -> i64 {
    let field = |index| line.split(' ').nth(index).unwrap().parse().unwrap();
    match format {
        "json" => parts(line).0.map_or(0, u64::cast_signed),
        "haproxy" => field(5),
        _ => {
            let (_, rest) = line.split_once("] \"").unwrap();
            let (_, rest) = rest.split_once("\" ").unwrap();
            rest.split(' ').next().unwrap().parse().unwrap()
        }
    }
}

fn parts(line: &str) -> (Option<u64>, String, String) {
    let json: Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    (json["status"].as_u64(), text("reason"), text("target"))
}

#[test]
fn a_line_says_what_was_asked_and_what_it_took() {
    let folder = Folder::new();
    let path = folder.path("access.log");
    let backend = Backend::named("hello");
    let node = Node::start(&[backend.address], &logged(&path, "json", ""));
    let mut client = node.connect();
    let port = client.stream.local_addr().unwrap().port();
    client.say(
        "GET /a HTTP/1.1\r\nHost: b.example\r\nReferer: http://c/\r\nUser-Agent: b\\\"\r\n\
         Cookie: secret=1\r\nAuthorization: Basic c2VjcmV0\r\n\r\n",
    );
    let response = client.response();
    node.stop();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        !text.contains("ecret") && !text.contains("c2VjcmV0"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&text).unwrap();
    let expected = [
        ("client", Value::from("127.0.0.1")),
        ("client_port", port.into()),
        ("method", "GET".into()),
        ("target", "/a".into()),
        ("version", "HTTP/1.1".into()),
        ("host", "b.example".into()),
        ("referer", "http://c/".into()),
        ("user_agent", "b\\x5c\"".into()),
        ("output", "out1".into()),
        ("retries", 0.into()),
        ("kept_alive", true.into()),
        ("bytes_out", (response.head.len() + 2 + 5).into()),
    ];
    for (key, value) in expected {
        assert_eq!(json[key], value, "{text}");
    }
    for key in ["wait_ms", "connect_ms", "response_ms", "total_ms"] {
        assert!(json[key].is_f64(), "{text}");
    }
    assert!(json["time"].as_str().unwrap().ends_with('Z'), "{text}");
}

#[test]
fn what_cannot_be_reached_is_told_with_its_tries() {
    let folder = Folder::new();
    let path = folder.path("access.log");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    // It answers the first probe and is then not there any more.
    let node = Node::start(&[address, address], &logged(&path, "haproxy", ""));
    drop(nobody);
    let mut client = node.connect();
    client.get("/");
    assert_eq!(client.response().status, 503);
    node.stop();
    let lines = lines(&path);
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].contains(" 503 ") && lines[0].contains(" SC-- "),
        "{}",
        lines[0]
    );
    assert!(lines[0].contains("/+2 0/0 "), "{}", lines[0]);
}

#[test]
fn rotation_loses_no_line() {
    let folder = Folder::new();
    let path = folder.path("access.log");
    let backend = Backend::named("hello");
    let mut node = Node::start(
        &[backend.address],
        &logged(&path, "combined", "workers = 2"),
    );
    let over = Arc::new(AtomicBool::new(false));
    let (address, told) = (node.address(), Arc::clone(&over));
    let asker = thread::spawn(move || {
        let mut client = Client::connect(address);
        let mut asked = 0;
        while !told.load(Ordering::SeqCst) {
            client.get(&format!("/{asked}"));
            assert_eq!(client.response().status, 200);
            asked += 1;
        }
        asked
    });
    let old = |number| folder.path(&format!("access.log.{number}"));
    for number in 0..5 {
        fs::rename(&path, old(number)).unwrap();
        // A mistake elsewhere must not keep the log from being opened again.
        let text = if number == 2 { "nonsense = 1\n" } else { "" };
        let text = format!("{text}{}", logged(&path, "combined", "workers = 2"));
        let said = node.reload(&format!("out1 = \"{}\"\n{text}", backend.address));
        assert_eq!(said.starts_with("refused"), number == 2, "{said}");
        while !path.exists() {
            thread::yield_now();
        }
    }
    over.store(true, Ordering::SeqCst);
    let asked: usize = asker.join().unwrap();
    node.stop();
    let paths = (0..5).map(old).chain([path]);
    let all: Vec<String> = paths.flat_map(|path| lines(&path)).collect();
    let target = |line: &String| line.split(' ').nth(6).map(str::to_owned);
    let targets: Vec<_> = all.iter().filter_map(target).collect();
    let expected: Vec<_> = (0..asked).map(|number| format!("/{number}")).collect();
    assert_eq!(targets, expected);
}

#[test]
fn a_reload_moves_the_log_or_refuses() {
    let folder = Folder::new();
    let (first, second) = (folder.path("first"), folder.path("second"));
    let backend = Backend::named("hello");
    let out = format!("out1 = \"{}\"\n", backend.address);
    let mut node = Node::from_text(&format!("{out}{SELDOM_PROBED}"));
    node.get("/unlogged");
    for (path, format) in [(&first, "json"), (&second, "haproxy")] {
        node.reload(&format!("{out}{}", logged(path, format, "")));
        node.get("/logged");
    }
    let nowhere = folder.path("none/there");
    let said = node.reload(&format!("{out}{}", logged(&nowhere, "json", "")));
    assert!(
        said.contains("none/there (access_log): No such file"),
        "{said}"
    );
    node.get("/as-before");
    node.reload(&format!("{out}{SELDOM_PROBED}"));
    node.get("/unlogged");
    node.stop();
    assert_eq!(lines(&first).len(), 1, "{:?}", lines(&second));
    let second = lines(&second);
    assert_eq!(second.len(), 2, "{}", second.join("\n"));
    assert!(second.iter().all(|line| line.contains("] in out/out1 ")));
}
