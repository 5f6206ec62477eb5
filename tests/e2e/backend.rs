//! A backend that does exactly what a test wants, byte by byte, on threads of the test.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;

use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use crate::client::field;

/// Ended, with all its connections, when dropped.
pub struct Backend {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    requests: AtomicUsize,
    /// Those over which something was said.
    used: AtomicUsize,
    connections: Mutex<Vec<TcpStream>>,
}

/// One connection to such a backend.
pub struct Connection {
    reader: BufReader<TcpStream>,
    stream: TcpStream,
    shared: Arc<Shared>,
    /// The how manieth connection this is. A probe that says nothing is not counted.
    pub number: usize,
}

pub struct Request {
    pub head: String,
    pub body: Vec<u8>,
}

impl Backend {
    /// Does `serve` with each connection over which something comes, on a thread of its own.
    pub fn start(serve: impl Fn(&mut Connection) + Send + Sync + 'static) -> Backend {
        Backend::at(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
    }

    /// The same where somebody listens already.
    pub fn at(
        listener: TcpListener,
        serve: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Backend {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&listener, &shared, &Arc::new(serve)));
        Backend {
            address,
            shared: ours,
            thread: Some(thread),
        }
    }

    /// Answers every request with `name`, and keeps connections.
    pub fn named(name: &'static str) -> Backend {
        Backend::start(answering(name))
    }

    /// How many requests came whole.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// How many connections were made and used; probes only open one.
    pub fn connections(&self) -> usize {
        self.shared.used.load(Ordering::SeqCst)
    }
}

/// Answers every request with `name`.
pub fn answering(name: &'static str) -> impl Fn(&mut Connection) {
    move |connection| {
        while connection.request().is_some() {
            connection.answer(name);
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // It wakes from its accept and sees that it has to end.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what went wrong on it, its test has noticed
        }
    }
}

fn accept<F>(listener: &TcpListener, shared: &Arc<Shared>, serve: &Arc<F>)
where
    F: Fn(&mut Connection) + Send + Sync + 'static,
{
    let mut threads = Vec::new();
    loop {
        let (stream, _) = listener.accept().unwrap();
        if shared.ended.load(Ordering::SeqCst) {
            break;
        }
        let kept = stream.try_clone().unwrap();
        shared.connections.lock().unwrap().push(kept);
        let (serve, shared) = (Arc::clone(serve), Arc::clone(shared));
        threads.push(thread::spawn(move || {
            if !stream.peek(&mut [0]).is_ok_and(|count| count > 0) {
                return; // a probe
            }
            let mut connection = Connection {
                reader: BufReader::new(stream.try_clone().unwrap()),
                stream,
                number: shared.used.fetch_add(1, Ordering::SeqCst),
                shared,
            };
            serve(&mut connection);
            connection.close();
        }));
    }
    for stream in shared.connections.lock().unwrap().iter() {
        let _ = stream.shutdown(Shutdown::Both); // it may have ended already
    }
    for thread in threads {
        let _ = thread.join();
    }
}

impl Connection {
    /// The next request, or `None` when no whole one comes any more.
    pub fn request(&mut self) -> Option<Request> {
        let head = self.head()?;
        let body = self.body(&head)?;
        self.shared.requests.fetch_add(1, Ordering::SeqCst);
        Some(Request { head, body })
    }

    /// The head of the next request.
    pub fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        Some(head)
    }

    /// The body that belongs to `head`.
    pub fn body(&mut self, head: &str) -> Option<Vec<u8>> {
        if field(head, "Transfer-Encoding").is_some() {
            return self.chunked();
        }
        let length = field(head, "Content-Length").map_or(0, |n| n.parse().unwrap());
        self.exactly(length)
    }

    pub fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Says bytes; whether they could be said.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// A whole response with a known length.
    pub fn answer(&mut self, body: &str) -> bool {
        let length = body.len();
        self.say(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// All that comes until the other side says that nothing more will come.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.reader.read_to_end(&mut rest); // what came before a reset is what counts
        rest
    }

    /// Says that nothing more will come, and goes on listening.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write); // the other side may have been first
    }

    /// Waits until the other side has closed.
    pub fn wait_for_close(&mut self) {
        self.rest(); // a reset is a close as well
    }

    /// FIN, or a reset when there is something unread.
    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both); // the other side may have been first
    }

    fn chunked(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).ok()?;
            let length = usize::from_str_radix(line.trim_end(), 16).ok()?;
            body.extend(self.exactly(length)?);
            self.reader.read_line(&mut line).ok()?;
            if length == 0 {
                return Some(body);
            }
        }
    }
}

/// An address at which connections are refused for as long as this lives, unless a door is open: bound, and not
/// listening.
pub struct Refusing {
    pub address: SocketAddr,
    _socket: Socket,
}

impl Refusing {
    pub fn new() -> Refusing {
        let socket = bound("127.0.0.1:0".parse().unwrap());
        Refusing {
            address: socket.local_addr().unwrap().as_socket().unwrap(),
            _socket: socket,
        }
    }

    /// Connections are established for as long as what this gives lives.
    pub fn open(&self) -> TcpListener {
        let socket = bound(self.address);
        socket.listen(16).unwrap();
        socket.into()
    }
}

fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}
