//! The terminal `ctl`, `halb ctl`, and what outlives a restart.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc;

use nix::sys::signal::Signal;

use crate::backend::Backend;
use crate::client::Client;
use crate::client::Response;
use crate::client::field;
use crate::node;
use crate::node::Node;
use crate::process::Folder;
use crate::process::Process;
use crate::process::says;

const DONE: &str = r#"{"status":{"code":0,"message":""}}"#;

/// What `ctl` at `address` answers to a request with these lines after the first.
fn asked(address: SocketAddr, line: &str, fields: &str) -> Response {
    let mut client = Client::connect(address);
    client.say(format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n"
    ));
    client.response()
}

fn ask(node: &Node, target: &str) -> String {
    let response = asked(node.ctl, &format!("GET {target}"), "");
    assert_eq!(response.status, 200, "{}", response.head);
    assert_eq!(response.field("Content-Type"), Some("application/json"));
    response.text()
}

/// `halb ctl` with the properties of a running one.
fn halb_ctl(ctl: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = node::program();
    command.env("HALB_CTL", ctl.ip().to_string());
    command.env("HALB_CTL_PORT", ctl.port().to_string());
    command.env("HALB_OUT1", "127.0.0.1:9"); // a configuration needs one
    command.args(["ctl", "-f", "/dev/null"]).args(arguments);
    command.stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Sets the cookie SID for who has none; says its name and what it was told.
fn with_sessions(name: &'static str) -> Backend {
    Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            let cookie = field(&request.head, "Cookie").unwrap_or("none").to_owned();
            let number = connection.number;
            let set = match cookie.as_str() {
                "none" => format!("Set-Cookie: SID={name}-{number}-0123456789; path=/\r\n"),
                _ => String::new(),
            };
            let body = format!("{name} {cookie}");
            let length = body.len();
            connection.say(format!(
                "HTTP/1.1 200 OK\r\n{set}Content-Length: {length}\r\n\r\n{body}"
            ));
        }
    })
}

