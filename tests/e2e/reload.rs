//! Reload: another configuration while everything runs.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::backend::Backend;
use crate::client::Client;
use crate::client::field;
use crate::node;
use crate::node::Node;
use crate::process::Folder;
use crate::process::Process;

/// More requests than any output has to wait for its turn.
const MANY: usize = 10_000;

/// The properties of these outputs, by their numbers.
fn outputs(outputs: &[(usize, &Backend)]) -> String {
    let lines = outputs
        .iter()
        .map(|(number, backend)| format!("out{number} = \"{}\"\n", backend.address));
    lines.collect()
}

fn asks(client: &mut Client) -> String {
    client.get("/");
    let response = client.response();
    assert_eq!(response.status, 200, "{}", response.head);
    response.text()
}

/// Asks until each of these has answered; nobody else may.
fn only(client: &mut Client, names: &[&str]) {
    let mut missing = names.to_vec();
    for _ in 0..MANY {
        let name = asks(client);
        assert!(names.contains(&name.as_str()), "{name}, not {names:?}");
        missing.retain(|missing| *missing != name);
        if missing.is_empty() {
            return;
        }
    }
    panic!("{missing:?} never answered");
}

/// What `ctl` at `address` answers.
fn ctl(address: SocketAddr, target: &str) -> Value {
    let mut client = Client::connect(address);
    client.say(format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
    let whole: Value = serde_json::from_slice(&client.response().body).unwrap();
    whole["status"].clone()
}

fn halb_reload(node: &Node) -> Command {
    let mut command = node::program();
    command.env("HALB_CTL", node.ctl.ip().to_string());
    command.env("HALB_CTL_PORT", node.ctl.port().to_string());
    command.env("HALB_STATE_DIR", &node.state);
    command.args(["reload", "-f"]).arg(&node.file);
    command.stdin(Stdio::null());
    command
}

/// What it wrote, and its exit code.
fn ended(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code();
    (code, text(&output.stdout), text(&output.stderr))
}

#[test]
fn outputs_come_go_and_move_under_a_kept_connection() {
    let [one, two, three] = ["one", "two", "three"].map(Backend::named);
    let base = "workers = 2\n";
    let mut node = Node::from_text(&format!("{base}{}", outputs(&[(1, &one), (2, &two)])));
    let mut client = node.connect();
    only(&mut client, &["one", "two"]);
    let said = node.reload(&format!("{base}{}", outputs(&[(1, &one), (3, &three)])));
    assert_eq!(
        said,
        format!("out2 removed, out3 added ({})", three.address)
    );
    only(&mut client, &["one", "three"]);
    let said = node.reload(&format!("{base}{}", outputs(&[(1, &two), (3, &three)])));
    assert_eq!(said, format!("out1 now {}", two.address));
    only(&mut client, &["two", "three"]);
    let said = node.reload(&format!("{base}{}", outputs(&[(1, &two), (3, &three)])));
    assert_eq!(said, "nothing changed");
    only(&mut client, &["two", "three"]);
    drop(client);
    node.stop();
}

#[test]
fn exchanges_at_an_output_that_goes_are_finished() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = Backend::start(move |connection| {
        if connection.request().is_some() {
            connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
            wait.lock().unwrap().recv().unwrap();
            connection.say("4\r\nlast\r\n0\r\n\r\n");
            connection.wait_for_close();
        }
    });
    let other = Backend::named("other");
    let mut node = Node::from_text(&outputs(&[(1, &slow)]));
    let mut client = node.connect();
    client.get("/");
    client.head();
    assert_eq!(client.line(), "5\r\n");
    node.reload(&outputs(&[(2, &other)]));
    assert_eq!(node.get("/"), "other");
    go.send(()).unwrap();
    let rest = client.exactly(b"first\r\n4\r\nlast\r\n0\r\n\r\n".len());
    assert!(rest.ends_with(b"4\r\nlast\r\n0\r\n\r\n"));
    only(&mut client, &["other"]);
    drop(client);
    node.stop();
}

