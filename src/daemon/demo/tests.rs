use std::io::Cursor;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use crate::daemon::demo::DemoBackends;
use crate::model::output::OutputId;

/// A test that hangs fails instead; nothing here takes a second.
const PATIENCE: Duration = Duration::from_secs(20);

fn output(index: usize) -> OutputId {
    OutputId::from_index(index).unwrap()
}

fn connected(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The whole answer to one request on a connection of its own.
fn ask(to: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = connected(to);
    let request = format!("{head}\r\nHost: {to}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The other end has closed; the kernel says it in one of two ways. What was still on its way is returned.
fn ended(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    rest
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn each_backend_says_who_it_is_and_counts() {
    let demo = DemoBackends::start(4).unwrap();
    assert_eq!(demo.addresses.len(), 4);
    for (index, address) in demo.addresses.iter().enumerate() {
        let name = output(index);
        for number in 1..=2 {
            let answer = ask(*address, "GET / HTTP/1.1\r\nAccept: */*", "");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(
                answer.contains(&format!("x-answered-by: {name}\r\n")),
                "{answer}"
            );
            assert_eq!(
                body(&answer),
                format!("{name} (demo backend, request {number})\n")
            );
        }
    }
}

#[test]
fn a_browser_gets_a_page_that_needs_nothing_else() {
    let demo = DemoBackends::start(2).unwrap();
    let head = "GET / HTTP/1.1\r\nAccept: text/html,*/*\r\nX-Odd: {number}<script>&\"";
    let answer = ask(demo.addresses[1], head, "");
    let page = body(&answer);
    assert!(page.contains("<h1>out2 answered</h1>"), "{page}");
    let row = "<tr><th>x-odd</th><td>{number}&lt;script&gt;&amp;&quot;</td></tr>";
    assert!(page.contains(row), "{page}");
    assert!(!page.contains("src=") && !page.contains("http:"), "{page}");
    assert!(
        !page.contains("{rows}") && !page.contains("{hue}"),
        "{page}"
    );
}

#[test]
fn bytes_are_as_many_as_asked() {
    let demo = DemoBackends::start(1).unwrap();
    for count in [0, 1, 65_535, 65_536, 65_537, 1_000_000] {
        let answer = ask(
            demo.addresses[0],
            &format!("GET /bytes/{count} HTTP/1.1"),
            "",
        );
        assert!(answer.contains(&format!("content-length: {count}\r\n")));
        assert_eq!(body(&answer).len(), count);
    }
    let answer = ask(demo.addresses[0], "GET /bytes/-1 HTTP/1.1", "");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn echo_gives_back_what_came() {
    let demo = DemoBackends::start(1).unwrap();
    let text = "a line\n".repeat(50_000);
    let head = format!("POST /echo HTTP/1.1\r\nContent-Length: {}", text.len());
    let mut stream = connected(demo.addresses[0]);
    let mut reader = stream.try_clone().unwrap();
    let sent = text.clone();
    // The echo begins before the upload ends, so both sides have to move.
    let sender = std::thread::spawn(move || {
        let request = format!("{head}\r\nHost: x\r\nConnection: close\r\n\r\n{sent}");
        stream.write_all(request.as_bytes()).unwrap();
    });
    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    sender.join().unwrap();
    assert!(
        body(&answer) == text,
        "{} bytes came back",
        body(&answer).len()
    );
}

#[test]
fn slow_waits_as_long_as_asked() {
    let demo = DemoBackends::start(1).unwrap();
    let answer = ask(demo.addresses[0], "GET /slow?ms=20 HTTP/1.1", "");
    assert_eq!(
        body(&answer),
        "out1 (demo backend, request 1) after 20 ms\n"
    );
    let answer = ask(demo.addresses[0], "GET /slow?ms=soon HTTP/1.1", "");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn events_tick() {
    let demo = DemoBackends::start(1).unwrap();
    let mut stream = connected(demo.addresses[0]);
    stream
        .write_all(b"GET /sse HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut seen = String::new();
    let mut piece = [0; 512];
    while !seen.contains("data: out1 tick 2\n\n") {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the stream has no end: {seen}");
        seen.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    assert!(
        seen.contains("content-type: text/event-stream\r\n"),
        "{seen}"
    );
    assert!(seen.contains("data: out1 tick 1\n\n"), "{seen}");
}

#[test]
fn what_is_not_there_is_said() {
    let demo = DemoBackends::start(1).unwrap();
    let answer = ask(demo.addresses[0], "GET /nothing HTTP/1.1", "");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(
        body(&answer).starts_with("out1: nothing at /nothing;"),
        "{answer}"
    );
}

#[test]
fn a_stopped_backend_refuses_and_comes_back_on_its_port() {
    let demo = DemoBackends::start(2).unwrap();
    let address = demo.addresses[0];
    let mut idle = connected(address);
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut first = [0; 1];
    idle.read_exact(&mut first).unwrap();
    for round in 0..3 {
        assert!(demo.is_running(output(0)));
        demo.stop(output(0));
        demo.stop(output(0)); // stopping twice is stopping
        assert!(!demo.is_running(output(0)));
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        demo.start_again(output(0)).unwrap();
        demo.start_again(output(0)).unwrap();
        let answer = ask(address, "GET / HTTP/1.1", "");
        assert_eq!(
            body(&answer),
            format!("out1 (demo backend, request {})\n", round + 2)
        );
    }
    ended(idle); // the connection from before
    assert!(ask(demo.addresses[1], "GET / HTTP/1.1", "").contains("out2"));
}

#[test]
fn a_backend_stops_in_the_middle_of_a_response() {
    let demo = DemoBackends::start(1).unwrap();
    let mut stream = connected(demo.addresses[0]);
    stream
        .write_all(b"GET /sse HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut first = [0; 1];
    stream.read_exact(&mut first).unwrap();
    demo.stop(output(0));
    assert!(
        !ended(stream).ends_with(b"0\r\n\r\n"),
        "it was cut, not ended"
    );
}

#[test]
fn the_control_listener_stops_and_starts() {
    let demo = DemoBackends::start(2).unwrap();
    let control = demo.control_address();
    let answer = ask(control, "POST /stop/out2 HTTP/1.1", "");
    assert_eq!(
        body(&answer),
        format!("out2 stopped {}\n", demo.addresses[1])
    );
    assert!(!demo.is_running(output(1)) && demo.is_running(output(0)));
    let list = ask(control, "GET / HTTP/1.1", "");
    let [one, two] = [demo.addresses[0], demo.addresses[1]];
    assert_eq!(
        body(&list),
        format!("out1 running {one}\nout2 stopped {two}\n")
    );
    let page = ask(control, "GET / HTTP/1.1\r\nAccept: text/html", "");
    assert!(page.contains("action=\"/start/out2\"") && page.contains("action=\"/stop/out1\""));
    let answer = ask(
        control,
        "POST /start/out2 HTTP/1.1\r\nAccept: text/html",
        "",
    );
    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    assert!(demo.is_running(output(1)));
}

#[test]
fn the_control_listener_refuses_what_is_no_order() {
    let demo = DemoBackends::start(1).unwrap();
    let control = demo.control_address();
    for (head, status) in [
        ("POST /stop/out2 HTTP/1.1", 404),
        ("POST /stop/one HTTP/1.1", 404),
        ("GET /stop/out1 HTTP/1.1", 405),
        (
            "POST /stop/out1 HTTP/1.1\r\nOrigin: http://example.net",
            403,
        ),
    ] {
        let answer = ask(control, head, "");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{head}: {answer}"
        );
    }
    assert!(demo.is_running(output(0)));
    let own = format!("POST /stop/out1 HTTP/1.1\r\nOrigin: http://{control}");
    assert!(ask(control, &own, "").starts_with("HTTP/1.1 200 "));
    assert!(!demo.is_running(output(0)));
}

#[test]
fn lines_from_the_terminal_toggle() {
    let demo = DemoBackends::start(2).unwrap();
    let mut said = Vec::new();
    demo.obey(Cursor::new("2\n 2 \n3\n0\nstop\n1\n"), &mut said)
        .unwrap();
    let hint = "a number from 1 to 2 stops that backend, or starts it again";
    assert_eq!(
        String::from_utf8(said).unwrap(),
        format!("out2 stopped\nout2 started\n{hint}\n{hint}\n{hint}\nout1 stopped\n")
    );
    assert!(!demo.is_running(output(0)) && demo.is_running(output(1)));
}

#[test]
fn the_invitation_names_every_address() {
    let demo = DemoBackends::start(3).unwrap();
    let front = SocketAddr::from(([127, 0, 0, 1], 8000));
    let ui = SocketAddr::from(([127, 0, 0, 1], 8080));
    let text = demo.invitation(front, ui);
    assert!(text.contains("http://127.0.0.1:8000/ is balanced over 3 small backends"));
    assert!(text.contains(&format!(
        "curl -X POST http://{}/stop/out1",
        demo.control_address()
    )));
    for (name, address) in ["out1", "out2", "out3"].iter().zip(&demo.addresses) {
        let line = format!("  {name}                http://{address}/\n");
        assert!(text.contains(&line), "{text}");
    }
}

#[test]
fn dropping_closes_everything() {
    let demo = DemoBackends::start(2).unwrap();
    let mut all = demo.addresses.clone();
    all.push(demo.control_address());
    let held: Vec<TcpStream> = all.into_iter().map(connected).collect();
    drop(demo);
    for stream in held {
        ended(stream);
    }
}
