//! Starting: addresses, names, and the words with which it does not start.

use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use crate::backend::Backend;
use crate::client::Client;
use crate::node;
use crate::node::Node;
use crate::process::Process;

/// Runs it until it ends with 1; what it said last.
pub fn fails(command: &mut Command) -> String {
    fails_with(command).lines().last().unwrap().to_owned()
}

/// The same, and all that it said.
pub fn fails_with(command: &mut Command) -> String {
    let mut process = Process::start(command);
    let status = process.end();
    let history = process.history();
    assert_eq!(status.code(), Some(1), "{history}");
    history
}

/// A start at an address, with an output that nobody listens at.
pub fn start_at(listen: &str) -> Command {
    let mut command = node::program();
    let listen = format!("in={listen}");
    command.args(["run", "-f", "/dev/null", "--set", &listen]);
    command.args(["--set", "out1=127.0.0.1:1", "--set", "workers=2"]);
    command
}

#[test]
fn a_port_that_is_taken_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let said = fails(&mut start_at(&address.to_string()));
    let expected = format!(
        "Error: failed to start HALB: cannot listen on {address}: another program listens there"
    );
    assert_eq!(said, expected);
}

#[test]
fn two_of_it_do_not_share_a_port() {
    let backend = Backend::named("first");
    let first = Node::start(&[backend.address], "workers = 2");
    let said = fails(&mut start_at(&first.address().to_string()));
    assert!(said.ends_with("another program listens there"), "{said}");
    assert_eq!(first.get("/"), "first");
    first.stop();
}

#[test]
fn an_address_of_another_machine_is_named() {
    // From the block that is for documentation alone (RFC 5737): no machine has it.
    let said = fails(&mut start_at("192.0.2.7:8080"));
    let expected = "Error: failed to start HALB: cannot listen on 192.0.2.7:8080: ";
    assert!(said.starts_with(expected), "{said}");
    assert!(said.ends_with("address"), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let mut command = node::program();
    let said = fails(command.args(["run", "-f", "/nowhere/halb.toml"]));
    assert!(said.contains("/nowhere/halb.toml"), "{said}");
}

#[test]
fn it_listens_on_ipv6() {
    let backend = Backend::named("six");
    let node = Node::start(&[backend.address], "in = \"[::1]:0\"");
    assert_eq!(node.address().ip(), Ipv6Addr::LOCALHOST);
    assert_eq!(node.get("/"), "six");
    node.stop();
}

#[test]
fn it_listens_on_all_addresses_that_it_is_given() {
    let backend = Backend::named("all");
    let listen = "in = [\"127.0.0.1:0\", \"[::1]:0\", \"127.0.0.2:0\"]\nworkers = 2";
    let node = Node::start(&[backend.address], listen);
    assert_eq!(node.addresses.len(), 3);
    for address in &node.addresses {
        let mut client = Client::connect(*address);
        client.get("/");
        assert_eq!(client.response().text(), "all", "at {address}");
    }
    node.stop();
}

#[test]
fn a_backend_may_have_a_name() {
    let backend = Backend::named("named");
    let port = backend.address.port();
    let node = Node::from_text(&format!("out1 = \"localhost:{port}\""));
    assert_eq!(node.get("/"), "named");
    node.stop();
}

#[test]
fn a_backend_may_be_reached_over_ipv6() {
    let four = Backend::named("four");
    let six = TcpListener::bind("[::1]:0").unwrap();
    let outputs: [SocketAddr; 2] = [six.local_addr().unwrap(), four.address];
    let node = Node::start(&outputs, "");
    let mut client = node.connect();
    client.get("/");
    drop(six.accept().unwrap()); // the first probe
    let (stream, _) = six.accept().unwrap();
    let mut output = Client::of(stream);
    assert!(output.head().starts_with("GET / HTTP/1.1\r\n"));
    output.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nsix");
    assert_eq!(client.response().text(), "six");
    drop(client);
    node.stop();
}

#[test]
fn a_name_that_does_not_resolve_takes_down_its_output_only() {
    let backend = Backend::named("there");
    let outputs = format!(
        "out1 = \"nothing.invalid:80\"\nout2 = \"{}\"",
        backend.address
    );
    let node = Node::from_text(&outputs);
    for _ in 0..4 {
        assert_eq!(node.get("/"), "there");
    }
    let said = node.process.history();
    assert!(
        said.contains("event=unresolved output=nothing.invalid:80"),
        "{said}"
    );
    node.stop();
}

#[test]
fn connections_that_stay_are_spread_over_the_workers() {
    let backend = Backend::named("served");
    let node = Node::start(&[backend.address], "workers = 2");
    let before = descriptors(&node);
    let mut clients: Vec<Client> = (0..40).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.get("/");
        assert_eq!(client.response().text(), "served"); // so it has found its worker
    }
    let after = descriptors(&node);
    let added: Vec<usize> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
    // 40 clients and a connection or two to the backend; a difference of three or so is left alone.
    assert_eq!(added.len(), 2);
    assert!(
        added.iter().all(|count| (17..=25).contains(count)),
        "{added:?}"
    );
    drop(clients);
    node.stop();
}

/// How many each worker has open, in its table of its own.
fn descriptors(node: &Node) -> Vec<usize> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", node.process.id())).unwrap();
    let mut paths: Vec<PathBuf> = tasks.map(|task| task.unwrap().path()).collect();
    paths.sort();
    let is_worker = |task: &PathBuf| {
        let name = std::fs::read_to_string(task.join("comm")).unwrap();
        name.starts_with("halb-worker-")
    };
    let workers = paths.into_iter().filter(is_worker);
    let count = |task: PathBuf| std::fs::read_dir(task.join("fd")).unwrap().count();
    workers.map(count).collect()
}