#[test]
fn a_bad_file_changes_nothing_and_says_why() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let mut node = Node::from_text(&outputs(&[(1, &one)]));
    let mut client = node.connect();
    only(&mut client, &["one"]);
    let bad = format!("{}mode = \"fast\"\ncolour = 3\n", outputs(&[(1, &two)]));
    let said = node.reload(&bad);
    let file = node.file.display().to_string();
    assert!(said.starts_with("refused, nothing is changed: "), "{said}");
    for place in [
        "3:8: Error: invalid operation mode",
        "4:1: unknown property",
    ] {
        assert!(said.contains(&format!("{file}:{place}")), "{said}");
    }
    let answer = ctl(node.ctl, "/api/reload");
    assert_eq!(answer["code"], 100);
    assert_eq!(answer["message"], "refused, nothing is changed");
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 3, "{findings:?}");
    let (code, out, err) = ended(&halb_reload(&node).output().unwrap());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains(&format!("{file}:3:8: ")), "{err}");
    assert!(err.contains("nothing is changed"), "{err}");
    only(&mut client, &["one"]);
    drop(client);
    node.stop();
}

#[test]
fn what_cannot_be_opened_changes_nothing_at_all() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let mut node = Node::from_text(&outputs(&[(1, &one)]));
    let taken = two.address;
    let text = format!(
        "in = [\"127.0.0.1:0\", \"{taken}\"]\n{}",
        outputs(&[(1, &two)])
    );
    let said = node.reload(&text);
    let expected = format!("cannot listen on {taken} (in): another program listens there");
    assert_eq!(said, format!("refused, nothing is changed: {expected}"));
    let (code, _, err) = ended(&halb_reload(&node).output().unwrap());
    assert_eq!(code, Some(1));
    assert!(err.starts_with(&format!("{expected}\n")), "{err}");
    assert_eq!(node.get("/"), "one");
    node.stop();
}

#[test]
fn what_needs_a_restart_is_named_and_the_rest_applied() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let node = Node::from_text(&outputs(&[(1, &one)]));
    node.rewrite(&format!("workers = 3\n{}", outputs(&[(1, &two)])));
    let (code, out, err) = ended(&halb_reload(&node).output().unwrap());
    let expected = format!("out1 now {}; needs a restart: workers 1 → 3\n", two.address);
    assert_eq!((code, out, err), (Some(0), expected, String::new()));
    assert_eq!(node.get("/"), "two");
    node.stop();
}

