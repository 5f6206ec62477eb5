//! Probes: what they find, what is told of it, and what it means for traffic.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use crate::backend::Backend;
use crate::backend::Refusing;
use crate::backend::answering;
use crate::client::Client;
use crate::client::field;
use crate::nginx::Nginx;
use crate::node;
use crate::node::Node;
use crate::php::Php;
use crate::process::Folder;
use crate::process::Process;

/// What an output is said to be, with its reason.
fn told(node: &mut Node, output: &str, to: &str) -> String {
    let start = format!("event={to} output={output} text=");
    let line = node.process.has_said(&[&start]);
    let text = line.strip_prefix(&start).unwrap().trim_matches('"');
    text.to_owned()
}

/// The same, for something that has not been said yet.
fn next_told(node: &mut Node, output: &str, to: &str) -> String {
    let text = node
        .process
        .line(&format!("event={to} output={output} text="));
    text.trim_matches('"').to_owned()
}

/// The text without the time that a probe took.
fn untimed(text: &str) -> &str {
    text.split(" after ").next().unwrap()
}

fn ctl(node: &Node, target: &str) -> String {
    let mut client = Client::connect(node.ctl);
    let host = node.ctl;
    client.say(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    client.response().text()
}

#[test]
fn four_outputs_are_told_apart_with_their_reasons() {
    let failing = Backend::start(|connection| {
        let head = connection.request().map(|request| request.head);
        let agent = head.as_deref().and_then(|head| field(head, "User-Agent"));
        if agent == Some("HALB-health-check") {
            connection.say("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
        } else {
            connection.answer("traffic");
        }
    });
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = Refusing::new();
    let matching = Nginx::start("ALL_SERVICES_ARE_OK");
    let outputs = [
        failing.address,
        hanging.local_addr().unwrap(),
        refusing.address,
        matching.address,
    ];
    let mut node = Node::start(
        &outputs,
        "healthcheck_method = \"http_get\"\nhealthcheck_regexp = \"^ALL_SERVICES_ARE_OK$\"\n\
         healthcheck_interval = 2",
    );
    for (output, to, text) in [
        ("out1", "down", "out1 down: HTTP 500 to GET /"),
        ("out2", "down", "out2 down: no answer within 2 s"),
        ("out3", "down", "out3 down: connection refused"),
        ("out4", "up", "out4 up: HTTP 200 to GET /"),
    ] {
        assert_eq!(untimed(&told(&mut node, output, to)), text);
    }
    let status = r#"{"status":{"code":0,"message":"","out1":"down","out2":"down","out3":"down","out4":"up"}}"#;
    assert_eq!(ctl(&node, "/api/status"), status);
    for _ in 0..8 {
        assert_eq!(node.get("/"), "ALL_SERVICES_ARE_OK\n");
    }
    node.stop();
}

/// The seed's deep check: a page of the application itself says how its server is.
#[test]
fn the_seed_s_health_check_page_decides() {
    let php = Php::start();
    let page = b"<?php header('X-Host: ' . $_SERVER['HTTP_HOST']);\n\
        echo file_exists(__DIR__ . '/broken') ? 'DATABASE_IS_DOWN' : 'ALL_SERVICES_ARE_OK', \"\\n\";\n";
    php.folder.write("health_check.php", page);
    php.folder.write("index.php", b"<?php echo 'shop';");
    let mut node = Node::start(
        &[php.address],
        "healthcheck_mode = \"http_get\"\nhealthcheck_url = \"http://site/health_check.php\"\n\
         healthcheck_regexp = \"ALL_SERVICES_ARE_OK\"\nhealthcheck_interval = 2",
    );
    let up = "out1 up: HTTP 200 to GET /health_check.php";
    assert_eq!(untimed(&told(&mut node, "out1", "up")), up);
    assert_eq!(node.get("/"), "shop");
    let broken = php.folder.write("broken", b"");
    let down = "out1 down: ALL_SERVICES_ARE_OK not found in 17 bytes";
    assert_eq!(next_told(&mut node, "out1", "down"), down);
    let mut client = node.connect();
    client.get("/");
    assert_eq!(client.response().status, 503);
    std::fs::remove_file(broken).unwrap();
    assert_eq!(untimed(&next_told(&mut node, "out1", "up")), up);
    assert_eq!(node.get("/"), "shop");
    drop(client);
    node.stop();
}

/// Answers probe after probe as `script` says, and then always as its last letter: `+` is good, `-` is bad.
fn scripted(script: &'static str) -> (Backend, mpsc::Receiver<String>) {
    let (say, asked) = mpsc::channel();
    let (say, next) = (Mutex::new(say), AtomicUsize::new(0));
    let backend = Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            // Nobody may listen any more when the test is over.
            let _ = say.lock().unwrap().send(request.head);
            let index = next.fetch_add(1, Ordering::SeqCst).min(script.len() - 1);
            let good = script.as_bytes()[index] == b'+';
            let status = if good { "200 OK" } else { "503 No" };
            connection.say(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    (backend, asked)
}

#[test]
fn rise_and_fall_are_counted_in_a_row() {
    thread::scope(|scope| {
        let fall = "rise = 1\nhealthcheck_fall = 3";
        scope.spawn(|| follows("+--+---+", fall, ["up", "down", "up"]));
        let rise = "rise = 3\nhealthcheck_fall = 1";
        scope.spawn(|| follows("-++-+++-", rise, ["down", "up", "down"]));
    });
}

/// Of a script, exactly these changes come.
fn follows(script: &'static str, counts: &str, changes: [&str; 3]) {
    let (backend, asked) = scripted(script);
    let mut node = Node::start(
        &[backend.address],
        &format!(
            "healthcheck_method = \"http_head\"\nhealthcheck_url = \"http://site:81/up?deep=1\"\n\
             healthcheck_interval = 2\nhealthcheck_{counts}"
        ),
    );
    for change in &changes[1..] {
        let text = next_told(&mut node, "out1", change);
        let status = if *change == "up" { 200 } else { 503 };
        let reason = format!("out1 {change}: HTTP {status} to HEAD /up?deep=1 after ");
        assert!(text.starts_with(&reason), "{text}");
    }
    let history = node.process.history();
    let told = history
        .lines()
        .filter_map(|line| line.split_once(" output=out1 "));
    let told: Vec<&str> = told.map(|(event, _)| event).collect();
    assert_eq!(
        told,
        changes.map(|change| format!("event={change}")),
        "{history}"
    );
    assert_eq!(
        asked.recv().unwrap(),
        "HEAD /up?deep=1 HTTP/1.1\r\nHost: site:81\r\nUser-Agent: HALB-health-check\r\n\
         Connection: close\r\n\r\n"
    );
    node.stop();
}

/// Clients that ask all the time; none of their requests may fail.
struct Load {
    go_on: AtomicBool,
    answered: AtomicUsize,
}

impl Load {
    fn run(&self, address: SocketAddr) {
        let mut client = Client::connect(address);
        while self.go_on.load(Ordering::SeqCst) {
            client.get("/");
            let response = client.response();
            assert_eq!(response.status, 200, "{}", response.head);
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_killed_output_costs_no_get_and_gets_its_share_when_it_is_back() {
    let port = Refusing::new();
    let first = Backend::at(port.open(), answering("first"));
    let second = Backend::named("second");
    let mut node = Node::start(
        &[first.address, second.address],
        "workers = 2\nhealthcheck_interval = 2",
    );
    let load = Load {
        go_on: AtomicBool::new(true),
        answered: AtomicUsize::new(0),
    };
    let address = node.address();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| load.run(address));
        }
        while first.requests() < 100 {
            thread::yield_now();
        }
        drop(first);
        let down = next_told(&mut node, "out1", "down");
        assert_eq!(down, "out1 down: connection refused");
        let so_far = load.answered.load(Ordering::SeqCst);
        while load.answered.load(Ordering::SeqCst) < so_far + 100 {
            thread::yield_now();
        }
        let again = Backend::at(port.open(), answering("again"));
        next_told(&mut node, "out1", "up");
        while again.requests() < 100 {
            thread::yield_now();
        }
        load.go_on.store(false, Ordering::SeqCst);
    });
    node.stop();
}

/// The next probe of its own would come tomorrow.
#[test]
fn a_refused_request_brings_a_probe_at_once() {
    let port = Refusing::new();
    let door = port.open();
    let other = Backend::named("other");
    let mut node = Node::start(
        &[port.address, other.address],
        "healthcheck_interval = 86400\nhealthcheck_fall = 1\nhealthcheck_rise = 1",
    );
    drop(door);
    while !node.process.history().contains("event=down") {
        assert_eq!(node.get("/"), "other");
        node.process.look();
    }
    let down = told(&mut node, "out1", "down");
    assert_eq!(down, "out1 down: connection refused");
    node.stop();
}

#[test]
fn the_backup_s_page_is_shown_while_all_servers_are_down() {
    let ports: [Refusing; 4] = std::array::from_fn(|_| Refusing::new());
    let page = Backend::named("back soon");
    let mut text = format!("out8 = \"{}\"\nbackup_outputs = \"out8\"\n", page.address);
    for (number, port) in (1..).zip(&ports) {
        text += &format!("out{number} = \"{}\"\n", port.address);
    }
    text += "healthcheck_interval = 1";
    let servers = ports
        .each_ref()
        .map(|port| Backend::at(port.open(), answering("shop")));
    let mut node = Node::from_text(&text);
    for _ in 0..8 {
        assert_eq!(node.get("/"), "shop");
    }
    assert_eq!(page.requests(), 0);
    drop(servers);
    for output in ["out1", "out2", "out3", "out4"] {
        told(&mut node, output, "down");
    }
    for _ in 0..8 {
        assert_eq!(node.get("/"), "back soon");
    }
    let _third = Backend::at(ports[2].open(), answering("shop"));
    next_told(&mut node, "out3", "up");
    for _ in 0..8 {
        assert_eq!(node.get("/"), "shop");
    }
    node.stop();
}

#[test]
fn a_request_that_comes_before_the_first_probe_has_ended_waits_for_it() {
    let (arrived, probe) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let (arrived, wait) = (Mutex::new(arrived), Mutex::new(wait));
    let backend = Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            if field(&request.head, "User-Agent") == Some("HALB-health-check") {
                let _ = arrived.lock().unwrap().send(());
                let _ = wait.lock().unwrap().recv();
            }
            connection.answer("served");
        }
    });
    // Not by way of Node: that waits for the first probes.
    let folder = Folder::new();
    let text = format!(
        "in = \"127.0.0.1:0\"\nworkers = 2\nresources = {{ memory = \"96MB\" }}\n\
         out1 = \"{}\"\nhealthcheck_method = \"http_get\"\n",
        backend.address
    );
    let file = folder.write("halb.toml", text.as_bytes());
    let mut process = Process::start(node::program().args(["run", "-f"]).arg(file));
    let address = node::listening(&mut process);
    probe.recv().unwrap();
    let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(address)).collect();
    clients.iter_mut().for_each(|client| client.get("/"));
    process.look();
    let history = process.history();
    assert!(!history.contains("event=up"), "{history}");
    go.send(()).unwrap();
    for client in &mut clients {
        assert_eq!(client.response().text(), "served");
    }
    drop(clients);
    process.signal(nix::sys::signal::Signal::SIGTERM);
    node::ends_well(&mut process);
}

#[test]
fn a_name_that_does_not_resolve_is_the_reason() {
    let backend = Backend::named("there");
    let port = backend.address.port();
    let outputs = format!("out1 = \"nothing.invalid\"\nout2 = \"localhost:{port}\"");
    let mut node = Node::from_text(&outputs);
    let down = "out1 down: the name nothing.invalid does not resolve";
    assert_eq!(told(&mut node, "out1", "down"), down);
    assert_eq!(
        untimed(&told(&mut node, "out2", "up")),
        "out2 up: connected"
    );
    assert_eq!(node.get("/"), "there");
    node.stop();
}
