//! What the process may use, in real cgroups: what it finds, what it sets, and what happens when memory runs short.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Command;
use std::thread;

use crate::backend::Backend;
use crate::cgroup::Cgroup;
use crate::client::Client;
use crate::node::Node;
use crate::process::Process;

const MIB: u64 = 1 << 20;

/// Another program in the group, which takes memory until `used` bytes of the group are; until it is dropped.
fn ballast(group: &Cgroup, used: u64) -> Process {
    const PROGRAM: &str = "import signal, sys
held = b'x' * max(0, int(sys.argv[2]) - int(open(sys.argv[1]).read()))
print('held', flush=True)
signal.pause()";
    let mut python = Command::new("python3");
    let file = group.folder.join(group.used_file());
    python.args(["-c", PROGRAM]).arg(file).arg(used.to_string());
    python.env("PATH", std::env::var_os("PATH").unwrap());
    let mut process = Process::start(&mut group.wrap(&python));
    process.line("held");
    process
}

/// Another program in the group, which does nothing.
fn neighbour(group: &Cgroup) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", "echo here; exec sleep 1000"]);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    let mut process = Process::start(&mut group.wrap(&command));
    process.line("here");
    process
}

#[test]
fn a_quota_is_set_in_a_group_of_its_own() {
    let backend = Backend::named("served");
    let group = Cgroup::new("cpu");
    let node = Node::inside(&group, &[backend.address], "resources = { cpu = 0.4 }");
    let said = node.process.history();
    let file = if group.version == 1 {
        "cpu.cfs_quota_us"
    } else {
        "cpu.max"
    };
    let file = group.folder.join(file);
    let expected = format!(
        "event=cpu cpu=0.4 source=[resources] workers=1 quota=\"set in {}, with a period of 10 ms\"",
        file.display()
    );
    assert!(said.contains(&expected), "{said}");
    assert_eq!(group.quota(), ("4000".to_owned(), "10000".to_owned()));
    assert_eq!(node.get("/"), "served");
    node.stop();
}

#[test]
fn a_quota_is_not_set_where_others_are() {
    let backend = Backend::named("served");
    let group = Cgroup::new("cpu");
    let other = neighbour(&group);
    let before = group.quota();
    let node = Node::inside(&group, &[backend.address], "resources = { cpu = 0.4 }");
    let said = node.process.history();
    assert!(
        said.contains("quota=\"not set: another process is in "),
        "{said}"
    );
    assert_eq!(group.quota(), before);
    assert_eq!(node.get("/"), "served");
    node.stop();
    drop(other);
}

#[test]
fn a_lower_quota_counts() {
    let backend = Backend::named("served");
    let group = Cgroup::new("cpu");
    group.limit_cpu(30_000);
    let inner = group.child("cpu");
    let node = Node::inside(&inner, &[backend.address], "resources = { cpu = 0.4 }");
    let said = node.process.history();
    assert!(
        said.contains("event=lowered cause=\"resources.cpu is 0.4, but "),
        "{said}"
    );
    assert!(said.contains("event=cpu cpu=0.3 "), "{said}");
    assert!(said.contains("quota=\"as it was found\""), "{said}");
    assert_eq!(group.quota().0, "30000");
    assert_eq!(node.get("/"), "served");
    node.stop();
    drop(inner);
}

#[test]
fn the_memory_of_a_parent_s_group_counts() {
    let backend = Backend::named("served");
    let group = Cgroup::new("memory");
    group.limit_memory(128 * MIB);
    let inner = group.child("memory");
    let file = group.folder.join(group.memory_file());
    let found = format!("event=memory memory=128MB source={}", file.display());
    let properties = [
        ("resources = { cpu = 1 }", found),
        (
            "resources = { memory = \"96MB\" }",
            "event=memory memory=96MB source=[resources]".to_owned(),
        ),
        (
            "resources = { memory = \"1GB\" }",
            "event=lowered cause=\"resources.memory is 1GB, but ".to_owned(),
        ),
    ];
    for (properties, expected) in properties {
        let node = Node::inside(&inner, &[backend.address], properties);
        let said = node.process.history();
        assert!(said.contains(&expected), "{said}");
        assert_eq!(node.get("/"), "served");
        node.stop();
    }
    drop(inner);
}

#[test]
fn a_flood_makes_it_stop_accepting_and_not_die() {
    // Half a head takes a buffer of 4 kB, and the kernel has 1.5 to 3.9 kB for its connection: 2,200 of them take what
    // is free until accepting stops, and the last ones find it stopped.
    const FLOOD: usize = 2900;
    let backend = Backend::named("served");
    let group = Cgroup::new("memory");
    group.limit_memory(96 * MIB);
    let mut node = Node::inside(&group, &[backend.address], "resources = { cpu = 1 }");
    let other = ballast(&group, 74 * MIB);
    let half_a_head = |_| {
        let mut client = node.connect();
        client.say("GET / HTTP/1.1\r\n");
        client
    };
    let mut flood: Vec<Client> = (0..FLOOD).map(half_a_head).collect();
    node.process.line("event=memory_short ");
    // Some may be accepted in the last moment, and are answered. Then fifty stay where they are, look by look.
    let mut waiting: Vec<Client> = Vec::new();
    let mut looks = 0;
    while looks < 5 {
        looks += 1;
        if backlog(&node) < 50 {
            assert!(waiting.len() < 1000, "they are still accepted");
            waiting.extend((0..50).map(|_| node.connect()));
            looks = 0;
        }
    }
    waiting.iter_mut().for_each(|client| client.get("/"));
    // Who has kept a buffer for longest without moving has to go first.
    flood[0].is_closed();
    assert_eq!(group.killed(), "0");
    drop((flood, other));
    node.process.line("event=memory_enough ");
    for client in &mut waiting {
        assert_eq!(client.response().text(), "served");
    }
    drop(waiting);
    node.stop();
}

/// Connections that the kernel has accepted and HALB has not: proc_net_tcp(5) has them as a listener's `rx_queue`.
fn backlog(node: &Node) -> u64 {
    const LISTENS: &str = "0A";
    let text = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!("0100007F:{:04X}", node.address().port());
    let of_listener = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = fields.next()? == port && fields.nth(1)? == LISTENS;
        let queues = fields.next().filter(|_| is_it)?;
        u64::from_str_radix(queues.split_once(':')?.1, 16).ok()
    };
    text.lines().filter_map(of_listener).sum()
}

/// At 96 MB a worker has 3,072 small buffers.
#[test]
fn more_requests_wait_for_their_output_than_there_are_buffers() {
    const REQUESTS: usize = 3500;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let output = thread::spawn(move || {
        let mut asked = Vec::new();
        while asked.len() < REQUESTS {
            let (mut stream, _) = listener.accept().unwrap();
            let probed = stream.read(&mut [0; 4096]).unwrap() == 0;
            if !probed {
                asked.push(stream);
            }
        }
        for stream in &mut asked {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate";
            stream.write_all(answer).unwrap();
        }
        asked
    });
    let node = Node::start(&[address], "workers = 1\nresources = { memory = \"96MB\" }");
    let ask = |_| {
        let mut stream = TcpStream::connect(node.address()).unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        Client::of(stream)
    };
    let mut clients: Vec<Client> = (0..REQUESTS).map(ask).collect();
    for client in &mut clients {
        assert_eq!(client.response().text(), "late");
    }
    drop(clients);
    drop(output.join().unwrap());
    node.stop();
}