/// What the output says that answers to a request with this cookie, or without any.
fn served(node: &Node, cookie: Option<&str>) -> Response {
    let mut client = node.connect();
    let cookie = cookie.map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
    client.say(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{cookie}\r\n"));
    client.response()
}

/// A new client: its cookie, and the output it was tied to.
fn learned(node: &Node) -> (String, String) {
    let response = served(node, None);
    let cookie = response.field("Set-Cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let name = response.text().split(' ').next().unwrap().to_owned();
    (cookie, name)
}

const PASSIVE: &str =
    "mode = \"passive\"\ncookie_name = \"SID\"\ncookie_check_length = 64\nworkers = 2";

#[test]
fn a_disabled_output_gets_nobody_new_and_what_runs_there_finishes() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let slow = Backend::start(move |connection| {
        while connection.request().is_some() {
            connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
            if wait.lock().unwrap().recv().is_ok() {
                connection.say("5\r\n last\r\n0\r\n\r\n");
            }
        }
    });
    let other = Backend::named("other");
    let node = Node::start(&[slow.address, other.address], "workers = 2");
    assert_eq!(ask(&node, "/api/disable?channel=out2"), DONE);
    let mut running = node.connect();
    running.get("/");
    assert!(running.head().starts_with("HTTP/1.1 200"));
    assert_eq!(ask(&node, "/api/enable?channel=out2"), DONE);
    assert_eq!(ask(&node, "/api/disable?channel=out1"), DONE);
    for _ in 0..8 {
        assert_eq!(node.get("/"), "other", "at once, on every worker");
    }
    go.send(()).unwrap();
    let rest = running.exactly(b"5\r\nfirst\r\n5\r\n last\r\n0\r\n\r\n".len());
    assert!(rest.ends_with(b" last\r\n0\r\n\r\n"));
    assert_eq!(ask(&node, "/api/disable?channel=out2"), DONE);
    assert_eq!(asked(node.ctl, "GET /api/health", "").status, 503);
    assert_eq!(served(&node, None).status, 503);
    assert_eq!(ask(&node, "/api/enable?channel=out2"), DONE);
    assert_eq!(node.get("/"), "other");
    drop(running);
    node.stop();
}

#[test]
fn a_draining_output_keeps_its_clients_and_gets_no_others() {
    let (one, two) = (with_sessions("one"), with_sessions("two"));
    let node = Node::start(&[one.address, two.address], PASSIVE);
    let clients: Vec<_> = (0..6).map(|_| learned(&node)).collect();
    assert!(clients.iter().any(|(_, name)| name == "one"));
    assert_eq!(ask(&node, "/api/drain?channel=out1"), DONE);
    for (cookie, name) in &clients {
        let said = served(&node, Some(cookie)).text();
        assert_eq!(said, format!("{name} {cookie}"), "a tied client stays");
    }
    for _ in 0..8 {
        assert_eq!(learned(&node).1, "two");
    }
    assert_eq!(ask(&node, "/api/disable?channel=out1"), DONE);
    for (cookie, _) in &clients {
        assert!(served(&node, Some(cookie)).text().starts_with("two "));
    }
    node.stop();
}

#[test]
fn status_and_orders_speak_as_the_seed_does() {
    let (one, two) = (Backend::named("one"), Backend::named("two"));
    let node = Node::start(&[one.address, two.address], "out7 = \"[::1]:9\"");
    let all = r#"{"status":{"code":0,"message":"","out1":"up","out2":"up","out7":"down"}}"#;
    assert_eq!(ask(&node, "/api/status"), all);
    assert_eq!(ask(&node, "/api/disable?::1"), DONE);
    let two_left = r#"{"status":{"code":0,"message":"","out1":"up","out2":"up"}}"#;
    assert_eq!(ask(&node, "/api/status"), two_left);
    assert_eq!(ask(&node, "/api/disable?127.0.0.1"), DONE);
    assert_eq!(ask(&node, "/api/status"), DONE);
    let already = r#"{"status":{"code":10,"message":"already disabled: out1 out2"}}"#;
    assert_eq!(ask(&node, "/api/disable?127.0.0.1"), already);
    assert_eq!(ask(&node, "/api/enable?channel=out%32"), DONE);
    assert_eq!(node.get("/"), "two");
    // As the seed's backends do it.
    let url = format!("http://{}/api/enable?channel=out1", node.ctl);
    assert_eq!(says("curl", &["-sS", "--http1.0", &url]), DONE);
    let refused = asked(
        node.ctl,
        "POST /api/disable?channel=out1",
        "Content-Length: 0\r\n",
    );
    assert_eq!((refused.status, refused.field("Allow")), (405, Some("GET")));
    node.stop();
}

#[test]
fn a_browser_is_tricked_into_nothing() {
    let backend = Backend::named("one");
    let node = Node::start(&[backend.address], "");
    let status = ask(&node, "/api/status");
    let order = "GET /api/disable?channel=out1";
    for fields in [
        "Origin: http://evil.test\r\n",
        "Referer: http://evil.test/page\r\n",
        "Sec-Fetch-Mode: no-cors\r\n",
        "Accept-Language: en\r\n",
        "User-Agent: Mozilla/5.0\r\n",
    ] {
        let response = asked(node.ctl, order, fields);
        assert_eq!(response.status, 403, "{fields}");
        assert!(response.text().starts_with(r#"{"status":{"code":100,"#));
    }
    let mut rebound = Client::connect(node.ctl);
    rebound.say(format!("{order} HTTP/1.1\r\nHost: evil.test\r\n\r\n"));
    assert_eq!(rebound.response().status, 403);
    assert_eq!(ask(&node, "/api/status"), status, "nothing has changed");
    node.stop();
}

#[test]
fn who_may_not_is_refused_and_a_token_is_asked_for() {
    let backend = Backend::named("one");
    let closed = Node::start(&[backend.address], "ctl_allow = [\"192.0.2.0/24\"]");
    assert_eq!(asked(closed.ctl, "GET /api/status", "").status, 403);
    closed.stop();
    let node = Node::start(&[backend.address], "ctl_token = \"sesame\"");
    let without = asked(node.ctl, "GET /api/status", "");
    assert_eq!(
        (without.status, without.field("WWW-Authenticate")),
        (401, Some("Bearer"))
    );
    let wrong = asked(
        node.ctl,
        "GET /api/disable?channel=out1",
        "Authorization: Bearer x\r\n",
    );
    assert_eq!(wrong.status, 401);
    let token = "Authorization: Bearer sesame\r\nOrigin: http://a.test\r\n";
    let right = asked(node.ctl, "GET /api/disable?channel=out1", token);
    assert_eq!((right.status, right.text().as_str()), (200, DONE));
    let ours = halb_ctl(node.ctl, &["status"]).output().unwrap();
    assert_eq!(ours.status.code(), Some(1), "it has no token");
    assert!(
        text(&ours.stderr).contains("token"),
        "{}",
        text(&ours.stderr)
    );
    let mut ours = halb_ctl(node.ctl, &["--set", "ctl_token=sesame", "status"]);
    let ours = ours.output().unwrap();
    assert!(ours.status.success(), "{}", text(&ours.stderr));
    node.stop();
}

#[test]
fn halb_ctl_says_and_orders() {
    let (one, two) = (Backend::named("one"), Backend::named("two"));
    let node = Node::start(&[one.address, two.address], "");
    let said = |arguments: &[&str], code: i32| {
        let output = halb_ctl(node.ctl, arguments).output().unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {out}{err}"
        );
        format!("{out}{err}")
    };
    assert_eq!(said(&["disable", "out1"], 0), "out1 disabled\n");
    assert_eq!(node.get("/"), "two");
    let again = "halb ctl: already disabled: out1\n";
    assert_eq!(said(&["disable", "out1"], 1), again);
    let expected = "output  health    switch      active   queue\n\
                    out1    up        disabled         0       0\n\
                    out2    up        enabled          0       0\n";
    assert_eq!(said(&["status"], 0), expected);
    assert_eq!(said(&["enable", "out1"], 0), "out1 enabled\n");
    assert_eq!(said(&["drain", "out2", "--wait"], 0), "out2 drained\n");
    assert_eq!(
        said(&["drain", "out2", "--wait"], 0),
        "out2 drained\n",
        "again"
    );
    let unknown = "halb ctl: out5 is not connected\n";
    assert_eq!(said(&["drain", "out5", "--wait"], 1), unknown);
    assert!(said(&["drain", "web5"], 2).contains("write out1 to out64"));
    let ctl = node.ctl;
    node.stop();
    let output = halb_ctl(ctl, &["status"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains(&format!("no halb answers at {ctl}")),
        "{said}"
    );
}

#[test]
fn drain_waits_for_what_runs() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let slow = Backend::start(move |connection| {
        while connection.request().is_some() {
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
            if wait.lock().unwrap().recv().is_ok() {
                connection.say("done");
            }
        }
    });
    let node = Node::start(&[slow.address], "");
    let mut running = node.connect();
    running.get("/");
    assert!(running.head().starts_with("HTTP/1.1 200"));
    let mut command = halb_ctl(node.ctl, &["drain", "out1", "--wait"]);
    let mut drain = Process::start(&mut command);
    let sessions = || ask(&node, "/api/sessions");
    assert!((0..10_000).any(|_| sessions().contains("draining")));
    assert!(sessions().contains(r#""active":1"#), "{}", sessions());
    go.send(()).unwrap();
    assert_eq!(running.exactly(4), b"done");
    assert!(drain.end().success());
    assert!(drain.history().ends_with("out1 drained"));
    assert!(sessions().contains(r#""active":0"#), "{}", sessions());
    drop(running);
    node.stop();
}

#[test]
fn a_restart_keeps_switches_and_learned_sessions() {
    let backends = [
        with_sessions("one"),
        with_sessions("two"),
        with_sessions("three"),
    ];
    let outputs = backends.each_ref().map(|backend| backend.address);
    let properties = outputs_of(&outputs, PASSIVE);
    let folder = Folder::new();
    let state = folder.path("state");
    let first = Node::from_state(&properties, &state);
    let clients: Vec<_> = (0..30).map(|_| learned(&first)).collect();
    assert_eq!(ask(&first, "/api/drain?channel=out2"), DONE);
    first.stop();
    let second = Node::from_state(&properties, &state);
    for (cookie, name) in &clients {
        let said = served(&second, Some(cookie)).text();
        assert_eq!(said, format!("{name} {cookie}"));
    }
    for _ in 0..6 {
        assert_ne!(learned(&second).1, "two");
    }
    second.stop();
    // Another address is another output: enabled, and nobody is tied to it.
    let new = with_sessions("new");
    let moved = [outputs[0], new.address, outputs[2]];
    let third = Node::from_state(&outputs_of(&moved, PASSIVE), &state);
    let status = r#"{"status":{"code":0,"message":"","out1":"up","out2":"up","out3":"up"}}"#;
    assert_eq!(ask(&third, "/api/status"), status);
    for (cookie, name) in clients.iter().filter(|(_, name)| name != "two") {
        assert_eq!(
            served(&third, Some(cookie)).text(),
            format!("{name} {cookie}")
        );
    }
    third.stop();
}

fn outputs_of(outputs: &[SocketAddr], properties: &str) -> String {
    let line = |(number, output)| format!("out{number} = \"{output}\"\n");
    let outputs: String = (1..).zip(outputs).map(line).collect();
    format!("{properties}\n{outputs}")
}

#[test]
fn damaged_files_are_set_aside_and_said() {
    let (one, two) = (with_sessions("one"), with_sessions("two"));
    let properties = outputs_of(&[one.address, two.address], PASSIVE);
    let folder = Folder::new();
    let state = folder.path("state");
    let first = Node::from_state(&properties, &state);
    learned(&first);
    assert_eq!(ask(&first, "/api/disable?channel=out1"), DONE);
    first.stop();
    for name in ["switches", "sessions"] {
        let path = state.join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let second = Node::from_state(&properties, &state);
    let said = second.process.history();
    for name in ["switches", "sessions"] {
        let path = state.join(name);
        let line = format!(
            "event=state_damaged file={} cause=\"they are damaged: the checksum is another\" kept={}.damaged",
            path.display(),
            path.display()
        );
        assert!(said.contains(&line), "{said}");
        assert!(state.join(format!("{name}.damaged")).exists());
    }
    assert!(
        ask(&second, "/api/status").contains("out1"),
        "all are enabled"
    );
    second.stop();
    assert!(state.join("sessions").exists(), "a new one");
}

#[test]
fn two_of_it_do_not_share_a_state() {
    let one = Backend::named("one");
    let properties = outputs_of(&[one.address], "");
    let folder = Folder::new();
    let state = folder.path("state");
    let first = Node::from_state(&properties, &state);
    let second = Node::from_state(&properties, &state);
    let said = second.process.history();
    let line = "cause=\"another halb keeps its state there\"";
    assert!(said.contains(line), "{said}");
    assert_eq!(ask(&second, "/api/disable?channel=out1"), DONE);
    second.stop();
    assert!(!state.join("switches").exists());
    first.stop();
}

/// Runs it until it ends with 1; what it said last.
fn fails(properties: &[(&str, &str)]) -> String {
    let mut command = node::program();
    command.args(["run", "-f", "/dev/null", "--set", "in=127.0.0.1:0"]);
    command.env("HALB_OUT1", "127.0.0.1:9");
    command.envs(properties.iter().copied());
    let mut process = Process::start(&mut command);
    assert_eq!(process.end().code(), Some(1));
    process.history().lines().last().unwrap().to_owned()
}

#[test]
fn what_it_cannot_start_without_is_named() {
    let one = Backend::named("one");
    let node = Node::start(&[one.address], "");
    let (host, port) = (node.ctl.ip().to_string(), node.ctl.port().to_string());
    let expected = format!(
        "Error: failed to initialize the control web service interface: \
         cannot listen on {} (ctl, ctl_port): another program listens there",
        node.ctl
    );
    assert_eq!(
        fails(&[("HALB_CTL", &host), ("HALB_CTL_PORT", &port)]),
        expected
    );
    let (host, port) = (node.ui.ip().to_string(), node.ui.port().to_string());
    let expected = format!(
        "Error: failed to initialize the user interface terminal: \
         cannot listen on {} (ui, ui_port): another program listens there",
        node.ui
    );
    assert_eq!(
        fails(&[("HALB_UI", &host), ("HALB_UI_PORT", &port)]),
        expected
    );
    node.stop();
    let said = fails(&[("HALB_STATE_DIR", "/dev/null/state")]);
    let start = "Error: failed to create the state file: /dev/null/state: ";
    assert!(said.starts_with(start), "{said}");
}

#[test]
fn a_kill_loses_no_order() {
    let (one, two) = (Backend::named("one"), Backend::named("two"));
    let properties = outputs_of(&[one.address, two.address], "");
    let folder = Folder::new();
    let state = folder.path("state");
    let mut first = Node::from_state(&properties, &state);
    assert_eq!(ask(&first, "/api/disable?channel=out1"), DONE);
    first.process.signal(Signal::SIGKILL);
    assert!(!first.process.end().success());
    let second = Node::from_state(&properties, Path::new(&state));
    assert_eq!(second.get("/"), "two");
    let expected = r#"{"status":{"code":0,"message":"","out2":"up"}}"#;
    assert_eq!(ask(&second, "/api/status"), expected);
    second.stop();
}
