use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::thread::JoinHandle;

use tokio::runtime::Builder;
use tokio::runtime::Runtime;

use super::*;
use crate::control::shared::tests::current_of;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// For what never comes.
const SHORT: Duration = Duration::from_millis(50);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn asker(properties: &str, limit: Duration) -> Asker {
    let config = current_of(&format!("out1 = '10.0.0.1'\n{properties}")).config;
    Asker::new(Question::from_config(&config), limit)
}

/// What comes of a probe of `address`.
fn probed(properties: &str, limit: Duration, address: SocketAddr) -> String {
    let outcome = runtime().block_on(asker(properties, limit).ask(address));
    outcome.to_string()
}

/// A server that does `serve` with one connection; what it gives is what that gave.
fn server<T: Send + 'static>(
    serve: impl FnOnce(std::net::TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || serve(listener.accept().unwrap().0));
    (address, thread)
}

/// Reads a request's head.
fn head(stream: &mut std::net::TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "a head has an end");
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// All that still comes.
fn rest(stream: &mut std::net::TcpStream) -> io::Result<Vec<u8>> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).map(|_| rest)
}

const GET: &str = "healthcheck_method = 'http_get'";

#[test]
fn a_connection_that_opens_is_enough_and_ends_in_peace() {
    let (address, thread) = server(|mut stream| rest(&mut stream));
    assert_eq!(probed("", PATIENCE, address), "connected");
    assert_eq!(thread.join().unwrap().unwrap(), b"", "a FIN, and no reset");
}

#[test]
fn the_request_goes_out_and_the_answer_counts() {
    for (answer, text) in [
        ("HTTP/1.0 200 OK\r\n\r\nhello", "HTTP 200 to GET /"),
        (
            "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            "HTTP 500 to GET /",
        ),
        ("nonsense\r\n\r\n", "the answer is not HTTP"),
        ("", "the connection was closed without an answer"),
    ] {
        let (address, thread) = server(move |mut stream| {
            let head = head(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            head
        });
        assert_eq!(probed(GET, PATIENCE, address), text);
        let asked = "GET / HTTP/1.0\r\nUser-Agent: HALB-health-check\r\n\r\n";
        assert_eq!(thread.join().unwrap(), asked);
    }
}

#[test]
fn nobody_listening_and_a_reset_have_their_words() {
    // Bound, and not listening: nobody else gets the port meanwhile.
    let nobody = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    nobody.bind(&any.into()).unwrap();
    let address = nobody.local_addr().unwrap().as_socket().unwrap();
    assert_eq!(probed("", PATIENCE, address), "connection refused");
    let (address, thread) = server(|mut stream| {
        head(&mut stream);
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    assert_eq!(probed(GET, PATIENCE, address), "connection reset");
    thread.join().unwrap();
}

#[test]
fn who_does_not_answer_in_time_is_left_at_once() {
    for (said, limit, text) in [
        ("", SHORT, "no answer within 50 ms"),
        // Long enough for what comes to have come.
        (
            "HTTP/1.1 2",
            Duration::from_secs(2),
            "the answer was not complete within 2 s",
        ),
    ] {
        let (address, thread) = server(move |mut stream| {
            head(&mut stream);
            stream.write_all(said.as_bytes()).unwrap();
            rest(&mut stream).map_err(|error| error.kind())
        });
        assert_eq!(probed(GET, limit, address), text);
        let closed = thread.join().unwrap();
        assert_eq!(closed, Err(io::ErrorKind::ConnectionReset), "no lingering");
    }
}

/// A listener whose queue is full answers no SYN.
#[test]
fn a_connection_that_does_not_open_in_time_is_given_up() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let _fills_it = std::net::TcpStream::connect(address).unwrap();
    assert_eq!(probed("", SHORT, address), "no connection within 50 ms");
}

#[test]
fn a_document_is_searched_as_far_as_it_takes() {
    for pattern in ["ALL_SERVICES_ARE_OK", "(?<!NOT )ALL_SERVICES_ARE_OK"] {
        let properties = format!("{GET}\nhealthcheck_regexp = '{pattern}'");
        let document = [&vec![b' '; 500_000][..], b"ALL_SERVICES_ARE_OK\n"].concat();
        let missing = document[..500_000].to_vec();
        for (document, text) in [
            (document, "HTTP 200 to GET /".to_owned()),
            (missing, format!("{pattern} not found in 500,000 bytes")),
        ] {
            let (address, thread) = server(move |mut stream| {
                head(&mut stream);
                stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
                stream.write_all(&document).unwrap();
            });
            assert_eq!(probed(&properties, PATIENCE, address), text);
            thread.join().unwrap();
        }
    }
}

/// More probes than documents are kept at a time: each gets its turn.
#[test]
fn many_whole_documents_take_turns() {
    let asker = asker(&format!("{GET}\nhealthcheck_regexp = '(?<=O)K'"), PATIENCE);
    let outcomes = runtime().block_on(async {
        let mut probes = tokio::task::JoinSet::new();
        for _ in 0..3 * DOCUMENTS_MOST {
            let (address, _thread) = server(|mut stream| {
                head(&mut stream);
                stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nOK").unwrap();
            });
            let asker = asker.clone();
            probes.spawn(async move { asker.ask(address).await });
        }
        probes.join_all().await
    });
    assert_eq!(outcomes.len(), 3 * DOCUMENTS_MOST);
    assert!(outcomes.iter().all(Outcome::is_good), "{outcomes:?}");
}

#[test]
fn what_we_lack_is_not_the_output_s_fault() {
    for errno in [Errno::EMFILE, Errno::ENOBUFS, Errno::EADDRNOTAVAIL] {
        let error = io::Error::from_raw_os_error(errno as i32);
        assert!(matches!(unconnected(&error), Outcome::Unknown(_)));
    }
    let error = io::Error::from_raw_os_error(Errno::EHOSTUNREACH as i32);
    assert_eq!(unconnected(&error).to_string(), "no route to host");
}
