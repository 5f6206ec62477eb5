//! The four modes on four workers: whoever has a server gets it, whatever connection the request comes over.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use crate::backend::Backend;
use crate::backend::Refusing;
use crate::client::Client;
use crate::node::Node;
use crate::node::SELDOM_PROBED;

const NAMES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

/// Says its name, and begins a session for everybody who asks for `/login`.
fn with_sessions(name: &'static str) -> Backend {
    let sessions = AtomicUsize::new(0);
    Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.head.starts_with("GET /login") {
                let number = sessions.fetch_add(1, Ordering::Relaxed);
                connection.say(format!(
                    "HTTP/1.1 200 OK\r\nSet-Cookie: SID={name}-{number:08}; Path=/\r\nContent-Length: 1\r\n\r\n{name}"
                ));
            } else {
                connection.answer(name);
            }
        }
    })
}

fn with_cookie(cookie: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a.test\r\nCookie: a=b; {cookie}; c=d\r\n\r\n")
}

/// The first cookie that a response sets, as a client brings it.
fn cookie(response: &crate::client::Response) -> String {
    let set = response.field("Set-Cookie").expect("a cookie is set");
    set.split(';').next().unwrap().to_owned()
}

/// Begins a session over one connection and goes on with it over another, at once.
fn log_in(first: &mut Client, second: &mut Client) {
    first.get("/login");
    let response = first.response();
    assert_eq!(response.status, 200, "{}", response.head);
    second.say(with_cookie(&cookie(&response)));
    assert_eq!(second.response().text(), response.text(), "misrouted");
}

#[test]
fn ten_thousand_clients_find_their_session_over_another_connection() {
    for mode in ["passive", "sync"] {
        let backends = NAMES.map(with_sessions);
        let addresses = backends.each_ref().map(|backend| backend.address);
        let node = Node::start(
            &addresses,
            &format!("mode = \"{mode}\"\ncookie_name = \"SID\"\nworkers = 4"),
        );
        thread::scope(|scope| {
            for thread in 0..8 {
                let address = node.address();
                scope.spawn(move || {
                    let mut clients: Vec<Client> =
                        (0..16).map(|_| Client::connect(address)).collect();
                    for turn in 0..1250 {
                        // The second is never the first, and each pair comes up.
                        let first = turn % 16;
                        let second = (first + 1 + turn / 16 % 15) % 16;
                        let [first, second] = clients.get_disjoint_mut([first, second]).unwrap();
                        log_in(first, second);
                        if turn % 50 == thread {
                            log_in(first, &mut Client::connect(address));
                        }
                    }
                });
            }
        });
        node.stop();
    }
}

#[test]
fn an_inserted_cookie_leads_to_its_output_from_every_worker() {
    let backends = NAMES.map(Backend::named);
    let addresses = backends.each_ref().map(|backend| backend.address);
    let node = Node::start(
        &addresses,
        "mode = \"insert\"\ncookie_name = \"HALB\"\nworkers = 4",
    );
    let mut clients: Vec<Client> = (0..16).map(|_| node.connect()).collect();
    for turn in 0..256 {
        let [first, second] = clients
            .get_disjoint_mut([turn % 16, (turn + 1 + turn / 16 % 15) % 16])
            .unwrap();
        first.get("/");
        let response = first.response();
        second.say(with_cookie(&cookie(&response)));
        let again = second.response();
        assert_eq!(again.text(), response.text());
        assert_eq!(again.field("Set-Cookie"), None);
    }
    drop(clients);
    node.stop();
}

/// A client at an address of its own.
fn client_from(source: IpAddr, node: &Node) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
    socket.connect(&node.address().into()).unwrap();
    Client::of(TcpStream::from(socket))
}

/// Which backend each of many addresses is served by, asked twice.
fn map_of_sources(node: &Node) -> BTreeMap<IpAddr, String> {
    let ask = |source: IpAddr| {
        let mut client = client_from(source, node);
        client.get("/");
        client.response().text()
    };
    let sources = (0..400).map(|n| IpAddr::from(Ipv4Addr::new(127, 7, (n / 200) as u8, n as u8)));
    let served = |source| {
        let name = ask(source);
        assert_eq!(ask(source), name, "{source} is served by one");
        (source, name)
    };
    sources.map(served).collect()
}

#[test]
fn when_an_output_goes_only_the_addresses_it_served_move() {
    let mut backends: Vec<Backend> = NAMES.map(Backend::named).into();
    let addresses: Vec<SocketAddr> = backends.iter().map(|backend| backend.address).collect();
    let node = Node::start(&addresses, "mode = \"source\"\nworkers = 4");
    let before = map_of_sources(&node);
    for name in NAMES {
        let share = before.values().filter(|served| *served == name).count();
        assert!((20..=80).contains(&share), "{name} serves {share} of 400");
    }
    let gone = "5";
    drop(backends.remove(5));
    let after = map_of_sources(&node);
    for (source, name) in &before {
        if name == gone {
            assert_ne!(after[source], gone);
        } else {
            assert_eq!(&after[source], name, "{source} had no reason to move");
        }
    }
    // Those that moved are spread over the rest.
    let moved = before.iter().filter(|(_, name)| *name == gone);
    let new: Vec<&String> = moved.map(|(source, _)| &after[source]).collect();
    assert!(new.iter().any(|name| *name != new[0]), "{new:?}");
    node.stop();
}

/// Answers a connection's requests with its name. Probes say nothing.
fn answer_late(door: TcpListener) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut served = false;
        while !served {
            let mut client = Client::of(door.accept().unwrap().0);
            while client.line().starts_with("GET ") {
                client.head();
                client.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
                served = true;
            }
        }
    })
}

#[test]
fn one_redispatch_does_not_tie_a_session_anew() {
    let late = Refusing::new();
    let other = Backend::named("other");
    let door = late.open();
    let node = Node::start(
        &[late.address, other.address],
        &format!("mode = \"sync\"\ncookie_name = \"SID\"\n{SELDOM_PROBED}"),
    );
    drop(door);
    let mut client = node.connect();
    for _ in 0..3 {
        client.say(with_cookie("SID=out1~x"));
        assert_eq!(client.response().text(), "other");
    }
    let late = answer_late(late.open());
    client.say(with_cookie("SID=out1~x"));
    assert_eq!(client.response().text(), "late");
    drop(client);
    node.stop();
    late.join().unwrap();
}

#[test]
fn backups_serve_only_when_no_other_is_left() {
    let refusing = Refusing::new();
    let backup = Backend::named("backup");
    {
        let good = Backend::named("good");
        let node = Node::start(
            &[refusing.address, good.address, backup.address],
            "backup_outputs = \"out3\"\nworkers = 4",
        );
        for _ in 0..100 {
            assert_eq!(node.get("/"), "good");
        }
        assert_eq!(backup.connections(), 0);
        drop(good);
        for _ in 0..20 {
            assert_eq!(node.get("/"), "backup");
        }
        node.stop();
    }
}
