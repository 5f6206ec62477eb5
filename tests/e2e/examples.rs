//! The examples of the manual run as their files stand in docs/examples, with other addresses alone.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;

use crate::backend::Backend;
use crate::client::Response;
use crate::client::field;
use crate::node::Node;
use crate::node::program;
use crate::process::says;

const DONE: &str = r#"{"status":{"code":0,"message":""}}"#;

/// The file's text, `outputs` in the place of its own.
fn example(name: &str, outputs: &[(&str, SocketAddr)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let text = fs::read_to_string(path.join(name)).unwrap();
    let mut text = text.replacen("in = \"0.0.0.0:80\"", "in = \"127.0.0.1:0\"", 1);
    for (output, address) in outputs {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{output} = ")));
        let line = line
            .unwrap_or_else(|| panic!("{name} has no {output}"))
            .to_owned();
        text = text.replacen(&line, &format!("{output} = \"{address}\""), 1);
    }
    assert!(
        !text.contains("= \"10.0.0.2"),
        "an output of {name} has no backend here\n{text}"
    );
    text
}

/// A backend with an address of its own, as one on a machine of its own has.
fn at(host: &str, name: &'static str) -> Backend {
    let listener = TcpListener::bind((host, 0)).unwrap();
    Backend::at(listener, crate::backend::answering(name))
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Begins a session with whoever brings none, and says its own name and what was brought.
fn with_cookie(name: &'static str, cookie: &'static str) -> Backend {
    Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            let brought = field(&request.head, "Cookie")
                .unwrap_or("nothing")
                .to_owned();
            let number = connection.number;
            let set = if cookie.is_empty() || brought.contains(cookie) {
                String::new()
            } else {
                format!("Set-Cookie: {cookie}={name}{number:08}; path=/\r\n")
            };
            let body = format!("{name} {brought}");
            let length = body.len();
            connection.say(format!(
                "HTTP/1.1 200 OK\r\n{set}Content-Length: {length}\r\n\r\n{body}"
            ));
        }
    })
}

/// A request on a connection of its own.
fn asked(node: &Node, cookie: Option<&str>) -> Response {
    let mut client = node.connect();
    let cookie = cookie.map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
    client.say(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{cookie}\r\n"));
    let response = client.response();
    assert_eq!(response.status, 200, "{}", response.head);
    response
}

/// The cookie that a response sets, as a client brings it.
fn cookie(response: &Response) -> &str {
    let set = response.field("Set-Cookie").expect("a cookie is set");
    set.split(';').next().unwrap()
}

fn server(response: &Response) -> String {
    response.text().split(' ').next().unwrap().to_owned()
}

fn three(cookie: &'static str) -> [Backend; 3] {
    ["a", "b", "c"].map(|name| with_cookie(name, cookie))
}

fn connected(backends: &[Backend; 3]) -> [(&'static str, SocketAddr); 3] {
    let [one, two, three] = backends;
    [
        ("out1", one.address),
        ("out2", two.address),
        ("out3", three.address),
    ]
}

#[test]
fn each_example_is_sound_and_described() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let described = include_str!("../../docs/examples.md");
    let files: Vec<_> = fs::read_dir(root.join("docs/examples")).unwrap().collect();
    assert!(files.len() >= 5);
    for file in files {
        let path = file.unwrap().path();
        let checked = program()
            .env_clear()
            .args(["check", "-f"])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8(checked.stderr).unwrap();
        assert!(checked.status.success() && said.is_empty(), "{said}");
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(described.contains(&format!("(examples/{name})")), "{name}");
    }
}

#[test]
fn bugzilla_s_users_stay_with_the_server_that_knows_them() {
    let backends = three("Bugzilla_logincookie");
    let node = Node::from_text(&example("bugzilla.toml", &connected(&backends)));
    let mut servers = BTreeSet::new();
    for _ in 0..9 {
        let first = asked(&node, None);
        let cookie = cookie(&first);
        servers.insert(server(&first));
        for _ in 0..4 {
            let next = asked(&node, Some(cookie));
            assert_eq!(next.text(), format!("{} {cookie}", server(&first)));
        }
    }
    assert_eq!(servers.len(), 3, "who is new is shared out");
    node.stop();
}

#[test]
fn a_client_of_caches_stays_with_one_of_them() {
    let backends = three("");
    let node = Node::from_text(&example("caches.toml", &connected(&backends)));
    let mut servers = BTreeSet::new();
    for _ in 0..9 {
        let first = asked(&node, None);
        let set = first.field("Set-Cookie").unwrap();
        let name = server(&first);
        let output = match name.as_str() {
            "a" => "out1",
            "b" => "out2",
            _ => "out3",
        };
        assert_eq!(
            set,
            format!("session_id={output}; path=/; HttpOnly; SameSite=Lax")
        );
        for _ in 0..4 {
            let next = asked(&node, Some(cookie(&first)));
            assert_eq!(
                next.text(),
                format!("{name} nothing"),
                "HALB's cookie stays with HALB"
            );
            assert_eq!(next.field("Set-Cookie"), None);
        }
        servers.insert(name);
    }
    assert_eq!(servers.len(), 3);
    node.stop();
}

#[test]
fn a_server_takes_itself_out_and_back_in() {
    let (one, two) = (at("127.21.0.1", "one"), at("127.22.0.1", "two"));
    let outputs = [("out1", one.address), ("out2", two.address)];
    let node = Node::from_text(&example("own-orders.toml", &outputs));
    // What a server does, from its own address and with its own tools.
    let order = |verb: &str| {
        let host = one.address.ip().to_string();
        let url = format!("http://{}/api/{verb}?{host}", node.ctl);
        says(
            "curl",
            &["--silent", "--show-error", "--interface", &host, &url],
        )
    };
    let servers = || -> BTreeSet<String> { (0..6).map(|_| node.get("/")).collect() };
    let both = BTreeSet::from(["one".to_owned(), "two".to_owned()]);
    assert_eq!(servers(), both);
    assert_eq!(order("disable"), DONE);
    assert_eq!(servers(), BTreeSet::from(["two".to_owned()]));
    assert!(
        order("disable").contains("\"code\":10"),
        "it is out already"
    );
    assert_eq!(order("enable"), DONE);
    assert_eq!(servers(), both);
    node.stop();
}

#[test]
fn the_backup_s_page_is_shown_when_no_server_is_there() {
    let page = Backend::named("out of order");
    let mut outputs = ["out1", "out2", "out3", "out4"]
        .map(|output| (output, nobody()))
        .to_vec();
    outputs.push(("out8", page.address));
    let node = Node::from_text(&example("backup-page.toml", &outputs));
    assert_eq!(node.get("/any/path"), "out of order");
    node.stop();
}
