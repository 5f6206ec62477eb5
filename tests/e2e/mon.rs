//! The terminal `mon`: counters pushed to receivers that read, that do not, that die and come back.

use std::fmt::Write;
use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;

use serde_json::Value;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use crate::backend::Backend;
use crate::node::Node;
use crate::process::PATIENCE;

/// A receiver of JSON lines.
struct Lines(BufReader<TcpStream>);

impl Lines {
    fn accept(listener: &TcpListener) -> Lines {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Lines(BufReader::new(stream))
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "half a line: {line}");
        serde_json::from_str(&line).unwrap()
    }

    /// The next one, which is a record.
    fn record(&mut self) -> Value {
        let line = self.next();
        assert_eq!(line["type"], "record", "{line}");
        line
    }

    fn definitions(&mut self) -> Vec<Value> {
        let mut line = self.next();
        assert_eq!(line["type"], "definitions", "{line}");
        match line["counters"].take() {
            Value::Array(counters) => counters,
            other => panic!("no counters but {other}"),
        }
    }
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, to("tcp", address))
}

fn to(scheme: &str, address: SocketAddr) -> String {
    format!("mon = \"{scheme}://{address}\"\nmon_interval = 0.1")
}

#[test]
fn a_line_says_what_the_counters_are_and_the_others_what_they_stand_at() {
    let (listener, mon) = listen();
    let backend = Backend::named("counted");
    let node = Node::start(&[backend.address], &mon);
    let mut lines = Lines::accept(&listener);
    let definitions = lines.definitions();
    assert_eq!(definitions.len(), 62);
    for _ in 0..5 {
        node.get("/");
    }
    let record = loop {
        let record = lines.record();
        if record["values"]["sessions_total"] == 5 {
            break record;
        }
    };
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(record["node"], host.trim());
    assert_eq!(record["group"], "HALB");
    assert!(record["time"].as_f64().unwrap() > 1.7e9);
    let values = record["values"].as_object().unwrap();
    assert_eq!(values.len(), definitions.len());
    for definition in &definitions {
        let name = definition["name"].as_str().unwrap();
        assert!(values[name].is_u64(), "{name}");
        for word in ["description", "unit", "kind"] {
            assert!(definition[word].is_string(), "{word} of {name}");
        }
    }
    assert_eq!(
        (&values["out1_status"], &values["out2_status"]),
        (&0.into(), &100.into())
    );
    assert_eq!(values["out1_sessions_total"], 5);
    node.stop();
}

/// 64 outputs make records of some 12 kB, so that the memory for what waits is soon full.
#[test]
fn who_never_reads_delays_nobody_and_loses_the_oldest() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(1).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let backend = Backend::named("served");
    let mut text = to("tcp", address);
    for number in 1..=64 {
        // Writing to a String cannot fail.
        let _ = write!(text, "\nout{number} = \"{}\"", backend.address);
    }
    let mut node = Node::from_text(&text);
    let mut lines = Lines::accept(&listener);
    let kept_up = format!("event=mon text=\"tcp://{address}: it does not keep up");
    node.process.line(&kept_up);
    assert_eq!(node.get("/"), "served");
    // Now it reads: whole lines, in order, with a gap where the oldest were dropped.
    assert_eq!(lines.definitions().len(), 7 * 64 + 6);
    let mut time = 0.0;
    let mut longest = 0.0_f64;
    let caught_up = "event=mon text=\"tcp://127.0.0.1:";
    let dropped = loop {
        let record = lines.record();
        let next = record["time"].as_f64().unwrap();
        assert!(next > time, "in order");
        if time > 0.0 {
            longest = longest.max(next - time);
        }
        time = next;
        if record["values"]["sessions_total"] == 1 {
            break node.process.line(caught_up);
        }
    };
    assert!(dropped.contains("up to date again; "), "{dropped}");
    assert!(longest > 0.15, "the longest gap is {longest}");
    node.stop();
}

#[test]
fn who_dies_and_comes_back_is_told_what_the_counters_are() {
    let (listener, mon) = listen();
    let address = listener.local_addr().unwrap();
    let backend = Backend::named("here");
    let mut node = Node::start(&[backend.address], &mon);
    let mut lines = Lines::accept(&listener);
    assert_eq!(lines.definitions().len(), 62);
    let last = lines.record()["time"].as_f64().unwrap();
    drop((lines, listener));
    let waits = format!("event=mon text=\"tcp://{address}: ");
    while !node.process.line(&waits).ends_with("; counters wait\"") {}
    assert_eq!(node.get("/"), "here");
    let listener = TcpListener::bind(address).unwrap();
    let mut lines = Lines::accept(&listener);
    assert_eq!(lines.definitions().len(), 62);
    let mut last = last;
    loop {
        let record = lines.record();
        let time = record["time"].as_f64().unwrap();
        assert!(time > last, "in order");
        last = time;
        if record["values"]["sessions_total"] == 1 {
            break;
        }
    }
    node.stop();
}

#[test]
fn statsd_adds_up() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let backend = Backend::named("added");
    let mon = to("statsd", socket.local_addr().unwrap());
    let node = Node::start(&[backend.address], &mon);
    for _ in 0..5 {
        node.get("/");
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let prefix = format!("halb.{}.", host.trim().replace('.', "_"));
    let (mut sum, mut gauges, mut datagram) = (0, 0, [0; 65536]);
    // More than enough for a busy machine: what never comes has to fail.
    for _ in 0..3000 {
        if sum >= 5 && gauges > 0 {
            break;
        }
        let length = socket.recv(&mut datagram).unwrap();
        assert!(length <= 1400, "{length} bytes");
        for line in std::str::from_utf8(&datagram[..length]).unwrap().lines() {
            let rest = line.strip_prefix(&prefix).unwrap();
            let (name, value) = rest.split_once(':').unwrap();
            match (name, value.split_once('|').unwrap()) {
                ("out1_sessions_total", (growth, "c")) => sum += growth.parse::<u32>().unwrap(),
                // 1 while its first probe is under way.
                ("out1_status", (status, "g")) => gauges += u32::from(status == "0"),
                (_, (_, kind)) => assert!(kind == "g" || kind == "c", "{line}"),
            }
        }
    }
    assert_eq!(sum, 5);
    assert!(gauges > 0, "out1 never became operational");
    node.stop();
}