#[test]
fn inputs_come_and_go_and_connections_stay() {
    let one = Backend::named("one");
    let base = format!("workers = 2\n{}", outputs(&[(1, &one)]));
    let mut node = Node::from_text(&base);
    let mut old = node.connect();
    only(&mut old, &["one"]);
    let second = free();
    node.reload(&format!("in = [\"127.0.0.1:0\", \"{second}\"]\n{base}"));
    // Each worker has one.
    let mut new: Vec<Client> = (0..20).map(|_| Client::connect(second)).collect();
    new.iter_mut().for_each(|client| only(client, &["one"]));
    only(&mut node.connect(), &["one"]);
    node.reload(&format!("in = \"{second}\"\n{base}"));
    let error = TcpStream::connect(node.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    new.push(old);
    new.iter_mut().for_each(|client| only(client, &["one"]));
    only(&mut Client::connect(second), &["one"]);
    drop(new);
    node.stop();
}

/// An address that nobody else on this machine uses; port 0 is no port to move to.
fn free() -> SocketAddr {
    let of = |name: &str| {
        let all = node::apart();
        let (_, value) = all.into_iter().find(|(known, _)| *known == name).unwrap();
        value
    };
    SocketAddr::new(
        of("HALB_CTL").parse().unwrap(),
        of("HALB_CTL_PORT").parse().unwrap(),
    )
}

#[test]
fn terminals_move_and_their_connections_stay() {
    let one = Backend::named("one");
    let folder = Folder::new();
    let all = [free(), free(), free()];
    let [first, second, ui] = all.map(|address| address.port());
    let here = all[0].ip();
    let write = |ctl: u16, ui: u16| {
        let text = format!(
            "in = \"127.0.0.1:0\"\nctl = \"{here}\"\nui = \"{here}\"\nctl_port = {ctl}\nui_port = {ui}\nworkers = 1\nstate_dir = \"{}\"\n{}\
             resources = {{ memory = \"96MB\" }}\n",
            folder.path("state").display(),
            outputs(&[(1, &one)])
        );
        folder.write("halb.toml", text.as_bytes())
    };
    let file = write(first, ui);
    let mut command = Command::new(env!("CARGO_BIN_EXE_halb"));
    command.env_clear().args(["run", "-f"]).arg(&file);
    let mut process = Process::start(&mut command);
    node::listening(&mut process);
    let reloads = || {
        let mut reload = Command::new(env!("CARGO_BIN_EXE_halb"));
        reload.env_clear().args(["reload", "-f"]).arg(&file);
        ended(&reload.output().unwrap())
    };
    let at = |port: u16| SocketAddr::new(here, port);
    let mut kept = Client::connect(at(first));
    let asks_ctl = |kept: &mut Client| {
        kept.say("GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(kept.response().status, 200);
    };
    asks_ctl(&mut kept);
    write(second, ui);
    // It is asked where it is, not where it will be.
    let (code, out, err) = reloads();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, format!("ctl_port {first} → {second}\n"));
    assert_eq!(ctl(at(second), "/api/status")["code"], 0);
    let error = TcpStream::connect(at(first)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    asks_ctl(&mut kept);
    write(ui, second);
    let (code, _, err) = reloads();
    assert_eq!(code, Some(0), "they exchange their places: {err}");
    assert_eq!(ctl(at(ui), "/api/status")["code"], 0);
    asks_ctl(&mut kept);
    let (code, out, _) = reloads();
    assert_eq!((code, out.as_str()), (Some(0), "nothing changed\n"));
    process.signal(Signal::SIGTERM);
    node::ends_well(&mut process);
    let (code, _, err) = reloads();
    assert_eq!(code, Some(1));
    assert!(
        err.starts_with(&format!("halb reload: no halb answers at {here}:{ui}")),
        "{err}"
    );
}

#[test]
fn a_browser_cannot_reload() {
    let one = Backend::named("one");
    let node = Node::from_text(&outputs(&[(1, &one)]));
    let mut client = Client::connect(node.ctl);
    let address = node.ctl;
    client.say(format!(
        "GET /api/reload HTTP/1.1\r\nHost: {address}\r\nOrigin: http://a.test\r\n\r\n"
    ));
    assert_eq!(client.response().status, 403);
    assert_eq!(ctl(address, "/api/reload")["message"], "nothing changed");
    drop(client);
    node.stop();
}

#[test]
fn counters_only_count_up() {
    let [one, two, nine] = ["one", "two", "nine"].map(Backend::named);
    let all = outputs(&[(1, &one), (2, &two), (9, &nine)]);
    let mut node = Node::from_text(&all);
    let mut client = node.connect();
    for _ in 0..30 {
        asks(&mut client);
    }
    let total = |node: &Node| {
        let counters = ctl(node.ctl, "/api/counters");
        let of = |name: &str| counters[name].as_u64().unwrap_or(0);
        (of("sessions_total"), of("out2_sessions_total"))
    };
    // A session is over a moment after its client has the response.
    let becomes = |node: &Node, expected: (u64, u64)| {
        let met = (0..MANY).any(|_| total(node) == expected);
        assert!(met, "{:?}, not {expected:?}", total(node));
    };
    becomes(&node, (30, 10));
    node.reload(&outputs(&[(1, &one)]));
    asks(&mut client);
    becomes(&node, (31, 10)); // what is gone has still been counted
    node.reload(&outputs(&[(1, &one), (2, &nine)]));
    only(&mut client, &["one", "nine"]);
    let counted = |(all, of_two)| all > 31 && of_two > 10;
    let goes_on = (0..MANY).any(|_| counted(total(&node)));
    assert!(goes_on, "another server, the same counter");
    drop(client);
    node.stop();
}

#[test]
fn switches_outlive_reload_and_restart_but_not_another_address() {
    let [one, two, three] = ["one", "two", "three"].map(Backend::named);
    let folder = Folder::new();
    let state = folder.path("state");
    let properties = outputs(&[(1, &one), (2, &two)]);
    let mut node = Node::from_state(&properties, &state);
    assert_eq!(ctl(node.ctl, "/api/disable?channel=out2")["code"], 0);
    let changed = format!("{properties}client_timeout = 30\n");
    assert_eq!(node.reload(&changed), "client_timeout 60 → 30");
    let switch = |node: &Node| ctl(node.ctl, "/api/sessions")["out2"]["switch"].clone();
    assert_eq!(switch(&node), "disabled");
    for _ in 0..6 {
        assert_eq!(node.get("/"), "one");
    }
    node.stop();
    let mut node = Node::from_state(&properties, &state);
    assert_eq!(switch(&node), "disabled");
    node.reload(&outputs(&[(1, &one), (2, &three)]));
    assert_eq!(switch(&node), "enabled");
    only(&mut node.connect(), &["one", "three"]);
    node.stop();
    let node = Node::from_state(&properties, &state);
    assert_eq!(switch(&node), "enabled", "forgotten for good");
    node.stop();
}

/// Sets a cookie for who has none; says its name.
fn with_sessions(name: &'static str) -> Backend {
    Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            let set = match field(&request.head, "Cookie") {
                Some(_) => String::new(),
                None => format!("Set-Cookie: SID={name}-{}\r\n", connection.number),
            };
            let length = name.len();
            connection.say(format!(
                "HTTP/1.1 200 OK\r\n{set}Content-Length: {length}\r\n\r\n{name}"
            ));
        }
    })
}

/// Who answers a request with this cookie, or without any; and the cookie that was set.
fn tied(client: &mut Client, cookie: Option<&str>) -> (String, Option<String>) {
    let cookie = cookie.map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
    client.say(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{cookie}\r\n"));
    let response = client.response();
    let set = response.field("Set-Cookie").map(str::to_owned);
    (response.text(), set)
}

#[test]
fn sessions_stay_and_those_of_an_output_that_is_another_are_forgotten() {
    let [one, two, three] = ["one", "two", "three"].map(with_sessions);
    let folder = Folder::new();
    let state = folder.path("state");
    let base = "workers = 2\ncookie_check_length = 64\n";
    // At first nothing is learned: there are no tables.
    let plain = format!("{base}{}", outputs(&[(1, &one), (2, &two)]));
    let mut node = Node::from_state(&plain, &state);
    let mut client = node.connect();
    only(&mut client, &["one", "two"]);
    let learning = format!("cookie_name = \"SID\"\n{plain}");
    node.reload(&learning);
    let mut cookies = Vec::new();
    for _ in 0..20 {
        let (name, cookie) = tied(&mut node.connect(), None);
        cookies.push((name, cookie.unwrap()));
    }
    node.reload(&format!("{learning}client_timeout = 30\n"));
    for (name, cookie) in &cookies {
        assert_eq!(tied(&mut client, Some(cookie)).0, *name);
    }
    node.reload(&format!(
        "cookie_name = \"SID\"\n{base}{}",
        outputs(&[(1, &one), (2, &three)])
    ));
    for (name, cookie) in &cookies {
        let now = tied(&mut client, Some(cookie)).0;
        match name.as_str() {
            "one" => assert_eq!(now, "one"),
            _ => assert_ne!(now, "two"),
        }
    }
    drop(client);
    node.stop();
    let node = Node::from_state(&learning, &state);
    for (_, cookie) in cookies.iter().filter(|(name, _)| name == "one") {
        let (now, _) = tied(&mut node.connect(), Some(cookie));
        assert_eq!(now, "one", "what a reload began to learn outlives the end");
    }
    node.stop();
}

#[test]
fn sixty_four_outputs_come_at_once_and_go() {
    let backends: Vec<Backend> = (0..4).map(|_| Backend::named("one of four")).collect();
    let all: Vec<(usize, &Backend)> = (1..=64)
        .map(|number| (number, &backends[number % 4]))
        .collect();
    let node = Node::from_text(&format!("workers = 2\n{}", outputs(&all[..1])));
    // Over ctl: the log says no more than ten of a kind in a second.
    let reload = |outputs: &str| {
        node.rewrite(&format!("workers = 2\n{outputs}"));
        assert_eq!(ctl(node.ctl, "/api/reload")["code"], 0);
    };
    let mut client = node.connect();
    only(&mut client, &["one of four"]);
    for _ in 0..10 {
        reload(&outputs(&all));
        for _ in 0..100 {
            asks(&mut client);
        }
        reload(&outputs(&all[60..61]));
        for _ in 0..10 {
            asks(&mut client);
        }
    }
    drop(client);
    node.stop();
}

#[test]
fn at_the_end_nothing_is_changed_any_more() {
    let endless = Backend::start(|connection| {
        if connection.request().is_some() {
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst");
            connection.wait_for_close();
        }
    });
    let mut node = Node::from_text(&format!("grace = 3600\n{}", outputs(&[(1, &endless)])));
    let mut client = node.connect();
    client.get("/");
    client.head();
    node.process.signal(Signal::SIGTERM);
    node.process.line("event=finishing");
    node.process.signal(Signal::SIGHUP);
    assert_eq!(
        node.process.line("event=ignored "),
        "order=reload cause=finishing"
    );
    assert_eq!(ctl(node.ctl, "/api/reload")["code"], 10);
    node.process.signal(Signal::SIGTERM);
    node.ends();
    drop(client);
}
